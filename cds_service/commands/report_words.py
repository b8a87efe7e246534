"""Words that the report uses in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

CAUSES: Mapping[str, str] = {
    "not-on-file": "not on file",
    "not-read": "not found, and not all of the record was read",
    "sources-disagree": "sources disagree",
    "not-usable": "on file, but it does not tell",
}
VERDICTS: Mapping[str, str] = {
    "matches_label": "matches the label row",
    "above_label": "above the label row",
    "below_label": "below the label row",
    "no_label_row": "no label row for this use",
    "unknown": "cannot be judged",
}
OVERALL: Mapping[str, str] = {
    "criteria_met": "all criteria met",
    "manual_review": "for review",
    "insufficient_information": "something unknown",
    "criteria_not_met": "a criterion not met",
}


def period(found: Mapping[str, Any]) -> str:
    """From when to when, in words."""
    since, until = found["since"], found["until"]
    first = spoken(since) if since else None
    last = spoken(until) if until else None
    if first and last:
        return f"{first} to {last}"
    if first:
        return f"since {first}"
    return f"up to {last}" if last else "all that is on record"


def spoken(text: str) -> str:
    """A day or moment as 1 October 2025, where this runs."""
    day = datetime.fromisoformat(text).astimezone().date() if "T" in text else date.fromisoformat(text)
    return f"{day.day} {day:%B %Y}"


def counted(number: int, thing: str) -> str:
    """1 answer, 2 answers."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def rate(part: int, whole: int) -> str:
    """A share in per cent; a little is not nothing, and nearly all is not all."""
    if not whole:
        return "–"
    share = round(100 * part / whole)
    if part and not share:
        return "<1 %"
    return "99 %" if share == 100 and part < whole else f"{share} %"
