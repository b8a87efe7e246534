"""Statuses and how they join. Three-valued logic with 'review' between met and unknown.

Pure: no dates, no FHIR, no words of cards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from cds_service.facts.model import Evidence


class Status(StrEnum):
    """What a criterion came to. `not_applicable` is about relevance, never about truth."""

    MET = "met"
    NOT_MET = "not_met"
    UNKNOWN = "unknown"
    REVIEW = "review"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement with its reason, its evidence and what would settle it if it is open."""

    status: Status
    reason: str
    evidence: tuple[Evidence, ...] = ()
    settled_by: str | None = None

    def at_most(self, status: Status) -> Finding:
        """The same finding, but a `met` lowered to this status."""
        return replace(self, status=status) if self.status is Status.MET else self


_ALL = (Status.NOT_MET, Status.UNKNOWN, Status.REVIEW, Status.MET)
_ANY = (Status.MET, Status.REVIEW, Status.UNKNOWN, Status.NOT_MET)


def all_of(findings: Iterable[Finding]) -> Finding:
    """Every one is needed: not met beats unknown beats review beats met. `not_applicable` is passed over."""
    return _join(findings, _ALL)


def any_of(findings: Iterable[Finding]) -> Finding:
    """One suffices: met beats review beats unknown beats not met. `not_applicable` is passed over."""
    return _join(findings, _ANY)


def _join(findings: Iterable[Finding], order: tuple[Status, ...]) -> Finding:
    passed_over = Status.NOT_APPLICABLE
    relevant = [finding for finding in findings if finding.status is not passed_over]
    if not relevant:
        return Finding(Status.NOT_APPLICABLE, "nothing here applies")
    if len(relevant) == 1:
        return relevant[0]
    found = [finding.status for finding in relevant]
    status = next(each for each in order if each in found)
    deciding = [finding for finding in relevant if finding.status is status]
    if len(deciding) == 1:
        return deciding[0]
    settled = dict.fromkeys(finding.settled_by for finding in deciding if finding.settled_by)
    return Finding(
        status,
        "; ".join(dict.fromkeys(finding.reason for finding in deciding)),
        tuple(dict.fromkeys(item for finding in deciding for item in finding.evidence)),
        "; or ".join(settled) or None if status is not Status.MET else None,
    )
