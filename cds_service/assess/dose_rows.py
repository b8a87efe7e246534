"""Which label rows an order day falls on, and what a row means for this body. Pure.

Norm and ceiling are kept apart: a fixed dose and a cap are ceilings (any excess is above, 5 % below still matches);
a dose by surface area is a norm (5 % either side) under its cap.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from cds_service.assess.dose_amount import LEAST_HEIGHT_CM, Amount
from cds_service.assess.measures import Body, mosteller
from cds_service.assess.toxicity import Toxicity
from cds_service.assess.track import NONE, Track
from cds_service.facts.model import Case
from cds_service.knowledge.label import DosingRow, Label

FIXED, BY_AREA = "fixed", "bsa"
LAST_DAY = 28


class RowDose(NamedTuple):
    """One row at this weight and this surface area."""

    row: DosingRow
    basis: str | None
    """fixed, bsa, or None when the weight is unknown"""
    value: Decimal | None
    """mcg/day; None when weight, or height under the weight line, is unknown"""
    capped: bool
    upper: Decimal
    """Above this is above the row. Without a value: the row's ceiling for any body."""
    lower: Decimal | None
    tolerance: Decimal
    line_kg: Decimal

    @property
    def ceiling(self) -> Decimal:
        """Fixed dose or cap: exceeding it is critical whatever the ratio."""
        return self.row.mcg_per_day if self.basis != BY_AREA else self.row.cap_mcg_per_day

    def exceeded_by(self, amount: Amount) -> bool:
        """Is the upper end certainly above what this row allows?"""
        if amount.at_least > self.upper:
            return True
        if self.value is not None:
            return False
        if self.basis == BY_AREA:
            # No child under the weight line is tall enough for the cap of the full dose: 28 mcg is above any area.
            return (not self.row.step and amount.at_least >= self.row.cap_mcg_per_day) or self._norm_exceeded(amount)
        return self._norm_exceeded(amount) and self._fixed_exceeded(amount)

    def _norm_exceeded(self, amount: Amount) -> bool:
        """Per m² against per m²: needs no surface area."""
        return amount.per_m2 is not None and amount.per_m2 > self.row.mcg_per_m2_per_day * (1 + self.tolerance)

    def _fixed_exceeded(self, amount: Amount) -> bool:
        """Above the fixed dose for the smallest body there is at the weight line."""
        least = mosteller(self.line_kg, LEAST_HEIGHT_CM)
        return amount.per_m2 is not None and amount.per_m2 * least > self.row.mcg_per_day


class Stretch(NamedTuple):
    """Days of the order on which the same rows hold. No rows: the label has none for these days."""

    first_day: int
    last_day: int | None
    rows: tuple[DosingRow, ...]


def row_dose(row: DosingRow, label: Label, body: Body, bsa_m2: Decimal | None) -> RowDose:
    """What this row asks for at this body. The weight line is compared unrounded."""
    below = 1 - label.bsa_tolerance
    if body.weight_kg is None:
        return RowDose(row, None, None, False, row.mcg_per_day, None, label.bsa_tolerance, label.weight_line_kg)
    if body.weight_kg >= label.weight_line_kg:
        dose = row.mcg_per_day
        return RowDose(row, FIXED, dose, False, dose, dose * below, label.bsa_tolerance, label.weight_line_kg)
    cap = row.cap_mcg_per_day
    if bsa_m2 is None:
        return RowDose(row, BY_AREA, None, False, cap, None, label.bsa_tolerance, label.weight_line_kg)
    norm = row.mcg_per_m2_per_day * bsa_m2
    dose = min(norm, cap)
    upper = min(norm * (1 + label.bsa_tolerance), cap)
    return RowDose(row, BY_AREA, dose, norm > cap, upper, dose * below, label.bsa_tolerance, label.weight_line_kg)


def rows_of(track: Track, label: Label) -> tuple[DosingRow, ...]:
    """Every row of this track, or of each possible track when it is not known; none for a use without a row."""
    if track.name == NONE:
        return ()
    names = (track.name,) if track.name else track.possible
    return tuple(row for row in label.rows if row.track in names)


def usable(number: int | None, lowest: int = 1) -> int | None:
    """A stated cycle or day, unless it is impossible."""
    return number if number is not None and number >= lowest else None


def rows_at(rows: Iterable[DosingRow], cycle: int | None, day: int | None) -> tuple[DosingRow, ...]:
    """The rows of this cycle and day; an unknown one excludes nothing."""
    return tuple(
        row
        for row in rows
        if (cycle is None or row.first_cycle <= cycle <= row.last_cycle or _later(row, cycle))
        and (day is None or row.first_day <= day <= row.last_day)
    )


def _later(row: DosingRow, cycle: int) -> bool:
    return row.also_later_cycles and cycle > row.last_cycle


def day_for_rows(case: Case) -> int | None:
    """The cycle day that chooses the row. After an interruption the calendar may pass day 28: the last row holds."""
    day = usable(case.course.day.value)
    interrupted = case.course.restart_interruption_hours.known or case.course.restart_reason.known
    return LAST_DAY if day is not None and day > LAST_DAY and interrupted else day


def scheduled(case: Case, label: Label, track: Track) -> tuple[Stretch, ...]:
    """The schedule over the order's own days, whatever happened before."""
    cycle, day = usable(case.course.cycle.value), day_for_rows(case)
    rows = rows_at(rows_of(track, label), cycle, None)
    if day is None:
        return (Stretch(1, None, rows),)
    begins = {each for row in rows for each in (row.first_day, row.last_day + 1) if day < each <= LAST_DAY}
    firsts = sorted({day, *begins}) if day <= LAST_DAY else []
    lasts = [first - 1 for first in firsts[1:]] + [LAST_DAY]
    stretches = [
        Stretch(first - day + 1, last - day + 1, rows_at(rows, None, first))
        for first, last in zip(firsts, lasts, strict=False)
    ]
    return (*stretches, Stretch(max(LAST_DAY - day + 2, 1), None, ()))


def after_toxicity(toxicity: Toxicity) -> tuple[Stretch, ...]:
    """The step dose for the order's first days, then the full dose: it replaces the schedule."""
    step, full = toxicity.rows
    return (Stretch(1, step.last_day, (step,)), Stretch(step.last_day + 1, None, (full,)))
