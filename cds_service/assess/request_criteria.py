"""Conditions on the request: prescriber, age, phase, regimen, dose, answers. Pure; no paragraph number stands here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.assess.ages import age_group_finding, age_months_finding, infant_finding
from cds_service.assess.findings import Finding, Status
from cds_service.assess.judged import Judged, spoken, unknown
from cds_service.dates import days_between
from cds_service.facts.model import Fact

RELAPSED = frozenset({"relapsed", "refractory"})
_RESPONSE = "An assessment of the response"
ANSWERS = {
    "paid_by_this_plan": "payment by this plan so far",
    "current_use_documented": "documented current use for a covered indication",
    "dose_increase": "whether this order raises the dose beyond the scheduled step",
}
"""The yes-or-no answers a policy file may ask for, in words."""


def prescriber(judged: Judged, _: Mapping[str, Any]) -> Finding:
    """Oncologist or haematologist, by specialty or by consultation."""
    specialty, consulted = judged.case.patient.prescriber, judged.case.course.specialist_consulted
    evidence = specialty.evidence + consulted.evidence
    if specialty.value == "qualifying":
        return Finding(Status.MET, "the prescriber is an oncologist or haematologist", evidence)
    if consulted.value:
        return Finding(Status.MET, "an oncologist or haematologist was consulted", evidence)
    if specialty.value == "not-qualifying" and consulted.value is False:
        return Finding(
            Status.NOT_MET, "neither prescribed by nor consulted with an oncologist or haematologist", evidence
        )
    settled = "The prescriber's specialty, or a statement that an oncologist or haematologist was consulted"
    words = {
        "ask": "the recorded specialty does not settle it",
        "not-qualifying": "another specialty, and a consultation is not on file",
    }
    reason = words.get(specialty.value or "", specialty.problem or "the prescriber's specialty is not on file")
    asks = () if consulted.known else ("specialist-consulted",)
    return Finding(Status.UNKNOWN, reason, evidence, settled, asks)


def age_months(judged: Judged, parameters: Mapping[str, Any]) -> Finding:
    """At least so many calendar months old at the planned start."""
    return age_months_finding(judged.case, parameters["at_least"])


def age_group(judged: Judged, parameters: Mapping[str, Any]) -> Finding:
    """Adult or child."""
    return age_group_finding(judged.case, parameters["is"], judged.adult_age_years)


def infant(judged: Judged, _: Mapping[str, Any]) -> Finding:
    """Under 12 months at diagnosis."""
    return infant_finding(judged.case)


def use(judged: Judged, parameters: Mapping[str, Any]) -> Finding:
    """Is the order for this phase? With relapsed or refractory disease only that use holds, whatever is stated."""
    wanted, status, phase = parameters["is"], judged.case.course.disease_status, judged.case.course.treatment_phase
    if status.value in RELAPSED:
        holds, evidence = wanted == "relapsed-refractory", status.evidence
        given = f"{status.value} disease"
    elif phase.value is None:
        settled = "The phase of treatment (order question)"
        return unknown(phase, "the treatment phase", settled, asks=("treatment-phase",))
    else:
        holds, evidence, given = phase.value == wanted, phase.evidence, spoken(phase.value)
    if holds:
        return Finding(Status.MET, f"use: {given}", evidence)
    return Finding(Status.NOT_MET, f"asks for {spoken(wanted)}, the order is for {given}", evidence)


def regimen(judged: Judged, parameters: Mapping[str, Any]) -> Finding:
    """Given in one of these ways? Drugs on the list never decide it: only the order question does."""
    fact = judged.case.course.regimen
    if fact.value is None:
        settled = "How it is given: alone, with a TKI, alternating or combined (order question)"
        return unknown(fact, "the regimen", settled, asks=("regimen",))
    if fact.value in parameters["in"]:
        return Finding(Status.MET, f"regimen: {spoken(fact.value)}", fact.evidence)
    if fact.value in parameters.get("review", ()):
        reason = f"coded {spoken(fact.value)}: it may be part of a combined protocol"
        return Finding(Status.REVIEW, reason, fact.evidence, "Whether this is part of a combined regimen")
    return Finding(Status.NOT_MET, f"regimen is {spoken(fact.value)}", fact.evidence)


def dose_maximum(judged: Judged, _: Mapping[str, Any]) -> Finding:
    """The ordered dose against the policy's maximum, judged with the dose."""
    return judged.over_maximum


def literature(judged: Judged, _: Mapping[str, Any]) -> Finding:
    """Evidence for the dose is submitted: a person weighs it; stated not to be: not met; silence: unknown."""
    fact = judged.case.course.supporting_literature
    if fact.value is None:
        settled = "Guideline or peer-reviewed evidence for this dose, sent with the request"
        return unknown(fact, "supporting evidence", settled, asks=("supporting-literature",))
    if fact.value:
        return Finding(
            Status.REVIEW, "evidence is submitted and has to be weighed", fact.evidence, "A reviewer's reading of it"
        )
    return Finding(Status.NOT_MET, "no supporting evidence is submitted", fact.evidence)


def labelled_regimen(judged: Judged, _: Mapping[str, Any]) -> Finding:
    """The footnote: plainly labelled, or for review."""
    return judged.labelled_regimen


def answer(judged: Judged, parameters: Mapping[str, Any]) -> Finding:
    """A yes-or-no order question."""
    name = parameters["of"]
    fact: Fact[bool] = getattr(judged.case.course, name)
    question = ANSWERS[name]
    if fact.value is None:
        settled = question[0].upper() + question[1:] + " (order question)"
        return unknown(fact, question, settled, asks=(name.replace("_", "-"),))
    return Finding(
        Status.MET if fact.value else Status.NOT_MET, f"{question}: {'yes' if fact.value else 'no'}", fact.evidence
    )


def days_since_first_dose(judged: Judged, parameters: Mapping[str, Any]) -> Finding:
    """So many days since the first dose of the present course."""
    fact, wanted = judged.case.course.first_dose_date, parameters["at_least"]
    if fact.value is None:
        settled = "The date of the first dose of this course"
        return unknown(fact, "the date of the first dose", settled, asks=("first-dose-date",))
    most, least = (days_between(day, judged.case.as_of) for day in (fact.value.earliest, fact.value.latest))
    if least >= wanted:
        return Finding(Status.MET, f"{least} days since the first dose", fact.evidence)
    if most < wanted:
        return Finding(Status.NOT_MET, f"{most} days since the first dose, {wanted} are asked for", fact.evidence)
    return Finding(
        Status.UNKNOWN, "the date of the first dose is not known to the day", fact.evidence, "The day of the first dose"
    )


def responding(judged: Judged, _: Mapping[str, Any]) -> Finding:
    """Responding to treatment; the absence of progression is not response."""
    fact = judged.case.course.response
    if fact.value == "responding":
        return Finding(Status.MET, "responding", fact.evidence)
    if fact.value == "not-responding":
        return Finding(Status.NOT_MET, "not responding", fact.evidence)
    if fact.value:
        return Finding(Status.UNKNOWN, "the response is not yet assessed", fact.evidence, _RESPONSE)
    return unknown(fact, "the response", _RESPONSE, asks=("response",))
