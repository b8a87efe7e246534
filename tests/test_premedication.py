"""Premedication: every row by track and age, the dose in mg, and when it is due inside an order."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.case_builders import step
from tests.premedication_builders import CONSOLIDATION, LABEL, MRD, RR, judge


@pytest.mark.parametrize(
    ("track", "age_group", "dose_mg", "alternatives", "in_timing"),
    [
        (MRD, "adult", "16", ["prednisone 100 mg IV"], "1 hour before the first dose of each cycle"),
        (MRD, "pediatric", "5", [], "first cycle"),
        (RR, "adult", "20", [], "step dose"),
        (RR, "pediatric", "5", [], "step dose"),
        (CONSOLIDATION, "adult", "20", [], "within 1 hour"),
        (CONSOLIDATION, "pediatric", "5", [], "first cycle"),
    ],
)
def test_each_track_and_age_group_has_its_own_row(
    track: str, age_group: str, dose_mg: str, alternatives: list[str], in_timing: str
) -> None:
    found = judge(track, age_group)
    assert (found["label_row"], found["agent"], found["dose_mg"]) == (True, "dexamethasone", Decimal(dose_mg))
    assert found["alternatives"] == alternatives
    assert in_timing in found["timing"]
    assert found["row_id"] == f"premedication-{track}-{age_group}"
    assert found["applies_now"] is True
    assert found["citation"]
    assert (found["grade"], found["confirm"]) == ("V", False)


def test_only_the_adult_consolidation_row_names_the_intravenous_route_within_the_hour() -> None:
    found = judge(CONSOLIDATION, "adult")
    assert (found["route"], "within 1 hour" in found["timing"]) == ("IV", True)


def test_the_adult_mrd_row_says_that_iv_prednisone_cannot_be_bought() -> None:
    assert "not marketed in the US" in judge(MRD, "adult")["note"]


@pytest.mark.parametrize(
    ("bsa", "dose_mg", "doubtful"),
    [
        ("0.98742", "4.93710", False),
        ("2.4", "12.0", False),
        ("2.41", "12.05", True),
        ("3.99", "19.95", True),
        ("4.0", "20.0", True),
        ("4.01", "20", True),
        (None, None, False),
    ],
)
def test_a_childs_dose_is_exact_capped_and_doubted_above_12_mg(
    bsa: str | None, dose_mg: str | None, doubtful: bool
) -> None:
    found = judge(MRD, "pediatric", bsa=bsa)
    assert found["dose_mg"] == (Decimal(dose_mg) if dose_mg else None)
    assert ("doubtful" in found["dose_note"]) is doubtful
    assert ("without a usable height and weight" in found["dose_note"]) is (bsa is None)


# cycle, day, order's days (None: no end) -> moments, is the start one of them
@pytest.mark.parametrize(
    ("track", "age_group", "cycle", "day", "last", "times", "now"),
    [
        (RR, "adult", 1, 1, 28, ["start of cycle 1", "day 8 step"], True),
        (RR, "adult", 1, 1, None, ["start of cycle 1", "day 8 step"], True),
        (RR, "adult", 1, 1, 7, ["start of cycle 1"], True),
        (RR, "adult", 1, 1, 8, ["start of cycle 1", "day 8 step"], True),
        (RR, "adult", 1, 3, 5, [], False),
        (RR, "adult", 1, 3, 6, ["day 8 step"], False),
        (RR, "adult", 1, 7, 2, ["day 8 step"], False),
        (RR, "adult", 1, 8, 21, ["day 8 step"], True),
        (RR, "adult", 1, 9, 20, [], False),
        (RR, "adult", 2, 1, 28, ["start of cycle 2"], True),
        (RR, "adult", 2, 8, 21, [], False),
        (RR, "adult", 9, 1, 28, ["start of cycle 9"], True),
        (RR, "pediatric", 1, 1, 28, ["start of cycle 1", "day 8 step"], True),
        (RR, "pediatric", 1, 8, 21, ["day 8 step"], True),
        (RR, "pediatric", 2, 1, 28, [], False),
        (MRD, "adult", 1, 1, 28, ["start of cycle 1"], True),
        (MRD, "adult", 3, 1, 28, ["start of cycle 3"], True),
        (MRD, "adult", 1, 8, 21, [], False),
        (MRD, "pediatric", 1, 1, 28, ["start of cycle 1"], True),
        (MRD, "pediatric", 1, 8, 21, [], False),
        (MRD, "pediatric", 2, 1, 28, [], False),
        (CONSOLIDATION, "adult", 2, 1, 28, ["start of cycle 2"], True),
        (CONSOLIDATION, "pediatric", 1, 1, None, ["start of cycle 1"], True),
        (CONSOLIDATION, "pediatric", 1, 8, None, [], False),
        (CONSOLIDATION, "pediatric", 2, 1, 28, [], False),
    ],
)
def test_times_are_the_moments_of_the_row_inside_this_order(
    track: str, age_group: str, cycle: int, day: int, last: int | None, times: list[str], now: bool
) -> None:
    found = judge(track, age_group, cycle=cycle, day=day, steps=(step("28", 1, last),))
    assert (found["times"], found["applies_now"]) == (times, now)


def test_an_order_of_two_steps_covers_day_8_by_its_last_step() -> None:
    found = judge(RR, "adult", steps=(step("9", 1, 7), step("28", 8, 28)))
    assert found["times"] == ["start of cycle 1", "day 8 step"]


def test_the_duration_of_the_order_bounds_steps_without_an_end() -> None:
    assert judge(RR, "adult", duration_days=Decimal(7))["times"] == ["start of cycle 1"]
    assert judge(RR, "adult", duration_days=Decimal("7.5"))["times"] == ["start of cycle 1", "day 8 step"]


@pytest.mark.parametrize("missing", ["cycle", "day"])
def test_without_cycle_or_day_no_start_is_judged(missing: str) -> None:
    found = judge(RR, "adult", **{missing: None})
    assert (found["applies_now"], found["times"]) == (None, [])
    assert missing in found["reason"]
    assert found["dose_mg"] == 20


def test_a_child_in_cycle_2_is_told_which_cycle_the_row_speaks_of_not_that_nothing_is_needed() -> None:
    found = judge(RR, "pediatric", cycle=2)
    assert "first cycle only" in found["reason"]
    assert "need" not in found["reason"].lower()


@pytest.mark.parametrize(
    ("track", "age_group", "cycle", "hours", "asked"),
    [
        (RR, "adult", 1, "3.9", False),
        (RR, "adult", 1, "4", True),
        (RR, "adult", 3, "4", True),
        (RR, "pediatric", 1, "3.9", False),
        (RR, "pediatric", 1, "4", True),
        (RR, "pediatric", 2, "4", False),
        (MRD, "pediatric", 1, "4", True),
        (MRD, "pediatric", 2, "36", False),
        (MRD, "adult", 1, "36", False),
        (CONSOLIDATION, "pediatric", 1, "4.0", True),
        (CONSOLIDATION, "adult", 1, "36", False),
    ],
)
def test_restart_after_4_hours_or_more_is_a_moment_where_the_row_has_that_rule(
    track: str, age_group: str, cycle: int, hours: str, asked: bool
) -> None:
    found = judge(track, age_group, cycle=cycle, day=15, restart_interruption_hours=hours)
    shown = hours.removesuffix(".0")
    assert found["times"] == ([f"restart after {shown} h interruption"] if asked else [])
    assert found["applies_now"] is asked


def test_adult_rows_without_a_restart_rule_say_so_and_invent_none() -> None:
    assert "states no premedication for a restart" in judge(MRD, "adult", day=15)["restart_says"]


def test_the_adult_relapsed_restart_rule_shows_that_sources_differ() -> None:
    assert "Sources differ" in judge(RR, "adult")["restart_says"]


def test_a_restart_of_unstated_length_is_unknown_only_where_the_length_decides() -> None:
    assert judge(RR, "adult", day=15, restart_reason="crs")["applies_now"] is None
    assert judge(RR, "pediatric", cycle=2, day=15, restart_reason="crs")["applies_now"] is False
    assert judge(RR, "adult", day=1, restart_reason="crs")["applies_now"] is True
    assert "hours" in judge(RR, "adult", day=15, restart_reason="crs")["reason"]


@pytest.mark.parametrize("action", ["interrupt", "discontinue", "consider-discontinuation", "unknown"])
def test_an_unsettled_toxicity_leaves_the_start_unjudged(action: str) -> None:
    found = judge(RR, "adult", action=action, restart_interruption_hours="96")
    assert (found["applies_now"], found["times"]) == (None, [])
    assert "settled" in found["reason"]


@pytest.mark.parametrize("action", [None, "continue"])
def test_without_a_change_of_dose_the_scheduled_step_holds(action: str | None) -> None:
    assert judge(RR, "adult", day=5, action=action)["times"] == ["day 8 step"]


@pytest.mark.parametrize(
    ("day", "last", "times"),
    [
        (12, None, ["restart after 96 h interruption", "step up after toxicity restart, order day 8"]),
        (12, 8, ["restart after 96 h interruption", "step up after toxicity restart, order day 8"]),
        (12, 7, ["restart after 96 h interruption"]),
        (5, None, ["restart after 96 h interruption", "step up after toxicity restart, order day 8"]),
    ],
)
def test_after_a_toxicity_restart_the_step_up_is_on_the_eighth_day_of_the_order(
    day: int, last: int | None, times: list[str]
) -> None:
    found = judge(
        RR,
        "adult",
        day=day,
        action="restart-stepped",
        restart_interruption_hours="96",
        restart_reason="crs",
        steps=(step("9", 1, last),),
    )
    assert (found["times"], found["applies_now"]) == (times, True)


def test_a_toxicity_restart_has_no_step_premedication_in_rows_without_a_step() -> None:
    found = judge(MRD, "adult", day=12, action="restart-stepped", restart_interruption_hours="96")
    assert (found["times"], found["applies_now"]) == ([], False)


@pytest.mark.parametrize("track", [None, "none"])
def test_without_a_label_row_the_protocol_is_followed(track: str | None) -> None:
    found = judge(track, "adult")
    assert (found["label_row"], found["applies_now"], found["times"], found["dose_mg"]) == (False, None, [], None)
    assert "follow the protocol" in found["reason"]
    assert "need" not in found["reason"]


def test_with_adult_or_child_unknown_only_what_both_rows_share_is_said() -> None:
    found = judge(RR, None)
    assert (found["label_row"], found["agent"], found["dose_mg"], found["timing"]) == (
        True,
        "dexamethasone",
        None,
        None,
    )
    assert (found["applies_now"], found["times"]) == (True, ["start of cycle 1", "day 8 step"])
    later = judge(RR, None, cycle=2)
    assert (later["applies_now"], later["times"]) == (None, [])
    assert "birth date" in later["reason"]


def test_a_second_track_that_fits_is_shown_with_its_other_adult_dose() -> None:
    found = judge(CONSOLIDATION, "adult", other_tracks=(MRD,))
    assert [(row["track"], row["dose_mg"]) for row in found["other_rows"]] == [(MRD, Decimal(16))]
    assert found["dose_mg"] == 20


def test_intrathecal_prophylaxis_stands_beside_every_answer() -> None:
    for track in (RR, MRD, CONSOLIDATION, "none", None):
        assert "before and during" in judge(track)["intrathecal"]["says"]


def test_premedication_discrepancies_are_all_in_the_data() -> None:
    items = {item.item for item in LABEL.discrepancies}
    assert {f"D{number}" for number in (6, 7, 8, 9, 10)} <= items
