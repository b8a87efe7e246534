"""The `dose` object of the assessment document. Pure; decides nothing.

Doses that rest on a square root are cut at ten decimals. Days are those of the cycle in `schedule` and `candidates`,
those of the order in `ordered_mcg_per_day` and `steps` (which give the cycle days beside).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cds_service.assess.dose_issues import Issue
from cds_service.assess.dose_judgement import Judgement, Part
from cds_service.assess.dose_rows import BY_AREA, RowDose, rows_of
from cds_service.assess.dose_verdict import ABOVE, BELOW, MATCHES, NO_ROW, UNKNOWN, one_dose
from cds_service.assess.dose_words import area, as_ordered, cut_dose, days, times
from cds_service.assess.measures import FORMULA, cut


def document(judgement: Judgement, issues: Sequence[Issue]) -> dict[str, Any]:
    """Everything but severity and toxicity action, which the result adds."""
    toxicity, label = judgement.toxicity, judgement.label
    return {
        "track": judgement.track.name,
        "track_reason": judgement.track.reason,
        "also_fits": list(judgement.track.also),
        "label": {"id": label.id, "title": label.title, "edition": label.edition, "url": label.url},
        "row_ids": [dose.row.id for dose in judgement.start_doses],
        "candidates": [_candidate(dose) for dose in judgement.start_doses],
        "ordered_mcg_per_day": list(_ordered(judgement)),
        "label_mcg_per_day": _label_dose(judgement),
        "schedule": [_scheduled(judgement.dose(row)) for row in rows_of(judgement.track, label)],
        "course": _course(judgement),
        "steps": [_step(part) for part in judgement.parts],
        "toxicity_adjusted_mcg_per_day": cut(toxicity.adjusted_mcg_per_day) if toxicity else None,
        "toxicity": toxicity.document() if toxicity else None,
        "verdict": judgement.verdict.name,
        "ratio": cut(judgement.verdict.ratio),
        "above_every_label_row": judgement.above_every_row,
        "over_policy_maximum": judgement.over_policy_maximum,
        "policy_maximum_mcg_per_day": judgement.policy_maximum,
        "policy_maximum_citation": judgement.policy_maximum_citation or None,
        "reason": _reason(judgement),
        "arithmetic": _arithmetic(judgement),
        "issues": [{"code": i.code, "severity": i.severity, "says": i.says, "citation": i.citation} for i in issues],
    }


def _cycles(dose: RowDose) -> str:
    return days(dose.row.first_cycle, dose.row.last_cycle)


def _candidate(dose: RowDose) -> dict[str, Any]:
    row = dose.row
    return {
        "row": row.id,
        "track": row.track,
        "phase": row.phase,
        "cycles": _cycles(dose),
        "days": days(row.first_day, row.last_day),
        "mcg_per_day": cut(dose.value),
        "per_m2": row.mcg_per_m2_per_day if dose.basis != "fixed" else None,
        "basis": dose.basis,
        "cap": row.cap_mcg_per_day,
        "citation": row.citation,
    }


def _scheduled(dose: RowDose) -> dict[str, Any]:
    row = dose.row
    free = (row.treatment_free_first_day, row.treatment_free_last_day)
    return {
        "track": row.track,
        "row": row.id,
        "cycles": _cycles(dose),
        "days": days(row.first_day, row.last_day),
        "mcg_per_day": cut(dose.value),
        "per_m2": row.mcg_per_m2_per_day if dose.basis != "fixed" else None,
        "treatment_free_days": days(free[0], free[1]) if free[0] is not None else None,
    }


def _ordered(judgement: Judgement) -> Iterator[dict[str, Any]]:
    for step, amount in zip(judgement.steps, judgement.amounts(), strict=True):
        yield {
            "value": cut(amount.high),
            "low": cut(amount.low) if amount.low != amount.high else None,
            "days": days(step.first_day, step.last_day),
            "from": step.as_written,
        }


def _label_dose(judgement: Judgement) -> dict[str, Any] | None:
    """The row of the order's start day; None while several doses may hold, no row does, or the weight is unknown."""
    doses = judgement.start_doses
    if not doses or doses[0].basis is None or not (len(doses) == 1 or one_dose(doses)):
        return None
    dose = doses[0]
    return {
        "value": cut(dose.value),
        "basis": dose.basis,
        "per_m2": dose.row.mcg_per_m2_per_day if dose.basis == BY_AREA else None,
        "bsa_m2": cut(judgement.body.bsa_m2),
        "bsa_formula": FORMULA if judgement.body.bsa_m2 is not None else None,
        "capped": dose.capped,
        "step": dose.row.step,
    }


