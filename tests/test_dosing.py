"""The dose against the label: rows, boundaries, candidates, slips. Sentences follow the output contract."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from cds_service.assess.measures import body
from cds_service.facts.model import Fact
from tests.case_builders import case, measured, other_order, step
from tests.label_builders import codes, judged, severity_of

ADULT = {"weight_kg": "70", "height_cm": "175", "birth": "1980-01-01"}
ONE_SQUARE_METRE = {"weight_kg": "25", "height_cm": "144"}
"""√(25 × 144 / 3600) is exactly 1 m²: doses by area are round numbers."""
RELAPSED: dict[str, Any] = {"status": "relapsed", "mrd_percent": None}
CONSOLIDATION = {"phase": "consolidation", "bcr_abl1": "negative"}


def test_the_case_that_others_get_wrong_a_flat_28_mcg_for_a_child_of_30_kg() -> None:
    result = judged(weight_kg="30", height_cm="117", status="remission-1", mrd_percent="0.5", dose="28")
    document = result.document()

    assert document["track"] == "mrd"
    assert document["label_mcg_per_day"]["value"] == pytest.approx(Decimal("14.8113"), abs=Decimal("0.0001"))
    assert document["label_mcg_per_day"]["bsa_m2"] == pytest.approx(Decimal("0.98742"), abs=Decimal("0.00001"))
    assert document["ratio"] == pytest.approx(Decimal("1.89"), abs=Decimal("0.01"))
    assert (document["verdict"], document["severity"]) == ("above_label", "critical")
    assert document["above_every_label_row"] is True
    assert document["over_policy_maximum"] is False
    assert {"overdose", "wrong-weight-band", "above-every-label-row"} <= codes(result)
    assert document["arithmetic"].startswith("√(117 cm × 30 kg / 3600) = 0.987 m² (Mosteller)")


@pytest.mark.parametrize(
    ("facts", "cycle", "day", "row", "adult", "child"),
    [
        ({}, 1, 1, "mrd-1", "28", "15"),
        ({}, 1, 28, "mrd-1", "28", "15"),
        ({}, 2, 1, "mrd-2-4", "28", "15"),
        ({}, 4, 15, "mrd-2-4", "28", "15"),
        (RELAPSED, 1, 1, "relapsed-refractory-1-step", "9", "5"),
        (RELAPSED, 1, 7, "relapsed-refractory-1-step", "9", "5"),
        (RELAPSED, 1, 8, "relapsed-refractory-1", "28", "15"),
        (RELAPSED, 2, 1, "relapsed-refractory-2", "28", "15"),
        (RELAPSED, 3, 7, "relapsed-refractory-3-5", "28", "15"),
        (RELAPSED, 5, 28, "relapsed-refractory-3-5", "28", "15"),
        (RELAPSED, 6, 1, "relapsed-refractory-6-9", "28", "15"),
        (RELAPSED, 9, 1, "relapsed-refractory-6-9", "28", "15"),
        (CONSOLIDATION, 1, 1, "consolidation-1", "28", "15"),
        (CONSOLIDATION, 2, 1, "consolidation-1", "28", "15"),
    ],
)
def test_each_cycle_and_day_has_its_row(
    facts: dict[str, Any], cycle: int, day: int, row: str, adult: str, child: str
) -> None:
    large = judged(**ADULT, **facts, cycle=cycle, day=day, dose=adult)
    small = judged(**ONE_SQUARE_METRE, **facts, cycle=cycle, day=day, dose=f"{child}/m2")

    for result, value, basis in ((large, adult, "fixed"), (small, child, "bsa")):
        document = result.document()
        assert document["row_ids"] == [row]
        assert document["label_mcg_per_day"]["value"] == Decimal(value)
        assert document["label_mcg_per_day"]["basis"] == basis
        assert document["label_mcg_per_day"]["step"] == row.endswith("step")
        assert result.matches_label


def test_the_schedule_is_the_whole_course_at_this_weight() -> None:
    schedule = judged(**ADULT, **RELAPSED, dose="9").document()["schedule"]

    assert [(entry["cycles"], entry["days"], entry["mcg_per_day"]) for entry in schedule] == [
        ("1", "1-7", 9),
        ("1", "8-28", 28),
        ("2", "1-28", 28),
        ("3-5", "1-28", 28),
        ("6-9", "1-28", 28),
    ]


@pytest.mark.parametrize(
    ("facts", "verdict", "severity"),
    [
        # the weight line, unrounded
        ({"weight_kg": "44.9", "height_cm": "165"}, "above_label", "critical"),
        ({"weight_kg": "44.97", "height_cm": "165"}, "above_label", "critical"),
        ({"weight_kg": "45.0", "height_cm": "165"}, "matches_label", "info"),
        ({"weight_kg": "45", "height_cm": None}, "matches_label", "info"),
        # a fixed dose is a ceiling; 5 % below still matches
        ({**ADULT, "dose": "28.0"}, "matches_label", "info"),
        ({**ADULT, "dose": "28.1"}, "above_label", "critical"),
        ({**ADULT, "dose": "26.6"}, "matches_label", "info"),
        ({**ADULT, "dose": "26.5"}, "below_label", "warning"),
        # a dose by area: 5 % either side, critical from 1.25 on
        ({**ONE_SQUARE_METRE, "dose": "15.75"}, "matches_label", "info"),
        ({**ONE_SQUARE_METRE, "dose": "15.9"}, "above_label", "warning"),
        ({**ONE_SQUARE_METRE, "dose": "14.25"}, "matches_label", "info"),
        ({**ONE_SQUARE_METRE, "dose": "14.2"}, "below_label", "warning"),
        ({**ONE_SQUARE_METRE, "dose": "18.6"}, "above_label", "warning"),
        ({**ONE_SQUARE_METRE, "dose": "18.75"}, "above_label", "critical"),
        ({**ONE_SQUARE_METRE, "dose": "15.75/m2"}, "matches_label", "info"),
        ({**ONE_SQUARE_METRE, "dose": "15.9/m2"}, "above_label", "warning"),
        ({"dose": "15.75/m2"}, "matches_label", "info"),
        ({"dose": "14.25/m2"}, "matches_label", "info"),
        # the step row, its day line and its ceiling
        ({**ADULT, **RELAPSED, "day": 7, "dose": "28"}, "above_label", "critical"),
        ({**ADULT, **RELAPSED, "day": 8, "dose": "28"}, "matches_label", "info"),
        ({**ADULT, **RELAPSED, "day": 7, "dose": "9.1"}, "above_label", "critical"),
        ({**ONE_SQUARE_METRE, **RELAPSED, "dose": "15/m2"}, "above_label", "critical"),
        # a range: the upper end against the ceiling, the lower against the norm
        ({**ADULT, "dose": "27-28"}, "matches_label", "info"),
        ({**ADULT, "dose": "27-29"}, "above_label", "critical"),
        ({**ADULT, "dose": "20-28"}, "below_label", "warning"),
        # per kg is converted, never waved through
        ({**ADULT, "dose": "0.4/kg"}, "matches_label", "warning"),
        ({**ADULT, "dose": "0.5/kg"}, "above_label", "critical"),
    ],
)
def test_norm_and_ceiling_at_their_boundaries(facts: dict[str, Any], verdict: str, severity: str) -> None:
    result = judged(**facts)

    assert (result.verdict, result.severity) == (verdict, severity)


@pytest.mark.parametrize(
    ("dose", "over"), [("28", False), ("28.0", False), ("28.1", True), ("28.0001", True), (None, None)]
)
def test_the_policy_maximum_is_compared_exactly(dose: str | None, over: bool | None) -> None:
    assert judged(**ADULT, dose=dose).over_policy_maximum is over


def test_the_highest_step_is_what_the_policy_maximum_is_compared_with() -> None:
    result = judged(**ADULT, **RELAPSED, steps=(step("9", 1, 7), step("30", 8, 28)))

    assert (result.highest_ordered, result.over_policy_maximum) == (Decimal(30), True)


@pytest.mark.parametrize(
    ("facts", "steps", "verdict", "expected"),
    [
        # relapsed or refractory, cycle 1: 9 for 7 days, then 28
        ({**RELAPSED}, (("9", 1, 7), ("28", 8, 28)), "matches_label", set()),
        ({**RELAPSED}, (("28", 1, 28),), "above_label", {"missing-step"}),
        ({**RELAPSED}, (("9", 1, 28),), "below_label", {"misplaced-step"}),
        ({**RELAPSED}, (("9", 1, 10), ("28", 11, 28)), "below_label", {"misplaced-step"}),
        ({**RELAPSED}, (("9", 1, 4), ("28", 5, 28)), "above_label", {"misplaced-step"}),
        # an order starting on day d has 8 - d step days
        ({**RELAPSED, "day": 3}, (("9", 1, 5), ("28", 6, 26)), "matches_label", set()),
        ({**RELAPSED, "day": 3}, (("9", 1, 7), ("28", 8, 26)), "below_label", {"misplaced-step"}),
        ({**RELAPSED, "day": 7}, (("9", 1, 1), ("28", 2, 22)), "matches_label", set()),
        ({**RELAPSED, "day": 8}, (("9", 1, 7), ("28", 8, 21)), "below_label", {"misplaced-step"}),
        # no row has a step there
        ({**RELAPSED, "cycle": 2}, (("9", 1, 7), ("28", 8, 28)), "below_label", {"misplaced-step"}),
        ({}, (("9", 1, 7), ("28", 8, 28)), "below_label", {"misplaced-step"}),
        ({**CONSOLIDATION}, (("9", 1, 7), ("28", 8, 28)), "below_label", {"misplaced-step"}),
        # steps that claim the same days
        ({**RELAPSED}, (("9", 1, None), ("28", 1, None)), "unknown", {"steps-overlap"}),
    ],
)
def test_steps_are_judged_each_by_its_own_days(
    facts: dict[str, Any], steps: tuple[tuple[str, int, int | None], ...], verdict: str, expected: set[str]
) -> None:
    result = judged(**ADULT, **facts, steps=tuple(step(*words) for words in steps))
    steps_codes = codes(result) & {"missing-step", "misplaced-step", "steps-overlap"}

    assert result.verdict == verdict
    assert expected <= steps_codes
    assert bool(expected) == bool(steps_codes)


def test_an_old_measure_is_called_old_and_not_implausible() -> None:
    result = judged(weight=measured("30", "kg", stale=True, problem="the weight is 40 days old"), dose="15")

    assert codes(result) == {"stale-weight"}
    assert result.rests_on_stale_measures


def test_days_of_supply_do_not_bound_an_order() -> None:
    result = judged(**ADULT, **RELAPSED, dose="9", duration_days=Decimal(28))

    assert result.matches_label
    assert "next-row-begins" in codes(result)


def test_an_order_without_an_end_says_when_the_next_row_begins() -> None:
    result = judged(**ADULT, **RELAPSED, dose="9", start=date(2025, 10, 6))

    says = next(issue.says for issue in result.issues if issue.code == "next-row-begins")
    assert result.matches_label
    assert "day 8" in says
    assert "2025-10-13" in says
    assert "28 mcg/day" in says


@pytest.mark.parametrize(
    ("facts", "dose", "verdict"),
    [
        # track open, cycle 1 day 1: 9 or 28
        ({"status": None}, "28", "unknown"),
        ({"status": None}, "28.1", "above_label"),
        ({"status": None}, "9", "unknown"),
        ({"status": None}, "8.55", "unknown"),
        ({"status": None}, "8.5", "below_label"),
        # only the stated status excludes rows: induction may be of new disease, and 28 is no missing step there
        ({"status": "not-in-remission", "phase": "induction"}, "28", "unknown"),
        ({"status": None, "phase": "induction", "mrd_percent": "0"}, "28", "unknown"),
        # track open, but every row of the day gives one dose
        ({"status": None, "cycle": 2}, "28", "matches_label"),
        ({"status": None, "day": 8}, "28", "matches_label"),
        ({"status": None, "day": 8}, "20", "below_label"),
        # the status excludes the relapsed rows: no step possible
        ({"mrd_percent": None}, "28", "matches_label"),
        ({"mrd_percent": None}, "9", "below_label"),
        # cycle or day open
        ({"cycle": None, "day": None}, "28", "matches_label"),
        ({**RELAPSED, "day": None}, "28", "unknown"),
        ({**RELAPSED, "day": None, "cycle": 2}, "28", "matches_label"),
        ({**RELAPSED, "cycle": None}, "28", "unknown"),
        ({**RELAPSED, "cycle": None, "day": 8}, "28", "matches_label"),
        ({**RELAPSED, "cycle": None}, "29", "above_label"),
    ],
)
def test_with_cycle_day_or_track_open_the_candidates_decide(facts: dict[str, Any], dose: str, verdict: str) -> None:
    assert judged(**ADULT, **facts, dose=dose).verdict == verdict


def test_candidates_by_area_are_exceeded_only_beyond_the_highest_plus_5_per_cent() -> None:
    assert judged(**ONE_SQUARE_METRE, status=None, dose="15.75").verdict == "unknown"
    assert judged(**ONE_SQUARE_METRE, status=None, dose="15.8").verdict == "above_label"
    assert judged(**ONE_SQUARE_METRE, status=None, dose="4.7").verdict == "below_label"


def test_an_open_track_shows_both_possibilities() -> None:
    result = judged(**ADULT, status=None, dose="28")
    document = result.document()

    assert {entry["mcg_per_day"] for entry in document["candidates"]} == {Decimal(9), Decimal(28)}
    assert document["label_mcg_per_day"] is None
    assert "If relapsed or refractory, days 1 to 7" in next(i.says for i in result.issues if i.code == "track-unknown")


@pytest.mark.parametrize(
    ("facts", "dose", "verdict", "above_every"),
    [
        # no height under the line: 28 is above any plausible row, less is not known
        ({"height_cm": None}, "28", "above_label", True),
        ({"height_cm": None}, "27.9", "unknown", False),
        ({"height_cm": None, **RELAPSED}, "9", "unknown", False),
        ({"height_cm": None, **RELAPSED}, "9.1", "above_label", False),
        ({"height_cm": None}, "15/m2", "unknown", False),
        ({"height_cm": None}, "16/m2", "above_label", True),
        # no weight: only above 28 is certain
        ({"weight_kg": None}, "28", "unknown", False),
        ({"weight_kg": None}, "28.1", "above_label", True),
        ({"weight_kg": None, "height_cm": None}, "28.1", "above_label", True),
        ({"weight_kg": None, **RELAPSED}, "28", "above_label", False),
        ({"weight_kg": None, **RELAPSED}, "15/m2", "above_label", False),
        ({"weight_kg": None}, "15/m2", "unknown", False),
        ({"weight_kg": None}, "15000/m2", "above_label", True),
        # two surface areas: above both, or nothing can be said
        ({**ONE_SQUARE_METRE, "bsa_m2": "1.05"}, "15.75", "matches_label", False),
        ({**ONE_SQUARE_METRE, "bsa_m2": "1.2"}, "15", "unknown", False),
        ({**ONE_SQUARE_METRE, "bsa_m2": "1.2"}, "18.9", "unknown", False),
        ({**ONE_SQUARE_METRE, "bsa_m2": "1.2"}, "23", "above_label", True),
        ({**ADULT, "bsa_m2": "1.2"}, "28", "matches_label", False),
        # whatever the track
        ({**ADULT, "phase": "maintenance"}, "28", "no_label_row", False),
        ({**ADULT, "phase": "maintenance"}, "28.1", "no_label_row", True),
        ({**ADULT, "status": None, "cycle": None}, "28.1", "above_label", True),
        ({**ADULT, "cycle": 7}, "28", "no_label_row", False),
        ({**ADULT, "cycle": 7}, "28.1", "no_label_row", True),
    ],
)
def test_what_is_certain_without_a_measure_or_a_row(
    facts: dict[str, Any], dose: str, verdict: str, above_every: bool
) -> None:
    result = judged(**facts, dose=dose)

    assert (result.verdict, result.above_every_label_row) == (verdict, above_every)
    if above_every:
        assert result.severity == "critical"


@pytest.mark.parametrize(
    ("facts", "code", "severity"),
    [
        ({**ADULT, "dose": "35"}, "vial-content-as-dose", "critical"),
        ({**ADULT, "dose": "70"}, "vial-content-as-dose", "critical"),
        ({**ADULT, "dose": "28000"}, "unit-slip", "critical"),
        ({**ADULT, "dose": "672"}, "unit-slip", "critical"),
        ({**ADULT, "dose": "1.17"}, "unit-slip", "warning"),
        ({"weight_kg": "10", "height_cm": "80", "dose": "15"}, "unit-slip", "critical"),
        ({"dose": "28/m2"}, "unit-slip", "critical"),
        ({**ADULT, "dose": "0.4/kg"}, "unit-slip", "warning"),
        ({"dose": "28"}, "wrong-weight-band", "critical"),
        ({**ADULT, "dose": "15/m2"}, "wrong-weight-band", "info"),
        ({**ADULT, "dose": "12/m2"}, "wrong-weight-band", "warning"),
        ({"weight_kg": "46", "height_cm": "150", "dose": "20.8"}, "wrong-weight-band", "warning"),
        ({**ADULT, "dose": "14"}, "underdose", "warning"),
        ({"weight_kg": None}, "missing-weight", "warning"),
        ({"height_cm": None}, "missing-height", "warning"),
        ({"weight": measured("30", "kg", stale=True)}, "stale-weight", "warning"),
        ({"weight": measured("30", "kg", date(2025, 9, 20)), "day": 8}, "stale-weight", "info"),
        ({"height": measured("117", "cm", stale=True)}, "stale-height", "warning"),
        ({"body_warnings": ("the height is unusual for the age",)}, "implausible-measure", "warning"),
        ({"weight": Fact(None, problem="implausible weight: 3000 kg")}, "implausible-measure", "warning"),
        ({"bsa_m2": "1.2"}, "bsa-conflict", "warning"),
        ({"weight_kg": "44.9", "height_cm": "280"}, "cap-binds", "warning"),
        ({"weight_kg": "44.9"}, "near-weight-line", "info"),
        ({"weight_kg": "47"}, "near-weight-line", "info"),
        ({**ADULT, "day": 29}, "day-above-28", "warning"),
        ({**ADULT, "steps": (step("28", 1, 29),)}, "over-28-days", "warning"),
        ({**ADULT, "day": 10, "steps": (step("28", 1, 28),)}, "over-28-days", "warning"),
        ({**ADULT, "max_per_day": Decimal(35)}, "max-dose-per-period", "warning"),
        ({**ADULT, "max_per_day": Decimal(9)}, "max-dose-per-period", "warning"),
        ({**ADULT, "dose": "28.1"}, "over-policy-maximum", "warning"),
        ({"phase": "maintenance"}, "no-label-row", "info"),
        ({"status": None}, "track-unknown", "info"),
        ({"status": "remission-3-or-later"}, "track-flagged", "info"),
        ({"cycle": None}, "cycle-unknown", "info"),
        ({"dose": None}, "dose-missing", "info"),
        ({"steps": (step("28", problem="it is not stated when this step begins"),)}, "step-days-unknown", "warning"),
        ({"dose": None, "text": "as per protocol"}, "dose-unreadable", "warning"),
    ],
)
def test_each_doubt_is_named(facts: dict[str, Any], code: str, severity: str) -> None:
    result = judged(**facts)

    assert code in codes(result)
    assert severity_of(result, code) == severity


def test_a_slip_off_the_fixed_dose_is_not_called_a_dose_by_area() -> None:
    # 15 mcg/m²/day × 1.84 m² = 27.7: an ordered 28.1 is near both, and nothing says that it was reckoned by area
    assert codes(judged(**ADULT, dose="28.1")) & {"overdose", "wrong-weight-band"} == {"overdose"}


def test_a_plain_matching_order_has_nothing_said_of_it() -> None:
    assert codes(judged(**ADULT, steps=(step("28", 1, 28),))) == set()
    assert codes(judged(**ADULT, **RELAPSED, steps=(step("9", 1, 7), step("28", 8, 28)))) == set()
    assert codes(judged(**ONE_SQUARE_METRE, steps=(step("15/m2", 1, 28),))) == set()


def test_near_the_weight_line_means_within_2_kg() -> None:
    assert "near-weight-line" in codes(judged(weight_kg="43"))
    assert "near-weight-line" not in codes(judged(weight_kg="42.9"))


def test_an_unreadable_dose_is_quoted_with_its_reason_and_leaves_everything_open() -> None:
    result = judged(steps=(step(None, problem="a rate in mL/h is not a dose", as_written="10 mL/h"),))
    says = next(issue.says for issue in result.issues if issue.code == "dose-unreadable")

    assert "mL/h is not a dose" in says
    assert "“10 mL/h”" in says
    assert (result.verdict, result.over_policy_maximum, result.highest_ordered) == ("unknown", None, None)


def test_overlapping_orders_are_summed_and_a_continuation_is_not() -> None:
    doubled = judged(**ADULT, dose="9", others=(other_order(step("28")),), **RELAPSED)
    continued = judged(
        **ADULT, **RELAPSED, steps=(step("9", 1, 7),), others=(other_order(step("28"), same_course=True),)
    )
    unclear = other_order(step("28"), overlapping=None, draft=True, why="a start is missing")
    perhaps = judged(**ADULT, dose="28", others=(unclear,))

    assert (doubled.verdict, doubled.above_every_label_row) == ("above_label", True)
    assert "together 37 mcg/day" in next(i.says for i in doubled.issues if i.code == "duplicate-therapy")
    assert doubled.over_policy_maximum is False
    assert continued.matches_label
    assert "duplicate-therapy" not in codes(continued)
    assert (perhaps.verdict, severity_of(perhaps, "duplicate-therapy")) == ("matches_label", "warning")
    said = next(issue.says for issue in perhaps.issues if issue.code == "duplicate-therapy")
    assert said == (
        "Another blinatumomab order is drafted beside this one; whether it runs on the same days cannot be told: "
        "a start is missing."
    )


def test_an_overlapping_order_of_unknown_dose_leaves_the_verdict_open() -> None:
    result = judged(**ADULT, dose="28", others=(other_order(step(None, problem="text only")),))

    assert result.verdict == "unknown"


def test_after_day_28_the_last_row_holds_only_where_an_interruption_explains_it() -> None:
    assert judged(**ADULT, day=30).verdict == "no_label_row"
    assert judged(**ADULT, day=30, restart_interruption_hours="48", restart_reason="administrative").matches_label


def test_the_parts_of_an_order_beyond_day_28_do_not_spoil_those_within() -> None:
    result = judged(**ADULT, day=8, steps=(step("28", 1, 28),))

    assert result.matches_label
    assert "over-28-days" in codes(result)


@pytest.mark.parametrize(
    ("weight", "height", "charted", "conflict"),
    [
        ("25", "144", "1.05", False),
        ("25", "144", "1.051", True),
        ("25", "144", "0.95", False),
        ("25", "144", "0.9", True),
    ],
)
def test_a_charted_area_conflicts_when_more_than_5_per_cent_off(
    weight: str, height: str, charted: str, conflict: bool
) -> None:
    measures = body(case(weight_kg=weight, height_cm=height, bsa_m2=charted))

    assert measures.bsa_m2 == 1
    assert measures.conflict is conflict
    assert len(measures.bsa_values) == 1 + conflict


def test_a_charted_area_alone_is_shown_and_not_dosed_by() -> None:
    result = judged(height_cm=None, bsa_m2="1.0", dose="15")

    assert result.verdict == "unknown"
    assert body(case(height_cm=None, bsa_m2="1.0")).document() == {
        "m2": None,
        "formula": "Mosteller",
        "charted_m2": Decimal("1.0"),
        "conflict": False,
    }


def test_doses_are_printed_rounded_down_never_up() -> None:
    says = " ".join(issue.says for issue in judged(weight_kg="44.9", height_cm="165", dose="28").issues)

    assert "21.5 mcg/day" in says
    assert "21.52" not in says


def test_above_both_of_two_areas_is_as_serious_as_the_smaller_excess() -> None:
    result = judged(**ONE_SQUARE_METRE, bsa_m2="1.2", dose="19")

    assert (result.verdict, result.above_every_label_row, result.severity) == ("above_label", True, "warning")
    assert result.ratio == pytest.approx(Decimal("1.0555"), abs=Decimal("0.0001"))


def test_days_without_an_end_are_written_as_such() -> None:
    document = judged(**ADULT, **RELAPSED, steps=(step("9", 1, 7), step("28", 8))).document()

    assert [entry["days"] for entry in document["ordered_mcg_per_day"]] == ["1-7", "from 8"]
    assert [(entry["days"], entry["cycle_days"]) for entry in document["steps"]] == [
        ("1-7", "1-7"),
        ("from 8", "from 8"),
    ]
