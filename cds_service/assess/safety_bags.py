"""Bags with benzyl alcohol: against body weight, and against the load of a preterm or very-low-birth-weight infant.

The 5.4 kg line stands in the clinical overview only (D13); older labels drew it at 22 kg for the 7-day bag.
"""

from __future__ import annotations

from decimal import Decimal

from cds_service.assess.safety_item import Question, Verdict, plain
from cds_service.dates import at_least_months_old
from cds_service.facts.model import Evidence
from cds_service.knowledge.label import Bag

OLDER_LABELS = (
    "check your label version; older labels said {line} kg for the 7-day bag and had no 72-hour or 96-hour bag."
)


BAG_QUESTION = ("infusion-bag",)


def bag_of(question: Question) -> Bag | None:
    """The bag the order questions name, if it is one of the label's."""
    stated = question.case.course.infusion_bag.value
    return next((bag for bag in question.label.bags if bag.id == stated), None)


def preserved_bag_weight(question: Question) -> Verdict:
    """Hard flag under the line with a preserved bag; information between it and the older label's line."""
    bag = bag_of(question)
    weight = question.case.patient.weight
    evidence = question.case.course.infusion_bag.evidence + weight.evidence
    if bag is not None and not bag.preserved:
        return Verdict(
            "clear", f"The bag ({bag.hours} h) is preservative-free; no weight line holds.", evidence=evidence
        )
    if weight.value is None:
        return _weight_unknown(question, bag, evidence)
    kilograms = weight.value.value
    if kilograms < question.limit("minimum_kg"):
        return _under_the_line(question, bag, evidence)
    if kilograms < question.limit("older_label_minimum_kg"):
        return _between_the_lines(question, bag, evidence)
    return Verdict(
        "clear", f"{plain(kilograms)} kg is not under any weight line for a preserved bag.", evidence=evidence
    )


def _under_the_line(question: Question, bag: Bag | None, evidence: tuple[Evidence, ...]) -> Verdict:
    weight, line = _kilograms(question), plain(question.limit("minimum_kg"))
    if bag is None:
        says = f"{weight} kg is under {line} kg and the bag is not stated: state it; preserved bags are not for it."
        return Verdict("unknown", says, "warning", evidence, BAG_QUESTION)
    says = f"{weight} kg is under {line} kg and the bag ordered ({_length(bag)}) contains benzyl alcohol."
    return Verdict("applies", says, "critical", evidence)


def _between_the_lines(question: Question, bag: Bag | None, evidence: tuple[Evidence, ...]) -> Verdict:
    older = OLDER_LABELS.format(line=plain(question.limit("older_label_minimum_kg")))
    weight = _kilograms(question)
    asks = BAG_QUESTION if bag is None else ()
    if question.case.patient.weight.stale:
        says = f"The weight ({weight} kg) is old: weigh again before a preserved bag."
        return Verdict("unknown", says, "warning", evidence, asks)
    if bag is None:
        says = f"Bag not stated. If it is a preserved one at {weight} kg: {older}"
        return Verdict("unknown", says, evidence=evidence, asks=asks)
    return Verdict("applies", f"Preserved bag ({_length(bag)}) at {weight} kg: {older}", evidence=evidence)


def _weight_unknown(question: Question, bag: Bag | None, evidence: tuple[Evidence, ...]) -> Verdict:
    line = plain(question.limit("minimum_kg"))
    if bag is not None:
        says = f"The bag ({_length(bag)}) contains benzyl alcohol; no usable weight on file: weigh ({line} kg line)."
        return Verdict("unknown", says, "warning", evidence)
    severity = "info" if is_infant(question) is False else "warning"
    says = f"Neither bag nor usable weight is on file: bags with benzyl alcohol are not for under {line} kg."
    return Verdict("unknown", says, severity, evidence, BAG_QUESTION)


def benzyl_alcohol_load(question: Question) -> Verdict:
    """Infants born before 34 weeks or under 1500 g: preservative from all sources adds up."""
    infant = is_infant(question)
    if infant is False:
        return Verdict(
            "clear", "Concerns infants; this patient is older.", evidence=question.case.patient.birth_date.evidence
        )
    risks, evidence = _risks_at_birth(question)
    bag = bag_of(question)
    if risks and not (bag is not None and not bag.preserved):
        which = "a preserved bag is ordered" if bag else "the bag is not stated"
        return Verdict("applies", f"Born {' and '.join(risks)}; {which}.", "warning", evidence)
    if risks:
        return Verdict(
            "applies", f"Born {' and '.join(risks)}; the bag ordered is preservative-free.", evidence=evidence
        )
    if _birth_known(question):
        return Verdict("clear", "Born at 34 weeks or later with 1500 g or more.", evidence=evidence)
    says = "Gestational age and birth weight are not both on file: under 34 weeks or 1500 g, count all benzyl alcohol."
    severity = "warning" if infant and bag is not None and bag.preserved else "info"
    return Verdict("unknown", says, severity, evidence)


def is_infant(question: Question) -> bool | None:
    """Under the age of `infant_months` on the start; None when the birth date leaves it open."""
    birth = question.case.patient.birth_date.value
    if birth is None:
        return None
    older = at_least_months_old(birth, int(question.limit("infant_months")), question.case.start)
    return None if older is None else not older


def _risks_at_birth(question: Question) -> tuple[list[str], tuple[Evidence, ...]]:
    patient = question.case.patient
    problems = [item for item in patient.problems if item.kind in ("preterm", "very-low-birth-weight")]
    evidence = patient.gestational_age_days.evidence + patient.birth_weight_g.evidence
    days, grams = patient.gestational_age_days.value, patient.birth_weight_g.value
    risks = []
    if days is not None and days < question.limit("gestation_days"):
        risks.append(f"at {days // 7} weeks and {days % 7} days")
    elif days is None and any(item.kind == "preterm" for item in problems):
        risks.append("preterm (weeks not on file)")
    if grams is not None and grams < question.limit("birth_weight_g"):
        risks.append(f"at {plain(Decimal(grams))} g")
    elif grams is None and any(item.kind == "very-low-birth-weight" for item in problems):
        risks.append("with very low birth weight")
    return risks, evidence + tuple(item.evidence for item in problems)


def _birth_known(question: Question) -> bool:
    patient = question.case.patient
    return patient.gestational_age_days.value is not None and patient.birth_weight_g.value is not None


def _kilograms(question: Question) -> str:
    weight = question.case.patient.weight.value
    return plain(weight.value) if weight else "unknown"


def _length(bag: Bag) -> str:
    return "7 days" if bag.hours == 168 else f"{bag.hours} h"
