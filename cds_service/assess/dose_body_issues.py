"""What is to be said of the measures a dose rests on: missing, old, implausible, near the weight line. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from cds_service.assess.dose_issues import Issue
from cds_service.assess.dose_judgement import Judgement
from cds_service.assess.dose_rows import rows_of, usable
from cds_service.assess.dose_verdict import INFO, WARNING
from cds_service.assess.dose_words import area, as_ordered, cut_dose
from cds_service.assess.measures import FORMULA

NEAR_KG = Decimal(2)


def body_issues(judgement: Judgement) -> Iterator[Issue]:
    """What weight, height and surface area give."""
    yield from _missing(judgement)
    yield from _implausible(judgement)
    yield from _stale(judgement)
    yield from _conflict(judgement)
    yield from _cap(judgement)
    yield from _near_line(judgement)


def _citation(judgement: Judgement) -> str:
    return f"{judgement.label.title}, dosage by weight"


def _by_area(judgement: Judgement) -> bool:
    weight = judgement.body.weight_kg
    return weight is not None and weight < judgement.label.weight_line_kg


def _missing(judgement: Judgement) -> Iterator[Issue]:
    patient, line = judgement.case.patient, as_ordered(judgement.label.weight_line_kg)
    if judgement.body.weight_kg is None:
        why = f" ({patient.weight.problem})" if patient.weight.problem else ""
        says = f"No usable weight{why}: whether the dose is fixed ({line} kg and more) or by surface area is open."
        yield Issue("missing-weight", WARNING, says, _citation(judgement))
    elif _by_area(judgement) and judgement.body.height_cm is None:
        why = f" ({patient.height.problem})" if patient.height.problem else ""
        says = f"No usable height{why}: under {line} kg the dose goes by body surface area."
        yield Issue("missing-height", WARNING, says, _citation(judgement))


def _implausible(judgement: Judgement) -> Iterator[Issue]:
    for says in judgement.body.doubts:
        yield Issue("implausible-measure", WARNING, f"Check the measures: {says}.".replace("..", "."), "measurements")


def _stale(judgement: Judgement) -> Iterator[Issue]:
    body, case = judgement.body, judgement.case
    if body.weight_kg is not None and body.weight_stale:
        when = f" of {body.weight_date.isoformat()}" if body.weight_date else " without a date"
        says = f"The weight{when} is too old to rest a dose on: weigh again."
        yield Issue("stale-weight", WARNING, says, _citation(judgement))
    elif _before_cycle(judgement) and body.weight_date:
        says = f"The weight of {body.weight_date.isoformat()} is older than the start of this cycle: is it still right?"
        yield Issue("stale-weight", INFO, says, _citation(judgement))
    if body.height_cm is not None and body.height_stale and _by_area(judgement):
        height = case.patient.height.value
        when = f" of {height.date.isoformat()}" if height and height.date else " without a date"
        says = f"The height{when} is too old to rest a dose on: measure again."
        yield Issue("stale-height", WARNING, says, _citation(judgement))


def _before_cycle(judgement: Judgement) -> bool:
    """Was the weight taken before day 1 of a running cycle? On day 1 itself a few days before is the custom."""
    day = usable(judgement.case.course.day.value)
    if day is None or day == 1 or judgement.body.weight_date is None:
        return False
    return judgement.body.weight_date < judgement.case.start - timedelta(days=day - 1)


def _conflict(judgement: Judgement) -> Iterator[Issue]:
    body = judgement.body
    if body.conflict and body.bsa_m2 is not None and body.charted_m2 is not None:
        says = (
            f"The charted surface area ({area(body.charted_m2)} m²) is more than 5 % off the one from weight and "
            f"height ({area(body.bsa_m2)} m², {FORMULA}): the dose is judged against both."
        )
        yield Issue("bsa-conflict", WARNING if _by_area(judgement) else INFO, says, "measurements")


def _cap(judgement: Judgement) -> Iterator[Issue]:
    rows = rows_of(judgement.track, judgement.label) or judgement.label.rows
    capped = next((dose for dose in map(judgement.dose, rows) if dose.capped), None)
    if capped is not None:
        says = (
            f"The cap of {as_ordered(capped.row.cap_mcg_per_day)} mcg/day binds, which no plausible body under "
            f"{as_ordered(judgement.label.weight_line_kg)} kg reaches: check height and weight."
        )
        yield Issue("cap-binds", WARNING, says, capped.row.citation)


def _near_line(judgement: Judgement) -> Iterator[Issue]:
    weight, line = judgement.body.weight_kg, judgement.label.weight_line_kg
    if weight is None or abs(weight - line) > NEAR_KG:
        return
    full = next(row for row in judgement.label.rows if not row.step)
    bsa = judgement.body.bsa_m2
    by_area = f" ({cut_dose(min(full.mcg_per_m2_per_day * bsa, full.cap_mcg_per_day))} mcg/day here)" if bsa else ""
    side = "under" if weight < line else "above"
    distance = f"{as_ordered(abs(weight - line))} kg {side}" if weight != line else "exactly on"
    says = (
        f"{as_ordered(weight)} kg is {distance} the line of {as_ordered(line)} kg: from it on the full dose is "
        f"{as_ordered(full.mcg_per_day)} mcg/day, below it {as_ordered(full.mcg_per_m2_per_day)} mcg/m²/day{by_area}."
    )
    yield Issue("near-weight-line", INFO, says, _citation(judgement))
