"""Age, age group and infancy, each three-valued. Pure.

Neither the policy nor the label passages on file give an age line between adults and children: 18 years is the
setting's default (D34). The weight line of 45 kg is another matter and independent of this.
"""

from __future__ import annotations

from cds_service.assess.findings import Finding, Status
from cds_service.dates import at_least_months_old
from cds_service.facts.model import Case, Evidence

ADULT, CHILD = "adult", "pediatric"
_SETTING_ASKED_UP_TO_YEARS = 30
"""The treatment setting is asked from the adult birthday up to and including the age of 30."""


def born(case: Case) -> tuple[Evidence, ...]:
    """The evidence for any statement about age."""
    return case.patient.birth_date.evidence


def reached(case: Case, months: int) -> bool | None:
    """Has the patient this age in calendar months at the planned start? None when the birth date leaves it open."""
    birth = case.patient.birth_date.value
    return None if birth is None else at_least_months_old(birth, months, case.start)


def age_group_by_age(case: Case, adult_age_years: int) -> str | None:
    """Adult or pediatric by the birthday alone: what the label's premedication goes by."""
    adult = reached(case, adult_age_years * 12)
    return None if adult is None else ADULT if adult else CHILD


def setting_decides(case: Case, adult_age_years: int) -> bool:
    """Is the patient of an age at which the treatment setting is asked (18 to 30)?"""
    return bool(reached(case, adult_age_years * 12)) and reached(case, (_SETTING_ASKED_UP_TO_YEARS + 1) * 12) is False


def policy_age_group(case: Case, adult_age_years: int) -> str | None:
    """Adult or pediatric for the policy's paths: by age, and from 18 to 30 by the treatment setting's answer."""
    if setting_decides(case, adult_age_years):
        return case.course.treatment_setting.value
    if reached(case, adult_age_years * 12) and reached(case, (_SETTING_ASKED_UP_TO_YEARS + 1) * 12) is None:
        return case.course.treatment_setting.value
    return age_group_by_age(case, adult_age_years)


def age_group_finding(case: Case, wanted: str, adult_age_years: int) -> Finding:
    """Is the patient of the age group that a limb of the policy names?"""
    group = policy_age_group(case, adult_age_years)
    evidence = born(case) + case.course.treatment_setting.evidence
    if group is None:
        asked = bool(reached(case, adult_age_years * 12))
        needs = "Whether treatment is in an adult or a paediatric setting" if asked else _BIRTH
        asks = ("treatment-setting",) if asked else ()
        return Finding(Status.UNKNOWN, "adult or paediatric is not known", evidence, needs, asks)
    words = {ADULT: "an adult", CHILD: "a child"}
    if group == wanted:
        return Finding(Status.MET, f"counted as {words[group]}", evidence)
    return Finding(Status.NOT_MET, f"for {words[wanted]} only, and counted as {words[group]}", evidence)


def age_months_finding(case: Case, months: int) -> Finding:
    """Has the patient reached an age in calendar months (anniversary, clamped to the end of the month)?"""
    answer = reached(case, months)
    if answer is None:
        why = case.patient.birth_date.problem or "the birth date is not known to the day"
        return Finding(Status.UNKNOWN, why, born(case), _BIRTH)
    unit = f"{months} month" + ("s" if months != 1 else "")
    if answer:
        return Finding(Status.MET, f"at least {unit} old", born(case))
    return Finding(Status.NOT_MET, f"younger than {unit}", born(case))


def infant_finding(case: Case) -> Finding:
    """Infant ALL: under 12 months at diagnosis (the trials' definition; the policy does not define it)."""
    birth, diagnosed = case.patient.birth_date.value, case.patient.diagnosis_date.value
    evidence = born(case) + case.patient.diagnosis_date.evidence
    if birth is None:
        return Finding(Status.UNKNOWN, "the birth date is not known", evidence, _BIRTH)
    if reached(case, 12) is False:
        return Finding(Status.MET, "under 12 months old now", evidence)
    if diagnosed is None:
        why = "the date of diagnosis is not known"
        return Finding(Status.UNKNOWN, why, evidence, "The date of diagnosis", _DIAGNOSED)
    early = at_least_months_old(birth, 12, diagnosed.earliest)
    late = at_least_months_old(birth, 12, diagnosed.latest)
    if early is False and late is False:
        return Finding(Status.MET, "under 12 months old at diagnosis", evidence)
    if early and late:
        return Finding(Status.NOT_MET, "12 months or older at diagnosis", evidence)
    why = "the dates leave the age at diagnosis open"
    return Finding(Status.UNKNOWN, why, evidence, "The day of diagnosis", _DIAGNOSED)


_DIAGNOSED = ("diagnosis-date",)
_BIRTH = "The birth date, to the day"
