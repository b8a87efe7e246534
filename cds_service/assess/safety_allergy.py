"""Allergies on record: to the drug, to the preservative of some bags, to the premedication.

A recorded CRS or fever is a known toxicity, not an allergy; an empty list is no proof that there is none.
"""

from __future__ import annotations

from cds_service.assess.safety_bags import BAG_QUESTION, bag_of
from cds_service.assess.safety_item import Question, Verdict, worst
from cds_service.facts.model import Allergy

TOXICITY_WORDS = ("cytokine", "crs", "fever", "pyrexia")
STEROIDS = ("dexamethasone", "prednisone")
STEROID_CLASS = "corticosteroid"
"""Another steroid, or the class: bears on the same premedication."""


def hypersensitivity(question: Question) -> Verdict:
    """Confirmed and active: the contraindication. Anything less certain: for review."""
    return _by_substances(question, ("blinatumomab",), "critical", "this is the label's contraindication.")


def benzyl_alcohol_allergy(question: Question) -> Verdict:
    """Matters with a preserved bag only; a question while the bag is unknown, settled by a preservative-free one."""
    found = _by_substances(question, ("benzyl-alcohol",), "critical", "a bag with benzyl alcohol must not be used.")
    bag = bag_of(question)
    if bag is None and found.status == "applies":
        says = f"{found.says} The bag is not stated: state it; only a preservative-free one can be used."
        return Verdict("unknown", says, "warning", found.evidence, BAG_QUESTION)
    if bag is not None and not bag.preserved:
        return Verdict("clear", f"The bag ({bag.hours} h) is preservative-free.", evidence=found.evidence)
    return found


def premedication_allergy(question: Question) -> Verdict:
    """An allergy to the steroid the label asks for."""
    return _by_substances(question, STEROIDS, "warning", "the premedication needs another plan.", STEROID_CLASS)


def _by_substances(
    question: Question, substances: tuple[str, ...], severity: str, consequence: str, *also: str
) -> Verdict:
    mine = [allergy for allergy in question.case.patient.allergies if allergy.substance in (*substances, *also)]
    if mine:
        return worst(_judge(allergy, severity, consequence) for allergy in mine)
    names = " or ".join(substances).replace("-", " ")
    if question.case.patient.allergies_asked:
        return Verdict("unknown", f"No allergy to {names} is recorded; the list is not proof: ask the patient.")
    return Verdict("unknown", f"Allergies were not available to this check: ask for an allergy to {names}.")


def _judge(allergy: Allergy, severity: str, consequence: str) -> Verdict:
    name = allergy.substance.replace("-", " ")
    doubt = _doubt(allergy)
    if doubt:
        return Verdict(
            "applies", f"A reaction to {name} is recorded, {doubt}: review it.", "warning", (allergy.evidence,)
        )
    says = f"A confirmed, active allergy to {name} is recorded: {consequence}"
    return Verdict("applies", says, severity, (allergy.evidence,))


def _doubt(allergy: Allergy) -> str | None:
    """Why this record is not a plain allergy; None when it is one."""
    if allergy.reaction and any(word in allergy.reaction.lower() for word in TOXICITY_WORDS):
        return f"but '{allergy.reaction}' is a known toxicity of treatment rather than an allergy"
    if allergy.intolerance:
        return "as an intolerance"
    if not allergy.active:
        return "but is not active"
    return None if allergy.confirmed else "but is not confirmed"
