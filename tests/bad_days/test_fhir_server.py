"""The client's FHIR server on its bad days: cards in time, in words, no finding better for it, and well again after."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
import requests

from cds_service.fhir_answers import LATE, UNREACHABLE
from cds_service.settings import Settings
from tests.bad_days.fhir_behaviours import BAD, GOOD_ENOUGH, WHYS, endless_pages
from tests.bad_days.hostile import HANG, Asked, Behaviour, HostileServer, Reset, Step, healthy, hostile_server, record
from tests.bad_days.hostile import answer as an_answer
from tests.bad_days.service import Service, call, running, until

TOKEN = "t0ken-of-the-call"
ENOUGH_SECONDS = 3.0
"""For a call on a busy machine. What hangs, hangs for a minute."""
SETTLED_SECONDS = 15.0
OURS = call()["context"]["patientId"]
OTHER = "coverage-a-adult-mrd-positive-all-met"

_REASON = re.compile("|".join(map(re.escape, WHYS)))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fhir() -> Iterator[HostileServer]:
    with hostile_server() as server:
        yield server


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("bad-days")
    with running({"database": folder / "store.sqlite3"}, log=folder / "log") as found:
        yield found


def ask(service: Service, fhir: HostileServer, **members: Any) -> requests.Response:
    """A call that brings the patient only: all else has to be read."""
    authorization = {"access_token": TOKEN, "token_type": "Bearer", "scope": "patient/*.read", "subject": "cds"}
    return service.post(call("patient", fhirServer=fhir.base, fhirAuthorization=authorization, **members))


def cards(answer: requests.Response) -> list[tuple[str, str, str]]:
    """What is on the cards, but for the reasons why something was not read."""
    assert answer.status_code == 200, answer.text
    return [
        (card["indicator"], card["summary"], _REASON.sub("…", card.get("detail", "")))
        for card in answer.json()["cards"]
    ]


def findings(answer: requests.Response) -> list[tuple[str, str, str]]:
    """The cards without the one that tells what was not read."""
    return [card for card in cards(answer) if "could not be used in full" not in card[1]]


@pytest.fixture(scope="module")
def all_read(service: Service, fhir: HostileServer) -> list[tuple[str, str, str]]:
    """The cards when all is well."""
    found: list[list[tuple[str, str, str]]] = []

    def complete() -> bool:
        answer = ask(service, fhir)
        found.append(cards(answer))
        return not _REASON.search(answer.text)

    until(complete, SETTLED_SECONDS, "all is read")
    return found[-1]


@pytest.fixture(scope="module")
def nothing_read(service: Service, fhir: HostileServer) -> list[tuple[str, str, str]]:
    """The findings when nothing can be had."""
    with fhir.being_down():
        return findings(ask(service, fhir))


def only_the_prescriber(asked: Asked) -> Iterable[Step]:
    """Nothing of the patient."""
    return healthy(asked) if asked.resource_type.startswith("Practitioner") else [an_answer({}, status="500 No")]


@pytest.fixture(scope="module")
def prescriber_read(service: Service, fhir: HostileServer) -> list[tuple[str, str, str]]:
    """The findings when nothing but the prescriber can be had."""
    with fhir.being(only_the_prescriber):
        return findings(ask(service, fhir))


def is_well_again(service: Service, fhir: HostileServer, all_read: list[Any]) -> None:
    """The next call is answered from the whole record; on a machine that is busy with other things, one after it."""
    until(lambda: cards(ask(service, fhir)) == all_read, SETTLED_SECONDS, "all is read again")


def test_a_server_that_is_down_is_named_and_only_the_patient_of_the_call_is_used(
    service: Service, fhir: HostileServer, nothing_read: list[Any], all_read: list[Any]
) -> None:
    assert "critical" in {indicator for indicator, _, _ in all_read}
    assert "critical" not in {indicator for indicator, _, _ in nothing_read}
    with fhir.being_down():
        begun = time.monotonic()
        answer = ask(service, fhir)
        assert time.monotonic() - begun < ENOUGH_SECONDS
    assert UNREACHABLE in answer.text
    for words in ("diagnoses", "weight", "laboratory results", "allergies", "coverage"):
        assert words in answer.text
    is_well_again(service, fhir, all_read)


@pytest.mark.parametrize(("behaviour", "whys"), [(row[1], row[2:]) for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_server_gives_the_findings_of_no_server_in_time_and_the_reason(
    service: Service,
    fhir: HostileServer,
    nothing_read: list[Any],
    all_read: list[Any],
    behaviour: Behaviour,
    whys: tuple[str, ...],
) -> None:
    def told() -> bool:
        begun = time.monotonic()
        answer = ask(service, fhir)
        assert time.monotonic() - begun < ENOUGH_SECONDS
        assert findings(answer) == nothing_read
        return any(why in answer.text for why in whys)

    with fhir.being(behaviour):
        until(told, SETTLED_SECONDS, f"the card says: {' or '.join(whys)}")
    is_well_again(service, fhir, all_read)


@pytest.mark.parametrize("behaviour", [row[1] for row in GOOD_ENOUGH], ids=[row[0] for row in GOOD_ENOUGH])
def test_a_server_that_is_only_odd_is_read(
    service: Service, fhir: HostileServer, all_read: list[Any], behaviour: Behaviour
) -> None:
    with fhir.being(behaviour):
        is_well_again(service, fhir, all_read)


def test_a_connection_that_breaks_once_is_tried_once_more(
    service: Service, fhir: HostileServer, all_read: list[Any]
) -> None:
    seen: set[str] = set()

    def breaks_first(asked: Asked) -> Iterable[Step]:
        first = asked.path not in seen
        seen.add(asked.path)
        return [Reset()] if first else healthy(asked)

    with fhir.being(breaks_first):
        answer = ask(service, fhir)
    assert len(seen) > 10
    assert cards(answer) == all_read or LATE in answer.text


def test_what_comes_in_time_is_used_and_what_does_not_is_named(service: Service, fhir: HostileServer) -> None:
    def slow_laboratory(asked: Asked) -> Iterable[Step]:
        return [HANG] if "category" in asked.path else healthy(asked)

    with fhir.being(slow_laboratory):
        until(lambda: cards(ask(service, fhir))[0][0] == "critical", SETTLED_SECONDS, "weight and height are used")
        answer = ask(service, fhir)
    assert f"laboratory results: could not be read: {LATE}" in answer.text


def test_pages_without_end_prove_no_absence(
    service: Service, fhir: HostileServer, prescriber_read: list[Any], all_read: list[Any]
) -> None:
    with fhir.being(endless_pages):
        begun, before = time.monotonic(), len(fhir.asked)
        answer = ask(service, fhir)
        assert time.monotonic() - begun < ENOUGH_SECONDS
        assert len(fhir.asked) - before <= 15 * Settings().fetch_max_pages
    assert findings(answer) == prescriber_read
    assert "diagnoses, weight, height and surface area, laboratory results" in answer.text
    assert "it has more pages than were read" in answer.text
    is_well_again(service, fhir, all_read)


def another_patient(asked: Asked) -> Iterable[Step]:
    """A server, or a cache before it, that mixes patients up: every answer holds something of the other one."""
    _, found = record(replace(asked, path=asked.path.replace(OURS, OTHER)))
    if found and found["resourceType"] == "Bundle" and "entry" not in found and "Practitioner" not in asked.path:
        about = {"reference": f"Patient/{OTHER}"}
        made_up = {"resourceType": asked.resource_type, "id": "made-up", "status": "active"}
        found = found | {"entry": [{"resource": made_up | {"subject": about, "patient": about}}]}
    return [an_answer(found)]


def test_records_of_another_patient_are_never_used_and_prove_no_absence(
    service: Service, fhir: HostileServer, prescriber_read: list[Any], all_read: list[Any]
) -> None:
    with fhir.being(another_patient):
        answer = ask(service, fhir)
    assert findings(answer) == prescriber_read
    assert "another patient" in answer.text
    is_well_again(service, fhir, all_read)


def test_the_patient_of_another_is_no_patient(service: Service, fhir: HostileServer) -> None:
    body = call(fhirServer=fhir.base)
    with fhir.being(another_patient):
        answer = service.post(body)
    assert answer.status_code == 412
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert OTHER not in answer.text
    assert service.post(body).status_code == 200


# --- nothing piles up, nothing leaks ---------------------------------------------------------------------------------


def test_a_hundred_bad_calls_leave_no_thread_no_socket_and_no_open_file(
    service: Service, fhir: HostileServer, all_read: list[Any]
) -> None:
    def bad_calls(count: int) -> None:
        with ThreadPoolExecutor(8) as pool:
            for place in range(0, count, 8):
                with fhir.being(BAD[place % len(BAD)][1]):
                    for answer in pool.map(lambda _: ask(service, fhir), range(8)):
                        assert answer.status_code == 200

    bad_calls(56)  # all threads that are ever made are there now
    workers = len(service.processes()) - 1
    kept = workers * Settings().fetch_workers  # connections that lie ready; now more of them, now fewer
    most = {"threads": service.holds()["threads"] + 8, "sockets": kept + 8 * workers, "files": kept + 32 * workers}
    bad_calls(112)
    is_well_again(service, fhir, all_read)

    def no_more() -> bool:
        now = service.holds()
        return all(now[kind] <= most[kind] for kind in most)

    until(no_more, SETTLED_SECONDS, f"no more than {most}")


def test_a_hanging_server_keeps_no_other_from_being_read(service: Service, all_read: list[Any]) -> None:
    with hostile_server() as hanging, hostile_server() as well, ThreadPoolExecutor(8) as pool:
        hanging.behaviour = lambda _: [HANG]
        stop = threading.Event()

        def keep_asking() -> None:
            while not stop.is_set():
                ask(service, hanging)

        waiting = [pool.submit(keep_asking) for _ in range(8)]
        time.sleep(0.2)
        answers = [cards(ask(service, well)) for _ in range(12)]
        stop.set()
        for each in waiting:
            each.result()
    assert sum(found == all_read for found in answers) > len(answers) / 2


def test_a_server_that_accepts_nothing_is_late(service: Service, nothing_read: list[Any]) -> None:
    """Its queue is full: packets to it are dropped, as by a firewall."""
    with ExitStack() as held, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            client = held.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listening.getsockname())
        body = call("patient", fhirServer=f"http://127.0.0.1:{listening.getsockname()[1]}/fhir")
        begun = time.monotonic()
        answer = service.post(body)
        assert time.monotonic() - begun < ENOUGH_SECONDS
    assert findings(answer) == nothing_read
    assert LATE in answer.text


def test_no_token_no_address_and_no_foreign_text_is_on_a_card_or_in_the_log(
    service: Service, fhir: HostileServer
) -> None:
    told = []
    for _, behaviour, *_ in BAD[::3]:
        with fhir.being(behaviour):
            told.append(ask(service, fhir).text)
    everything = "\n".join([*told, service.logged()])
    assert "decision" in service.logged()
    for secret in (TOKEN, "Jane Roe", "St. Anna", "Traceback"):
        assert secret not in everything, secret
    # as a number of its own: within an id the same digits mean nothing
    assert not re.search(rf"\b{fhir.port}\b", everything)
