"""What is missing from the prefetch is read from the client's FHIR server: the same findings, in bounds, or said."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests

from cds_service.app import create_app, running
from cds_service.ehr import Ehr
from cds_service.fhir_answers import LATE, NOT_PERMITTED, NOT_UNDERSTOOD, REFUSED, TOO_MUCH, UNREACHABLE
from cds_service.gathering import gather, needs_of
from cds_service.guidance import advise, advise_fetching
from cds_service.hooks.call import HookCall
from cds_service.hooks.needs import Access, Fetch, Fetched, Need, template_needs
from cds_service.hooks.services import Service, service_for, services
from cds_service.parts import Parts
from cds_service.settings import Settings
from cds_service.web.json_body import dump_json
from fhir_fixtures import hook_calls, patients
from fhir_fixtures.server import FixtureServer
from fhir_fixtures.store import Store, searchset

TODAY = date(2026, 11, 21)
THE_WHOLE_LAW = os.environ.get("THE_WHOLE_LAW") == "1"
"""Every subset for every patient: a minute or two, in the gate."""
CHILD = "order-sign--child-30kg-flat-28-mcg-mrd-positive"
PATIENT = Need("patient", "Patient/x", template=True)


@cache
def _calls() -> dict[str, dict[str, Any]]:
    return hook_calls()


def _service(body: dict[str, Any]) -> Service:
    found = service_for(body["hook"], services(Settings().canonical_base))
    assert found is not None
    return found


def _parse(body: dict[str, Any]) -> HookCall:
    return HookCall.parse(body, service=_service(body))


@pytest.fixture(scope="module")
def fhir() -> Iterator[str]:
    with FixtureServer() as server:
        yield server.base_url


@pytest.fixture(scope="module")
def ehr() -> Ehr:
    return Ehr(Settings(fetch_deadline_seconds=10), loopback=True)


def without(body: dict[str, Any], keys: set[str], fhir: str) -> HookCall:
    prefetch = {key: value for key, value in body["prefetch"].items() if key not in keys}
    return _parse({**body, "fhirServer": fhir, "prefetch": prefetch})


def read_anew(call: HookCall, body: dict[str, Any], fetch: Fetch, parts: Parts) -> str:
    """The assessments of this call, with what is missing fetched."""
    gathered = gather(call, needs_of(call, _service(body)), fetch, seconds=10)
    assert gathered.problems == {}
    return dump_json(advise(call, parts, today=TODAY, gathered=gathered).assessments)


# The one law -----------------------------------------------------------------------------------------------


def _subsets(name: str, keys: list[str]) -> list[set[str]]:
    """None left out, all left out, each alone, each left out, and 20 seeded subsets."""
    dice = random.Random(name)
    some = [{key for key in keys if dice.random() < 0.5} for _ in range(20)]
    return [set(), set(keys), *({key} for key in keys), *(set(keys) - {key} for key in keys), *some]


def lawful() -> list[str]:
    """Calls whose record is on the server as it is in the call (broken entries are in the call only)."""
    return [name for name in sorted(_calls()) if name.startswith("order-sign") and "unreadable" not in name]


@pytest.fixture(scope="module")
def from_store() -> Fetch:
    """The fixture server's reads and searches, without HTTP."""
    store = Store(patients())

    def answer(need: Need) -> Any:
        kind, _, query = need.query.partition("?")
        if not need.is_search:
            return store.get(*need.query.split("/"))
        return searchset(store, "http://fhir.example.org", kind, [*parse_qsl(query), ("_count", "1000")])

    def fetch(access: Access, needs: Any, *, seconds: float) -> Fetched:
        return Fetched({need.key: answer(need) for need in needs})

    return fetch


