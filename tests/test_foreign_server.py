"""The synthetic patients on a FHIR R4 server that nobody here wrote: our queries mean there what they mean to us, and
its validator (structure and invariants) finds no error in them.

`tests/servers/run -- .venv/bin/python -m pytest tests/test_foreign_server.py` starts such a server and sets
FHIR_SERVER_URL. Without that the tests are skipped; with REQUIRE_SERVERS=1 they fail instead.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, partial
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
import simplejson

from cds_service.ehr import Ehr
from cds_service.hooks.needs import Access, Need
from cds_service.hooks.services import services
from cds_service.order_questions import Question
from cds_service.parts import Parts
from cds_service.present.questionnaire import question_resources
from cds_service.settings import Settings
from cds_service.web.json_body import dump_json
from cds_service.web.question_form import Filled
from fhir_fixtures import hook_calls, patients
from fhir_fixtures.server import FixtureServer
from tests.suggesting import actions, advised
from tests.test_fetching import lawful, read_anew, without

pytestmark = pytest.mark.server

Json = dict[str, Any]
FHIR = "application/fhir+json"
AT_ONCE = 2
"""Resources validated side by side."""
OF_EACH_TYPE = 2
"""Patients asked for, for each type of resource on file."""
WHOSE = ("id", "subject", "patient", "beneficiary")
"""What tells one patient's resource from another's of the same content."""
TEMPLATES = {key: query for each in services(Settings().canonical_base) for key, query in each.prefetch.items()}


@pytest.fixture(scope="session")
def foreign() -> str:
    """The base URL of the server that others wrote."""
    if url := os.environ.get("FHIR_SERVER_URL"):
        return url.rstrip("/")
    reason = "FHIR_SERVER_URL is not set: run this by tests/servers/run"
    if os.environ.get("REQUIRE_SERVERS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def ours() -> Iterator[str]:
    with FixtureServer() as server:
        yield server.base_url


# --- the same query finds the same ---------------------------------------------------------------------------


@cache
def asked_for() -> tuple[str, ...]:
    """The first patients with each type of resource, so that every template finds something for somebody."""
    having: dict[str, list[str]] = {}
    for name, bundle in patients().items():
        for kind in {entry["resource"]["resourceType"] for entry in bundle["entry"]}:
            having.setdefault(kind, []).append(name)
    return tuple(sorted({name for names in having.values() for name in names[:OF_EACH_TYPE]}))


def filled(template: str, name: str) -> str:
    """The template with the context of this patient's order-sign call."""
    context = hook_calls()[f"order-sign--{name}"]["context"]
    for token in ("patientId", "userId"):
        template = template.replace(f"{{{{context.{token}}}}}", context[token])
    return template


def by_get(base: str, query: str) -> Json:
    return answered(requests.get(f"{base}/{query}", headers={"Accept": FHIR}, timeout=60))


def by_post(base: str, query: str) -> Json:
    """A search by POST; what is a read stays one."""
    kind, is_search, parameters = query.partition("?")
    if not is_search:
        return by_get(base, query)
    form = dict(parse_qsl(parameters))
    return answered(requests.post(f"{base}/{kind}/_search", form, headers={"Accept": FHIR}, timeout=60))


def answered(answer: requests.Response) -> Json:
    assert answer.status_code == 200, answer.text
    return simplejson.loads(answer.text, use_decimal=True)


def found(first: Json) -> dict[str, Json]:
    """What a read or search found, by type and id: all pages, without what the server adds of its own."""
    pages = [first]
    while url := next((link["url"] for link in pages[-1].get("link", ()) if link["relation"] == "next"), None):
        pages.append(answered(requests.get(url, headers={"Accept": FHIR}, timeout=60)))
    if first["resourceType"] != "Bundle":
        return {f"{first['resourceType']}/{first['id']}": without_meta(first)}
    resources = [entry["resource"] for page in pages for entry in page.get("entry", ())]
    return {f"{each['resourceType']}/{each['id']}": without_meta(each) for each in resources}


def without_meta(resource: Json) -> Json:
    return {key: value for key, value in resource.items() if key != "meta"}


