"""The coverage part of the assessment document: each edition's result as plain data. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.assess.coverage import PolicyResult
from cds_service.assess.findings import Finding, Status
from cds_service.facts.model import Case, Evidence, Fact
from cds_service.knowledge.policy import Payer, Policy

_NOT_MET, _NOT_APPLICABLE = Status.NOT_MET, Status.NOT_APPLICABLE
_COUNTED = (Status.MET, Status.NOT_MET, Status.UNKNOWN, Status.REVIEW)


def applies(payer_fact: Fact[str], payer: Payer) -> tuple[str, str]:
    """(yes, no or unknown; why): is the patient insured by this payer on the date?"""
    if payer_fact.value is None:
        return "unknown", payer_fact.problem or "no coverage on file: shown as if insured by " + payer.name
    if payer_fact.value == payer.id:
        return "yes", f"insured by {payer.name}"
    return "no", "insured by another payer: this policy is not judged"


def heading(policy: Policy, role: str, payer: Payer, case: Case) -> dict[str, Any]:
    """What identifies an edition, whatever it says of the order."""
    answer, reason = applies(case.patient.payer, payer)
    return {
        "id": policy.id,
        "version": policy.version.isoformat(),
        "role": role,
        "approval_shown": policy.approval_date.isoformat() if policy.approval_date else None,
        "title": policy.title,
        "payer": payer.name,
        "benefit": policy.benefit,
        "url": policy.url or None,
        "banner": policy.banner or None,
        "applies": answer,
        "applies_reason": reason,
        "applies_evidence": [evidence(item) for item in case.patient.payer.evidence],
    }


def not_judged() -> dict[str, Any]:
    """The rest of the entry where another payer covers the patient: no verdict of any kind."""
    return {
        "section": None,
        "overall": None,
        "approval_duration_months": None,
        "route": None,
        "route_says": None,
        "criteria": {},
        "contested": [],
        "counts": {str(status): 0 for status in _COUNTED},
        "decisive": [],
        "missing": [],
        "not_computed": [],
        "notes": [],
    }


def verdict(result: PolicyResult) -> dict[str, Any]:
    """The rest of the entry where the policy is judged."""
    by_id = result.policy.by_id
    return {
        "section": result.section,
        "overall": result.overall,
        "approval_duration_months": result.months,
        "route": result.route,
        "route_says": by_id[result.route_paragraph].says if result.route_paragraph else None,
        "criteria": _criteria(result),
        "contested": [
            {
                "criterion": item.clause.criterion,
                "readings": [{"name": name, "status": str(status)} for name, status in item.statuses],
                "question": item.clause.question,
                "why": item.clause.why,
                "decides": item.decides,
            }
            for item in result.contested
        ],
        "counts": {str(s): sum(result.findings[name].status is s for name in result.top) for s in _COUNTED},
        "decisive": list(result.decisive),
        "missing": _missing(result),
        "not_computed": [
            {"id": item.id, "says": item.says, "why": item.not_computed}
            for item in result.policy.paragraph
            if item.not_computed
        ],
        "notes": list(result.notes),
    }


def _criteria(result: PolicyResult) -> dict[str, Any]:
    """Every computed paragraph and what was found of it. The same evidence is written once."""
    by_id, findings, top = result.policy.by_id, result.findings, result.top
    written: dict[tuple[Evidence, ...], list[dict[str, Any]]] = {}
    found = {}
    for name, finding in findings.items():
        paragraph, status, at_top = by_id[name], finding.status, name in top
        if finding.evidence not in written:
            written[finding.evidence] = [evidence(item) for item in finding.evidence]
        relevant = not paragraph.limb and status is not _NOT_APPLICABLE
        found[name] = {
            "status": str(status),
            "reason": finding.reason,
            "title": paragraph.title,
            "says": paragraph.says,
            "evidence": written[finding.evidence],
            "settled_by": finding.settled_by,
            "limb": paragraph.limb,
            "top": at_top,
            "shown": relevant and (at_top or _decides_its_parent(name, status, findings)),
        }
    return found


def _decides_its_parent(name: str, status: Status, findings: Mapping[str, Finding]) -> bool:
    """Below the top level, what makes its parent come out as it does is worth a row on a card."""
    parent = findings.get(name.rpartition(".")[0])
    return parent is not None and status is parent.status and status is not _NOT_MET


def _missing(result: PolicyResult) -> list[dict[str, Any]]:
    """What would settle the open criteria of the top level, each question once, with the criteria it settles."""
    asked: dict[str, list[str]] = {}
    for name in result.top:
        finding = result.findings[name]
        if finding.status is Status.UNKNOWN and finding.settled_by:
            for question in finding.settled_by.split("; or "):
                asked.setdefault(question, []).append(name)
    if result.section is None:
        asked = {"Whether this is an initial request or continued therapy (order question)": ["section"], **asked}
    return [{"criteria": names, "settled_by": question} for question, names in asked.items()]


def evidence(item: Evidence) -> dict[str, Any]:
    """Evidence as plain data."""
    return {"reference": item.reference, "what": item.what, "value": item.value, "date": item.date}
