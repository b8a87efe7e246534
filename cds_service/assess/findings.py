"""Statuses and how they join. Three-valued logic with 'review' between met and unknown.

Pure: no dates, no FHIR, no words of cards.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from itertools import chain
from typing import NamedTuple

from cds_service.facts.model import Evidence


class Status(StrEnum):
    """What a criterion came to. `not_applicable` is about relevance, never about truth."""

    MET = "met"
    NOT_MET = "not_met"
    UNKNOWN = "unknown"
    REVIEW = "review"
    NOT_APPLICABLE = "not_applicable"


class Finding(NamedTuple):
    """One judgement with its reason, its evidence and what would settle it if it is open.

    A named tuple: made and joined some hundred times per order.
    """

    status: Status
    reason: str
    evidence: tuple[Evidence, ...] = ()
    settled_by: str | None = None
    asks: tuple[str, ...] = ()
    """The order questions (linkIds) whose answers would settle it, where it is open."""

    def at_most(self, status: Status) -> Finding:
        """The same finding, but a `met` lowered to this status."""
        return self._replace(status=status) if self.status is Status.MET else self


_NOTHING = Finding(Status.NOT_APPLICABLE, "nothing here applies")
_ALL = (Status.NOT_MET, Status.UNKNOWN, Status.REVIEW, Status.MET)
_PASSED_OVER, _MET = Status.NOT_APPLICABLE, Status.MET
_ANY = (Status.MET, Status.REVIEW, Status.UNKNOWN, Status.NOT_MET)


def all_of(findings: Iterable[Finding]) -> Finding:
    """Every one is needed: not met beats unknown beats review beats met. `not_applicable` is passed over."""
    return _join(findings, _ALL)


def any_of(findings: Iterable[Finding]) -> Finding:
    """One suffices: met beats review beats unknown beats not met. `not_applicable` is passed over."""
    return _join(findings, _ANY)


def _join(findings: Iterable[Finding], order: tuple[Status, ...]) -> Finding:
    deciding: list[Finding] = []
    first = len(order)
    for finding in findings:
        if finding.status is not _PASSED_OVER:
            place = order.index(finding.status)
            if place < first:
                deciding, first = [finding], place
            elif place == first:
                deciding.append(finding)
    if len(deciding) < 2:
        return deciding[0] if deciding else _NOTHING
    return _together(deciding)


def _together(findings: list[Finding]) -> Finding:
    """Findings of one status as one: each reason, piece of evidence and question once."""
    status = findings[0].status
    reasons, settled, asks = dict[str, None](), dict[str, None](), dict[str, None]()
    seen: list[tuple[Evidence, ...]] = []
    for _, reason, evidence, settled_by, asked in findings:
        reasons[reason] = None
        if evidence:
            seen.append(evidence)
        if settled_by and status is not _MET:
            settled[settled_by] = None
        for link_id in asked:
            asks[link_id] = None
    shown = tuple(dict.fromkeys(chain.from_iterable(seen))) if len(seen) > 1 else seen[0] if seen else ()
    return Finding(status, "; ".join(reasons), shown, "; or ".join(settled) or None, tuple(asks))
