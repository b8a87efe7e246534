"""What is kept of an answer: enough to judge the cards by, and nothing that a patient could be known by."""

from __future__ import annotations

import ast
import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds_service.decision_document import DISAGREE, NOT_ON_FILE, NOT_READ, NOT_USABLE, not_read, unknowns
from cds_service.decisions import (
    COMMENT_LIMIT,
    NO_CODE,
    Asked,
    Mask,
    decision,
    feedback_entry,
    known_words,
)
from cds_service.guidance import Guidance, advise
from cds_service.hooks.call import HookCall
from cds_service.hooks.feedback import Feedback
from cds_service.hooks.prefetch import State
from cds_service.hooks.services import service_for, services
from cds_service.own_words import our_words
from cds_service.parts import Parts
from cds_service.store import Decision
from fhir_fixtures import hook_calls
from tests.store_builders import NOON, REASONS

ROOT = Path(__file__).parents[1]
UUID = "7e410571-664a-54ea-a12c-b53332555279"
ORDINARY = "order-sign--child-30kg-flat-28-mcg-mrd-positive"
MARK = "Zyxwv"


@cache
def mask() -> Mask:
    return Mask(b"a key of the site", our_words(), {"guideline": "dose", "coverage-info": "coverage"}, "0")


def answered(body: Mapping[str, Any], parts: Parts) -> tuple[HookCall, Guidance]:
    service = service_for(body["hook"], services(parts.settings.canonical_base))
    assert service is not None
    call = HookCall.parse(body, service=service)
    return call, advise(call, parts, today=date(2025, 10, 1))


def recorded(body: Mapping[str, Any], parts: Parts, **changes: Any) -> Decision:
    call, guidance = answered(body, parts)
    asked = replace(Asked.of(call), **changes)
    return decision(asked, guidance.assessments, guidance.response, decision_id="d", at=NOON, mask=mask())


def as_text(record: object) -> str:
    return json.dumps(asdict(record), default=str, ensure_ascii=False)  # type: ignore[call-overload]


# --- what is kept --------------------------------------------------------------------------------------------


def test_editions_results_criteria_and_the_cause_of_the_unknown_are_kept(parts: Parts) -> None:
    record = recorded(hook_calls()["order-sign--record-every-search-empty"], parts)
    (order,) = record.document["orders"]
    current, previous = order["policies"]
    assert (current["id"], current["version"], previous["version"]) == ("LA.PHAR.312", "2025-09-05", "2025-02-20")
    assert current["overall"] == "insufficient_information"
    assert current["criteria"]["I.A.1"] == "unknown"
    assert current["unknown"]["I.A.1"]["causes"]
    assert current["unknown"]["I.A.1"]["asks"]
    assert order["label"]["edition"] == parts.knowledge.labels[0].edition


def test_each_card_is_kept_with_its_id_topic_and_indicator(parts: Parts) -> None:
    call, guidance = answered(hook_calls()[ORDINARY], parts)
    record = recorded(hook_calls()[ORDINARY], parts)
    cards = guidance.response["cards"]
    assert [card.uuid for card in record.cards] == [card["uuid"] for card in cards]
    assert [card.indicator for card in record.cards] == [card["indicator"] for card in cards]
    assert {"dose", "coverage"} <= {card.topic for card in record.cards}
    assert all(card.shown for card in record.cards)
    assert (record.hook, record.service, record.at) == (call.hook, call.service_id, NOON)


def test_suggestions_are_kept_by_their_ids_and_masked_words() -> None:
    card = {
        "uuid": UUID,
        "summary": "label dose 14.8 mcg/day",
        "indicator": "warning",
        "source": {"label": "x"},
        "suggestions": [{"uuid": UUID.upper(), "label": f"label dose 14.8 mcg/day for {MARK}"}, {"label": "no id"}],
    }
    found = decision(Asked("h", "s", "i", "p", None), [], {"cards": [card]}, decision_id="d", at=NOON, mask=mask())
    (kept,) = found.cards
    assert [(item.uuid, item.label) for item in kept.suggestions] == [(UUID, "label dose # mcg/day for …")]
    assert kept.topic == "other"


def test_a_card_that_was_withheld_is_kept_as_not_shown() -> None:
    card = {"summary": "x", "indicator": "info", "source": {"label": "x"}}
    found = decision(
        Asked("h", "s", "i", "p", None), [], {"cards": [card] * 3}, decision_id="d", at=NOON, mask=mask(), withheld={1}
    )
    assert [item.shown for item in found.cards] == [True, False, True]


# --- what is not -----------------------------------------------------------------------------------------------


def test_a_summary_keeps_our_words_and_our_citations_only() -> None:
    words = known_words(["The dose of {{ drug }} by I.A.4.c.i, LA.PHAR.312"])
    masked = Mask(b"k", words).text(f"The dose of {MARK}: 14.8 mcg, 2025-10-01, by I.A.4.c.i and MRN.{MARK}.77")
    assert masked == "The dose of …: # …, # by I.A.4.c.i … …"


