"""What is to be said of a judged dose against its rows: missing step, over- and underdose, weight band. Pure.

Each issue has a stable code, a severity, one or two sentences and a citation. The order itself and the measures are
spoken of in `dose_order_issues` and `dose_body_issues`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from cds_service.assess.dose_judgement import Judgement, Part
from cds_service.assess.dose_phrases import ordered_words, row_words, where_words
from cds_service.assess.dose_rows import BY_AREA, RowDose
from cds_service.assess.dose_verdict import (
    ABOVE,
    BELOW,
    CRITICAL,
    INFO,
    MATCHES,
    NO_ROW,
    UNKNOWN,
    WARNING,
    one_dose,
)
from cds_service.assess.dose_words import as_ordered, cut_dose, times
from cds_service.assess.track import NONE

LEAST_EXCEEDING_NEAR = Decimal("0.95")
"""A dose from 5 % under the full row on is the full dose given in place of the step."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing to say about the dose."""

    code: str
    severity: str
    says: str
    citation: str


def row_issues(judgement: Judgement) -> Iterator[Issue]:
    """What the comparison with the rows gives."""
    yield from _above_every_row(judgement)
    if not (judgement.toxicity and judgement.toxicity.blocks_verdict):
        # While the label says to interrupt or stop, or what it says is open, no row is there to compare with.
        for part in judgement.parts:
            yield from _part_issues(judgement, part)
        yield from _next_row(judgement)
    yield from _no_row(judgement)
    yield from _track(judgement)
    yield from _cycle(judgement)


def _above_every_row(judgement: Judgement) -> Iterator[Issue]:
    if not judgement.above_every_row:
        return
    doses = [judgement.dose(row) for row in judgement.label.rows]
    highest = max(doses, key=lambda dose: dose.upper)
    limit = f"{cut_dose(highest.value)} mcg/day" if highest.value is not None else _limit_without_value(highest)
    says = f"Above what every label row allows for this patient, whatever the cycle or use (highest row: {limit})."
    # Up to 1.25 times a known row, under its ceiling, the excess is a warning like any other (contract, severity).
    severity = judgement.verdict.severity if judgement.verdict.name == ABOVE else CRITICAL
    yield Issue("above-every-label-row", severity, says, highest.row.citation)


def _limit_without_value(dose: RowDose) -> str:
    norm = f"{as_ordered(dose.row.mcg_per_m2_per_day)} mcg/m²/day"
    if dose.basis == BY_AREA:
        return f"{norm}, which stays under {cut_dose(dose.row.cap_mcg_per_day)} mcg/day at any plausible height"
    line = as_ordered(dose.line_kg)
    return f"{cut_dose(dose.row.mcg_per_day)} mcg/day from {line} kg on, {norm} below"


def _part_issues(judgement: Judgement, part: Part) -> Iterator[Issue]:
    if part.verdict.name == ABOVE:
        yield _too_high(judgement, part)
    elif part.verdict.name == BELOW:
        yield _too_low(judgement, part)
    if part.verdict.name in (ABOVE, BELOW, UNKNOWN) or part.step.per == "m2":
        yield from _weight_band(judgement, part)


def _too_high(judgement: Judgement, part: Part) -> Issue:
    dose = part.verdict.row or part.doses[0]
    ordered, where = ordered_words(part), where_words(part)
    if all(candidate.row.step for candidate in part.doses) and _is_full_dose(judgement, part):
        given_before = any(_is_step(other) and other.first_day < part.first_day for other in judgement.parts)
        code = "misplaced-step" if given_before else "missing-step"
        what = "The step is too short" if given_before else "The step dose is missing"
        return Issue(
            code, CRITICAL, f"{what}: {where} the row is {row_words(dose)}; ordered {ordered}.", dose.row.citation
        )
    ratio = f", {times(part.verdict.ratio)} times" if part.verdict.ratio is not None else ""
    says = f"Overdose: ordered {ordered}{ratio} the label row of {row_words(dose)} {where}."
    if not ratio:
        says = f"Overdose: ordered {ordered}, above the label row of {row_words(dose)} {where}."
    return Issue("overdose", part.verdict.severity, says, dose.row.citation)


def _too_low(judgement: Judgement, part: Part) -> Issue:
    dose = part.verdict.row or part.doses[0]
    ordered, where = ordered_words(part), where_words(part)
    if looks_like_step(judgement, part):
        given_before = any(_is_step(other) and other.step is part.step for other in judgement.parts)
        what = "The step lasts too long" if given_before else "A step dose stands where the label has none"
        says = f"{what}: {where} the row is {row_words(dose)}; ordered {ordered}. {_ASK}"
        return Issue("misplaced-step", WARNING, says, dose.row.citation)
    says = f"Underdose: ordered {ordered}, the label row {where} is {row_words(dose)}. {_ASK}"
    return Issue("underdose", WARNING, says, dose.row.citation)


_ASK = "Is this a restart, a reduction for toxicity, or a protocol's dose?"


def _is_step(part: Part) -> bool:
    return part.verdict.name == MATCHES and all(dose.row.step for dose in part.doses)


def _is_full_dose(judgement: Judgement, part: Part) -> bool:
    """The dose of the days after the step, or more, over the step's days."""
    full = next((row for row in judgement.label.rows if not row.step), None)
    if full is None:
        return False
    if part.amount.per_m2 is not None:
        return part.amount.per_m2 >= full.mcg_per_m2_per_day * LEAST_EXCEEDING_NEAR
    value = judgement.dose(full).value
    high = part.amount.high
    return high is not None and high >= (value or full.mcg_per_day) * LEAST_EXCEEDING_NEAR


