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
    "unknown": "no restart dose yet",
}
HALTS = frozenset({"interrupt", "discontinue", "consider-discontinuation", "unknown"})
"""Actions that stand above any dose: the card speaks of them first."""


def toxicity_values(dose: Document) -> dict[str, object] | None:
    """The event, the action and the table; None when the order does not restart after toxicity."""
    found = dose.get("toxicity")
    if not found:
        return None
    adjusted, needs = dose.get("toxicity_adjusted_mcg_per_day"), found.get("needs") or ()
    return {
        "action": ACTION.get(found.get("action") or "unknown", found.get("action")),
        "event": _event(found.get("event")),
        "grade": _grade(found),
        "says": words.sentence(found.get("says")),
        "citation": words.cited(found.get("citation")),
        "adjusted": words.mcg(adjusted) if adjusted is not None else None,
        "adjusted_days": found.get("restart_days"),
        "cycle": words.sentence(found.get("cycle_says")),
        "needs": [words.bare(item) for item in needs],
        "need": words.listed((_brief(item) for item in needs), "and"),
        "lines": [words.graded(line) for line in found.get("table") or () if _concerns(line, found)],
    }


def _brief(need: str) -> str:
    """What is asked, without what explains it: up to the first colon or bracket."""
    return need.partition(":")[0].partition(" (")[0].rstrip(".")


def _concerns(line: Document, found: Document) -> bool:
    """Is this a line of the table for the event, that the card does not quote already?"""
    event = found.get("event")
    near = (
        {event, "seizure"} if event == "neurotoxicity" else {event, "neurotoxicity"} if event == "seizure" else {event}
    )
    return line.get("event") in {*near, "any"} and line.get("says") != found.get("says")


def _event(code: str | None) -> str:
    return words.EVENT.get(code or "", words.bare(code) or "toxicity")


def _grade(found: Document) -> str | None:
    """'CTCAE grade 3': a grade never stands without its scale."""
    if found.get("grade") is None:
        return None
    scale = found.get("scale")
    return f"{scale.upper() if scale else 'scale not said,'} grade {found['grade']}"
