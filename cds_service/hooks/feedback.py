"""Feedback on cards (conformance section O): read and checked. Storing it is not done here, nor knowing the cards.

The card need not be known to us (O-06). An empty override reason counts as none. A reason whose code and system stand
in `overrideReason` itself, as older sandboxes send it, is read as if it stood in `reason`; nothing else is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cds_service.errors import CallError
from cds_service.hooks.schemas import FEEDBACK, first_error, missing

_MENDS: Mapping[str, str] = {
    "feedback": 'Send {"feedback": [...]} with one object per card.',
    "card": "Send the uuid of the card, as in the answer it came with.",
    "outcome": "Send accepted or overridden.",
    "outcomeTimestamp": "Send the moment in UTC as RFC 3339 writes it, such as 2025-10-01T10:05:31Z.",
    "acceptedSuggestions": 'Send the uuid of each accepted suggestion as {"id": uuid}.',
    "reason": "Send the chosen override reason with code and system, as offered on the card; or leave it out.",
    "overrideReason": "Send an object with reason, userComment or both; or leave it out.",
    "userComment": "Send the comment as a string, or leave it out.",
}

_NAMED = 20
"""Missing fields named in one refusal at the most."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What became of one card. `comment` is free text and to be treated as sensitive."""

    card: str
    accepted: bool
    at: datetime
    suggestions: tuple[str, ...] = ()
    reason: tuple[str, str] | None = None
    """(system, code) of the override reason"""
    comment: str | None = None


def parse_feedback(body: object) -> tuple[Feedback, ...]:
    """Every entry of a feedback body, in order. Raises CallError naming the field and what to send instead."""
    wrong = first_error(FEEDBACK, body)
    if wrong:
        field, what = wrong
        if what == "is missing":
            named = missing(FEEDBACK, body, at_most=_NAMED)
            raise CallError(_all_missing(named), field=named[0], mend=_mend(named[0]), code="required")
        raise CallError(f"{field or 'the body'} {what}", field=field, mend=_mend(field), code="structure")
    assert isinstance(body, Mapping)  # noqa: S101 - the schema has just said so
    return tuple(_entry(entry, place) for place, entry in enumerate(body["feedback"]))


def _all_missing(named: tuple[str, ...]) -> str:
    """Every field that is missing, so that a client need not mend them one by one."""
    if len(named) == 1:
        return f"{named[0]} is missing"
    return f"{', '.join(named)} are missing" + (" (and perhaps more)" if len(named) >= _NAMED else "")


def _entry(entry: Mapping[str, Any], place: int) -> Feedback:
    override = entry.get("overrideReason") or {}
    reason = override.get("reason") or _flat(override)
    return Feedback(
        card=entry["card"],
        accepted=entry["outcome"] == "accepted",
        at=_moment(entry["outcomeTimestamp"], f"feedback[{place}].outcomeTimestamp"),
        suggestions=tuple(item["id"] for item in entry.get("acceptedSuggestions") or ()),
        reason=(reason["system"], reason["code"]) if reason else None,
        comment=override.get("userComment") or None,
    )


def _flat(override: Mapping[str, Any]) -> Mapping[str, Any]:
    """A reason that was put one level too high."""
    found = {name: override.get(name) for name in ("system", "code")}
    return found if all(isinstance(text, str) and text.strip() for text in found.values()) else {}


def _moment(text: str, field: str) -> datetime:
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as mistake:
        message = f"{field} is not a moment that exists"
        raise CallError(message, field=field, mend=_MENDS["outcomeTimestamp"], code="value") from mistake


def _mend(field: str) -> str:
    """The advice for the innermost name on the path that we have words for."""
    names = [part.partition("[")[0] for part in field.split(".")]
    return next((_MENDS[name] for name in reversed(names) if name in _MENDS), _MENDS["feedback"])
