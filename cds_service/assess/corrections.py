"""Where a source document prints something else than we use: said once, on the card it concerns. Pure.

A value is never corrected silently. Which correction stands where, and when, is data in the knowledge files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.assess.disease_criteria import MRD_LEVEL_PERCENT
from cds_service.facts.model import Case
from cds_service.knowledge.label import Discrepancy


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a correction may depend on."""

    case: Case
    track: str | None
    basis: str | None
    toxicity_action: str | None
    aya: bool


def _mrd_below(occasion: Occasion) -> bool:
    mrd = occasion.case.patient.mrd.value
    return bool(mrd and mrd.detected and mrd.percent is not None and mrd.percent < MRD_LEVEL_PERCENT)


CONDITIONS: Mapping[str, Callable[[Occasion], bool]] = {
    "mrd-row": lambda occasion: occasion.track == "mrd",
    "relapsed-row": lambda occasion: occasion.track == "relapsed-refractory",
    "consolidation-row": lambda occasion: occasion.track == "consolidation",
    "label-row": lambda occasion: occasion.track not in (None, "none"),
    "fixed-dose": lambda occasion: occasion.basis == "fixed",
    "dose-by-area": lambda occasion: occasion.basis == "bsa",
    "after-toxicity": lambda occasion: occasion.toxicity_action is not None,
    "preserved-bag": lambda occasion: (occasion.case.course.infusion_bag.value or "").endswith("-preserved"),
    "mrd-below-label-level": _mrd_below,
    "later-remission": lambda occasion: occasion.case.course.disease_status.value == "remission-3-or-later",
    "cd19-not-documented": lambda occasion: occasion.case.patient.cd19.value != "positive",
    "aya": lambda occasion: occasion.aya,
}
"""When a correction may be said; the knowledge files name these, and the loader refuses other names."""
TOPICS = frozenset({"dose", "premedication", "monitoring", "safety", "coverage"})


def corrections(discrepancies: Iterable[Discrepancy], occasion: Occasion) -> list[dict[str, Any]]:
    """The corrections to be said for this order: item, topic, document, prints, used, says."""
    return [
        {
            "item": one.item,
            "topic": one.topic,
            "document": one.document,
            "prints": one.prints,
            "used": one.used,
            "says": one.show,
        }
        for one in discrepancies
        if one.topic and one.show and all(CONDITIONS[name](occasion) for name in one.when)
    ]
