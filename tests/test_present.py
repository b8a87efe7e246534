"""Which cards an assessment earns, how grave, in which order; and nothing of the record acts as markup."""

from __future__ import annotations

import time
from decimal import Decimal
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.present import words
from cds_service.present.identity import stable_id
from cds_service.present.plan import response
from tests.card_reading import INSTANCE, card_about, cards_for, our_templates, topic
from tests.document_builders import CURRENT, criterion, document, merged, policy, safety, step


@pytest.mark.parametrize("hook", ["order-sign", "order-select"])
def test_without_an_order_in_scope_there_is_nothing_to_say(hook: str) -> None:
    assert response([], hook=hook, instance=INSTANCE, templates=our_templates()) == {"cards": []}


def test_signing_gets_one_card_per_topic_most_serious_first() -> None:
    cards = cards_for(document())
    assert [(card["indicator"], topic(card)) for card in cards] == [
        ("critical", "dose"),
        ("warning", "premedication"),
        ("info", "safety"),
        ("info", "coverage"),
        ("info", "monitoring"),
    ]


def test_selecting_gets_the_lighter_cards() -> None:
    early = document(hook="order-select", dose={"ordered_mcg_per_day": [], "steps": [], "issues": [], "severity": None})
    cards = cards_for(
        merged(early, {"dose": {"verdict": "unknown", "above_every_label_row": False}}), hook="order-select"
    )
    assert [topic(card) for card in cards] == ["dose", "coverage"]
    assert "label dose would be 14.8 mcg/day" in cards[0]["summary"]
    assert "coverage outlook" in cards[1]["summary"]
    assert not any("missing" in card["summary"] or "cannot be told" in card["detail"] for card in cards)


def test_a_dose_too_high_is_never_silent_even_when_selecting() -> None:
    dose = card_about("dose", document(hook="order-select"), hook="order-select")
    assert dose["indicator"] == "critical"
    assert "1.89 times" in dose["summary"]


@pytest.mark.parametrize("topic", ["dose", "safety", "coverage", "premedication", "monitoring"])
def test_every_summary_names_the_drug_first(topic: str) -> None:
    assert card_about(topic, document())["summary"].startswith("Blinatumomab")


def test_several_orders_are_told_apart_and_judged_each() -> None:
    second = document(order={"reference": "MedicationRequest/2", "start": "2025-10-09"})
    cards = cards_for(document(), second)
    assert len(cards) == 10
    assert sum("(order 1 of 2, from 2025-10-02)" in card["summary"] for card in cards) == 5
    assert sum("(order 2 of 2, from 2025-10-09)" in card["summary"] for card in cards) == 5
    assert not any("MedicationRequest/" in card["detail"] for card in cards)
    assert len({card["uuid"] for card in cards}) == 10


def test_the_same_call_gives_the_same_ids_and_another_call_others() -> None:
    ids = [card["uuid"] for card in cards_for(document())]
    assert ids == [card["uuid"] for card in cards_for(document())]
    assert not set(ids) & {card["uuid"] for card in cards_for(document(), instance="another")}


def test_a_match_by_text_is_said() -> None:
    by_text = document(order={"matched_by": "text"})
    assert "recognised by its name" in card_about("dose", by_text)["detail"]
    assert "recognised by its name" not in card_about("dose", document())["detail"]


def test_links_and_sources_name_the_documents_and_only_https_is_linked() -> None:
    coverage, dose = card_about("coverage", document()), card_about("dose", document())
    assert coverage["source"]["label"] == "LA.PHAR.312, review of 2025-09-05 (LDH approval not shown)"
    assert coverage["links"] == [{"label": "Policy LA.PHAR.312", "url": CURRENT["url"], "type": "absolute"}]
    assert dose["source"]["label"].startswith("Blincyto US prescribing information")
    unsafe = document(policies=[policy(url="http://example.org/policy")])
    assert "links" not in card_about("coverage", unsafe)


