"""Hospital days by track and cycle; supervision from the third cycle on."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest

from cds_service.assess.supervision import assess_supervision
from cds_service.knowledge.labels import load_label
from tests.case_builders import case

LABEL = load_label(files("cds_service.knowledge") / "labels/blinatumomab/2025-04.toml")


def judge(track: str | None, **given: Any) -> dict[str, Any]:
    return assess_supervision(case(**given), LABEL, track=track).document()


@pytest.mark.parametrize(
    ("track", "cycle", "days"),
    [
        ("mrd", 1, 3),
        ("mrd", 2, 2),
        ("mrd", 3, 0),
        ("relapsed-refractory", 1, 9),
        ("relapsed-refractory", 2, 2),
        ("relapsed-refractory", 3, 0),
        ("relapsed-refractory", 9, 0),
        ("consolidation", 1, 3),
        ("consolidation", 2, 2),
        ("consolidation", 4, 0),
    ],
)
def test_days_in_hospital_follow_track_and_cycle(track: str, cycle: int, days: int) -> None:
    found = judge(track, cycle=cycle)
    assert (found["label_row"], found["this_cycle_days"], found["otherwise"]) == (True, days, "supervision")
    assert found["citation"]
    assert (found["grade"], found["confirm"]) == ("V", False)


def test_an_order_that_starts_later_in_the_cycle_keeps_the_days_of_the_cycle() -> None:
    assert judge("relapsed-refractory", cycle=1, day=8)["this_cycle_days"] == 9


@pytest.mark.parametrize(
    ("cycle", "day", "left"),
    [(1, 1, 9), (1, 8, 2), (1, 9, 1), (1, 10, 0), (1, 12, 0), (2, 2, 1), (2, 3, 0), (3, 1, 0), (1, None, None)],
)
def test_the_hospital_days_that_are_left_count_from_the_start_of_the_order(
    cycle: int, day: int | None, left: int | None
) -> None:
    found = judge("relapsed-refractory", cycle=cycle, day=day)
    assert (found["days_left"], found["start_day"]) == (left, day)


@pytest.mark.parametrize(
    ("hours", "reason", "day", "new_cycle"),
    [
        (168, "crs", 14, False),
        (169, "crs", 14, True),
        (169, "administrative", 14, False),
        (169, "crs", 1, False),
        (None, "crs", 14, False),
    ],
)
def test_after_more_than_7_days_of_an_adverse_event_the_old_cycle_tells_no_days_left(
    hours: int | None, reason: str, day: int, new_cycle: bool
) -> None:
    found = judge("relapsed-refractory", cycle=1, day=day, restart_reason=reason, restart_interruption_hours=hours)
    assert found["new_cycle"] is new_cycle
    assert (found["days_left"] is None) is new_cycle
    assert ("new cycle begins" in found["reason"]) is new_cycle


def test_an_interruption_of_unstated_reason_beside_a_toxicity_grade_begins_a_new_cycle_here_too() -> None:
    given = {"cycle": 1, "day": 14, "restart_interruption_hours": 240, "toxicity_grade": 3}
    assert judge("relapsed-refractory", **given)["new_cycle"] is True


def test_without_the_cycle_the_days_of_this_cycle_are_unknown_and_the_row_is_shown() -> None:
    found = judge("relapsed-refractory", cycle=None)
    assert (found["this_cycle_days"], found["cycle1_days"], found["cycle2_days"]) == (None, 9, 2)
    assert "cycle" in found["reason"]


def test_from_the_third_cycle_on_the_words_are_supervision_not_that_nothing_is_needed() -> None:
    reason = judge("mrd", cycle=3)["reason"]
    assert "supervision" in reason
    assert "no admission" not in reason


@pytest.mark.parametrize("track", [None, "none"])
def test_without_a_label_row_every_number_is_null_and_the_protocol_is_followed(track: str | None) -> None:
    found = judge(track)
    assert found["label_row"] is False
    assert {found[name] for name in ("this_cycle_days", "cycle1_days", "cycle2_days", "otherwise", "citation")} == {
        None
    }
    assert "follow the protocol" in found["reason"]
