"""What the dose cards say: the headline, the arithmetic, the rows that may apply, the table after toxicity."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cds_service.present import words
from tests.card_reading import card_about, first_lines
from tests.document_builders import Json, candidate, document, issue, safety, step


def test_the_first_patient_is_told_the_ratio_and_the_arithmetic() -> None:
    card = card_about("dose", document())
    assert card["summary"] == (
        "Blinatumomab 28 mcg/day is 1.89 times the label dose of 14.8 mcg/day (30 kg, BSA 0.99 m²)"
    )
    assert "15 mcg/m²/day × 0.99 m² (0.98742) = 14.8 mcg/day" in card["detail"]
    assert "weight 30 kg (2025-09-28) and height 117 cm (2025-09-28)" in card["detail"]
    assert "Policy maximum 28 mcg/day: not exceeded (I.A.5.a and section V)" in card["detail"]


@pytest.mark.parametrize("verdict", ["above_label", "below_label", "no_label_row", "unknown"])
def test_a_policy_maximum_that_is_not_exceeded_is_never_shown_as_a_dose_that_may_be_given(verdict: str) -> None:
    changes = {"candidates": [], "row_ids": [], "track": "none"} if verdict == "no_label_row" else {}
    card = card_about("dose", _dosed(verdict, label=None, policy_maximum_mcg_per_day=28, **changes))
    line = next(line for line in card["detail"].splitlines() if line.startswith("- Policy maximum"))
    assert line.endswith("That is the payer's limit, not a dose for this patient.")
    assert "not exceeded" not in card["summary"]


def _dosed(verdict: str, *issues: Json, ordered: str = "28", label: str | None = "28", **more: Any) -> Json:
    value = Decimal(label) if label else None
    steps = [step(Decimal(ordered), value, verdict)]
    severity = words.worst([item["severity"] for item in issues])
    base = {"verdict": verdict, "steps": steps, "issues": list(issues), "severity": severity}
    label_part = {"value": value, "basis": "fixed", "per_m2": None, "bsa_m2": None} if label else None
    changes = {**base, "label_mcg_per_day": label_part, "above_every_label_row": False, **more}
    return document(dose=changes)


@pytest.mark.parametrize("verdict", ["matches_label", "above_label", "below_label", "unknown"])
def test_a_dose_card_never_reads_as_leave_to_give_the_drug_while_a_stop_stands(verdict: str) -> None:
    stopped = {
        "safety": [safety("permanent-stop", "Permanent stop", severity="critical", short="recorded permanent stop")]
    }
    dosed = _dosed(verdict)
    card = card_about("dose", {**dosed, **stopped})
    assert card["detail"].startswith("- **A stop stands on the safety card**: recorded permanent stop.")
    if verdict == "matches_label":
        assert "a stop stands, see safety (recorded permanent stop)" in card["summary"]
    settled = {"safety": [{**stopped["safety"][0], "status": "clear"}]}
    assert "stop" not in card_about("dose", {**dosed, **settled})["detail"]


STOP = {
    "event": "neurotoxicity",
    "grade": 4,
    "scale": "ctcae",
    "action": "discontinue",
    "says": "Discontinue.",
    "needs": [],
}
HEADLINES: dict[str, tuple[Json, str]] = {
    "match": (_dosed("matches_label"), "28 mcg/day matches the label row (MRD-positive, cycle 1, days 1-28)"),
    "just above": (_dosed("above_label", ordered="28.04"), "28.04 mcg/day is above the label dose of 28 mcg/day"),
    "28.1": (_dosed("above_label", ordered="28.1"), "28.1 mcg/day is above the label dose of 28 mcg/day"),
    "below": (
        _dosed("below_label", ordered="9"),
        "9 mcg/day is below the label dose of 28 mcg/day: restart, toxicity or protocol?",
    ),
    "no row": (
        _dosed("no_label_row", label=None, candidates=[], row_ids=[], track="none"),
        "28 mcg/day: no label row for this use, follow the protocol",
    ),
    "unknown": (_dosed("unknown", label=None), "28 mcg/day: cannot be judged against a label row from this record"),
    "above every row": (
        _dosed("unknown", ordered="35", label=None, above_every_label_row=True),
        "35 mcg/day is above every label row for this patient",
    ),
    "unit slip": (
        _dosed("above_label", issue("unit-slip", "critical", "mg for mcg"), ordered="28000"),
        "unit slip suspected, 28000 mcg/day ordered; label row 28 mcg/day",
    ),
    "vial": (
        _dosed("above_label", issue("vial-content-as-dose", "critical", "a vial"), ordered="35"),
        "35 mcg/day: that is the content of a vial, not a dose; label row 28 mcg/day",
    ),
    "missing step": (
        _dosed("above_label", issue("missing-step", "critical", "no step"), label="9"),
        "step dose missing; ordered 28 mcg/day, label 9 mcg/day",
    ),
    "misplaced step": (
        _dosed("below_label", issue("misplaced-step", "warning", "a step"), ordered="9"),
        "9 mcg/day: a step dose where the label row has 28 mcg/day",
    ),
    "two orders at once": (
        _dosed("matches_label", issue("duplicate-therapy", "critical", "two orders overlap")),
        "another order for it overlaps",
    ),
    "no dose": (document(dose={"steps": [], "verdict": "unknown"}), "the ordered dose per day cannot be told"),
    "toxicity": (
        _dosed("unknown", label=None, toxicity={**STOP, "citation": "label 2.4", "table": []}),
        "Blinatumomab: discontinue, by the label's table after neurotoxicity, CTCAE grade 4",
    ),
}


@pytest.mark.parametrize("name", HEADLINES)
def test_the_dose_headline_says_what_is_the_matter(name: str) -> None:
    dosed, expected = HEADLINES[name]
    assert expected in card_about("dose", dosed)["summary"]


def test_a_step_order_that_matches_names_both_doses() -> None:
    rows = [
        candidate("step", "relapsed-refractory", "1-7", mcg_per_day=Decimal(9), cap=Decimal(9)),
        candidate("full", "relapsed-refractory", "8-28"),
    ]
    steps = [
        step(Decimal(9), Decimal(9), "matches_label", days="1-7", row="step"),
        step(Decimal(28), Decimal(28), "matches_label", days="8-28", row="full"),
    ]
    changes = {"candidates": rows, "row_ids": ["step", "full"], "steps": steps, "issues": [], "severity": "info"}
    changes["above_every_label_row"] = False
    card = card_about("dose", document(dose={**changes, "verdict": "matches_label"}))
    assert "9 mcg/day, then 28 mcg/day matches the label row" in card["summary"]
    assert "days 1-7 and 8-28" in card["summary"]


def test_after_toxicity_the_table_and_what_it_needs_are_shown_and_nothing_is_judged() -> None:
    line = {"event": "crs", "grades": [3], "says": "Interrupt until resolved.", "citation": "label 2.4"}
    toxicity = {
        "event": "crs",
        "grade": 3,
        "scale": None,
        "action": "unknown",
        "says": None,
        "citation": None,
        "needs": ["the scale of the grade"],
        "table": [line],
    }
    card = card_about("dose", _dosed("unknown", label=None, toxicity=toxicity))
    assert "scale not said, grade 3" in card["summary"]
    assert "The table still needs: the scale of the grade." in card["detail"]
    assert "- CRS, grade 3: Interrupt until resolved (label 2.4)." in card["detail"]
    assert "How the label dose comes about" not in card["detail"]


def test_the_rows_that_may_apply_are_all_shown_while_none_is_chosen() -> None:
    rows = [candidate("a", "mrd", "1-28"), candidate("b", "relapsed-refractory", "1-7", mcg_per_day=Decimal(9))]
    card = card_about("dose", _dosed("unknown", label=None, candidates=rows, row_ids=[]))
    assert "- MRD-positive, cycle 1, days 1-28: 28 mcg/day" in card["detail"]
    assert "- relapsed or refractory, cycle 1, days 1-7: 9 mcg/day" in card["detail"]


def test_after_a_stepped_restart_the_scheduled_arithmetic_is_named_as_such() -> None:
    toxicity = {**STOP, "event": "crs", "grade": 3, "action": "restart-stepped", "citation": "label 2.4", "table": []}
    adjusted = Decimal("4.937101")
    steps = [step(Decimal(28), adjusted, "above_label")]
    card = card_about(
        "dose", document(dose={"toxicity": toxicity, "toxicity_adjusted_mcg_per_day": adjusted, "steps": steps})
    )
    assert "label 4.9 mcg/day" in first_lines(card)
    assert "restart after toxicity" in first_lines(card)
    assert "How the scheduled dose, which holds again after the step, comes about: 15 mcg/m²/day" in card["detail"]
    assert "the label's table: restart at the step dose, 4.9 mcg/day" in card["detail"]


WARNED = issue("stale-weight", "warning", "The weight of 2025-08-12 is too old to rest a dose on: weigh again.")


def test_a_match_on_a_doubtful_input_leads_with_the_doubt_and_never_with_the_match() -> None:
    card = card_about("dose", _dosed("matches_label", WARNED))
    assert "matches" not in card["summary"]
    assert "28 mcg/day: the weight of 2025-08-12 is too old to rest a dose on: weigh again" in card["summary"]
    assert first_lines(card, 1).startswith("- **Check first**: The weight of 2025-08-12")


def test_what_the_verdict_line_says_is_not_said_again_as_a_finding() -> None:
    repeated = issue("overdose", "critical", "Overdose: ordered 42, 1.5 times the label row of 28 mcg/day.")
    reason = issue("wrong-weight-band", "critical", "The order goes by surface area; from 45 kg on the dose is fixed.")
    card = card_about("dose", _dosed("above_label", repeated, reason, ordered="42", above_every_label_row=True))
    assert "Overdose" not in card["detail"]
    assert "Above every label row for this patient" in first_lines(card, 1)
    assert "- Critical: The order goes by surface area" in first_lines(card)


@pytest.mark.parametrize("action", ["interrupt", "discontinue", "consider-discontinuation", "unknown"])
def test_while_the_table_halts_no_step_and_no_course_is_offered(action: str) -> None:
    toxicity = {**STOP, "action": action, "citation": "label 2.4", "table": []}
    steps = [step(Decimal(9), Decimal(28), "below_label", days="1-7"), step(Decimal(28), Decimal(28), "matches_label")]
    detail = card_about("dose", _dosed("unknown", label=None, toxicity=toxicity))["detail"]
    many = {"toxicity": toxicity, "steps": steps, "verdict": "unknown", "above_every_label_row": False}
    stepped = card_about("dose", document(dose=many))["detail"]
    for text in (detail, stepped):
        assert "Each step" not in text
        assert "Course" not in text
        assert "below the label row" not in text


OBSTACLES = {
    "missing-height": "no usable height",
    "bsa-conflict": "charted BSA against weight and height",
    "cycle-unknown": "cycle or day not stated",
}


@pytest.mark.parametrize("code", OBSTACLES)
def test_a_dose_that_cannot_be_judged_says_why_in_the_headline(code: str) -> None:
    slip = issue("unit-slip", "warning", "“15 mcg/day” is the number of the dose per m²: was it meant per m²?")
    obstacle = issue(code, "info", "This keeps the dose from being judged.")
    card = card_about("dose", _dosed("unknown", slip, obstacle, label=None))
    assert f"cannot be judged against a label row, {OBSTACLES[code]}" in card["summary"]
    assert "Cannot be judged**: This keeps the dose from being judged" in first_lines(card, 1)
    assert "was it meant per m²?" in card["detail"]


def test_a_rounded_area_never_stands_alone_beside_a_product_it_does_not_give() -> None:
    assert words.area(Decimal("0.39686")) == "0.4 m² (0.39686)"
    assert words.area(Decimal(1)) == "1 m²"


ORDERED = [("15.76", "15", "15.76"), ("5.95", "5.9529", "5.9"), ("28.001", "28", "28.001"), ("28", None, "28")]


@pytest.mark.parametrize(("ordered", "label", "shown"), ORDERED)
def test_an_ordered_dose_is_shown_as_ordered_unless_that_would_look_above_its_row(
    ordered: str, label: str | None, shown: str
) -> None:
    row = Decimal(label) if label else None
    assert words.ordered_mcg(Decimal(ordered), row) == f"{shown} mcg/day"


def test_without_a_weight_neither_the_fixed_dose_nor_the_one_by_area_is_chosen() -> None:
    row = candidate("a", "mrd", "1-28", mcg_per_day=None, per_m2=Decimal(15), basis=None)
    heavy = issue("missing-weight", "warning", "No usable weight: fixed or by surface area is open.")
    card = card_about("dose", _dosed("unknown", heavy, label=None, candidates=[row], row_ids=[]))
    assert "15 mcg/m²/day or a fixed dose, by weight (at most 28 mcg/day)" in first_lines(card)
