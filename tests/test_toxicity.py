"""Restart after toxicity: every sentence of the contract's table, CTCAE grades only."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.assess.measures import body
from cds_service.assess.toxicity import Toxicity, judge_restart
from cds_service.assess.track import track_of
from tests.case_builders import case, step
from tests.label_builders import LABEL, codes, judged

ADULT = {"weight_kg": "70", "height_cm": "175", "birth": "1980-01-01", "status": "relapsed", "mrd_percent": None}
CRS = {"restart_reason": "crs", "toxicity_scale": "ctcae"}
NEURO = {"restart_reason": "neurotoxicity", "toxicity_scale": "ctcae", "seizures": "none"}
OTHER = {"restart_reason": "other-toxicity", "toxicity_scale": "ctcae"}
NEURO_RESOLVED = {
    **NEURO,
    "toxicity_grade": 3,
    "toxicity_grade_now": 1,
    "toxicity_days_to_resolve": 7,
    "toxicity_days_at_grade_1_or_less": 3,
    "toxicity_at_step_dose": False,
}
CRS_RESOLVED = {**CRS, "toxicity_grade": 3, "toxicity_grade_now": 0}
OTHER_RESOLVED = {**OTHER, "toxicity_grade": 3, "toxicity_grade_now": 1, "toxicity_days_to_resolve": 14}


def restart(**facts: Any) -> Toxicity | None:
    subject = case(**{**ADULT, **facts})
    return judge_restart(subject, LABEL, body(subject), track_of(subject))


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"restart_reason": "administrative", "restart_interruption_hours": "6"},
        {"toxicity_scale": "ctcae", "seizures": "none", "toxicity_at_step_dose": False},
    ],
)
def test_an_order_without_a_toxic_reason_or_answer_is_no_such_restart(facts: dict[str, Any]) -> None:
    assert restart(**facts) is None
    assert judged(**{**ADULT, **facts}, dose="9").document()["toxicity"] is None


@pytest.mark.parametrize(
    ("facts", "action"),
    [
        # grades 1 and 2: go on
        ({**CRS, "toxicity_grade": 1}, "continue"),
        ({**CRS, "toxicity_grade": 2}, "continue"),
        ({**NEURO, "toxicity_grade": 2}, "continue"),
        ({**OTHER, "toxicity_grade": 2}, "continue"),
        # CRS grade 3: resolved is grade 0
        (CRS_RESOLVED, "restart-stepped"),
        ({**CRS_RESOLVED, "toxicity_grade_now": 1}, "interrupt"),
        ({**CRS_RESOLVED, "toxicity_grade_now": None}, "unknown"),
        # neurotoxicity grade 3: grade 1 or less for 3 days, within 7 days, not at the step dose
        (NEURO_RESOLVED, "restart-stepped"),
        ({**NEURO_RESOLVED, "toxicity_grade_now": 0}, "restart-stepped"),
        ({**NEURO_RESOLVED, "toxicity_grade_now": 2}, "interrupt"),
        ({**NEURO_RESOLVED, "toxicity_days_at_grade_1_or_less": 2}, "interrupt"),
        ({**NEURO_RESOLVED, "toxicity_days_to_resolve": 8}, "discontinue"),
        ({**NEURO_RESOLVED, "toxicity_at_step_dose": True}, "discontinue"),
        ({**NEURO_RESOLVED, "seizures": "one"}, "restart-stepped"),
        ({**NEURO_RESOLVED, "seizures": "more-than-one"}, "discontinue"),
        # other toxicity grade 3
        (OTHER_RESOLVED, "restart-stepped"),
        ({**OTHER_RESOLVED, "toxicity_days_to_resolve": 15}, "discontinue"),
        ({**OTHER_RESOLVED, "toxicity_grade_now": 2}, "interrupt"),
        # grade 4
        ({**CRS, "toxicity_grade": 4}, "discontinue"),
        ({**NEURO, "toxicity_grade": 4}, "discontinue"),
        ({**OTHER, "toxicity_grade": 4}, "consider-discontinuation"),
        # more than one seizure is a count, not a grade
        ({"seizures": "more-than-one"}, "discontinue"),
        # the scale
        ({**CRS_RESOLVED, "toxicity_scale": "astct"}, "unknown"),
        ({**CRS_RESOLVED, "toxicity_scale": None}, "unknown"),
        ({**CRS, "toxicity_grade": 4, "toxicity_scale": "astct"}, "unknown"),
        # a toxic answer without a toxic reason
        ({"toxicity_grade": 3, "toxicity_scale": "ctcae"}, "unknown"),
        ({"toxicity_grade": 3, "toxicity_scale": "ctcae", "restart_reason": "administrative"}, "unknown"),
        # answers that contradict each other
        ({**CRS, "toxicity_grade": 2, "toxicity_grade_now": 3}, "unknown"),
    ],
)
def test_the_table_of_dose_modifications(facts: dict[str, Any], action: str) -> None:
    found = restart(**facts)

    assert found is not None
    assert found.action == action
    assert (found.adjusted_mcg_per_day is not None) == (action == "restart-stepped")


@pytest.mark.parametrize(
    "answer",
    [
        "toxicity_grade",
        "toxicity_scale",
        "toxicity_grade_now",
        "toxicity_days_to_resolve",
        "toxicity_days_at_grade_1_or_less",
        "toxicity_at_step_dose",
        "seizures",
    ],
)
def test_each_answer_that_neurotoxicity_of_grade_3_needs_is_asked_for(answer: str) -> None:
    found = restart(**{**NEURO_RESOLVED, answer: None})

    assert found is not None
    assert (found.action, found.adjusted_mcg_per_day) == ("unknown", None)
    assert found.needs


@pytest.mark.parametrize("resolved", [CRS_RESOLVED, NEURO_RESOLVED, OTHER_RESOLVED])
def test_the_restart_dose_is_9_mcg_or_5_per_square_metre(resolved: dict[str, Any]) -> None:
    adult, child = restart(**resolved), restart(**resolved, weight_kg="25", height_cm="144")
    unmeasured = restart(**resolved, weight_kg="25", height_cm=None)

    assert adult is not None
    assert child is not None
    assert unmeasured is not None
    assert (adult.adjusted_mcg_per_day, child.adjusted_mcg_per_day) == (9, 5)
    assert unmeasured.adjusted_mcg_per_day is None


@pytest.mark.parametrize(
    ("facts", "steps", "verdict"),
    [
        # the step dose replaces the schedule for the first 7 days of this order, in every use and cycle
        ({"cycle": 2, "day": 10}, (("9", 1, 7), ("28", 8, 18)), "matches_label"),
        ({"cycle": 2, "day": 10}, (("28", 1, 18),), "above_label"),
        ({"cycle": 2, "day": 10}, (("9", 1, 18),), "below_label"),
        ({"cycle": 1, "day": 5}, (("9", 1, 7), ("28", 8, 20)), "matches_label"),
        ({"cycle": 1, "day": 5}, (("9", 1, 3), ("28", 4, 20)), "above_label"),
        ({"status": "remission-1", "mrd_percent": "0.5"}, (("9", 1, None),), "matches_label"),
        ({"weight_kg": "25", "height_cm": "144"}, (("5", 1, 7), ("15", 8, 20)), "matches_label"),
        # a use without a row keeps having none
        ({"status": None, "phase": "maintenance"}, (("9", 1, None),), "no_label_row"),
    ],
)
def test_after_a_stepped_restart_the_dose_is_judged_by_the_step(
    facts: dict[str, Any], steps: tuple[tuple[str, int, int | None], ...], verdict: str
) -> None:
    result = judged(**{**ADULT, **CRS_RESOLVED, **facts}, steps=tuple(step(*words) for words in steps))

    assert result.verdict == verdict
    assert result.toxicity_action == "restart-stepped"


def test_a_flat_full_dose_after_toxicity_is_a_missing_step_and_critical() -> None:
    result = judged(**{**ADULT, **CRS_RESOLVED}, cycle=2, day=10, dose="28")

    assert "missing-step" in codes(result)
    assert result.severity == "critical"
    assert result.document()["toxicity_adjusted_mcg_per_day"] == 9
    assert result.document()["label_mcg_per_day"]["value"] == 28


@pytest.mark.parametrize(
    ("facts", "action"),
    [
        ({**CRS, "toxicity_grade": 3, "toxicity_grade_now": 2}, "interrupt"),
        ({**CRS, "toxicity_grade": 4}, "discontinue"),
        ({**OTHER, "toxicity_grade": 4}, "consider-discontinuation"),
        ({**CRS}, "unknown"),
    ],
)
def test_where_nothing_may_be_infused_no_dose_is_judged_but_an_excess_still_shows(
    facts: dict[str, Any], action: str
) -> None:
    plain, excessive = judged(**{**ADULT, **facts}, dose="9"), judged(**{**ADULT, **facts}, dose="30")

    assert (plain.verdict, plain.toxicity_action, plain.ratio) == ("unknown", action, None)
    assert (excessive.verdict, excessive.above_every_label_row, excessive.severity) == ("unknown", True, "critical")


def test_going_on_after_grade_2_is_judged_by_the_schedule_and_adjusts_nothing() -> None:
    result = judged(**{**ADULT, **CRS, "toxicity_grade": 2}, cycle=2, day=10, dose="28")

    assert (result.verdict, result.toxicity_action) == ("matches_label", "continue")
    assert result.document()["toxicity_adjusted_mcg_per_day"] is None


@pytest.mark.parametrize(
    ("hours", "says"), [("168", "same cycle goes on"), ("168.5", "a new cycle begins"), (None, "Up to 7 days")]
)
def test_7_days_of_interruption_stay_in_the_cycle_and_more_start_a_new_one(hours: str | None, says: str) -> None:
    found = restart(**CRS_RESOLVED, restart_interruption_hours=hours)

    assert found is not None
    assert says in (found.cycle_says or "")


def test_the_document_shows_the_whole_table_whatever_is_known() -> None:
    document = judged(**{**ADULT, **CRS}, dose="9").document()["toxicity"]

    assert {(row["event"], row["grades"]) for row in document["table"]} == {
        ("any", "1–2"),
        ("crs", "3"),
        ("crs", "4"),
        ("seizure", "any"),
        ("neurotoxicity", "3"),
        ("neurotoxicity", "4"),
        ("other-toxicity", "3"),
        ("other-toxicity", "4"),
    }
    assert document["needs"] == ["the worst grade, 1 to 4"]


def test_grade_3_crs_is_never_called_a_permanent_stop() -> None:
    found = restart(**{**CRS_RESOLVED, "toxicity_grade_now": 2})

    assert found is not None
    assert "permanent" not in found.says
    assert "restart" not in found.says.lower()


def test_a_use_without_a_row_has_no_verdict_either_while_nothing_may_be_infused() -> None:
    facts = {**ADULT, **CRS, "toxicity_grade": 4, "status": None, "phase": "maintenance"}

    assert judged(**facts, dose="9").verdict == "unknown"
