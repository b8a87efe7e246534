"""Safety as a whole: the order itself, every topic of the label, and what is never said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cds_service.assess.safety import JUDGES, assess_safety
from cds_service.assess.safety_item import SEVERITIES
from cds_service.facts.model import Fact
from tests.case_builders import case, other_order, step
from tests.safety_builders import LABEL, PROBLEMS, allergy, items, lab, problem, vaccine, verdict


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ((other_order(step("28")),), ("applies", "warning")),
        ((other_order(step("28"), overlapping=None),), ("unknown", "warning")),
        ((other_order(step("28"), overlapping=False),), ("clear", "info")),
        ((other_order(step("9", 1, 7), same_course=True),), ("unknown", "info")),
        ((), ("unknown", "info")),
    ],
)
def test_another_infusion_over_the_same_days_is_duplicate_therapy(
    others: tuple[Any, ...], expected: tuple[str, str]
) -> None:
    assert verdict("duplicate-therapy", others=others) == expected


def test_no_other_order_is_clear_only_when_the_medication_list_was_read() -> None:
    assert verdict("duplicate-therapy", earlier_blinatumomab=Fact(False))[0] == "clear"


@pytest.mark.parametrize(
    ("dose", "expected"),
    [
        ("35", ("applies", "critical")),
        ("35.0", ("applies", "critical")),
        ("34.9", ("clear", "info")),
        ("28", ("clear", "info")),
        ("35/m2", ("clear", "info")),
        ("28-35", ("applies", "critical")),
        (None, ("unknown", "info")),
    ],
)
def test_the_content_of_a_vial_is_never_a_daily_dose(dose: str | None, expected: tuple[str, str]) -> None:
    assert verdict("medication-error", dose=dose) == expected


# Every topic of section "other toxicities and populations" and of the bag, pump and line rules, and who speaks of it.
TOPICS = [
    ("Infection", {"infection", "infection-prophylaxis"}),
    ("Live vaccines", {"live-vaccine", "no-live-vaccines"}),
    ("Neutropenia", {"neutropenia", "blood-counts"}),
    ("Liver", {"liver", "liver-panel"}),
    ("Liver, timing", {"liver-panel"}),
    ("Tumour lysis", {"tumour-lysis", "tumour-lysis-prophylaxis"}),
    ("Pancreatitis", {"pancreatitis", "pancreatitis-watch"}),
    ("Leukoencephalopathy", {"leukoencephalopathy", "follow-up-imaging"}),
    ("Benzyl alcohol", {"benzyl-alcohol-load", "preserved-bag-weight", "benzyl-alcohol-allergy"}),
    ("Medication error", {"medication-error", "preparation-errors"}),
    ("Contraindication", {"hypersensitivity"}),
    ("Pregnancy", {"pregnancy", "newborn-b-cells"}),
    ("Contraception", {"contraception"}),
    ("Lactation", {"lactation", "lactation-48h"}),
    ("Older adults", {"age-65"}),
    ("Under 1 month", {"under-one-month"}),
    ("Bags and rates", {"bag-rates"}),
    ("Pump and filter", {"pump"}),
    ("Never flush", {"line-flush"}),
    ("Interruption", {"interruption"}),
    ("Intrathecal prophylaxis", {"intrathecal-prophylaxis"}),
    ("Driving", {"driving"}),
]


@pytest.mark.parametrize(("topic", "codes"), TOPICS, ids=[name for name, _ in TOPICS])
def test_every_topic_of_the_label_reaches_a_safety_item(topic: str, codes: set[str]) -> None:
    assert codes <= set(items())


def test_every_patient_topic_has_a_judge_and_every_judge_a_topic() -> None:
    assert {topic.code for topic in LABEL.guidance if topic.applies == "patient"} == set(JUDGES)


def test_the_critical_items_are_these_and_no_others() -> None:
    found = items(
        dose="35",
        weight_kg="5.3",
        birth="2025-06-01",
        infusion_bag="7d-preserved",
        seizures="more-than-one",
        allergies=tuple(allergy(name) for name in ("blinatumomab", "benzyl-alcohol", "dexamethasone")),
        labs=(lab("alt", "400", "40"),),
        problems=tuple(problem(kind) for _, kind, _ in PROBLEMS),
        vaccines=(vaccine(3),),
        cd19="negative",
        others=(other_order(step("28")),),
        gestational_age_days=200,
        pregnancy="pregnant",
    )
    critical = {code for code, item in found.items() if item.severity == "critical"}
    assert critical == {
        "hypersensitivity",
        "benzyl-alcohol-allergy",
        "preserved-bag-weight",
        "liver",
        "permanent-stop",
        "neurotoxicity-active",
        "medication-error",
    }


def test_an_empty_chart_clears_nothing_but_what_the_order_itself_shows() -> None:
    empty = items(
        weight_kg=None, height_cm=None, birth=None, sex=None, cd19=None, status=None, mrd_percent=None, cycle=None
    )
    assert {code for code, item in empty.items() if item.status == "clear"} == {"medication-error"}


def test_judged_items_come_first_and_most_serious_first() -> None:
    found = list(items(allergies=(allergy("blinatumomab"),), pregnancy="pregnant").values())
    patient = [item for item in found if item.group == "patient"]
    assert found[: len(patient)] == patient
    ranks = [SEVERITIES.index(item.severity) for item in patient]
    assert ranks == sorted(ranks)
    assert found[0].code == "hypersensitivity"


def test_items_for_all_are_short_enough_for_one_list_and_hold_for_every_patient() -> None:
    everyone = [item for item in items().values() if item.group == "before-and-during"]
    assert {item.status for item in everyone} == {"for-all"}
    assert all(0 < len(item.short) <= 90 for item in everyone)


def test_grades_k_and_b_are_to_be_confirmed_by_a_pharmacist() -> None:
    assert {item.grade for item in items().values() if item.confirm} == {"K", "B"}
    assert {item.grade for item in items().values() if not item.confirm} == {"V", "V-old"}


def test_calcium_falls_and_the_implausible_rate_is_not_shown() -> None:
    words = " ".join(item.says for item in items().values())
    assert "calcium (falls)" in words
    assert "2.2 %" not in words
    assert "fewer than 1 % stopped" in words


NEVER = (
    "safe to start",
    "no contraindication",
    "approved",
    "denied",
    "calcium rises",
    "resume at",
    "20 mcg/day",
    "mL bag",
)


def test_no_item_says_what_must_never_be_said() -> None:
    words = " ".join(item.says.lower() for item in items().values())
    assert [phrase for phrase in NEVER if phrase.lower() in words] == []


def test_every_item_of_the_document_is_cited_and_plain_json() -> None:
    for item in assess_safety(case(problems=(problem("crs"),)), LABEL):
        document = item.document()
        assert document["citation"]
        assert document["title"]
        json.dumps(document)


def test_safety_discrepancies_are_all_in_the_data() -> None:
    found = {item.item for item in LABEL.discrepancies}
    assert {f"D{number}" for number in (12, 13, 14, 16, 19, 20, 21, 22, 23, 40)} <= found
