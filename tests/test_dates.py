"""Partial dates stay partial, and comparing them may be undecided."""

from __future__ import annotations

from datetime import date

import pytest

from cds_service.dates import PartialDate, add_months, age_text, at_least_months_old, days_between


@pytest.mark.parametrize(
    ("written", "earliest", "latest", "shown"),
    [
        ("2025", date(2025, 1, 1), date(2025, 12, 31), "2025"),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29), "2024-02"),
        ("2025-09-28", date(2025, 9, 28), date(2025, 9, 28), "2025-09-28"),
        ("2025-09-28T23:59:00-06:00", date(2025, 9, 28), date(2025, 9, 28), "2025-09-28"),
        (" 2025-09-28 ", date(2025, 9, 28), date(2025, 9, 28), "2025-09-28"),
    ],
)
def test_a_date_is_as_precise_as_it_is_written(written: str, earliest: date, latest: date, shown: str) -> None:
    found = PartialDate.parse(written)
    assert found == PartialDate(earliest, latest)
    assert str(found) == shown


@pytest.mark.parametrize(
    "written", [None, 2025, "", "soon", "2025-13", "2025-02-30", "28.09.2025", "2025-9-1", "0000-01-01"]
)
def test_what_is_no_date_is_none(written: object) -> None:
    assert PartialDate.parse(written) is None


@pytest.mark.parametrize(
    ("born", "on", "old_enough"),
    [
        ("2025-08-31", date(2025, 9, 29), False),
        ("2025-08-31", date(2025, 9, 30), True),  # clamped to the end of the month
        ("2025-01-31", date(2025, 2, 27), False),
        ("2025-01-31", date(2025, 2, 28), True),
        ("2025-09", date(2025, 10, 15), None),
        ("2025-08", date(2025, 10, 1), True),
        ("2025-10", date(2025, 10, 31), False),
    ],
)
def test_one_month_is_a_calendar_month_and_a_partial_birth_date_may_leave_it_open(
    born: str, on: date, old_enough: bool | None
) -> None:
    birth = PartialDate.parse(born)
    assert birth is not None
    assert at_least_months_old(birth, 1, on) is old_enough


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        (date(2025, 1, 31), 1, date(2025, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2025, 12, 5), 2, date(2026, 2, 5)),
    ],
)
def test_adding_months_stays_within_the_month(day: date, months: int, then: date) -> None:
    assert add_months(day, months) == then


@pytest.mark.parametrize(
    ("born", "words"),
    [
        ("2016-05-01", "9 years"),
        ("2025-03-01", "7 months"),
        ("2025-09-11", "20 days"),
        ("2016", "about 9 years"),
        ("2025-08-31", "1 month"),
    ],
)
def test_an_age_is_told_in_the_unit_that_fits(born: str, words: str) -> None:
    birth = PartialDate.parse(born)
    assert birth is not None
    assert age_text(birth, date(2025, 10, 1)) == words


def test_days_between_are_negative_backwards() -> None:
    assert days_between(date(2025, 10, 1), date(2025, 9, 28)) == -3
