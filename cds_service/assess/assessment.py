"""One order judged whole: facts, knowledge and dates in, the assessment document out. Pure.

The document is the output contract `blinatumomab-cds/assessment/1`; cards are made from it and from nothing else.
Knows no FHIR, no clock, no words of cards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal
from typing import Any

from cds_service.assess.ages import age_group_by_age, reached, setting_decides
from cds_service.assess.citations import citations
from cds_service.assess.clauses import Done
from cds_service.assess.corrections import Occasion, corrections
from cds_service.assess.coverage import assess_policy, differences, section_of
from cds_service.assess.dosing import DoseResult, assess_dose
from cds_service.assess.findings import Finding, Status
from cds_service.assess.footnote import doubts_about_use, labelled_regimen
from cds_service.assess.judged import Judged
from cds_service.assess.measures import Body, body
from cds_service.assess.monitoring import monitoring
from cds_service.assess.offers import offers
from cds_service.assess.open_questions import Asked, of_the_label, of_the_policy, open_questions
from cds_service.assess.policies import applies, heading, not_judged, verdict
from cds_service.assess.premedication import assess_premedication
from cds_service.assess.safety import assess_safety, safety_documents
from cds_service.assess.supervision import assess_supervision
from cds_service.assess.track import Track, track_of
from cds_service.dates import age_text
from cds_service.facts.model import Case, Course, Fact, Measurement, PatientFacts
from cds_service.knowledge.label import Discrepancy, Label
from cds_service.knowledge.library import Knowledge
from cds_service.settings import Settings

SCHEMA = "blinatumomab-cds/assessment/1"
_ROLES = ("current", "previous")
_PATIENT_FACTS, _COURSE_FACTS = (
    tuple(item.name for item in fields(source) if isinstance(item.default, Fact)) for source in (PatientFacts, Course)
)
_AYA_NOTE = "From 18 to 30 the policy's age limits follow the treatment setting; the label's premedication follows age."


def assess(case: Case, knowledge: Knowledge, settings: Settings, *, hook: str | None = None) -> dict[str, Any]:
    """The assessment document of one order (shape: `assessment.schema.json`). Decimals stay Decimals."""
    label, track, measured = knowledge.label(case.order.drug, case.as_of), track_of(case), body(case)
    maximum, citation = _policy_maximum(case, knowledge)
    dose = assess_dose(case, label, track, policy_maximum=maximum, policy_maximum_citation=citation)
    age_group = age_group_by_age(case, settings.adult_age_years)
    footnote = labelled_regimen(case, label, track, dose)
    judged = Judged(case, settings.adult_age_years, _over_maximum(dose, maximum), footnote)
    policies, difference, asked = _policies(case, knowledge, judged)
    aya = setting_decides(case, settings.adult_age_years)
    occasion = Occasion(case, track.name, dose.basis, dose.toxicity_action, aya)
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "as_of": case.as_of.isoformat(),
        "hook": hook,
        "order": _order(case),
        "patient": _patient(case, measured, age_group, settings),
        "policies": policies,
        "policy_difference": difference,
        "dose": dose.document(),
        **_by_the_label(
            case, label, track, measured, dose=dose, age_group=age_group, settings=settings, policies=policies
        ),
        "corrections": corrections((*label.discrepancies, *_policy_discrepancies(case, knowledge)), occasion),
        "unreadable": [{"reference": item.reference, "why": item.why} for item in case.unreadable],
    }
    asked += of_the_label(case, track, document)
    document["questions"] = open_questions(asked, knowledge.questions, case.answered)
    document["flags"] = sorted(set(_flags(case, label, track, document, settings=settings)))
    document["citations"] = citations(document)
    return document


def _by_the_label(
    case: Case,
    label: Label,
    track: Track,
    measured: Body,
    *,
    dose: DoseResult,
    age_group: str | None,
    settings: Settings,
    policies: list[dict[str, Any]],
) -> dict[str, Any]:
    """What goes with the drug by the label: premedication, hospital days, monitoring, safety; and what to offer."""
    premedication = assess_premedication(
        case,
        label,
        track=track.name,
        age_group=age_group,
        bsa_m2=measured.bsa_m2,
        toxicity_action=dose.toxicity_action,
        other_tracks=track.also,
    )
    stay = assess_supervision(case, label, track=track.name)
    safety = assess_safety(case, label, laboratory_stale_days=settings.laboratory_stale_days)
    return {
        "premedication": premedication.document(),
        "hospitalisation": stay.document(),
        "monitoring": monitoring(label),
        "safety": safety_documents(safety, label),
        "offers": offers(
            case,
            label,
            dose=dose,
            body=measured,
            premedication=premedication,
            stay=stay,
            safety=safety,
            policies=policies,
            checks_per_day=settings.neurologic_checks_per_day,
        ),
    }


def _policy_maximum(case: Case, knowledge: Knowledge) -> tuple[Decimal | None, str]:
    """The daily maximum of the current edition (every loaded edition prints the same), unless another payer covers."""
    for payer in knowledge.payer_list:
        if applies(case.patient.payer, payer)[0] == "no":
            continue
        for policy in knowledge.editions(payer.id, case.order.drug, case.as_of):
            return policy.dose_maximum_mcg_per_day, f"{policy.document} {policy.dose_maximum_citation}"
    return None, ""


def _policy_discrepancies(case: Case, knowledge: Knowledge) -> tuple[Discrepancy, ...]:
    """Those of each payer's current edition."""
    current = [knowledge.editions(payer.id, case.order.drug, case.as_of)[:1] for payer in knowledge.payer_list]
    return tuple(one for editions in current for policy in editions for one in policy.discrepancies)