def _course(judgement: Judgement) -> dict[str, Any] | None:
    course = next((item for item in judgement.label.courses if item.track == judgement.track.name), None)
    if course is None:
        return None
    return {
        "title": course.title,
        "cycles": course.cycles,
        "cycles_up_to": course.cycles_up_to,
        "days": course.days,
        "days_up_to": course.days_up_to,
        "note": course.note or None,
        "citation": course.citation,
    }


def _step(part: Part) -> dict[str, Any]:
    first = part.cycle_first_day
    last = None if first is None or part.last_day is None else first + part.last_day - part.first_day
    agreed = part.doses[0] if part.doses and (len(part.doses) == 1 or one_dose(part.doses)) else None
    return {
        "as_written": part.step.as_written,
        "days": days(part.first_day, part.last_day),
        "cycle_days": None if first is None else days(first, last),
        "ordered": cut(part.amount.high),
        "ordered_low": cut(part.amount.low) if part.amount.low != part.amount.high else None,
        "label": cut(agreed.value) if agreed else None,
        "verdict": part.verdict.name,
        "ratio": cut(part.verdict.ratio),
        "row": agreed.row.id if agreed else None,
        "problem": part.step.problem,
    }


_REASONS = {
    ABOVE: "The ordered dose is above the label row",
    BELOW: "The ordered dose is below the label row",
    MATCHES: "The ordered dose is that of the label row",
    NO_ROW: "The label has no row for this",
    UNKNOWN: "Whether the ordered dose is that of the label row cannot be told",
}


def _reason(judgement: Judgement) -> str:
    verdict = judgement.verdict
    text = _REASONS[verdict.name]
    if verdict.ratio is not None and verdict.name in (ABOVE, BELOW) and verdict.row and verdict.row.value is not None:
        text += f": {times(verdict.ratio)} times {cut_dose(verdict.row.value)} mcg/day"
    if judgement.doubled:
        text += " (with the order that runs on the same days)"
    if judgement.toxicity and judgement.toxicity.blocks_verdict:
        text += " (restart after toxicity)"
    return text + "."


def _arithmetic(judgement: Judgement) -> str | None:
    """How the row of the start day was reached, with its inputs; None when nothing was computed."""
    body, doses = judgement.body, judgement.start_doses
    if not doses or body.weight_kg is None or not (len(doses) == 1 or one_dose(doses)):
        return None
    dose, kg, line = doses[0], as_ordered(body.weight_kg), as_ordered(judgement.label.weight_line_kg)
    if dose.basis != BY_AREA:
        return f"{kg} kg is {line} kg or more: fixed dose of {cut_dose(dose.row.mcg_per_day)} mcg/day."
    if body.bsa_m2 is None or body.height_cm is None or dose.value is None:
        return None
    norm, cap = as_ordered(dose.row.mcg_per_m2_per_day), as_ordered(dose.row.cap_mcg_per_day)
    return (
        f"√({as_ordered(body.height_cm)} cm × {kg} kg / 3600) = {area(body.bsa_m2)} m² ({FORMULA}); "
        f"{norm} mcg/m²/day × {area(body.bsa_m2)} m² = {cut_dose(dose.value)} mcg/day (cap {cap}"
        f"{', which binds' if dose.capped else ''})."
    )