@pytest.mark.parametrize("ask", [by_get, by_post], ids=["GET", "POST"])
@pytest.mark.parametrize("key", TEMPLATES)
def test_a_prefetch_query_finds_there_what_it_finds_here(foreign: str, ours: str, key: str, ask: Any) -> None:
    queries = {name: filled(TEMPLATES[key], name) for name in asked_for()}
    here = {name: found(ask(ours, query)) for name, query in queries.items()}
    there = {name: found(ask(foreign, query)) for name, query in queries.items()}

    assert {name: sorted(each) for name, each in there.items()} == {name: sorted(each) for name, each in here.items()}
    assert there == here
    assert any(here.values())


# --- its validator finds no error ----------------------------------------------------------------------------


@cache
def written() -> tuple[Json, ...]:
    """The resources on file and the draft orders: of those that differ only in their id and patient, the first.

    Every id and every reference on file was checked when the server took them in: it refuses what is no FHIR id, and
    references to what is not there.
    """
    on_file = [entry["resource"] for bundle in patients().values() for entry in bundle["entry"]]
    drafts = [entry["resource"] for call in hook_calls().values() for entry in call["context"]["draftOrders"]["entry"]]
    first: dict[str, Json] = {}
    for each in [*on_file, *drafts]:
        content = {name: value for name, value in each.items() if name not in WHOSE}
        first.setdefault(simplejson.dumps(content, use_decimal=True), each)
    return tuple(first.values())


def errors(base: str, resource: Mapping[str, Any]) -> list[str]:
    """What the server's `$validate` calls an error or worse, each with where it is.

    Codes of systems that the server does not hold (LOINC, RxNorm, NDC …) are warnings by its own default; codes of
    HL7's own systems are checked.
    """
    body = simplejson.dumps(resource, use_decimal=True).encode()
    url = f"{base}/{resource['resourceType']}/$validate"
    answer = requests.post(url, body, headers={"Content-Type": FHIR, "Accept": FHIR}, timeout=120)
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome", answer.text
    return [
        f"{resource['resourceType']}/{resource.get('id')} {(issue.get('location') or ['?'])[0]}: {issue['diagnostics']}"
        for issue in outcome["issue"]
        if issue["severity"] in ("error", "fatal")
    ]


@pytest.mark.parametrize("kind", sorted({each["resourceType"] for each in written()}))
def test_every_synthetic_resource_is_valid_fhir(foreign: str, kind: str) -> None:
    of_kind = [each for each in written() if each["resourceType"] == kind]
    with ThreadPoolExecutor(AT_ONCE) as workers:
        every = list(workers.map(partial(errors, foreign), of_kind))

    assert [error for each in every for error in each] == []


def suggested(parts: Parts) -> list[Json]:
    """Every kind of resource that a button of a fixture makes or changes, once."""
    found: dict[str, Json] = {}
    for call in hook_calls().values():
        answer = json.loads(dump_json(advised(call, parts).response))
        for action in actions(answer):
            told = {name: value for name, value in action["resource"].items() if name not in OF_ONE_PATIENT}
            found.setdefault(json.dumps(told, sort_keys=True), action["resource"])
    return list(found.values())


OF_ONE_PATIENT = ("id", "subject", "encounter", "reasonCode", "authoredOn", "supportingInformation", "requester")


def test_every_suggested_resource_is_valid_fhir(foreign: str, parts: Parts) -> None:
    wanted = suggested(parts)
    with ThreadPoolExecutor(AT_ONCE) as workers:
        every = list(workers.map(partial(errors, foreign), wanted))

    assert len(wanted) > 20
    assert [error for each in every for error in each] == []


def published(parts: Parts) -> list[Json]:
    """The Questionnaire, its CodeSystem and its ValueSets, and a response with the first answer to every question."""
    base, questions = parts.settings.canonical_base, parts.knowledge.questions
    given = {question.id: _first_answer(question) for question in questions.questions}
    filled = Filled(questions, tuple(given), given, date(2025, 10, 1))
    gated = {name: value for name, value in given.items() if name not in filled.wrong}
    response = Filled(questions, tuple(gated), gated, date(2025, 10, 1))
    assert len(response.answers) > len(given) / 2
    now = datetime(2025, 10, 1, 10, tzinfo=UTC)
    return [*map(dict, question_resources(questions, base).values()), response.response(base, now)]


