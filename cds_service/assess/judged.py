"""What a condition of a policy may look at, and the finding for what is not there. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cds_service.assess.findings import Finding, Status
from cds_service.facts.model import Case, Fact


@dataclass(frozen=True, slots=True)
class Judged:
    """What a condition may look at: the case, and what was judged before (dose against the maximum, the footnote)."""

    case: Case
    adult_age_years: int
    over_maximum: Finding
    labelled_regimen: Finding


def unknown(
    fact: Fact[Any], what: str, settled_by: str, *, asks: tuple[str, ...] = (), answer_wins: bool = False
) -> Finding:
    """The finding for a fact that is not there, or on which two sources disagree.

    `asks` are the order questions that would settle it. Where the chart disagrees with itself they would not, unless
    an answer wins over the chart.
    """
    reason = fact.problem or (f"sources disagree on {what}" if fact.conflict else f"{what} is not on file")
    settles = answer_wins or not fact.conflict or _told_by_answers_only(fact)
    return Finding(Status.UNKNOWN, reason, fact.evidence, settled_by, asks if settles else ())


def _told_by_answers_only(fact: Fact[Any]) -> bool:
    """Two responses that disagree: a new answer is newer than both."""
    return bool(fact.evidence) and all((item.reference or "").startswith(_RESPONSES) for item in fact.evidence)


_RESPONSES = ("QuestionnaireResponse/", "#")


_SPOKEN = {
    "post-consolidation": "treatment after consolidation",
    "relapsed-refractory": "relapsed or refractory disease",
    "combination-multiagent": "combined with multiagent therapy",
    "alternating-multiagent": "alternating with multiagent therapy",
    "with-tki": "with a TKI",
    "alternating-pomp": "alternating with POMP",
}


def spoken(code: str) -> str:
    """A code of the order questions as words: 'post-consolidation' -> 'treatment after consolidation'."""
    return _SPOKEN.get(code, code.replace("-", " "))
