"""The premedication that a draft lacks: agent, dose and moments of the label row, or why it is not offered. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from cds_service.assess.measures import Body, rounded_down
from cds_service.assess.premedication import DOUBTFUL_MG, PremedicationResult
from cds_service.assess.premedication_times import Moment
from cds_service.facts.model import Case
from cds_service.knowledge.label import PremedicationRow

_STEROIDS = ("dexamethasone", "prednisone", "corticosteroid")
_OTHER_ORDERS = "another blinatumomab order is there"


def premedication_offer(
    case: Case, body: Body, result: PremedicationResult, halts: Sequence[str]
) -> dict[str, Any] | None:
    """The `premedication` of the offers; None where the row asks for nothing in this order, or an order covers it."""
    missing = result.ordered.without_order
    if not result.rows or not missing or result.ordered.answer == "yes":
        return None
    row = result.rows[0]
    because = list(dict.fromkeys((*halts, *_doubts(case, body, result))))
    dose = rounded_down(result.dose_mg) if result.dose_mg is not None else None
    return {
        "offered": not because,
        "because": because,
        "row_id": row.id,
        "agent": row.agent,
        "dose_mg": None if because else dose,
        "route": row.route,
        "timing": row.timing,
        "hours_before": row.hours_before,
        "lead": row.lead,
        "moments": _doses_due(missing, case.order.start),
        "citation": row.citation,
    }


def _doses_due(missing: Sequence[Moment], start: date | None) -> list[dict[str, Any]]:
    """One dose a day: a restart that is the start of a cycle as well asks for one dose, not for two."""
    days: dict[int, list[Moment]] = {}
    for moment in missing:
        days.setdefault(moment.days_after_start, []).append(moment)
    return [
        {
            "name": ", ".join(moment.name for moment in same),
            "days_after_start": after,
            "step": all("step" in moment.name for moment in same),
            "date": (start + timedelta(days=after)).isoformat() if start else None,
        }
        for after, same in days.items()
    ]


def _doubts(case: Case, body: Body, result: PremedicationResult) -> Iterator[str]:
    row = result.rows[0]
    yield from _against_the_agent(case)
    if len(result.rows) > 1:
        yield "adult or child is not known"
    if any(_differs(other, row) for other in result.other_rows):
        yield "another label row fits as well and asks for another dose"
    if result.ordered.answer == "unknown":
        seen = bool(result.ordered.evidence)
        yield (
            "a steroid order is there already: check whether it is meant" if seen else "the orders were not in the call"
        )
    if case.order.others and any(
        other.overlapping is not False and not other.same_course for other in case.order.others
    ):
        yield _OTHER_ORDERS
    if row.dose_mg is None:
        yield from _by_area(body, result)


def _against_the_agent(case: Case) -> Iterator[str]:
    substances = {allergy.substance for allergy in case.patient.allergies}
    if substances & set(_STEROIDS):
        yield "a reaction to a steroid is on record"
    if "benzyl-alcohol" in substances:
        yield "a reaction to benzyl alcohol is on record, which steroid injections may contain"
    if not case.patient.allergies_asked:
        yield "allergies were not in the call"
    if any(problem.kind == "pancreatitis" for problem in case.patient.problems):
        yield "pancreatitis is on record"


def _differs(other: PremedicationRow, row: PremedicationRow) -> bool:
    named = (other.agent, other.dose_mg, other.dose_mg_per_m2, other.before_step)
    return named != (row.agent, row.dose_mg, row.dose_mg_per_m2, row.before_step)


def _by_area(body: Body, result: PremedicationResult) -> Iterator[str]:
    """A dose per m² needs a height and a weight to rest on."""
    if body.bsa_m2 is None or result.dose_mg is None:
        yield "no usable height and weight"
        return
    if body.height_stale or body.weight_stale:
        yield "height or weight are too old"
    if body.conflict:
        yield "charted and computed body surface area disagree"
    if body.doubts or result.dose_mg > DOUBTFUL_MG:
        yield "height or weight are implausible"