def test_patient_and_user_are_keyed_hashes(parts: Parts) -> None:
    body = hook_calls()[ORDINARY]
    record = recorded(body, parts, patient="pat-1", user="Practitioner/pat-1")
    assert len({record.patient_key, record.user_key, mask().hashed("patient", "Practitioner/pat-1")}) == 3
    assert recorded(body, parts, patient="pat-1").patient_key == record.patient_key
    assert Mask(b"another key").hashed("patient", "pat-1") != record.patient_key
    assert "pat-1" not in as_text(record)


@pytest.mark.parametrize(
    ("instance", "kept"), [(UUID, UUID), (f"urn:uuid:{UUID}", UUID), (MARK, None), (UUID + "0", None)]
)
def test_the_hook_instance_is_kept_when_it_is_a_uuid(parts: Parts, instance: str, kept: str | None) -> None:
    assert recorded(hook_calls()[ORDINARY], parts, instance=instance).instance == kept


def test_marks_in_every_free_text_of_a_call_do_not_reach_the_record(parts: Parts) -> None:
    body = marked(hook_calls()[ORDINARY])
    assert MARK in json.dumps(body, default=str)
    _, guidance = answered(body, parts)
    assert guidance.response["cards"]
    assert MARK not in as_text(recorded(body, parts))


def marked(body: Mapping[str, Any]) -> dict[str, Any]:
    """The call with a mark in every free text, name, id and address; codes and numbers as they were."""
    texts = {"text", "display", "family", "line", "city", "postalCode", "patientInstruction", "title", "authorString"}
    changed = copy.deepcopy(dict(body))

    def mark(value: Any) -> Any:
        if isinstance(value, list):
            return [mark(item) for item in value]
        if not isinstance(value, dict):
            return value
        made = {
            name: f"{inner} {MARK}" if name in texts and isinstance(inner, str) else mark(inner)
            for name, inner in value.items()
        }
        if "resourceType" in made and made["resourceType"] != "Bundle":
            made["note"] = [{"text": MARK}]
            made["identifier"] = [{"system": "urn:x", "value": MARK}]
        return made

    changed["prefetch"], changed["context"] = mark(changed["prefetch"]), mark(changed["context"])
    changed["prefetch"]["patient"]["name"] = [{"family": MARK, "given": [MARK]}]
    return changed


@pytest.mark.parametrize("name", [*sorted(hook_calls())[::9], ORDINARY])
def test_no_identity_date_or_value_of_a_patient_is_in_the_record(name: str, parts: Parts) -> None:
    body = hook_calls()[name]
    text = as_text(recorded(body, parts))
    for telling in tellings(body):
        assert not re.search(rf"(?<![\w.]){re.escape(telling)}(?![\w.])", text), telling


def tellings(body: Mapping[str, Any]) -> Iterator[str]:
    """Names, ids, addresses, birth date, and every measured value with a fraction or more than three digits."""
    patient = (body.get("prefetch") or {}).get("patient") or {}
    yield body["context"]["patientId"]
    yield from (
        part for name in patient.get("name", ()) for part in (name.get("family"), *name.get("given", ())) if part
    )
    yield from filter(None, (patient.get("birthDate"), body["context"].get("userId")))
    yield from re.findall(r'"value": (\d+\.\d+|\d{4,})', json.dumps(body.get("prefetch"), default=float))


@pytest.mark.parametrize("name", sorted(hook_calls())[::6])
def test_the_only_numbers_kept_are_counts(name: str, parts: Parts) -> None:
    def numbers(value: Any, place: str) -> Iterator[str]:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                yield from numbers(inner, key)
        elif isinstance(value, (list, tuple)):
            for inner in value:
                yield from numbers(inner, place)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield place

    assert set(numbers(recorded(hook_calls()[name], parts).document, "")) <= {"masking", "unreadable"}


@cache
def our_constants() -> frozenset[str]:
    """Every text that stands in our own files of judgement and knowledge."""
    found: set[str] = set()
    for path in (ROOT / "cds_service" / "assess").rglob("*.py"):
        tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        found |= {node.value for node in tree if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return frozenset(found)


def test_what_would_settle_an_unknown_is_always_a_text_of_ours(parts: Parts) -> None:
    asks: set[str] = set()
    for body in hook_calls().values():
        for order in recorded(body, parts).document["orders"]:
            for policy in order["policies"]:
                asks |= {ask for unknown in policy["unknown"].values() for ask in unknown["asks"]}
    knowledge = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "cds_service" / "knowledge").rglob("*.toml")
    )
    assert asks
    assert {ask for ask in asks if not _ours(ask) and ask not in knowledge} == set()


def _ours(ask: str) -> bool:
    """A constant of ours, or one that is made a sentence: `payment …` -> `Payment … (order question)`."""
    bare = ask.removesuffix(" (order question)")
    return bool({ask, bare[0].lower() + bare[1:]} & our_constants())


