"""What is to be said of the order as written: unreadable doses, slips of unit, vial content, length. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from cds_service.assess.dose_amount import amount_of, overlapping
from cds_service.assess.dose_issues import Issue
from cds_service.assess.dose_judgement import Judgement, Part, areas
from cds_service.assess.dose_rows import BY_AREA, LAST_DAY, row_dose, usable
from cds_service.assess.dose_verdict import CRITICAL, INFO, MATCHES, WARNING
from cds_service.assess.dose_words import as_ordered
from cds_service.assess.toxicity import CONSIDER, CONTINUE, DISCONTINUE, INTERRUPT, RESTART, UNKNOWN
from cds_service.facts.model import OrderedStep

_MOST_VIALS = 10
_NEAR = Decimal("0.1")
_SLIPS = (
    (Decimal(1000), "about 1000 times the row: were milligrams written for micrograms?"),
    (Decimal(24), "about 24 times the row: was the dose per day written as a rate per hour?"),
    (1 / Decimal(24), "about a 24th of the row: was a rate per hour written as the dose per day?"),
    (1 / Decimal(1000), "about a 1000th of the row: is the unit right?"),
)
_CERTAINLY_MILLIGRAMS = Decimal(1000)
"""mcg/day: no row or protocol comes near it."""
_AFTER_TOXICITY = {
    CONTINUE: INFO,
    RESTART: INFO,
    INTERRUPT: WARNING,
    CONSIDER: WARNING,
    UNKNOWN: WARNING,
    DISCONTINUE: CRITICAL,
}


def order_issues(judgement: Judgement) -> Iterator[Issue]:
    """What the order itself gives."""
    yield from _unreadable(judgement)
    yield from _vial(judgement)
    for part in judgement.parts:
        yield from _unit_slip(judgement, part)
    yield from _per_kg(judgement)
    yield from _steps(judgement)
    yield from _duplicate(judgement)
    yield from _policy_maximum(judgement)
    yield from _maximum_per_period(judgement)
    yield from _length(judgement)
    yield from _after_toxicity(judgement)


def _label(judgement: Judgement) -> str:
    return f"{judgement.label.title}, dosage"


def _unreadable(judgement: Judgement) -> Iterator[Issue]:
    order = judgement.case.order
    for step in order.steps:
        if step.rate is None:
            quoted = f" Ordered: “{step.as_written}”." if step.as_written else ""
            why = step.problem or "it is not stated as an amount per day"
            yield Issue("dose-unreadable", WARNING, f"The dose per day cannot be told: {why}.{quoted}", "order")
        elif amount_of(step, judgement.body, judgement.body.bsa_m2).high is None:
            measure = "body surface area" if step.per == "m2" else "weight"
            says = f"“{step.as_written}” cannot be turned into mcg/day without a usable {measure}."
            yield Issue("dose-unreadable", WARNING, says, "order")
        elif step.problem:
            says = f"The days of “{step.as_written}” cannot be told: {step.problem}."
            yield Issue("step-days-unknown", WARNING, says, "order")
    if not order.steps and order.text:
        says = f"The dose per day cannot be told from text: “{order.text}”."
        yield Issue("dose-unreadable", WARNING, says, "order")
    elif not order.steps:
        yield Issue("dose-missing", INFO, "The order states no dose yet.", "order")


def _vial(judgement: Judgement) -> Iterator[Issue]:
    """The content of one or more whole vials ordered as the dose is a stop (D37)."""
    vial = judgement.label.vial_mcg
    for step, amount in zip(judgement.steps, judgement.amounts(), strict=True):
        whole = step.per is None and amount.high and amount.high % vial == 0 and amount.high <= vial * _MOST_VIALS
        if whole and amount.high:
            number = amount.high / vial
            vials = "one vial" if number == 1 else f"{as_ordered(number)} vials"
            says = f"{as_ordered(amount.high)} mcg is the content of {vials}, not a dose per day."
            yield Issue("vial-content-as-dose", CRITICAL, says, "LA.PHAR.312 VI; label, how supplied")


def _unit_slip(judgement: Judgement, part: Part) -> Iterator[Issue]:
    if part.verdict.name == MATCHES or part.step.rate is None:
        return
    says = _factor_slip(judgement, part) or _per_area_slip(judgement, part)
    if says:
        severity = part.verdict.severity if part.verdict.severity == CRITICAL else WARNING
        yield Issue("unit-slip", severity, f"{_written(part.step)} is {says}", _label(judgement))


def _written(step: OrderedStep) -> str:
    return f"“{step.as_written}”" if step.as_written else "the ordered dose"


def _factor_slip(judgement: Judgement, part: Part) -> str | None:
    ordered = part.step.high_rate or part.step.rate or Decimal(0)
    if ordered >= _CERTAINLY_MILLIGRAMS:
        return _SLIPS[0][1]
    references = _norms(judgement, part)
    for factor, says in _SLIPS:
        if any(abs(ordered / norm - factor) <= factor * _NEAR for norm in references):
            return says
    return None


def _norms(judgement: Judgement, part: Part) -> set[Decimal]:
    """What the numbers of the label are in the unit of this order."""
    rows = [dose.row for dose in part.doses] or list(judgement.label.rows)
    if part.step.per == "m2":
        return {row.mcg_per_m2_per_day for row in rows}
    if part.step.per == "kg":
        return set()
    values = {judgement.dose(row).value for row in rows}
    return {row.mcg_per_day for row in rows} | {value for value in values if value}


def _per_area_slip(judgement: Judgement, part: Part) -> str | None:
    """The number of the dose per m² ordered as a dose, or the other way round."""
    rows = [dose.row for dose in part.doses]
    rate = part.step.rate
    if part.step.per is None and any(dose.basis == BY_AREA for dose in part.doses):
        norms = [row.mcg_per_m2_per_day for row in rows if row.mcg_per_m2_per_day == rate]
        return f"the number of the dose per m²: was {as_ordered(norms[0])} mcg/m²/day meant?" if norms else None
    if part.step.per == "m2":
        fixed = [row.mcg_per_day for row in rows if row.mcg_per_day == rate]
        return f"the number of the fixed dose: was {as_ordered(fixed[0])} mcg/day meant, not per m²?" if fixed else None
    return None


def _per_kg(judgement: Judgement) -> Iterator[Issue]:
    if any(step.per == "kg" for step in judgement.steps):
        says = "The order goes by kilogram; the label doses are fixed or by surface area."
        yield Issue("unit-slip", WARNING, says, _label(judgement))


def _steps(judgement: Judgement) -> Iterator[Issue]:
    if overlapping(judgement.steps):
        says = "The steps of this order claim the same days: which dose holds on which day is not told."
        yield Issue("steps-overlap", WARNING, says, "order")


def _duplicate(judgement: Judgement) -> Iterator[Issue]:
    others = [other for other in judgement.case.order.others if not other.same_course]
    if judgement.doubled:
        amounts = [amount.high for amount in judgement.amounts()]
        own = None if not amounts or None in amounts else max(amount for amount in amounts if amount is not None)
        total = None if own is None or judgement.others.high is None else own + judgement.others.high
        together = f"{as_ordered(total)} mcg/day" if total is not None else "a dose that cannot be told"
        says = f"Another blinatumomab order runs on the same days: together {together}. Is it to be stopped?"
        above = judgement.above_every_row or judgement.verdict.severity == CRITICAL
        yield Issue("duplicate-therapy", CRITICAL if above else WARNING, says, "orders on file")
    elif untold := [other for other in others if other.overlapping is None]:
        where = "is drafted beside this one" if untold[0].draft else "is on file"
        because = f": {untold[0].why}" if untold[0].why else ""
        says = f"Another blinatumomab order {where}; whether it runs on the same days cannot be told{because}."
        yield Issue("duplicate-therapy", WARNING, says, "orders on file")


def _policy_maximum(judgement: Judgement) -> Iterator[Issue]:
    if judgement.over_policy_maximum and judgement.policy_maximum is not None:
        says = f"Above the policy's maximum of {as_ordered(judgement.policy_maximum)} mcg/day."
        yield Issue("over-policy-maximum", WARNING, says, judgement.policy_maximum_citation)


def _maximum_per_period(judgement: Judgement) -> Iterator[Issue]:
    stated = judgement.case.order.max_per_day
    if stated is None:
        return
    words = f"The order's own maximum ({as_ordered(stated)} mcg/day)"
    if any(amount.at_least > stated for amount in judgement.amounts()):
        yield Issue("max-dose-per-period", WARNING, f"{words} is below the dose it orders.", "order")
    if judgement.policy_maximum is not None and stated > judgement.policy_maximum:
        says = f"{words} is above the policy's maximum of {as_ordered(judgement.policy_maximum)} mcg/day."
        yield Issue("max-dose-per-period", WARNING, says, judgement.policy_maximum_citation)
    elif all(
        stated > row_dose(row, judgement.label, judgement.body, bsa).upper
        for bsa in areas(judgement.body)
        for row in judgement.label.rows
    ):
        says = f"{words} is above what every label row allows for this patient."
        yield Issue("max-dose-per-period", WARNING, says, _label(judgement))


def _length(judgement: Judgement) -> Iterator[Issue]:
    day = usable(judgement.case.course.day.value)
    ends = [step.last_day for step in judgement.steps if step.last_day is not None]
    longest = max(ends, default=0)
    if day is not None and day > LAST_DAY:
        says = f"Day {day}: a cycle has {LAST_DAY} infusion days, then a treatment-free interval."
        yield Issue("day-above-28", WARNING, says, _label(judgement))
    if longest > LAST_DAY or (day is not None and longest and day + longest - 1 > LAST_DAY):
        until = f"to day {day + longest - 1} of the cycle" if day is not None else f"over {longest} days"
        says = f"The order runs {until}: a cycle has {LAST_DAY} infusion days."
        yield Issue("over-28-days", WARNING, says, _label(judgement))


def _after_toxicity(judgement: Judgement) -> Iterator[Issue]:
    toxicity = judgement.toxicity
    if toxicity is None:
        return
    says = toxicity.says
    if toxicity.needs:
        says += f" To tell: {'; '.join(toxicity.needs)}."
    if toxicity.action == RESTART:
        says += " The scheduled dose does not hold for the first days of this restart."
    yield Issue("after-toxicity", _AFTER_TOXICITY[toxicity.action], says, toxicity.citation)
