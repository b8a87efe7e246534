"""Who the patient is: age at both ends, pregnancy, live vaccines, CD19.

Sex alone never settles a question here, and nothing on file is never "no".
"""

from __future__ import annotations

from datetime import date, timedelta

from cds_service.assess.safety_item import Question, Verdict, worst
from cds_service.dates import age_text, at_least_months_old
from cds_service.facts.model import Fact, Vaccine


def age_65(question: Question) -> Verdict:
    """From the 65th birthday on: what was more frequent there."""
    birth = question.case.patient.birth_date
    years = int(question.limit("years"))
    old = at_least_months_old(birth.value, years * 12, question.case.start) if birth.value else None
    if old is None:
        return Verdict("unknown", f"The birth date on file does not tell whether the patient is {years} or older.")
    if old:
        return Verdict("applies", f"The patient is {years} or older.", "info", birth.evidence)
    return Verdict("clear", f"The patient is under {years}.", evidence=birth.evidence)


def under_one_month(question: Question) -> Verdict:
    """Below the age at which the drug was studied."""
    birth = question.case.patient.birth_date
    months = question.label.minimum_age_months
    reached = at_least_months_old(birth.value, months, question.case.start) if birth.value else None
    if birth.value is None or reached is None:
        return Verdict(
            "unknown", "The birth date on file does not tell whether the patient is one month old: give the day."
        )
    if reached:
        return Verdict("clear", "The patient is at least one month old.", evidence=birth.evidence)
    says = f"The patient is {age_text(birth.value, question.case.start)} old on the planned start."
    return Verdict("applies", says, "warning", birth.evidence)


def pregnancy(question: Question) -> Verdict:
    """Pregnant: a strong warning. Otherwise settled only by a test, a status, or a stated lack of potential."""
    patient = question.case.patient
    fact, potential = patient.pregnancy, patient.childbearing_potential
    recorded = [item for item in patient.problems if item.kind == "pregnancy" and item.active is not False]
    evidence = fact.evidence + tuple(item.evidence for item in recorded)
    if fact.conflict or (fact.value == "not-pregnant" and recorded):
        return Verdict(
            "unknown", "Sources on file disagree on pregnancy: verify before the start.", "warning", evidence
        )
    if fact.value == "pregnant" or any(item.active for item in recorded):
        return Verdict("applies", "Pregnancy is on record.", "warning", evidence)
    if fact.value == "not-pregnant" and not fact.stale:
        return Verdict("clear", "A current test or status says not pregnant.", evidence=evidence)
    if potential.value is False:
        return Verdict("clear", "Stated: no reproductive potential.", evidence=potential.evidence)
    says = "Pregnancy status not verified: no current test or status on file."
    if potential.value is None:
        says += " Reproductive potential is not stated either."
    severity = "warning" if potential.value or _asks_loudly(question) else "info"
    asks = ("childbearing-potential",) if severity == "warning" and not potential.known else ()
    return Verdict("unknown", says, severity, evidence + potential.evidence, asks)


def _asks_loudly(question: Question) -> bool:
    """The colour of the line only: it is shown whatever sex and age are."""
    if question.case.patient.sex.value == "male":
        return False
    birth = question.case.patient.birth_date.value
    months = int(question.limit("warn_from_years")) * 12
    return birth is None or at_least_months_old(birth, months, question.case.start) is not False


def live_vaccine(question: Question) -> Verdict:
    """Given within the window before treatment or since, or ordered; an ambiguous code or date is a question."""
    vaccines = question.case.patient.vaccines
    if not vaccines:
        return Verdict("unknown", "No live vaccine is on file; that is not proof: ask for vaccines of the last weeks.")
    return worst(_one_vaccine(question, vaccine) for vaccine in vaccines)


def _one_vaccine(question: Question, vaccine: Vaccine) -> Verdict:
    evidence = (vaccine.evidence,)
    window = int(question.limit("days_before_start"))
    late = vaccine.day is None or vaccine.day >= _treatment_start(question) - timedelta(days=window)
    if vaccine.ambiguous and (late or vaccine.ordered):
        says = f"{vaccine.name} is on file; its code leaves open whether it is live: ask."
        return Verdict("unknown", says, "warning", evidence)
    if vaccine.ordered:
        return Verdict("applies", f"{vaccine.name}, a live vaccine, is ordered.", "warning", evidence)
    if vaccine.day is None:
        return Verdict(
            "unknown", f"{vaccine.name}, a live vaccine, is on file without a date: ask when.", "warning", evidence
        )
    if late:
        says = f"{vaccine.name}, a live vaccine, given on {vaccine.day}: within {window} days of the start or since."
        return Verdict("applies", says, "warning", evidence)
    if _earlier_cycles_undated(question):
        says = (
            f"{vaccine.name}, a live vaccine, was given on {vaccine.day}; when this course began is not on file: ask."
        )
        return Verdict("unknown", says, "warning", evidence, ("first-dose-date",))
    return Verdict(
        "clear", f"{vaccine.name} was given on {vaccine.day}, before the {window}-day window.", evidence=evidence
    )


def _treatment_start(question: Question) -> date:
    """The first dose of this course where it is known, else the planned start of this order."""
    first = question.case.course.first_dose_date.value
    return min(first.earliest, question.case.start) if first else question.case.start


def _earlier_cycles_undated(question: Question) -> bool:
    course = question.case.course
    return course.first_dose_date.value is None and (course.cycle.value or 1) > 1


def cd19(question: Question) -> Verdict:
    """Not positive is for review: every labelled use is CD19-positive (D33)."""
    fact = question.case.patient.cd19
    if fact.value == "negative":
        return Verdict(
            "applies", "CD19 on the blasts is reported negative: review the indication.", "warning", fact.evidence
        )
    if fact.value == "partial-or-dim":
        says = "CD19 on the blasts is reported partial or dim: review the indication."
        return Verdict("applies", says, "warning", fact.evidence)
    if fact.value == "positive" and not fact.stale:
        return Verdict("clear", "CD19 on the blasts is reported positive.", evidence=fact.evidence)
    why = f" ({fact.problem})" if fact.problem else ""
    says = f"CD19 on the blasts is not on file{why}: obtain the flow report."
    return Verdict("unknown", says, evidence=fact.evidence, asks=cd19_questions(fact))


def cd19_questions(fact: Fact[str]) -> tuple[str, ...]:
    """The questions that would settle an unknown CD19; none where results on file disagree or came before therapy."""
    return () if fact.conflict or fact.known else ("cd19-blasts", "cd19-date")
