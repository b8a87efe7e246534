"""How a judged part of an order and a label row are called in sentences. Pure; decides nothing."""

from __future__ import annotations

from cds_service.assess.dose_judgement import Part
from cds_service.assess.dose_rows import BY_AREA, FIXED, RowDose
from cds_service.assess.dose_words import as_ordered, cut_dose, days


def ordered_words(part: Part) -> str:
    """'28 mcg/day', or per m² with the product."""
    if part.amount.high is None:
        return part.step.as_written or "the dose"
    shown = as_ordered if part.step.per is None else cut_dose
    text = f"{shown(part.amount.high)} mcg/day"
    if part.amount.low != part.amount.high and part.amount.low is not None:
        text = f"{shown(part.amount.low)} to {text}"
    return f"{text} ({as_ordered(part.amount.per_m2)} mcg/m²/day)" if part.amount.per_m2 is not None else text


def row_words(dose: RowDose) -> str:
    """'14.8 mcg/day (15 mcg/m²/day)' or '28 mcg/day'."""
    norm = f"{as_ordered(dose.row.mcg_per_m2_per_day)} mcg/m²/day"
    if dose.value is None and dose.basis == BY_AREA:
        return f"{norm} (at most {cut_dose(dose.row.cap_mcg_per_day)} mcg/day)"
    if dose.value is None:
        return f"{cut_dose(dose.row.mcg_per_day)} mcg/day from {as_ordered(dose.line_kg)} kg on, {norm} below"
    return f"{cut_dose(dose.value)} mcg/day" + ("" if dose.basis == FIXED else f" ({norm})")


def where_words(part: Part) -> str:
    """'on days 1-7 of the cycle'; by the order's own days when the cycle day is unknown or a restart counts anew."""
    if any(dose.row.phase == "restart after toxicity" for dose in part.doses):
        last = part.first_day if part.last_day is None else part.last_day
        return f"on {'day' if last == part.first_day else 'days'} {days(part.first_day, last)} of this restart"
    if part.cycle_first_day is None:
        return "on this order's days"
    end = part.cycle_first_day
    if part.last_day is not None:
        end += part.last_day - part.first_day
    word = "day" if end == part.cycle_first_day else "days"
    return f"on {word} {days(part.cycle_first_day, end)} of the cycle"
