"""What a safety judgement is made of: the question put, the verdict, and the item of the document.

Knows the label's topics and the case; holds no judgement of its own. Named tuples: some fifty are made per order.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from cds_service.facts.model import Case, Evidence
from cds_service.knowledge.label import CONFIRM_GRADES, Guidance, Label

SEVERITIES = ("critical", "warning", "info")
STATUSES = ("applies", "unknown", "clear", "for-all")
PATIENT, EVERYONE = "patient", "before-and-during"


class Verdict(NamedTuple):
    """What one judge found for this patient.

    `status`: 'applies' found, 'clear' judged and not so, 'unknown' cannot be judged: `says` tells what would settle it.
    """

    status: str
    says: str
    severity: str = "info"
    evidence: tuple[Evidence, ...] = ()
    asks: tuple[str, ...] = ()
    """The order questions (linkIds) that would settle it, where it is unknown."""

    @property
    def rank(self) -> tuple[int, int]:
        """Most serious first."""
        return SEVERITIES.index(self.severity), STATUSES.index(self.status)


class Question(NamedTuple):
    """One case against one topic of the label, with the site's settings that matter."""

    case: Case
    label: Label
    topic: Guidance
    laboratory_stale_days: int = 7

    def limit(self, name: str) -> Decimal:
        """A number of this topic, unit in its name. Raises KeyError when the label file does not give it."""
        return Decimal((self.topic.limits or {})[name])


class SafetyItem(NamedTuple):
    """One entry of `safety` in the assessment document."""

    code: str
    title: str
    group: str
    """PATIENT or EVERYONE"""
    severity: str
    status: str
    says: str
    short: str
    citation: str
    grade: str
    confirm: bool
    """Grades K and B: to be confirmed by a pharmacist."""
    evidence: tuple[Evidence, ...] = ()
    asks: tuple[str, ...] = ()
    """The order questions (linkIds) that would settle it."""

    def document(self) -> dict[str, object]:
        """The item as the assessment document has it."""
        return {
            "code": self.code,
            "title": self.title,
            "group": self.group,
            "severity": self.severity,
            "status": self.status,
            "says": self.says,
            "short": self.short,
            "citation": self.citation,
            "grade": self.grade,
            "confirm": self.confirm,
            "evidence": [evidence_document(item) for item in self.evidence],
            "asks": list(self.asks),
        }


def for_patient(topic: Guidance, verdict: Verdict) -> SafetyItem:
    """The item of a judged topic: the finding first, then, where it applies, what the label says of it."""
    says = f"{verdict.says} {topic.says}" if verdict.status == "applies" else verdict.says
    return _item(topic, PATIENT, verdict, says)


def for_all(topic: Guidance) -> SafetyItem:
    """The item of a topic that holds for every patient."""
    return _item(topic, EVERYONE, Verdict("for-all", topic.says), topic.says)


def _item(topic: Guidance, group: str, verdict: Verdict, says: str) -> SafetyItem:
    return SafetyItem(
        code=topic.code,
        title=topic.title,
        group=group,
        severity=verdict.severity,
        status=verdict.status,
        says=says,
        short=topic.short,
        citation=topic.citation,
        grade=topic.grade,
        confirm=topic.grade in CONFIRM_GRADES,
        evidence=verdict.evidence,
        asks=verdict.asks,
    )


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The most serious verdict; those of the same rank speak together. Raises ValueError when there is none."""
    found = sorted(verdicts, key=lambda verdict: verdict.rank)
    if not found:
        raise ValueError("no verdict to choose from")
    same = [verdict for verdict in found if verdict.rank == found[0].rank]
    says = " ".join(dict.fromkeys(verdict.says for verdict in same))
    evidence = tuple(dict.fromkeys(item for verdict in same for item in verdict.evidence))
    asks = tuple(dict.fromkeys(link_id for verdict in same for link_id in verdict.asks))
    return Verdict(found[0].status, says, found[0].severity, evidence, asks)


def evidence_document(item: Evidence) -> dict[str, object]:
    """One piece of evidence as the assessment document has it."""
    return {"reference": item.reference, "what": item.what, "value": item.value, "date": item.date}


def plain(number: Decimal) -> str:
    """A decimal without exponent or trailing zeros, all its digits kept."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