def _first_answer(question: Question) -> str:
    if question.choices:
        return next(iter(question.choices))
    of_kind = {"boolean": "true", "date": "2025-09-20", "string": "a protocol"}
    return of_kind.get(question.kind, str(question.lowest))


def test_the_order_questions_and_their_answers_are_valid_fhir(foreign: str, parts: Parts) -> None:
    every = published(parts)
    kinds = {each["resourceType"] for each in every}
    assert kinds == {"Questionnaire", "CodeSystem", "ValueSet", "QuestionnaireResponse"}
    assert [error for each in every for error in errors(foreign, each)] == []


BODY_WEIGHT = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
WEIGHT = {"resourceType": "Observation", "status": "final", "code": BODY_WEIGHT}
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
GIVEN = {
    "resourceType": "MedicationAdministration",
    "status": "completed",
    "medicationCodeableConcept": {"text": "blinatumomab"},
    "subject": {"reference": "Patient/child-30kg-flat-28-mcg-mrd-positive"},
    "effectiveDateTime": "2025-09-30",
}


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        (WEIGHT | {"status": "done"}, "done"),
        (WEIGHT | {"valueQuantity": {"value": "thirty"}}, "thirty"),
        (WEIGHT | {"weight": 30}, "weight"),
        ({"resourceType": "Observation", "status": "final"}, "code"),
        (WEIGHT | {"dataAbsentReason": {"text": "not weighed"}, "valueQuantity": {"value": 30}}, "obs-6"),
        (WEIGHT | {"category": [{"coding": [{"system": CATEGORY, "code": "laboratories"}]}]}, "laboratories"),
        (GIVEN | {"dosage": {"text": "28 mcg/day"}}, "mad-1"),
        (GIVEN | {"effectiveDateTime": "2025-13-01"}, "2025-13-01"),
        (GIVEN | {"id": "a" * 65}, "65"),
    ],
)
def test_the_validator_sees_what_is_not_valid(foreign: str, resource: Json, words: str) -> None:
    assert words in " ".join(errors(foreign, resource))


@pytest.mark.parametrize(
    "resource",
    [
        WEIGHT | {"valueQuantity": {"value": Decimal("30.0"), "unit": "kg"}},
        GIVEN | {"dosage": {"rateQuantity": {"value": Decimal(28), "unit": "mcg/day"}}},
    ],
)
def test_the_validator_has_no_quarrel_with_the_same_done_well(foreign: str, resource: Json) -> None:
    assert errors(foreign, resource) == []


# --- what is fetched from it comes to the same ------------------------------------------------------------------


@pytest.mark.parametrize("name", lawful()[::15])
def test_a_call_without_prefetch_comes_to_the_same_on_both_servers(
    name: str, foreign: str, ours: str, parts: Parts
) -> None:
    body, ehr = hook_calls()[name], Ehr(Settings(fhir_servers=(foreign,)), loopback=True)
    everything = set(body["prefetch"])

    found = [read_anew(without(body, everything, server), body, ehr.fetch, parts) for server in (foreign, ours)]

    assert json.loads(found[0]) == json.loads(found[1])


def test_pages_of_the_foreign_server_are_followed(foreign: str, ours: str) -> None:
    ehr = Ehr(Settings(fhir_servers=(foreign,)), loopback=True)
    need = Need("laboratory", "Observation?patient=child-30kg-flat-28-mcg-mrd-positive&_count=2", template=True)

    whole = [ehr.fetch(Access(server), [need], seconds=20).values["laboratory"] for server in (foreign, ours)]

    assert not any("link" in bundle for bundle in whole)
    ids = [{entry["resource"]["id"] for entry in bundle["entry"]} for bundle in whole]
    assert ids[0] == ids[1]
    assert len(ids[0]) > 2
