"""Allergies on record, and bags with benzyl alcohol against weight and birth."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.model import Allergy, Fact
from tests.case_builders import case
from tests.safety_builders import allergy, items, problem, verdict


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (allergy("blinatumomab"), ("applies", "critical")),
        (allergy("blinatumomab", reaction="anaphylaxis"), ("applies", "critical")),
        (allergy("blinatumomab", intolerance=True), ("applies", "warning")),
        (allergy("blinatumomab", active=False), ("applies", "warning")),
        (allergy("blinatumomab", confirmed=False), ("applies", "warning")),
        (allergy("blinatumomab", reaction="Cytokine release syndrome"), ("applies", "warning")),
        (allergy("blinatumomab", reaction="Fever"), ("applies", "warning")),
        (allergy("benzyl-alcohol"), ("unknown", "info")),
    ],
)
def test_only_a_confirmed_active_allergy_is_the_contraindication(record: Allergy, expected: tuple[str, str]) -> None:
    assert verdict("hypersensitivity", allergies=(record,)) == expected


def test_an_empty_allergy_list_is_never_no_contraindication() -> None:
    unread, read = items()["hypersensitivity"], items(allergies_asked=True)["hypersensitivity"]
    assert (unread.status, read.status) == ("unknown", "unknown")
    assert "not available" in unread.says
    assert "not proof" in read.says


@pytest.mark.parametrize(
    ("bag", "expected"),
    [
        ("72h-preserved", ("applies", "critical")),
        ("7d-preserved", ("applies", "critical")),
        ("24h-preservative-free", ("clear", "info")),
        (None, ("unknown", "warning")),
    ],
)
def test_a_benzyl_alcohol_allergy_matters_by_the_bag(bag: str | None, expected: tuple[str, str]) -> None:
    assert verdict("benzyl-alcohol-allergy", allergies=(allergy("benzyl-alcohol"),), infusion_bag=bag) == expected


def test_a_steroid_allergy_asks_for_another_premedication_plan() -> None:
    assert verdict("premedication-allergy", allergies=(allergy("dexamethasone"),)) == ("applies", "warning")


@pytest.mark.parametrize(
    ("weight_kg", "bag", "expected"),
    [
        ("5.3", "72h-preserved", ("applies", "critical")),
        ("5.3", "96h-preserved", ("applies", "critical")),
        ("5.39", "7d-preserved", ("applies", "critical")),
        ("5.4", "7d-preserved", ("applies", "info")),
        ("5.4", "72h-preserved", ("applies", "info")),
        ("21.9", "7d-preserved", ("applies", "info")),
        ("22", "7d-preserved", ("clear", "info")),
        ("5.3", "24h-preservative-free", ("clear", "info")),
        ("5.3", "48h-preservative-free", ("clear", "info")),
        ("5.3", None, ("unknown", "warning")),
        ("5.4", None, ("unknown", "info")),
        ("21.9", None, ("unknown", "info")),
        ("22", None, ("clear", "info")),
        (None, "7d-preserved", ("unknown", "warning")),
        (None, None, ("unknown", "info")),
    ],
)
def test_a_preserved_bag_is_judged_against_the_weight(
    weight_kg: str | None, bag: str | None, expected: tuple[str, str]
) -> None:
    assert verdict("preserved-bag-weight", weight_kg=weight_kg, infusion_bag=bag) == expected


def test_an_infant_without_bag_and_weight_is_a_warning() -> None:
    found = verdict("preserved-bag-weight", weight_kg=None, birth="2025-06-01")
    assert found == ("unknown", "warning")


def test_a_stale_weight_between_the_lines_is_weighed_again() -> None:
    heavy = items(infusion_bag="7d-preserved", weight_kg="6")["preserved-bag-weight"]
    stale = items(infusion_bag="7d-preserved", weight=stale_weight("6"))["preserved-bag-weight"]
    assert (heavy.status, stale.status) == ("applies", "unknown")
    assert "weigh again" in stale.says


def stale_weight(kilograms: str) -> Fact[Any]:
    fresh = case(weight_kg=kilograms).patient.weight
    return Fact(fresh.value, fresh.evidence, stale=True)


def test_between_the_lines_the_older_label_is_named_and_the_line_is_to_be_confirmed() -> None:
    item = items(weight_kg="10", infusion_bag="7d-preserved")["preserved-bag-weight"]
    assert "older labels said 22 kg" in item.says
    assert (item.grade, item.confirm) == ("B", True)


INFANT = {"birth": "2025-06-01", "weight_kg": "6"}


@pytest.mark.parametrize(
    ("days", "grams", "bag", "expected"),
    [
        (33 * 7 + 6, "2000", "7d-preserved", ("applies", "warning")),
        (34 * 7, "2000", "7d-preserved", ("clear", "info")),
        (34 * 7, "1499", "7d-preserved", ("applies", "warning")),
        (34 * 7, "1500", "7d-preserved", ("clear", "info")),
        (33 * 7 + 6, "1499", None, ("applies", "warning")),
        (33 * 7 + 6, "1499", "24h-preservative-free", ("applies", "info")),
        (33 * 7 + 6, None, "7d-preserved", ("applies", "warning")),
        (34 * 7, None, "7d-preserved", ("unknown", "warning")),
        (None, None, "7d-preserved", ("unknown", "warning")),
        (None, None, None, ("unknown", "info")),
    ],
)
def test_benzyl_alcohol_load_of_infants_by_weeks_and_birth_weight(
    days: int | None, grams: str | None, bag: str | None, expected: tuple[str, str]
) -> None:
    found = verdict("benzyl-alcohol-load", gestational_age_days=days, birth_weight_g=grams, infusion_bag=bag, **INFANT)
    assert found == expected


def test_a_preterm_condition_counts_where_the_weeks_are_not_on_file() -> None:
    found = items(problems=(problem("preterm"),), infusion_bag="7d-preserved", **INFANT)["benzyl-alcohol-load"]
    assert (found.status, found.severity) == ("applies", "warning")
    assert "all sources" in found.says
    assert "metabolic acidosis" in found.says


def test_benzyl_alcohol_load_concerns_infants_only() -> None:
    assert verdict("benzyl-alcohol-load", gestational_age_days=200)[0] == "clear"
