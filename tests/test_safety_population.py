"""Age, pregnancy, live vaccines and CD19."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.dates import PartialDate
from cds_service.facts.model import Fact, Vaccine
from tests.case_builders import known
from tests.safety_builders import items, problem, vaccine, verdict


@pytest.mark.parametrize(
    ("birth", "status"),
    [("1960-10-02", "clear"), ("1960-10-01", "applies"), ("1960", "unknown"), ("1959", "applies"), (None, "unknown")],
)
def test_from_the_65th_birthday_on(birth: str | None, status: str) -> None:
    assert verdict("age-65", birth=birth)[0] == status


@pytest.mark.parametrize(
    ("birth", "expected"),
    [
        ("2025-09-01", ("clear", "info")),
        ("2025-09-02", ("applies", "warning")),
        ("2025-09", ("unknown", "info")),
        (None, ("unknown", "info")),
    ],
)
def test_under_one_month_is_not_studied(birth: str | None, expected: tuple[str, str]) -> None:
    assert verdict("under-one-month", birth=birth) == expected


ADULT = {"birth": "1990-01-01"}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"pregnancy": "pregnant"}, ("applies", "warning")),
        ({"pregnancy": "not-pregnant"}, ("clear", "info")),
        ({"pregnancy": known("not-pregnant", stale=True)}, ("unknown", "warning")),
        ({"pregnancy": Fact(None, conflict=True)}, ("unknown", "warning")),
        ({"pregnancy": "not-pregnant", "problems": (problem("pregnancy"),)}, ("unknown", "warning")),
        ({"childbearing_potential": True}, ("unknown", "warning")),
        ({"childbearing_potential": False}, ("clear", "info")),
        ({}, ("unknown", "warning")),
        ({"sex": None}, ("unknown", "warning")),
        ({"sex": "male"}, ("unknown", "info")),
        ({"sex": "male", "childbearing_potential": True}, ("unknown", "warning")),
        ({"sex": "male", "pregnancy": "pregnant"}, ("applies", "warning")),
    ],
)
def test_pregnancy_is_settled_by_a_test_or_a_statement_never_by_sex(
    facts: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert verdict("pregnancy", **ADULT, **facts) == expected


def test_an_unverified_pregnancy_status_says_so_whatever_the_sex() -> None:
    for sex in ("male", "female", None):
        assert "not verified" in items(sex=sex)["pregnancy"].says


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (vaccine(15), ("clear", "info")),
        (vaccine(14), ("applies", "warning")),
        (vaccine(0), ("applies", "warning")),
        (vaccine(-3), ("applies", "warning")),
        (vaccine(ordered=True), ("applies", "warning")),
        (vaccine(None), ("unknown", "warning")),
        (vaccine(5, ambiguous=True), ("unknown", "warning")),
        (vaccine(15, ambiguous=True), ("clear", "info")),
        (vaccine(ordered=True, ambiguous=True), ("unknown", "warning")),
    ],
)
def test_live_vaccines_from_two_weeks_before_the_start(given: Vaccine, expected: tuple[str, str]) -> None:
    assert verdict("live-vaccine", vaccines=(given,)) == expected


def test_in_a_later_cycle_the_window_opens_before_the_first_dose_of_the_course() -> None:
    given = (vaccine(40),)
    first = known(PartialDate.parse("2025-08-20"))
    assert verdict("live-vaccine", vaccines=given, cycle=2, first_dose_date=first)[0] == "applies"
    assert verdict("live-vaccine", vaccines=given, cycle=2) == ("unknown", "warning")
    assert verdict("live-vaccine", vaccines=given, cycle=1)[0] == "clear"


@pytest.mark.parametrize(
    ("cd19", "expected"),
    [
        ("positive", ("clear", "info")),
        ("partial-or-dim", ("applies", "warning")),
        ("negative", ("applies", "warning")),
        (None, ("unknown", "info")),
        (Fact(None, problem="the specimen is older than the relapse"), ("unknown", "info")),
    ],
)
def test_cd19_that_is_not_positive_is_for_review(cd19: Any, expected: tuple[str, str]) -> None:
    assert verdict("cd19", cd19=cd19) == expected