def _over_maximum(dose: DoseResult, maximum: Decimal | None) -> Finding:
    items = tuple(dict.fromkeys(dose.evidence))
    if dose.over_policy_maximum is None or maximum is None:
        settled = "The dose in mcg per day, as a rate"
        return Finding(Status.UNKNOWN, "the ordered dose per day cannot be told", items, settled)
    status = Status.NOT_MET if dose.over_policy_maximum else Status.MET
    words = "above" if dose.over_policy_maximum else "not above"
    return Finding(status, f"{_plain(dose.highest_ordered)} mcg/day, {words} {_plain(maximum)} mcg/day", items)


def _plain(number: Decimal | None) -> str:
    """Digits without an exponent or trailing zeros, cut to four decimals (the judgement used all of them)."""
    if number is None:
        return "?"
    return f"{number:.4f}".rstrip("0").rstrip(".")


def _policies(
    case: Case, knowledge: Knowledge, judged: Judged
) -> tuple[list[dict[str, Any]], dict[str, Any] | None, list[Asked]]:
    """Every edition's entry, how the two of a policy differ, and what the editions in force ask."""
    section, _ = section_of(case)
    entries: list[dict[str, Any]] = []
    asked: list[Asked] = []
    difference = None
    for payer in knowledge.payer_list:
        editions = knowledge.editions(payer.id, case.order.drug, case.as_of)
        heads = [heading(policy, role, payer, case) for policy, role in zip(editions, _ROLES, strict=False)]
        if applies(case.patient.payer, payer)[0] == "no":
            entries += [head | not_judged() for head in heads]
            continue
        done: Done = {}
        results = [assess_policy(policy, section, judged, done=done) for policy in editions]
        entries += [head | verdict(result) for head, result in zip(heads, results, strict=True)]
        asked += [pair for result in results[:1] for pair in of_the_policy(result)]
        if len(results) == 2:
            found = differences(results[0], results[1])
            difference = {
                "changes_result": results[0].overall != results[1].overall,
                "criteria": [name for name, _, _ in found],
                "details": [{"criterion": name, "current": now, "previous": then} for name, now, then in found],
            }
    return entries, difference, asked


def _order(case: Case) -> dict[str, Any]:
    order = case.order
    return {
        "reference": order.reference,
        "drug": order.drug,
        "matched_by": order.matched_by,
        "text": order.text,
        "start": order.start.isoformat() if order.start else None,
        "status": order.status,
    }


def _patient(case: Case, measured: Body, age_group: str | None, settings: Settings) -> dict[str, Any]:
    birth = case.patient.birth_date.value
    return {
        "age": age_text(birth, case.start) if birth else None,
        "age_group": age_group,
        "age_group_note": _AYA_NOTE if setting_decides(case, settings.adult_age_years) else None,
        "weight": _measurement(case.patient.weight, "kg"),
        "weight_problem": case.patient.weight.problem,
        "height": _measurement(case.patient.height, "cm"),
        "height_problem": case.patient.height.problem,
        "bsa": measured.document(),
        "measure_warnings": list(case.patient.body_warnings),
    }


def _measurement(fact: Fact[Measurement], unit: str) -> dict[str, Any] | None:
    if fact.value is None:
        return None
    return {
        unit: fact.value.value,
        "date": fact.value.date.isoformat() if fact.value.date else None,
        "stale": fact.stale,
        "reference": next((item.reference for item in fact.evidence), None),
        "as_written": fact.value.as_written,
    }


def _flags(case: Case, label: Label, track: Track, document: dict[str, Any], *, settings: Settings) -> Iterable[str]:
    """Short, stable codes; each is explained in docs/assessment.md."""
    current = [policy for policy in document["policies"] if policy["role"] == "current"]
    difference = document["policy_difference"]
    yield from section_of(case)[1]
    yield from track.flags
    yield from (issue["code"] for issue in document["dose"]["issues"])
    tests = {
        "matched-by-text": case.order.matched_by == "text",
        "aya-overlap": setting_decides(case, settings.adult_age_years),
        "age-group-unknown": reached(case, settings.adult_age_years * 12) is None,
        "no-policy-edition": not document["policies"],
        "payer-unknown": case.patient.payer.value is None,
        "other-payer": any(policy["applies"] == "no" for policy in document["policies"]),
        "policy-approval-not-shown": any(
            policy["approval_shown"] is None and policy["applies"] != "no" for policy in current
        ),
        "contested-clause": any(item["decides"] for policy in current for item in policy["contested"]),
        "policy-editions-differ": bool(difference and difference["changes_result"]),
        "off-label-use": any(True for _ in doubts_about_use(case, label, track)) and track.name is not None,
        "label-edition-newer-than-date": case.as_of < label.from_date,
        "unreadable-entries": bool(document["unreadable"]),
    }
    yield from (code for code, holds in tests.items() if holds)
    for source, names in ((case.patient, _PATIENT_FACTS), (case.course, _COURSE_FACTS)):
        yield from (f"conflict-{name.replace('_', '-')}" for name in names if getattr(source, name).conflict)
