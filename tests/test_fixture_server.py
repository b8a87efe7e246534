"""The small FHIR server, over real HTTP: reads, searches as prefetch templates use them, pages, writes, errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from fhir.resources.R4B import get_fhir_model_class

from fhir_fixtures.server import FixtureServer

CHILD = "child-30kg-flat-28-mcg-mrd-positive"
LOINC = "http://loinc.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with FixtureServer() as server:
        yield server.base_url


def _get(url: str, **query: Any) -> requests.Response:
    return requests.get(url, params=query, timeout=10)


def _ids(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [entry["resource"]["id"].removeprefix(f"{CHILD}-") for entry in answer.json().get("entry", [])]


def test_it_says_what_it_can_do_in_valid_r4(base: str) -> None:
    answer = _get(f"{base}/metadata")
    get_fhir_model_class("CapabilityStatement").model_validate_json(answer.text)
    assert answer.json()["fhirVersion"] == "4.0.1"
    assert answer.headers["Content-Type"].startswith("application/fhir+json")


def test_a_read_gives_the_resource(base: str) -> None:
    assert _get(f"{base}/Patient/{CHILD}").json()["birthDate"] == "2016-03-14"


@pytest.mark.parametrize(
    ("kind", "query", "found"),
    [
        ("Observation", {"patient": CHILD, "category": "vital-signs"}, ["weight", "height"]),
        ("Observation", {"patient": f"Patient/{CHILD}", "category": f"{CATEGORY}|vital-signs"}, ["weight", "height"]),
        ("Observation", {"subject": f"https://ehr.example.org/fhir/Patient/{CHILD}", "code": "29463-7"}, ["weight"]),
        ("Observation", {"patient": CHILD, "code": f"{LOINC}|29463-7,{LOINC}|8302-2"}, ["weight", "height"]),
        ("Observation", {"patient": CHILD, "code": f"{LOINC}|"}, "loinc"),
        ("Observation", {"patient": CHILD, "code": "http://snomed.info/sct|29463-7"}, []),
        ("Observation", {"patient": CHILD, "code": "|29463-7"}, []),
        ("Observation", {"patient": CHILD, "date": "ge2025-09-30"}, ["alt", "ast", "bilirubin", "ggt", "neutrophils"]),
        ("Observation", {"patient": CHILD, "date": "2025-09-28"}, ["weight", "height"]),
        ("Observation", {"patient": CHILD, "date": ["gt2025-09-20", "lt2025-09-29"]}, ["weight", "height", "mrd"]),
        ("Observation", {"patient": CHILD, "date": "le2025-01"}, ["bcr-abl1"]),
        ("Condition", {"patient": CHILD, "clinical-status": "remission"}, ["diagnosis-1"]),
        ("Condition", {"patient": CHILD, "clinical-status": "active"}, []),
        ("Coverage", {"beneficiary": f"Patient/{CHILD}", "status": "active"}, ["coverage"]),
        ("Coverage", {"patient": CHILD, "status": "cancelled"}, []),
        ("Patient", {"_id": CHILD}, [CHILD]),
        ("PractitionerRole", {"practitioner": "Practitioner/internist"}, ["internist-role"]),
        ("AdverseEvent", {"subject": f"Patient/{CHILD}"}, []),
        ("Observation", {"patient": "nobody"}, []),
    ],
)
def test_a_search_finds_what_fits_and_nothing_else(base: str, kind: str, query: dict[str, Any], found: Any) -> None:
    ids = _ids(_get(f"{base}/{kind}", **query))
    if found == "loinc":
        assert "mrd" not in ids
        assert "weight" in ids
    else:
        assert sorted(ids) == sorted(found)


def test_the_questionnaire_is_matched_with_and_without_its_version(base: str) -> None:
    canonical = "https://blinatumomab-cds.example.org/fhir/Questionnaire/blinatumomab-order-questions"
    for asked, found in ((canonical, ["answers"]), (f"{canonical}|1", ["answers"]), (f"{canonical}|2", [])):
        assert _ids(_get(f"{base}/QuestionnaireResponse", patient=CHILD, questionnaire=asked)) == found


def test_a_search_answer_is_a_valid_searchset_with_its_own_address(base: str) -> None:
    answer = _get(f"{base}/Observation", patient=CHILD, category="laboratory")
    bundle = answer.json()
    get_fhir_model_class("Bundle").model_validate_json(answer.text)
    assert bundle["type"] == "searchset"
    assert bundle["total"] == len(bundle["entry"])
    assert bundle["link"][0]["relation"] == "self"
    assert requests.get(bundle["link"][0]["url"], timeout=10).json() == bundle


def test_sorting_is_by_date_newest_first_with_a_minus(base: str) -> None:
    newest = _ids(_get(f"{base}/Observation", patient=CHILD, _sort="-date"))
    oldest = _ids(_get(f"{base}/Observation", patient=CHILD, _sort="date"))
    assert newest[-1] == oldest[0] == "bcr-abl1"
    assert newest[0] == "alt"


def test_pages_are_followed_to_the_end_without_loss_or_repeat(base: str) -> None:
    url, seen = f"{base}/Observation?patient={CHILD}&_sort=-date&_count=3", []
    pages = 0
    while url:
        bundle = requests.get(url, timeout=10).json()
        pages += 1
        seen += [entry["resource"]["id"] for entry in bundle["entry"]]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    assert pages == 4
    assert len(seen) == len(set(seen)) == bundle["total"] == 10


def test_a_search_by_post_finds_the_same(base: str) -> None:
    query = {"patient": CHILD, "category": "vital-signs"}
    posted = requests.post(f"{base}/Observation/_search", data=query, timeout=10)
    assert _ids(posted) == _ids(_get(f"{base}/Observation", **query))


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("Patient/nobody", 404, "no Patient/nobody here"),
        ("Claim?patient=x", 404, "no type 'Claim' here"),
        ("Observation?pateint=x", 400, "cannot be searched by 'pateint' here; it can by:"),
        ("AdverseEvent?patient=x", 400, "cannot be searched by 'patient' here"),
        ("Observation?date=yesterday", 400, "date prefix 'ye' is not known"),
        ("Observation?date=ge2025-13-01", 400, "'2025-13-01' is not a FHIR date"),
        ("Observation?patient=x&_count=many", 400, "_count must be a whole number"),
        ("Observation?_sort=code", 400, "only by dates"),
        ("a/b/c/d", 404, "ask for /metadata"),
    ],
)
def test_what_cannot_be_answered_is_an_operation_outcome_that_says_why(
    base: str, path: str, status: int, words: str
) -> None:
    answer = _get(f"{base}/{path}")
    get_fhir_model_class("OperationOutcome").model_validate_json(answer.text)
    assert answer.status_code == status
    assert words in answer.json()["issue"][0]["diagnostics"]


def test_a_written_resource_is_read_back_digit_by_digit_and_found() -> None:
    subject = '"subject": {"reference": "Patient/p"}'
    text = f'{{"resourceType": "Observation", "id": "new", {subject}, "valueQuantity": {{"value": 1.10}}}}'
    with FixtureServer({}) as server:
        first = requests.put(f"{server.base_url}/Observation/new", data=text, timeout=10)
        again = requests.put(f"{server.base_url}/Observation/new", data=text, timeout=10)
        assert (first.status_code, again.status_code) == (201, 200)
        assert '"value": 1.10}' in _get(f"{server.base_url}/Observation/new").text
        made = requests.post(f"{server.base_url}/Observation", data=text, timeout=10)
        assert made.status_code == 201
        assert requests.get(made.headers["Location"], timeout=10).json()["id"] == made.json()["id"] != "new"
        assert len(_get(f"{server.base_url}/Observation", patient="p").json()["entry"]) == 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "not JSON"),
        ("[]", "not a Observation"),
        ('{"resourceType": "Observation", "id": "other"}', "the id of the body"),
    ],
)
def test_a_broken_write_is_refused(base: str, body: str, words: str) -> None:
    answer = requests.put(f"{base}/Observation/this", data=body, timeout=10)
    assert answer.status_code == 400
    assert words in answer.json()["issue"][0]["diagnostics"]


def test_two_servers_do_not_share_what_is_written() -> None:
    with FixtureServer({}) as one, FixtureServer({}) as other:
        requests.put(f"{one.base_url}/Patient/a", json={"resourceType": "Patient", "id": "a"}, timeout=10)
        assert _get(f"{other.base_url}/Patient/a").status_code == 404


def test_deleting_is_refused(base: str) -> None:
    assert requests.delete(f"{base}/Patient/{CHILD}", timeout=10).status_code == 405


def test_help_teaches_the_searches() -> None:
    command = [sys.executable, "-m", "fhir_fixtures.server", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "Observation: _id, patient" in said
    assert "curl" in said


def _put(kind: str, identity: str, **members: Any) -> dict[str, Any]:
    resource = {"resourceType": kind, "id": identity, **members}
    return {"resource": resource, "request": {"method": "PUT", "url": f"{kind}/{identity}"}}


def _transaction(*entries: Any, **members: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries), **members}


def test_a_transaction_puts_every_resource_and_says_which_were_new() -> None:
    with FixtureServer({}) as server:
        requests.put(f"{server.base_url}/Patient/a", json={"resourceType": "Patient", "id": "a"}, timeout=10)
        sent = _transaction(_put("Patient", "a", gender="female"), _put("Observation", "b"))
        answer = requests.post(server.base_url, json=sent, timeout=10)
        get_fhir_model_class("Bundle").model_validate_json(answer.text)
        assert answer.json()["type"] == "transaction-response"
        assert [entry["response"]["status"] for entry in answer.json()["entry"]] == ["200 OK", "201 Created"]
        assert _get(f"{server.base_url}/Patient/a").json()["gender"] == "female"
        assert _get(f"{server.base_url}/Observation/b").status_code == 200
        assert requests.post(f"{server.base_url}/", json=_transaction(), timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (_transaction(type="batch"), "post a Bundle of type transaction"),
        (_transaction(entry={}), "Bundle.entry is not an array"),
        (_transaction(_put("Patient", "a"), {"resource": {}}), "Bundle.entry[1]: only entries with request.method PUT"),
        (
            _transaction(_put("Patient", "a"), {**_put("Patient", "b"), "resource": {}}),
            "Bundle.entry[1]: a resource with resourceType and id",
        ),
        (
            _transaction(_put("Patient", "a"), {**_put("Patient", "b"), "resource": _put("Patient", "c")["resource"]}),
            "Bundle.entry[1]: request.url is not the type and id",
        ),
        ({"resourceType": "Patient", "id": "a"}, "the body is not a Bundle"),
    ],
)
def test_a_broken_transaction_is_refused_as_a_whole(sent: dict[str, Any], words: str) -> None:
    with FixtureServer({}) as server:
        answer = requests.post(server.base_url, json=sent, timeout=10)
        assert answer.status_code == 400
        assert words in answer.json()["issue"][0]["diagnostics"]
        assert server.store.all("Patient") == []
