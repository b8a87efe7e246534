"""The order itself: another infusion beside it, and a vial's content ordered as a dose.

Doses against the label's rows are judged elsewhere; here only what medication errors are known for.
"""

from __future__ import annotations

from decimal import Decimal

from cds_service.assess.safety_item import Question, Verdict, plain, worst
from cds_service.facts.model import OtherOrder


def duplicate_therapy(question: Question) -> Verdict:
    """Another blinatumomab order over the same days. A step order and its continuation are one course."""
    others = [other for other in question.case.order.others if not other.same_course]
    if not others:
        read = question.case.patient.earlier_blinatumomab.known
        says = "No overlapping blinatumomab order among those read."
        return Verdict("clear" if read else "unknown", says if read else f"{says} Check the medication list.")
    return worst(_one_order(other) for other in others)


def _one_order(other: OtherOrder) -> Verdict:
    where = "is drafted beside this one" if other.draft else "is on file"
    doses = ", ".join(step.as_written for step in other.steps if step.as_written) or "dose not readable"
    name = f"Another blinatumomab order ({doses}) {where}"
    if other.overlapping:
        return Verdict("applies", f"{name} and overlaps with it.", "warning", (other.evidence,))
    if other.overlapping is None:
        return Verdict(
            "unknown", f"{name}; whether they overlap is not told: check its dates.", "warning", (other.evidence,)
        )
    return Verdict("clear", f"{name} and does not overlap.", evidence=(other.evidence,))


def medication_error(question: Question) -> Verdict:
    """A daily dose equal to the content of a vial (D37)."""
    order, vial = question.case.order, question.label.vial_mcg
    rates = [
        rate for step in order.steps if step.per is None for rate in (step.rate, step.high_rate) if rate is not None
    ]
    evidence = (order.evidence,)
    if vial in rates:
        says = f"{plain(Decimal(vial))} mcg/day is ordered, the content of a vial."
        return Verdict("applies", says, "critical", evidence)
    if not order.steps or any(step.rate is None for step in order.steps):
        return Verdict("unknown", "A dose of this order cannot be read: give it in mcg per day.", evidence=evidence)
    return Verdict("clear", "No dose of this order equals the content of a vial.", evidence=evidence)
