"""What the record cards say of what could not be read, from the assessment document only. Judges nothing.

Whole searches that failed for one reason stand on one line, in a clinician's words: fifteen lines are not read.
The words are in `cards/templates/record*.jinja`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cds_service.present import words
from cds_service.present.words import Document

UNREADABLE_LIMIT = 8
SEARCHES: Mapping[str, str] = {
    "patient": "the patient's own entry",
    "practitioner": "the prescriber",
    "practitionerRoles": "the prescriber's roles",
    "conditions": "diagnoses",
    "vitals": "weight, height and surface area",
    "laboratory": "laboratory results",
    "medicationRequests": "orders on file",
    "medicationStatements": "reported medication",
    "medicationAdministrations": "doses given",
    "allergies": "allergies",
    "coverage": "coverage",
    "orderQuestions": "answers to order questions",
    "reports": "reports",
    "immunizations": "vaccinations",
    "adverseEvents": "adverse events",
}
"""Key of a prefetch template -> what it brings. A test holds these together with the templates."""


def record_values(document: Document, limit: int = UNREADABLE_LIMIT) -> dict[str, object]:
    """The names of the record template: what could not be read, the first so many lines."""
    return _listed(document.get("unreadable") or (), limit) | {"order_itself": _order_unreadable(document)}


def untold_values(untold: Sequence[Document], limit: int = UNREADABLE_LIMIT) -> dict[str, object]:
    """The names of the template about orders whose drug cannot be told, the first so many."""
    return _listed(untold, limit)


def record_severity(document: Document) -> str:
    """A warning when the order itself is among what could not be read."""
    return "warning" if _order_unreadable(document) else "info"


def _listed(found: Sequence[Document], limit: int) -> dict[str, object]:
    lines = _lines(found)
    whole = any(_search(item.get("reference")) for item in found)
    return {
        "count": len(found),
        "noun": ("part" if whole else "entry") if len(found) == 1 else ("parts" if whole else "entries"),
        "entries": [{"reference": ", ".join(names), "why": words.bare(why)} for names, why in lines[:limit]],
        "more": sum(len(names) for names, _ in lines[limit:]),
    }


def _lines(found: Sequence[Document]) -> list[tuple[list[str], str]]:
    """(names, why); searches that failed for the same reason stand together, where the first of them stood."""
    lines: dict[tuple[str, str], list[str]] = {}
    for number, item in enumerate(found):
        reference = item.get("reference") or "an entry without id"
        name = _search(reference)
        lines.setdefault((item["why"], "" if name else str(number)), []).append(name or reference)
    return [(names, why) for (why, _), names in lines.items()]


def _search(reference: str | None) -> str | None:
    """What a key, or a value of the prefetch as a whole, is about."""
    return SEARCHES.get((reference or "").removeprefix("prefetch."))


def _order_unreadable(document: Document) -> bool:
    own = document["order"]["reference"]
    return any(item.get("reference") == own for item in document.get("unreadable") or ())
