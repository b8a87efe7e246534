"""Statuses and how they join. Three-valued logic with 'review' between met and unknown.

Pure: no dates, no FHIR, no words of cards.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
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
    relevant = [finding for finding in findings if finding.status is not _PASSED_OVER]
    if len(relevant) < 2:
        return relevant[0] if relevant else _NOTHING
    found = [finding.status for finding in relevant]
    for status in order:
        if status in found:
            break
    deciding = [finding for finding in relevant if finding.status is status]
    if len(deciding) == 1:
        return deciding[0]
    settled = [finding.settled_by for finding in deciding if finding.settled_by] if status is not _MET else ()
    return Finding(
        status,
        "; ".join(dict.fromkeys([finding.reason for finding in deciding])),
        _together([finding.evidence for finding in deciding if finding.evidence]),
        "; or ".join(dict.fromkeys(settled)) or None,
        tuple(dict.fromkeys([link_id for finding in deciding for link_id in finding.asks])),
    )


def _together(found: list[tuple[Evidence, ...]]) -> tuple[Evidence, ...]:
    """All evidence, each piece once."""
    if len(found) < 2:
        return found[0] if found else ()
    return tuple(dict.fromkeys([item for items in found for item in items]))
