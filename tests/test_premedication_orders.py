"""Premedication: is it ordered already? Only a plain, systemic, sufficient order on the day counts."""

from __future__ import annotations

from datetime import date

import pytest

from cds_service.facts.model import Fact, SteroidOrder
from tests.premedication_builders import MRD, RR, START, judge, steroid

# what is on file -> is it the premedication
PLAIN = steroid()
COUNTS = "yes"
QUOTED = "unknown"


@pytest.mark.parametrize(
    ("ordered", "answer"),
    [
        (PLAIN, COUNTS),
        (steroid("24"), COUNTS),
        (steroid("19.9"), QUOTED),
        (steroid(None), QUOTED),
        (steroid(route="other"), QUOTED),
        (steroid(route=None), QUOTED),
        (steroid(single=False), QUOTED),
        (steroid(single=None), QUOTED),
        (steroid(day=None), QUOTED),
        (steroid(day=date(2025, 9, 30)), QUOTED),
        (steroid(day=date(2025, 10, 8)), QUOTED),
        (steroid("100", drug="prednisone"), QUOTED),
    ],
)
def test_only_a_plain_systemic_dose_at_the_start_counts_as_ordered(ordered: SteroidOrder, answer: str) -> None:
    found = judge(RR, "adult", start=START, steroid_orders=(ordered,))
    assert found["already_ordered"] == answer
    assert [item["value"] for item in found["ordered_evidence"]] == [ordered.as_written]


def test_prednisone_100_mg_counts_for_the_adult_mrd_row_and_less_does_not() -> None:
    def answer(dose: str) -> str:
        found = judge(MRD, "adult", start=START, steroid_orders=(steroid(dose, drug="prednisone"),))
        return str(found["already_ordered"])

    assert (answer("100"), answer("99")) == ("yes", "unknown")


def test_a_childs_order_counts_from_the_rows_own_dose_on() -> None:
    def answer(dose: str, bsa: str | None = "1.00") -> str:
        found = judge(MRD, "pediatric", bsa=bsa, start=START, steroid_orders=(steroid(dose),))
        return str(found["already_ordered"])

    assert (answer("5"), answer("4.9"), answer("5", bsa=None)) == ("yes", "unknown", "unknown")


def test_the_step_day_counts_when_it_is_the_first_moment_due() -> None:
    on_the_step = steroid(day=date(2025, 10, 4))
    found = judge(RR, "adult", day=5, start=START, steroid_orders=(on_the_step,))
    assert (found["times"], found["already_ordered"], found["times_without_order"]) == (["day 8 step"], "yes", [])


def test_the_step_is_named_as_without_an_order_when_only_the_start_is_covered() -> None:
    found = judge(RR, "adult", start=START, steroid_orders=(PLAIN,))
    assert (found["already_ordered"], found["times_without_order"]) == ("yes", ["day 8 step"])


def test_nothing_on_file_is_no_only_when_the_medication_list_was_read() -> None:
    read = judge(RR, "adult", earlier_blinatumomab=Fact(False))
    unread = judge(RR, "adult", earlier_blinatumomab=None)
    assert (read["already_ordered"], unread["already_ordered"]) == ("no", "unknown")


def test_an_order_without_a_planned_start_matches_no_day() -> None:
    assert judge(RR, "adult", start=None, steroid_orders=(PLAIN,))["already_ordered"] == "unknown"