@pytest.mark.parametrize("name", lawful())
def test_the_same_patient_gets_the_same_findings_however_much_is_prefetched(
    name: str, from_store: Fetch, parts: Parts
) -> None:
    body = _calls()[name]
    keys = list(_service(body).prefetch)
    full = from_store(Access(""), template_needs(_service(body), without(body, set(keys), "")), seconds=1).values
    body = {**body, "prefetch": {**body["prefetch"], **{key: full[key] for key in keys if key in full}}}
    subsets = _subsets(name, keys)
    everything = read_anew(without(body, set(), "http://fhir.example.org"), body, from_store, parts)

    for missing in subsets if THE_WHOLE_LAW else random.Random(name).sample(subsets, 4):
        found = read_anew(without(body, missing, "http://fhir.example.org"), body, from_store, parts)
        assert found == everything, sorted(missing)


@pytest.mark.parametrize("name", lawful()[::6])
def test_what_the_call_brings_and_what_the_server_gives_come_to_the_same(
    name: str, fhir: str, ehr: Ehr, parts: Parts
) -> None:
    body = _calls()[name]
    fetched = json.loads(read_anew(without(body, set(body["prefetch"]), fhir), body, ehr.fetch, parts))
    prefetched = json.loads(dump_json(advise(_parse(body), parts, today=TODAY).assessments))

    for one, other in zip(fetched, prefetched, strict=True):
        for member in ("policies", "dose", "premedication", "hospitalisation", "flags"):
            assert one[member] == other[member], member


def test_full_prefetch_asks_for_nothing(parts: Parts) -> None:
    for name in (CHILD, "order-select--child-30kg-flat-28-mcg-mrd-positive"):
        body = _calls()[name]
        assert needs_of(_parse(body), _service(body)) == ()


def test_a_call_without_our_drug_fetches_nothing(parts: Parts) -> None:
    body = json.loads(dump_json(_calls()[CHILD]).replace("blinatumomab", "imatinib").replace("1597258", "282388"))
    for entry in body["context"]["draftOrders"]["entry"]:
        if entry["resource"]["resourceType"] == "MedicationRequest":
            entry["resource"]["medicationCodeableConcept"] = {"text": "aspirin"}

    def refuse(access: Access, needs: Any, *, seconds: float) -> Fetched:
        raise AssertionError("nothing is to be fetched")

    call = _parse({**body, "prefetch": {}, "fhirServer": "http://127.0.0.1:9"})
    found = advise_fetching(call, parts, refuse, service=_service(body), today=TODAY)
    assert found.response == {"cards": []}


# Over HTTP -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def service_url(parts: Parts) -> Iterator[str]:
    settings = parts.settings.model_copy(update={"fetch_deadline_seconds": 5.0})
    local = Parts(settings, parts.knowledge, parts.templates)
    app = create_app(settings, parts=local, open_to_all=True, read_loopback=True)
    with running(app) as url:
        yield url


def _post(url: str, body: dict[str, Any]) -> requests.Response:
    address = f"{url}/cds-services/blinatumomab-{body['hook']}"
    return requests.post(address, dump_json(body).encode(), headers={"Content-Type": "application/json"}, timeout=20)


def test_over_http_full_and_no_prefetch_give_the_same_cards(service_url: str, fhir: str) -> None:
    body = {**_calls()[CHILD], "fhirServer": fhir}
    full, none = (_post(service_url, each).json() for each in (body, {**body, "prefetch": {}}))

    assert [card["summary"] for card in none["cards"]] == [card["summary"] for card in full["cards"]]
    assert none["cards"][0]["indicator"] == "critical"


def test_without_patient_and_server_the_call_is_answered_412_and_told_what_to_send(service_url: str) -> None:
    body = {key: value for key, value in _calls()[CHILD].items() if key not in ("prefetch", "fhirServer")}
    answer = _post(service_url, body)

    assert answer.status_code == 412
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert "prefetch.patient" in json.dumps(answer.json())


def test_a_stop_is_never_withheld_for_want_of_the_patient(service_url: str) -> None:
    body = json.loads(dump_json(_calls()["order-sign--dose-28-mg-unit-slip"]))
    answer = _post(service_url, {key: value for key, value in body.items() if key not in ("prefetch", "fhirServer")})

    assert answer.status_code == 200
    assert answer.json()["cards"][0]["indicator"] == "critical"