@pytest.mark.parametrize(
    ("missing", "cause"),
    [
        ((), NOT_ON_FILE),
        (("conditions",), NOT_READ),
        (("laboratory", "reports"), NOT_READ),
        (("reports",), NOT_ON_FILE),
    ],
)
def test_nothing_is_recorded_as_absent_while_what_could_show_it_was_not_read(
    missing: tuple[str, ...], cause: str
) -> None:
    found = {"status": "unknown", "reason": "no leukaemia diagnosis on file", "top": True}
    assessment = {"policies": [{"role": "current", "criteria": {"I.A.1": found}}]}
    assert list(unknowns(assessment, missing)) == [("I.A.1", cause)]


@pytest.mark.parametrize(
    ("reads", "missing"),
    [({}, {"vitals"}), ({"vitals": "late"}, {"vitals"}), ({"vitals": "read"}, set())],
)
def test_a_search_counts_as_read_when_the_call_or_the_server_answered_it(
    reads: dict[str, str], missing: set[str]
) -> None:
    states = {"conditions": State.NULL, "laboratory": State.COMPLETE, "vitals": State.ABSENT}
    assert not_read(states, reads) == missing


@pytest.mark.parametrize(
    ("reason", "causes"),
    [
        ("the treatment phase is not on file", [NOT_ON_FILE]),
        ("I.A.4.c: BCR::ABL1 is not on file; sources disagree on phase", [NOT_ON_FILE, DISAGREE]),
        ("answered for another order: not used", [NOT_USABLE]),
        ("no leukaemia diagnosis on file", [NOT_ON_FILE]),
        (f"MRD 0.05 % of {MARK}, 200 days old", [NOT_USABLE]),
    ],
)
def test_the_cause_of_an_unknown_is_told_by_its_kind(reason: str, causes: list[str]) -> None:
    found = {"status": "unknown", "reason": reason, "settled_by": None, "top": True}
    assessment = {
        "order": {"matched_by": "text"},
        "dose": {"verdict": "unknown"},
        "safety": [],
        "flags": [],
        "unreadable": [],
        "policies": [
            dict.fromkeys(("id", "version", "role", "applies", "section", "overall"), "x") | {"criteria": {"I": found}}
        ],
    }
    record = decision(
        Asked("h", "s", "i", "p", None), [assessment], {"cards": []}, decision_id="d", at=NOON, mask=mask()
    )
    unknown = record.document["orders"][0]["policies"][0]["unknown"]
    assert unknown == {"I": {"asks": [], "causes": sorted(causes)}}
    assert MARK not in as_text(record)


# --- feedback -----------------------------------------------------------------------------------------------------


def kept(comments: bool = False, **members: Any) -> Any:
    given = Feedback(**({"card": UUID, "accepted": False, "at": NOON} | members))
    return feedback_entry("svc", given, received=NOON, mask=mask(), comments=comments)


@pytest.mark.parametrize("card", [UUID, UUID.upper(), f"urn:uuid:{UUID}", f" {UUID} "])
def test_a_card_is_known_again_however_its_uuid_is_written(card: str) -> None:
    assert kept(card=card).card == UUID


def test_an_id_that_is_no_uuid_is_hashed_always_the_same() -> None:
    found = kept(card=MARK, suggestions=(MARK, MARK, UUID))
    assert found.card == kept(card=MARK).card != kept(card=MARK + "x").card
    assert found.suggestions == (found.card, UUID)
    assert MARK not in as_text(found)
    assert len(kept(card=MARK * 100_000).card) <= 80


@pytest.mark.parametrize(
    ("reason", "system", "code"),
    [
        ((REASONS, "need-more-info"), REASONS, "need-more-info"),
        (("urn:oid:2.16.840.1", "a.B_9"), "urn:oid:2.16.840.1", "a.B_9"),
        (("https://e.org/r", f"told {MARK}"), "https://e.org/r", NO_CODE),
        (("https://e.org/r", "MRN12345678"), "https://e.org/r", NO_CODE),
        (("https://e.org/r", "x" * 65), "https://e.org/r", NO_CODE),
        ((f"ask {MARK}", "c"), NO_CODE, "c"),
        (("https://e.org/" + "x" * 300, "c"), NO_CODE, "c"),
        (None, None, None),
    ],
)
def test_an_override_reason_is_kept_when_it_is_a_code(
    reason: tuple[str, str] | None, system: str | None, code: str | None
) -> None:
    found = kept(reason=reason)
    assert (found.reason_system, found.reason_code) == (system, code)
    assert MARK not in as_text(found)


def test_of_a_comment_only_that_there_was_one_is_kept_unless_the_site_asks_for_it() -> None:
    comment = f"{MARK}\0 " + "x" * 5000
    assert (kept(comment=comment).commented, kept(comment=comment).comment) == (True, None)
    assert kept(comments=True, comment=comment).comment == f"{MARK} " + "x" * (COMMENT_LIMIT - len(MARK) - 1)
    assert (kept(comments=True).commented, kept(comments=True).comment) == (False, None)
