"""Laboratory results against the label's limits: liver tests, and the neutrophil count.

A multiple is computed only from an upper limit printed with the same result; none is ever assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from cds_service.assess.safety_item import Question, Verdict, plain, worst
from cds_service.dates import days_between
from cds_service.facts.model import LabResult

LIVER_TESTS = {"alt": "ALT", "ast": "AST", "bilirubin": "total bilirubin"}


def liver(question: Question) -> Verdict:
    """The stop rule: over a limit in a fresh result applies; all three under it is clear; anything else is open."""
    verdicts = {name: _liver_test(question, name) for name in LIVER_TESTS}
    decisive = worst(verdicts.values())
    return decisive if decisive.status != "unknown" else _open_tests(verdicts, decisive.severity)


def _open_tests(verdicts: Mapping[str, Verdict], severity: str) -> Verdict:
    """All that is missing, each reason once with the tests it holds for."""
    missing = {name: verdict for name, verdict in verdicts.items() if verdict.status == "unknown"}
    reasons = dict.fromkeys(verdict.says for verdict in missing.values())
    tests = {
        reason: ", ".join(LIVER_TESTS[name] for name, verdict in missing.items() if verdict.says == reason)
        for reason in reasons
    }
    evidence = tuple(item for verdict in missing.values() for item in verdict.evidence)
    return Verdict("unknown", " ".join(f"{names}: {reason}" for reason, names in tests.items()), severity, evidence)


def _liver_test(question: Question, name: str) -> Verdict:
    """One test. The words of an unknown are the bare reason: `liver` puts the names before it."""
    limit = question.limit(f"{name}_times_upper_limit")
    fresh = [lab for lab in _results(question, name) if _is_fresh(question, lab)]
    newest = _newest([lab for lab in fresh if lab.multiple is not None])
    for lab in newest:
        if lab.multiple is not None and lab.multiple > limit:
            says = f"{_text(name, lab)} is above {plain(limit)} times the upper limit."
            return Verdict("applies", says, "critical", (lab.evidence,))
    later = [lab for lab in fresh if lab.multiple is None]
    if later and (not newest or _latest(later) > _latest(newest)):
        says = "no upper limit is printed with the result, so there is no multiple: obtain it."
        return Verdict("unknown", says, "warning", tuple(lab.evidence for lab in later))
    if newest:
        says = f"{_text(name, newest[0])} is not above {plain(limit)} times the upper limit."
        return Verdict("clear", says, evidence=tuple(lab.evidence for lab in newest))
    return _no_fresh_result(question, name, limit)


def _no_fresh_result(question: Question, name: str, limit: Decimal) -> Verdict:
    old = _newest(_results(question, name))
    if not old:
        return Verdict("unknown", "no result on file, measure before the start.")
    over = any(lab.multiple is not None and lab.multiple > limit for lab in old)
    was = f", and was above {plain(limit)} times the upper limit" if over else ""
    says = f"no dated result of the last {question.laboratory_stale_days} days{was}; repeat."
    return Verdict("unknown", says, "warning" if over else "info", tuple(lab.evidence for lab in old))


def neutropenia(question: Question) -> Verdict:
    """Neutropenia on record applies. The label gives no count to start at: a count is shown, never judged."""
    problems = [
        item for item in question.case.patient.problems if item.kind == "neutropenia" and item.active is not False
    ]
    if problems:
        evidence = tuple(item.evidence for item in problems)
        return Verdict("applies", "Neutropenia is on record: check how long it has lasted.", "warning", evidence)
    counts = _newest([lab for lab in _results(question, "anc") if _is_fresh(question, lab)])
    if counts:
        says = f"{_text('anc', counts[0])}; the label gives no count to start at: a clinician judges it."
        return Verdict("unknown", says, evidence=tuple(lab.evidence for lab in counts))
    days = question.laboratory_stale_days
    return Verdict("unknown", f"No neutrophil count of the last {days} days is on file: measure it before the start.")


def _results(question: Question, name: str) -> list[LabResult]:
    return [lab for lab in question.case.patient.labs if lab.name == name and lab.value is not None]


def _is_fresh(question: Question, lab: LabResult) -> bool:
    """Dated, and not older than the setting on the planned start. Without a date it cannot be fresh."""
    if lab.stale or lab.date is None:
        return False
    return days_between(lab.date, question.case.start) <= question.laboratory_stale_days


def _newest(labs: list[LabResult]) -> list[LabResult]:
    """All results of the latest day; the undated ones when none has a date."""
    return [lab for lab in labs if (lab.date or date.min) == _latest(labs)]


def _latest(labs: list[LabResult]) -> date:
    return max((lab.date or date.min for lab in labs), default=date.min)


def _text(name: str, lab: LabResult) -> str:
    unit = f" {lab.unit}" if lab.unit else " (unit not stated)"
    value = plain(lab.value) + unit if lab.value is not None else "no value"
    against = f", upper limit {plain(lab.upper_limit)}{unit}" if lab.upper_limit is not None else ""
    return f"{LIVER_TESTS.get(name, name.upper())} {value} ({lab.date}{against})"
