"""Is the premedication ordered already? Only a plain order counts: systemic, enough, one dose, on the right day.

Everything else a steroid can be (eye drops, a taper, a chemotherapy block) is quoted, never counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from cds_service.assess.measures import rounded_down
from cds_service.assess.premedication_times import Moment
from cds_service.facts.model import Case, Evidence, SteroidOrder
from cds_service.knowledge.label import PremedicationRow


@dataclass(frozen=True, slots=True)
class Ordered:
    """'yes', 'no' or 'unknown', what was looked at, and the moments no order was found for."""

    answer: str
    evidence: tuple[Evidence, ...] = ()
    without_order: tuple[Moment, ...] = ()


def already_ordered(
    case: Case, row: PremedicationRow | None, dose_mg: Decimal | None, due: tuple[Moment, ...]
) -> Ordered:
    """Look through the steroid orders for the row's dose (`dose_mg`, mg) at the moments due.

    The first moment due decides, the order's own start where none is: a later one alone is not enough.
    """
    orders = case.patient.steroid_orders
    if not orders:
        return Ordered("no" if _medications_read(case) else "unknown", without_order=due)
    evidence = tuple(order.evidence for order in orders)
    if row is None or dose_mg is None:
        return Ordered("unknown", evidence, due)
    without = tuple(moment for moment in due if not _any_covers(case, row, dose_mg, moment))
    first = min(due, key=lambda moment: moment.days_after_start, default=Moment("start of this order"))
    answer = "yes" if _any_covers(case, row, dose_mg, first) else "unknown"
    return Ordered(answer, evidence, without)


def _any_covers(case: Case, row: PremedicationRow, dose_mg: Decimal, moment: Moment) -> bool:
    """An order without a planned start has no day that another order could match."""
    if case.order.start is None:
        return False
    day = case.order.start + timedelta(days=moment.days_after_start)
    return any(
        order.route == "systemic" and order.single is True and order.day == day and _enough(order, row, dose_mg)
        for order in case.patient.steroid_orders
    )


def _enough(order: SteroidOrder, row: PremedicationRow, dose_mg: Decimal) -> bool:
    if order.dose_mg is None:
        return False
    return any(order.drug == drug and order.dose_mg >= dose for drug, dose in _accepted(row, dose_mg))


def _accepted(row: PremedicationRow, dose_mg: Decimal) -> list[tuple[str, Decimal]]:
    """The row's own agent and dose, as it is offered, and its alternatives ("prednisone 100 mg IV")."""
    accepted = [(row.agent, rounded_down(dose_mg))]
    for alternative in row.alternatives:
        drug, amount = alternative.split()[:2]
        try:
            accepted.append((drug, Decimal(amount)))
        except InvalidOperation:
            continue
    return accepted


def _medications_read(case: Case) -> bool:
    """Whether the medication list was there to be read: only then does nothing on it mean that nothing is ordered.

    Earlier blinatumomab is told yes or no only when the list was read.
    """
    return case.patient.earlier_blinatumomab.known