def looks_like_step(judgement: Judgement, part: Part) -> bool:
    """Is the ordered dose that of a step row (5 % either side)?"""
    amount = part.amount
    for row in (row for row in judgement.label.rows if row.step):
        value = judgement.dose(row).value
        pairs = ((amount.per_m2, row.mcg_per_m2_per_day), (amount.high, value), (amount.high, row.mcg_per_day))
        if any(
            ordered and norm and abs(ordered - norm) <= norm * judgement.label.bsa_tolerance for ordered, norm in pairs
        ):
            return not any(dose.row.step for dose in part.doses)
    return False


def _weight_band(judgement: Judgement, part: Part) -> Iterator[Issue]:
    """A fixed dose under the weight line, or a dose by surface area from it on."""
    weight, line = judgement.body.weight_kg, judgement.label.weight_line_kg
    if weight is None or not part.doses:
        return
    rows = [dose.row for dose in part.doses]
    kg = f"{as_ordered(weight)} kg"
    if weight < line and part.step.per is None and any(part.amount.high == row.mcg_per_day for row in rows):
        fixed = f"{ordered_words(part)} is the fixed dose from {as_ordered(line)} kg on"
        says = f"{fixed}; at {kg} the dose goes by surface area."
        yield Issue("wrong-weight-band", _band_severity(part), says, rows[0].citation)
    elif weight >= line and _by_area(judgement, part):
        says = f"The order goes by surface area; from {as_ordered(line)} kg on ({kg}) the dose is fixed."
        yield Issue("wrong-weight-band", _band_severity(part), says, rows[0].citation)


def _band_severity(part: Part) -> str:
    return WARNING if part.verdict.name == UNKNOWN else part.verdict.severity


def _by_area(judgement: Judgement, part: Part) -> bool:
    if part.step.per == "m2":
        return True
    bsa, ordered = judgement.body.bsa_m2, part.amount.high
    if bsa is None or ordered is None or any(_is_near(ordered, dose.row.mcg_per_day) for dose in part.doses):
        return False  # a fixed dose of the rows is not a dose by surface area, though the two may lie close together
    norms = {dose.row.mcg_per_m2_per_day * bsa for dose in part.doses}
    return any(abs(ordered - norm) <= norm * judgement.label.bsa_tolerance for norm in norms)


def _is_near(ordered: Decimal, fixed: Decimal) -> bool:
    return abs(ordered - fixed) <= (1 - LEAST_EXCEEDING_NEAR) * fixed


def _next_row(judgement: Judgement) -> Iterator[Issue]:
    """An order without an end is judged on its start day: when does another row begin?"""
    open_parts = [part for part in judgement.parts if part.last_day is None]
    for part in open_parts:
        later = [stretch for stretch in judgement.judged_by if stretch.first_day > part.first_day and stretch.rows]
        if not later:
            continue
        begins = later[0].first_day
        doses = [judgement.dose(row) for row in later[0].rows]
        start = judgement.case.order.start
        on = f" ({(start + timedelta(days=begins - 1)).isoformat()})" if start else ""
        cycle_day = part.cycle_first_day
        of_cycle = f", day {cycle_day + begins - part.first_day} of the cycle" if cycle_day else ""
        says = (
            f"No end is stated. From day {begins} of this order{on}{of_cycle} the row is "
            f"{' or '.join(dict.fromkeys(row_words(dose) for dose in doses))}."
        )
        yield Issue("next-row-begins", INFO, says, doses[0].row.citation)


def _no_row(judgement: Judgement) -> Iterator[Issue]:
    if judgement.verdict.name != NO_ROW and judgement.track.name != NONE:
        return
    if judgement.track.name == NONE:
        says = f"The label has no dose for this use ({judgement.track.reason}): follow the protocol."
    else:
        says = "The label has no row for this cycle and day of this use: follow the protocol."
    yield Issue("no-label-row", INFO, says, f"{judgement.label.title}, dosage")


def _track(judgement: Judgement) -> Iterator[Issue]:
    track, citation = judgement.track, f"{judgement.label.title}, dosage"
    if track.name is None:
        step = next((row for row in judgement.label.rows if row.step and row.track in track.possible), None)
        says = f"Which label row applies is open: {track.reason}."
        if step is not None:
            says += (
                f" If relapsed or refractory, days {step.first_day} to {step.last_day} of cycle {step.first_cycle} are "
                f"{as_ordered(step.mcg_per_day)} mcg/day (under {as_ordered(judgement.label.weight_line_kg)} kg: "
                f"{as_ordered(step.mcg_per_m2_per_day)} mcg/m²/day)."
            )
        yield Issue("track-unknown", INFO, says, citation)
    elif track.flagged:
        yield Issue("track-flagged", INFO, f"Row chosen with a reservation: {track.reason}.", citation)


def _cycle(judgement: Judgement) -> Iterator[Issue]:
    course = judgement.case.course
    lacking = [name for name, fact in (("cycle", course.cycle), ("day", course.day)) if not fact.known]
    if lacking and judgement.track.name != NONE:
        agreed = one_dose(judgement.start_doses)
        rest = "all rows that may hold give one dose" if agreed else "the rows that may hold are listed, none is chosen"
        says = f"The {' and '.join(lacking)} of this order {'is' if len(lacking) == 1 else 'are'} not stated: {rest}."
        yield Issue("cycle-unknown", INFO, says, f"{judgement.label.title}, dosage")