CRITICAL = {
    "dose over its ceiling": ({}, ["dose"]),
    "confirmed allergy": ({"safety": [safety("hypersensitivity", "Allergy", severity="critical")]}, ["dose", "safety"]),
    "matching dose": ({"dose": {"severity": "info", "issues": [], "verdict": "matches_label"}}, []),
    "allergy that cannot be judged": (
        {
            "dose": {"severity": "info", "issues": [], "verdict": "matches_label"},
            "safety": [safety("hypersensitivity", "Allergy", severity="critical", status="unknown")],
        },
        [],
    ),
    "criteria not met": (
        {
            "dose": {"severity": "warning", "issues": [], "verdict": "below_label"},
            "policies": [policy(overall="criteria_not_met")],
        },
        [],
    ),
}


@pytest.mark.parametrize("name", CRITICAL)
def test_critical_is_scarce(name: str) -> None:
    changes, expected = CRITICAL[name]
    assert [topic(card) for card in cards_for(document(**changes)) if card["indicator"] == "critical"] == expected


EVIL = "<img src=x onerror=alert(1)> | [x](https://evil.example) `*\n# heading"


def test_nothing_of_the_record_can_act_as_markup_on_any_card() -> None:
    evidence = [{"reference": EVIL, "what": EVIL, "value": EVIL, "date": EVIL}]
    evil = document(
        order={"reference": EVIL, "text": EVIL, "matched_by": "text"},
        dose={
            "steps": [step(None, None, "unknown", as_written=EVIL, problem=EVIL)],
            "verdict": "unknown",
            "reason": EVIL,
        },
        policies=[
            policy(payer=EVIL, applies="unknown", criteria={"I.A.1": criterion(EVIL, "met", EVIL, evidence=evidence)})
        ],
        safety=[safety("infection", EVIL, says=EVIL, evidence=evidence)],
        premedication={"ordered_evidence": evidence, "reason": EVIL},
        unreadable=[{"reference": EVIL, "why": EVIL}],
        patient={"weight_problem": EVIL, "measure_warnings": [EVIL]},
    )
    for card in cards_for(evil, evil):
        assert "<img" not in card["detail"] + card["summary"]
        assert "](" not in card["detail"].replace("\\](", "").replace("\\[x\\](", "")
        assert "https://" not in card["detail"]
        assert "\n# heading" not in card["detail"]
    table = [line for line in card_about("coverage", evil)["detail"].splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in table} == {5}


SHOWN = {
    "14.811303": "14.8 mcg/day",
    "14.89": "14.8 mcg/day",
    "28": "28 mcg/day",
    "28.0": "28 mcg/day",
    "0.05": "under 0.1 mcg/day",
    "28000": "28000 mcg/day",
    "1E+2": "100 mcg/day",
}


@pytest.mark.parametrize("value", SHOWN)
def test_doses_are_shown_to_a_tenth_rounded_down(value: str) -> None:
    assert words.mcg(Decimal(value)) == SHOWN[value]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1.890448", "1.89"),
        ("1.2499", "1.24"),
        ("1.25", "1.25"),
        ("1", "1.00"),
        ("1.001", "just above 1"),
        ("0.999", "0.99"),
    ],
)
def test_ratios_have_two_digits_rounded_down(value: str, shown: str) -> None:
    assert words.ratio(Decimal(value)) == shown


@pytest.mark.slow
def test_a_response_takes_a_few_milliseconds_at_most() -> None:
    one = [document()]
    response(one, hook="order-sign", instance=INSTANCE, templates=our_templates())
    times = []
    for _ in range(20):
        began = time.perf_counter()
        response(one, hook="order-sign", instance=INSTANCE, templates=our_templates())
        times.append(time.perf_counter() - began)
    assert min(times) < 0.02, "templates are compiled once, nothing is read per call"


@given(st.uuids(), st.text(max_size=60))
def test_a_stable_id_is_the_version_5_uuid_of_its_name(namespace: UUID, name: str) -> None:
    assert stable_id(namespace, name) == str(uuid5(namespace, name))
