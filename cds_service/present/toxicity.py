"""What the dose card says after toxicity: the label's table and what it still needs to know. Judges nothing."""

from __future__ import annotations

from cds_service.present import words
from cds_service.present.words import Document

ACTION = {
    "continue": "continue at the scheduled dose",
    "interrupt": "interrupt until resolved",
    "restart-stepped": "restart at the step dose",
    "discontinue": "discontinue",
    "consider-discontinuation": "consider discontinuation",
    "unknown": "cannot be placed in the table yet",
}
HALTS = frozenset({"interrupt", "discontinue", "consider-discontinuation", "unknown"})
"""Actions that stand above any dose: the card speaks of them first."""


def toxicity_values(dose: Document) -> dict[str, object] | None:
    """The event, the action and the table; None when the order does not restart after toxicity."""
    found = dose.get("toxicity")
    if not found:
        return None
    adjusted = dose.get("toxicity_adjusted_mcg_per_day")
    return {
        "action": ACTION.get(found.get("action") or "unknown", found.get("action")),
        "event": _event(found.get("event")),
        "grade": _grade(found),
        "says": words.sentence(found.get("says")),
        "citation": words.cited(found.get("citation")),
        "adjusted": words.mcg(adjusted) if adjusted is not None else None,
        "needs": [words.bare(item) for item in found.get("needs") or ()],
        "lines": [words.graded(line) for line in found.get("table") or ()],
    }


def _event(code: str | None) -> str:
    return words.EVENT.get(code or "", words.bare(code) or "toxicity")


def _grade(found: Document) -> str | None:
    """'CTCAE grade 3': a grade never stands without its scale."""
    if found.get("grade") is None:
        return None
    scale = found.get("scale")
    return f"{scale.upper() if scale else 'scale not said,'} grade {found['grade']}"
