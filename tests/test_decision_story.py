"""`decision ID`: the whole story of one answer, by its id or a card's; and clear words where there is none."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cds_service.__main__ import main
from cds_service.app import create_app
from cds_service.journal import Journal
from cds_service.parts import Parts
from cds_service.settings import Settings
from cds_service.store import Decision, Store
from cds_service.trust.caller import Caller
from cds_service.web.json_body import dump_json
from fhir_fixtures import hook_calls
from tests.hook_builders import SIGN_URL
from tests.little_service import little_service
from tests.store_builders import NOON, REASONS

CHILD = "order-sign--child-30kg-flat-28-mcg-mrd-positive"
UNKNOWN = "order-sign--record-every-search-empty"
NOWHERE = "00000000-0000-4000-8000-000000000000"


@contextmanager
def answered(database: str, parts: Parts, body: Any, **settings: Any) -> Iterator[tuple[Any, Any]]:
    """An answer to a registered client called st-anna, and the client to go on with."""
    chosen = Settings(public_url="http://localhost:8080", **settings)
    journal = Journal(Store(database), chosen, parts)
    app = create_app(
        chosen, parts=parts, admit=lambda *_: Caller("st-anna"), read_loopback=True, journal=journal,
        today=lambda: date(2025, 10, 1),
    )  # fmt: skip
    client = app.test_client()
    answer = client.post(SIGN_URL, data=dump_json(body), content_type="application/json")
    assert answer.status_code == 200
    yield answer, client
    journal.close()


def told(database: str, wanted: str, *options: str) -> Result:
    return CliRunner().invoke(main, ["decision", wanted, "--database", database, *options])


def story(database: str, wanted: str) -> dict[str, Any]:
    found = told(database, wanted, "--format", "json")
    assert found.exit_code == 0, found.output
    document: dict[str, Any] = json.loads(found.output)
    return document


def test_the_whole_story_is_told(database: str, parts: Parts) -> None:
    with answered(database, parts, hook_calls()[CHILD], silent="order-sign:coverage") as (answer, client):
        decision, cards = answer.headers["X-Decision-Id"], answer.get_json()["cards"]
    with answered(database, parts, hook_calls()[UNKNOWN]) as (_, client):
        dose, other = cards[0], next(card for card in cards if card.get("suggestions"))
        entries = [
            {"card": dose["uuid"], "outcome": "overridden", "outcomeTimestamp": "2025-10-01T10:05:31Z",
             "overrideReason": {"reason": {"code": "need-more-info", "system": REASONS}, "userComment": "x"}},
            {"card": other["uuid"], "outcome": "accepted", "outcomeTimestamp": "2025-10-01T10:06:00Z",
             "acceptedSuggestions": [{"id": other["suggestions"][0]["uuid"]}]},
        ]  # fmt: skip
        assert client.post(f"{SIGN_URL}/feedback", json={"feedback": entries}).status_code == 200
    found = story(database, decision)
    assert (found["id"], found["hook"], found["client"]) == (decision, "order-sign", "st-anna")
    assert found["data"]["patient"] == "complete"
    order = found["orders"][0]
    assert order["facts"] == {
        "age_group": "pediatric", "weight": "on-file", "height": "on-file", "body_surface": "computed", "use": "mrd",
    }  # fmt: skip
    assert (order["dose"]["verdict"], order["dose"]["rows"]) == ("above_label", ["mrd-1"])
    current = order["policies"][0]
    assert (current["version"], current["overall"]) == ("2025-09-05", "manual_review")
    criterion = next(item for item in current["criteria"] if item["criterion"] == "I.A.1")
    assert (criterion["status"], criterion["title"], criterion["evidence"]) == ("met", "B-ALL", ["Condition"])
    by_topic = {card["topic"]: card for card in found["cards"]}
    assert (by_topic["coverage"]["shown"], by_topic["dose"]["shown"]) == (False, True)
    (said,) = by_topic["dose"]["feedback"]
    assert (said["outcome"], said["reason"]["code"], said["commented"]) == ("overridden", "need-more-info", True)
    assert [item["accepted"] for card in found["cards"] for item in card["suggestions"]].count(True) == 1
    text = " ".join(told(database, decision).output.split())
    for words in (
        decision, "order-sign from client st-anna", "age group pediatric", "above the label row", "I.A.1 B-ALL",
        "review of 2025-09-05 (current)", "Payer coverage (info) WITHHELD", "overridden 2025-10-01 10:05:31 UTC",
        "1 of them withheld", "- accepted", "with a comment",
    ):  # fmt: skip
        assert words in text, words


def test_what_an_unknown_waits_for_and_what_the_fhir_server_answered_is_told(tmp_path: Path, parts: Parts) -> None:
    database = str(tmp_path / "s.sqlite3")
    with little_service(discovery={"resourceType": "OperationOutcome"}, discovery_status=403) as fhir:
        body = copy.deepcopy(hook_calls()[UNKNOWN]) | {"fhirServer": fhir.url}
        body["prefetch"].pop("laboratory")
        body["prefetch"].pop("coverage")
        with answered(database, parts, body) as (answer, _):
            decision = answer.headers["X-Decision-Id"]
    found = story(database, decision)
    assert found["data"]["laboratory"] == found["data"]["coverage"] == "absent, not-permitted"
    criterion = next(item for item in found["orders"][0]["policies"][0]["criteria"] if item["criterion"] == "I.A.1")
    assert criterion["status"] == "unknown"
    assert criterion["causes"] == ["not-read"]
    assert criterion["asks"]
    text = " ".join(told(database, decision).output.split())
    assert "not sent; the FHIR server did not permit it" in text
    assert criterion["asks"][0].split()[0] in text


@pytest.mark.parametrize("written", ["{}", "urn:uuid:{}", " {} "])
def test_an_answer_is_found_by_its_id_and_by_a_card_of_it(tmp_path: Path, parts: Parts, written: str) -> None:
    database = str(tmp_path / "s.sqlite3")
    with answered(database, parts, hook_calls()[CHILD]) as (answer, _):
        decision, card = answer.headers["X-Decision-Id"], answer.get_json()["cards"][0]["uuid"]
    for wanted in (decision, decision.upper(), card):
        assert story(database, written.format(wanted))["id"] == decision


def test_an_id_that_is_not_on_record_is_told_with_what_may_have_become_of_it(database: str) -> None:
    with closing(Store(database)) as store:
        store.prepare()
    found = told(database, NOWHERE)
    assert found.exit_code == 1
    assert f"no decision {NOWHERE} is on record" in found.output
    assert "decision_retention_days" in found.output


@pytest.mark.parametrize("wanted", ["", "42", "Jane Roe", f"{NOWHERE}0", "--", "%s"])
def test_what_is_no_id_is_said_to_be_none(tmp_path: Path, wanted: str) -> None:
    database = str(tmp_path / "s.sqlite3")
    with closing(Store(database)) as store:
        store.prepare()
    found = CliRunner().invoke(main, ["decision", "--database", database, "--", wanted])
    assert found.exit_code == 2
    assert "an id is a UUID" in found.output


def test_a_record_of_an_earlier_version_is_told_as_far_as_it_goes(tmp_path: Path) -> None:
    database = str(tmp_path / "s.sqlite3")
    policy = {
        "id": "LA.PHAR.312", "version": "2025-09-05", "role": "current", "applies": "yes", "section": "I",
        "overall": "criteria_met", "criteria": {"I.A.1": "met"}, "top": ["I.A.1"], "decisive": [], "unknown": {},
    }  # fmt: skip
    order = {
        "matched_by": "text", "policies": [policy], "label": {"id": None, "edition": None}, "safety": {}, "flags": [],
        "dose": {"verdict": "unknown", "severity": None, "issues": []}, "unreadable": 2,
    }  # fmt: skip
    with closing(Store(database)) as store:
        document = {"masking": 1, "version": "0.1.0", "orders": [order]}
        store.record_decisions([Decision(NOWHERE, NOON, "order-sign", "s", None, "p" * 40, None, (), document)])
    found = story(database, NOWHERE)
    assert found["client"] is None
    assert found["orders"][0]["facts"] == {}
    text = told(database, NOWHERE).output
    assert "I.A.1 B-ALL" in text
    assert "2 entries of the record could not be read" in text


def test_a_database_of_before_is_brought_up_and_its_decisions_have_no_client(database: str) -> None:
    with closing(Store(database)) as store:
        store.record_decisions([Decision(NOWHERE, NOON, "h", "s", None, "p", None, (), {}, "st-anna")])
        with store.writing("go back") as connection:
            connection.exec_driver_sql("ALTER TABLE decisions DROP COLUMN client")
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0002'")
    assert told(database, NOWHERE).exit_code == 1, "only an upgrade changes a schema"
    assert CliRunner().invoke(main, ["database", "upgrade", "--database", database]).exit_code == 0
    assert story(database, NOWHERE)["client"] is None
    with closing(Store(database)) as store:
        store.record_decisions([Decision("new", NOON, "h", "s", None, "p", None, (), {}, "st-anna")])
        assert [found.client for found in store.decisions()] == [None, "st-anna"]