def test_a_server_that_is_not_on_the_list_is_not_read_and_said_to_be_unreachable(parts: Parts, fhir: str) -> None:
    with running(create_app(parts.settings, parts=parts, open_to_all=True)) as url:
        prefetch = {key: value for key, value in _calls()[CHILD]["prefetch"].items() if key != "laboratory"}
        answer = _post(url, {**_calls()[CHILD], "prefetch": prefetch, "fhirServer": fhir}).json()

    told = " ".join(card["detail"] for card in answer["cards"])
    assert "laboratory" in told
    assert UNREACHABLE in told


def test_a_slow_server_costs_half_a_second_at_the_most_and_the_card_says_what_is_missing(parts: Parts) -> None:
    prefetch = {key: value for key, value in _calls()[CHILD]["prefetch"].items() if key != "laboratory"}
    app = create_app(parts.settings, parts=parts, open_to_all=True, read_loopback=True)
    with _serving(_sleeps) as (base, _), running(app) as url:
        begun = time.monotonic()
        answer = _post(url, {**_calls()[CHILD], "prefetch": prefetch, "fhirServer": base})
        seconds = time.monotonic() - begun

    assert answer.status_code == 200
    assert seconds < 0.6  # 0.35 s for reading, the rest for judging on a busy machine
    assert LATE in " ".join(card["detail"] for card in answer.json()["cards"])


# Bad servers -----------------------------------------------------------------------------------------------

Reply = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def _serving(reply: Reply) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """A FHIR server that always replies like this; gives its base and what it was asked with (path, token)."""
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            asked.append((self.path, self.headers.get("Authorization")))
            reply(self)

        do_GET = do_POST = _any  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/fhir", asked
    finally:
        server.shutdown()
        server.server_close()


