"""Feedback over HTTP (conformance section O): 200 means kept, and kept means kept. Guidance never waits for a store."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from cds_service import journal as journals
from cds_service.app import create_app
from cds_service.errors import StoreError
from cds_service.journal import Journal
from cds_service.parts import Parts
from cds_service.settings import Settings
from cds_service.store import Decision, FeedbackEntry, Recorded, Store
from fhir_fixtures import hook_calls
from tests.hook_builders import MISSING, SIGN_URL, changed
from tests.store_builders import NOON, REASONS

URL = SIGN_URL + "/feedback"
CARD = "7e410571-664a-54ea-a12c-b53332555279"
ORDINARY = "order-sign--child-30kg-flat-28-mcg-mrd-positive"
OVERRIDDEN = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": "2025-10-01T10:05:31Z"}
ACCEPTED = OVERRIDDEN | {"outcome": "accepted", "acceptedSuggestions": [{"id": CARD}]}
WITH_REASON = OVERRIDDEN | {
    "overrideReason": {"reason": {"code": "need-more-info", "system": REASONS}, "userComment": "Jane Roe"}
}


@contextmanager
def serving(store: Store, parts: Parts, **settings: Any) -> Iterator[tuple[FlaskClient, Journal]]:
    """The app with a journal in this store."""
    chosen = Settings(**settings)
    kept = Journal(store, chosen, parts, now=lambda: NOON)
    app = create_app(chosen, open_to_all=True, parts=parts, journal=kept, today=lambda: date(2025, 10, 1))
    yield app.test_client(), kept
    kept.close()


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with closing(Store(database)) as made:
        yield made


@pytest.fixture
def client(store: Store, parts: Parts) -> Iterator[FlaskClient]:
    with serving(store, parts) as (found, _):
        yield found


def post(client: FlaskClient, *entries: Mapping[str, Any]) -> tuple[int, Any]:
    answer = client.post(URL, json={"feedback": list(entries)})
    return answer.status_code, answer.get_json()


def entries(store: Store) -> list[FeedbackEntry]:
    return [entry for entry, _ in store.feedback()]


# --- understood and kept -----------------------------------------------------------------------------------------


def test_several_entries_of_every_kind_are_kept(client: FlaskClient, store: Store) -> None:
    assert post(client, ACCEPTED, WITH_REASON, OVERRIDDEN | {"card": "another"}) == (200, {})
    by_kind = {(entry.accepted, entry.reason_code): entry for entry in entries(store)}
    accepted, reasoned, dismissed = (by_kind[key] for key in ((True, None), (False, "need-more-info"), (False, None)))
    assert accepted.suggestions == (CARD,)
    assert (reasoned.reason_system, reasoned.commented, reasoned.comment) == (REASONS, True, None)
    assert dismissed.card != CARD
    assert {entry.received for entry in entries(store)} == {NOON}


def test_a_duplicate_is_acknowledged_and_kept_once(client: FlaskClient, store: Store) -> None:
    for _ in range(3):
        assert post(client, WITH_REASON, WITH_REASON) == (200, {})
    assert len(entries(store)) == 1


def test_a_card_nobody_knows_is_kept_as_unmatched(client: FlaskClient, store: Store) -> None:
    assert post(client, OVERRIDDEN)[0] == 200
    assert [known for _, known in store.feedback()] == [False]


def test_feedback_joins_the_decision_it_judges(store: Store, parts: Parts) -> None:
    with serving(store, parts) as (client, _):
        cards = client.post(SIGN_URL, json=hook_calls()[ORDINARY]).get_json()["cards"]
        assert post(client, *(OVERRIDDEN | {"card": card["uuid"]} for card in cards))[0] == 200
    (decision,) = store.decisions()
    assert [card.uuid for card in decision.cards] == [card["uuid"] for card in cards]
    assert [known for _, known in store.feedback()] == [True] * len(cards)


def test_a_comment_is_kept_only_where_the_site_asks_for_it(store: Store, parts: Parts) -> None:
    with serving(store, parts, feedback_comments=True) as (client, _):
        assert post(client, WITH_REASON)[0] == 200
    assert [entry.comment for entry in entries(store)] == ["Jane Roe"]


# --- refused, by name ------------------------------------------------------------------------------------------

REFUSED = [
    ("the card is missing", [changed(OVERRIDDEN, "card", MISSING)], ["feedback[0].card"]),
    (
        "ids are missing in several entries",
        [changed(OVERRIDDEN, "card", MISSING), OVERRIDDEN, changed(ACCEPTED, "acceptedSuggestions.0.id", MISSING)],
        ["feedback[0].card", "feedback[2].acceptedSuggestions[0].id"],
    ),
    (
        "everything is missing",
        [{}],
        ["feedback[0].card", "feedback[0].outcome", "feedback[0].outcomeTimestamp"],
    ),
    ("accepted without suggestions", [changed(ACCEPTED, "acceptedSuggestions", MISSING)], ["acceptedSuggestions"]),
    ("a blank card", [OVERRIDDEN | {"card": " "}], ["feedback[0].card"]),
    ("a moment that is none", [OVERRIDDEN | {"outcomeTimestamp": "0001-01-01T00:00:00+14:00"}], ["outcomeTimestamp"]),
]


@pytest.mark.parametrize(("sent", "named"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_broken_is_named_and_nothing_is_kept(
    client: FlaskClient, store: Store, sent: list[dict[str, Any]], named: list[str]
) -> None:
    status, outcome = post(client, ACCEPTED, *sent)
    assert status == 400
    said = outcome["issue"][0]["diagnostics"]
    assert all(
        name.replace("feedback[2]", "feedback[3]").replace("feedback[0]", "feedback[1]") in said for name in named
    )
    assert entries(store) == []


SANDBOX = [
    ("a dismissal of a card without uuid", {"outcome": "overridden", "outcomeTimestamp": NOON.isoformat()}, 400, None),
    ("a picked reason, with no display", WITH_REASON, 200, "need-more-info"),
    ("a picked reason without its system", changed(WITH_REASON, "overrideReason.reason.system", MISSING), 400, None),
    ("a dismissal without a reason", OVERRIDDEN | {"overrideReason": {}}, 200, None),
    (
        "a reason one level too high",
        OVERRIDDEN | {"overrideReason": {"code": "need-more-info", "system": REASONS}},
        200,
        "need-more-info",
    ),
    ("a timestamp that says UTC twice", OVERRIDDEN | {"outcomeTimestamp": "2025-10-01T10:05:31Z UTC"}, 400, None),
    ("a drug taken without its suggestion's uuid", ACCEPTED | {"acceptedSuggestions": [{}]}, 400, None),
    ("a reason of its own", changed(WITH_REASON, "overrideReason.reason.code", "told Jane Roe"), 200, "not-a-code"),
]


@pytest.mark.parametrize(("sent", "status", "reason"), [row[1:] for row in SANDBOX], ids=[row[0] for row in SANDBOX])
def test_the_shapes_of_the_public_sandbox_are_kept_or_refused_by_name(
    client: FlaskClient, store: Store, sent: dict[str, Any], status: int, reason: str | None
) -> None:
    answered, document = post(client, sent)
    assert answered == status
    assert [entry.reason_code for entry in entries(store)] == ([reason] if status == 200 else [])
    assert status == 200 or document["issue"][0]["expression"]


def test_a_lone_entry_outside_the_array_is_refused(client: FlaskClient, store: Store) -> None:
    for body in (OVERRIDDEN, {"feedback": OVERRIDDEN}):
        assert client.post(URL, json=body).status_code == 400
    assert entries(store) == []


# --- the store in trouble ------------------------------------------------------------------------------------------


class Broken(Store):
    """A database that has gone."""

    def record_feedback(self, entries: object, **_: object) -> Recorded:
        raise StoreError("cannot keep feedback: the disk of Jane Roe is full", passing=True)

    def record_decisions(self, decisions: object) -> None:
        raise StoreError("cannot keep decisions: the disk is full", passing=True)


def test_feedback_that_cannot_be_kept_is_a_503_that_says_so(
    tmp_path: Path, parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(Broken(str(tmp_path / "x")), parts) as (client, _):
        answer = client.post(URL, json={"feedback": [OVERRIDDEN]})
    issue = answer.get_json()["issue"][0]
    assert (answer.status_code, issue["code"], answer.content_type) == (503, "transient", "application/fhir+json")
    assert "take none of it as recorded" in issue["details"]["text"]
    assert answer.headers["Retry-After"]
    assert "disk" not in answer.text
    assert "disk" in caplog.text


def test_guidance_is_given_while_nothing_can_be_kept_and_the_loss_is_counted(
    tmp_path: Path, parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(Broken(str(tmp_path / "x")), parts) as (client, journal):
        for _ in range(3):
            assert client.post(SIGN_URL, json=hook_calls()[ORDINARY]).get_json()["cards"]
    assert journal.dropped == 3
    assert len([record for record in caplog.records if "decisions not kept" in record.getMessage()]) == 1


def test_after_a_failure_the_next_are_refused_at_once_and_then_tried_again(
    tmp_path: Path, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "PAUSE_SECONDS", 0.2)
    store = Broken(str(tmp_path / "x"))
    with serving(store, parts) as (client, _):
        assert post(client, OVERRIDDEN)[0] == 503
        store.__class__ = Store  # the database is back
        assert post(client, OVERRIDDEN)[0] == 503
        time.sleep(0.25)
        assert post(client, OVERRIDDEN)[0] == 200


class Slow(Store):
    """A database that hangs until it is let go."""

    let_go = threading.Event()

    def record_decisions(self, decisions: Any) -> None:
        self.let_go.wait(20)
        super().record_decisions(decisions)

    def record_feedback(self, entries: Any, **options: Any) -> Recorded:
        self.let_go.wait(20)
        return super().record_feedback(entries, **options)


def test_a_hanging_store_delays_no_guidance_and_the_queue_stays_bounded(
    tmp_path: Path, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "CAPACITY", 2)
    monkeypatch.setattr(journals, "BATCH", 1)
    store = Slow(str(tmp_path / "x"))
    with serving(store, parts) as (client, journal):
        begun = time.monotonic()
        for _ in range(6):
            assert client.post(SIGN_URL, json=hook_calls()[ORDINARY]).status_code == 200
            time.sleep(0.1)
        assert time.monotonic() - begun < 15
        assert journal.dropped == 3
        store.let_go.set()
    assert store.count() == 3
    store.close()


def test_only_a_few_requests_wait_for_a_hanging_store(
    tmp_path: Path, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "TURN_SECONDS", 0.2)
    store = Slow(str(tmp_path / "x"))
    store.let_go.clear()
    with serving(store, parts) as (client, _), ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(post, client.application.test_client(), OVERRIDDEN) for _ in range(6)]
        time.sleep(1.5)
        assert sum(each.done() for each in waiting) == 6 - journals.WAITING_FEEDBACK
        store.let_go.set()
        assert sorted(each.result()[0] for each in waiting) == [200] * 2 + [503] * 4


def test_a_request_with_feedback_waits_for_a_hanging_store_no_longer_than_it_has_to(
    tmp_path: Path, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "FEEDBACK_SECONDS", 0.3)
    monkeypatch.setattr(journals, "PAUSE_SECONDS", 0.1)
    store = Slow(str(tmp_path / "x"))
    store.let_go.clear()
    with serving(store, parts) as (client, _):
        begun = time.monotonic()
        assert post(client, OVERRIDDEN)[0] == 503
        assert time.monotonic() - begun < 5
        store.let_go.set()
        time.sleep(0.5)
        assert entries(store) == []  # nobody waited for it any more
        assert post(client, OVERRIDDEN)[0] == 200
    assert len(entries(store)) == 1
    store.close()


def test_a_call_about_another_drug_leaves_no_trace(store: Store, parts: Parts) -> None:
    body = changed(
        hook_calls()[ORDINARY],
        "context.draftOrders.entry",
        [
            {
                "resource": {
                    "resourceType": "MedicationRequest",
                    "id": "x",
                    "status": "draft",
                    "intent": "order",
                    "medicationCodeableConcept": {"text": "paracetamol"},
                    "subject": {"reference": f"Patient/{hook_calls()[ORDINARY]['context']['patientId']}"},
                }
            }
        ],
    )
    with serving(store, parts) as (client, _):
        assert client.post(SIGN_URL, json=body).get_json() == {"cards": []}
    assert store.count() == 0


def test_what_is_too_old_goes_when_the_service_starts(store: Store, parts: Parts) -> None:
    store.record_decisions([Decision("old", NOON.replace(year=2024, month=9), "h", "s", None, "p", None, ())])
    store.record_decisions([Decision("young", NOON.replace(month=9), "h", "s", None, "p", None, ())])
    with serving(store, parts) as (_, journal):
        journal.start()
    assert [decision.id for decision in store.decisions()] == ["young"]


# --- kill -9 ---------------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(database: str) -> tuple[subprocess.Popen[bytes], str]:
    """The service as its users start it, once it answers."""
    port = free_port()
    command = [sys.executable, "-m", "cds_service", "serve", "--open", "--port", str(port)]
    environment = {**os.environ, "BLINATUMOMAB_CDS_DATABASE": database}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            requests.get(f"{base}/health", timeout=1)
            return process, base
        except requests.RequestException:
            assert process.poll() is None, "the service did not start"
            time.sleep(0.1)
    raise AssertionError("the service does not answer")


@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_9_while_feedback_pours_in(database: str) -> None:
    acknowledged: set[str] = set()
    for seconds in (0.7, 1.1):
        process, base = started(database)
        with ThreadPoolExecutor(4) as pool:
            pouring = [pool.submit(pour, base, acknowledged) for _ in range(4)]
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
            process.wait()
            for each in pouring:
                each.result()
    assert len(acknowledged) > 20
    with closing(Store(database, create=False, migrate=False)) as store:
        kept = [entry.card for entry, _ in store.feedback()]
    assert acknowledged <= set(kept)
    assert len(kept) == len(set(kept))


def pour(base: str, acknowledged: set[str]) -> None:
    """Send feedback, each entry twice, until the service is gone; note what it acknowledged."""
    with requests.Session() as session:
        while True:
            card = str(uuid.uuid4())
            body = json.dumps({"feedback": [OVERRIDDEN | {"card": card}]})
            try:
                for _ in range(2):
                    answer = session.post(
                        base + URL, data=body, headers={"Content-Type": "application/json"}, timeout=10
                    )
                    if answer.status_code == 200:
                        acknowledged.add(card)
            except requests.RequestException:
                return


@pytest.mark.slow
def test_a_database_that_others_lock_refuses_feedback_and_leaves_guidance_alone(tmp_path: Path) -> None:
    database = str(tmp_path / "store.sqlite3")
    process, base = started(database)
    other = sqlite3.connect(database, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as pool:
            refused = pool.submit(requests.post, base + URL, json={"feedback": [OVERRIDDEN]}, timeout=20)
            call = requests.post(base + SIGN_URL, json=json.loads(plain(hook_calls()[ORDINARY])), timeout=5)
            assert (call.status_code, bool(call.json()["cards"])) == (200, True)
            assert refused.result().status_code == 503
        other.execute("ROLLBACK")
        time.sleep(journals.PAUSE_SECONDS)
        assert requests.post(base + URL, json={"feedback": [OVERRIDDEN]}, timeout=20).status_code == 200
    finally:
        other.close()
        process.kill()
        process.wait()


def plain(body: object) -> str:
    return json.dumps(body, default=float)