def _says(status: int, body: bytes = b"{}", **headers: str) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {
            "Content-Type": "application/fhir+json",
            "Content-Length": str(len(body)),
            **headers,
        }.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def _drips(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        try:
            handler.wfile.write(b" ")
            handler.wfile.flush()
        except OSError:
            return
        time.sleep(0.02)


def _sleeps(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(1.5)


@pytest.mark.parametrize(
    ("name", "reply", "says"),
    [
        ("not permitted", _says(401), NOT_PERMITTED),
        ("forbidden", _says(403), NOT_PERMITTED),
        ("failing", _says(500), REFUSED),
        ("redirecting", _says(302, Location="http://127.0.0.1:1/elsewhere"), REFUSED),
        ("HTML", _says(200, b"<html>"), NOT_UNDERSTOOD),
        ("an array", _says(200, b"[]"), NOT_UNDERSTOOD),
        ("nested too deep", _says(200, b"[" * 9_000), NOT_UNDERSTOOD),
        ("too much", _says(200, b" " * 20_000), TOO_MUCH),
        ("silent", _sleeps, LATE),
        ("dripping", _drips, LATE),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) and "FHIR" not in value else "-",
)
def test_a_bad_server_costs_no_more_than_the_deadline_and_is_named(name: str, reply: Reply, says: str) -> None:
    ehr = Ehr(Settings(fetch_max_bytes=10_000), loopback=True)
    with _serving(reply) as (base, _):
        begun = time.monotonic()
        found = ehr.fetch(Access(base), [PATIENT], seconds=0.4)

    assert found.problems == {"patient": says}
    assert time.monotonic() - begun < 0.9


def test_a_server_that_is_not_there_is_unreachable() -> None:
    found = Ehr(Settings(), loopback=True).fetch(Access("http://127.0.0.1:9/fhir"), [PATIENT], seconds=0.4)

    assert found.problems == {"patient": UNREACHABLE}


def test_a_resource_that_is_not_there_is_none_and_no_problem() -> None:
    with _serving(_says(404)) as (base, _):
        found = Ehr(Settings(), loopback=True).fetch(Access(base), [PATIENT], seconds=2)

    assert found == Fetched({"patient": None}, {})


def test_a_passing_fault_is_tried_once_more() -> None:
    answers = iter([_says(503), _says(200, b'{"resourceType": "Patient"}')])
    with _serving(lambda handler: next(answers)(handler)) as (base, asked):
        found = Ehr(Settings(), loopback=True).fetch(Access(base), [PATIENT], seconds=2)

    assert found.values == {"patient": {"resourceType": "Patient"}}
    assert len(asked) == 2


def test_the_token_goes_with_each_request_to_that_server_only_and_is_not_shown() -> None:
    with _serving(_says(200, b'{"resourceType": "Patient"}')) as (base, asked):
        Ehr(Settings(), loopback=True).fetch(Access(base, "s3cret"), [PATIENT], seconds=2)

    assert asked == [("/fhir/Patient/x", "Bearer s3cret")]
    assert "s3cret" not in repr(Access(base, "s3cret"))
    assert "s3cret" not in repr(_parse({**_calls()[CHILD], "fhirAuthorization": {"access_token": "s3cret"}}))


@pytest.mark.parametrize(
    ("following", "pages"),
    [("{base}/page2", 2), ("http://127.0.0.1:1/elsewhere", 1), ("ftp://x/y", 1), (7, 1)],
    ids=["same origin", "another port", "another scheme", "no address"],
)
def test_pages_are_followed_on_the_same_origin_only(following: Any, pages: int) -> None:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        base = f"http://127.0.0.1:{handler.server.server_port}/fhir"  # type: ignore[attr-defined]
        first = not handler.path.endswith("page2")
        link = following.format(base=base) if isinstance(following, str) else following
        bundle = {
            "resourceType": "Bundle",
            "entry": [{"resource": {"resourceType": "Condition", "id": handler.path[-5:]}}],
            "link": [{"relation": "next", "url": link}] if first else [],
        }
        _says(200, json.dumps(bundle).encode())(handler)

    with _serving(reply) as (base, asked):
        need = Need("conditions", "Condition?patient=x", template=True)
        found = Ehr(Settings(), loopback=True).fetch(Access(base), [need], seconds=2).values["conditions"]

    assert len(found["entry"]) == pages == len(asked)
    assert bool(found.get("link")) == (pages == 1), "an unread page leaves its link: absence may not be concluded"


def test_pages_without_end_stop_at_the_limit() -> None:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        bundle = {"resourceType": "Bundle", "link": [{"relation": "next", "url": "?again"}], "entry": []}
        _says(200, json.dumps(bundle).encode())(handler)

    with _serving(reply) as (base, asked):
        need = Need("conditions", "Condition?patient=x", template=True)
        Ehr(Settings(fetch_max_pages=3), loopback=True).fetch(Access(base), [need], seconds=2)

    assert len(asked) == 3


def test_a_long_search_is_posted() -> None:
    with _serving(_says(200, b'{"resourceType": "Bundle"}')) as (base, asked):
        need = Need("vitals", "Observation?patient=x&code=" + "a," * 1000, template=True)
        Ehr(Settings(), loopback=True).fetch(Access(base), [need], seconds=2)

    assert asked[0][0] == "/fhir/Observation/_search"


@pytest.mark.parametrize(
    ("base", "permitted"),
    [
        ("https://ehr.example.org/fhir", True),
        ("https://ehr.example.org/fhir/", True),
        ("https://EHR.example.org/fhir", True),
        ("http://ehr.example.org/fhir", False),
        ("https://ehr.example.org/fhir/other", False),
        ("https://ehr.example.org.evil.example/fhir", False),
        ("https://user@ehr.example.org/fhir", False),
        ("https://ehr.example.org/fhir?x=1", False),
        ("http://127.0.0.1:8080/fhir", False),
        ("http://169.254.169.254/latest", False),
        ("file:///etc/passwd", False),
    ],
)
def test_only_servers_that_the_settings_name_are_read(base: str, permitted: bool) -> None:
    assert Ehr(Settings(fhir_servers=("https://ehr.example.org/fhir",))).permits(Access(base)) == permitted


def test_a_token_for_another_patient_refuses_the_call(service_url: str) -> None:
    authorization = {"access_token": "x", "patient": "somebody-else"}
    answer = _post(service_url, {**_calls()[CHILD], "fhirAuthorization": authorization})

    assert answer.status_code == 400
    assert "fhirAuthorization.patient" in answer.text
