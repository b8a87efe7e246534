"""Numbers with their units, dates and statuses as cards write them. May not judge: it words what the document says.

Doses are shown to 0.1 mcg, rounded down, so that no card ever shows more than the exact value allows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from cds_service.units import WIDE

Document = Mapping[str, Any]
_kept = lru_cache(maxsize=4096)
"""Most of what is worded here are the words of the knowledge files, the same on every card."""
_OWN_EDITION = re.compile(r"^(?:US label|\w+ US prescribing information,) [A-Z][a-z]+ \d{4}, ")
_CODES = re.compile(r" \((?:\d{6,18}|[0-9A-Z]{9}X)\)")
"""SNOMED CT and NUCC codes behind a display: nothing a reader of a card can use."""
_UNITS = (
    ("[lb_av]", "lb"),
    ("[in_i]", "in"),
    ("10*3/uL", "×10³/µL"),
    ("10*9/L", "×10⁹/L"),
    ("10*-3", "×10⁻³"),
    ("/m2/", "/m²/"),
)
"""UCUM as people write it."""

_STEPS = tuple(Decimal(1).scaleb(-digits) for digits in range(8))
_HUNDREDTH = _STEPS[2]

STATUS = {
    "met": "met",
    "not_met": "not met",
    "unknown": "unknown",
    "review": "for review",
    "not_applicable": "not applicable",
}
OVERALL = {
    "criteria_met": "Criteria met",
    "criteria_not_met": "Criteria not met",
    "insufficient_information": "Information needed",
    "manual_review": "Manual review",
}
TRACK = {
    "mrd": "MRD-positive",
    "relapsed-refractory": "relapsed or refractory",
    "consolidation": "consolidation phase",
    "none": "no labelled use",
}
EVENT = {
    "crs": "CRS",
    "neurotoxicity": "neurotoxicity",
    "seizure": "seizure",
    "other-toxicity": "another reaction",
    "any": "any reaction",
}
SEVERITY = ("critical", "warning", "info")


def corrections(document: Document, topic: str) -> list[str | None]:
    """What the sources print otherwise, for the card of this topic."""
    return [sentence(item["says"]) for item in document.get("corrections") or () if item["topic"] == topic]


@_kept
def number(value: object, digits: int = 1, *, rounding: str = ROUND_DOWN) -> str:
    """'14.8' from 14.811…: at most so many decimals, no trailing zeros, never an exponent."""
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    shown = f"{exact.quantize(_STEPS[digits], rounding, WIDE):f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def mcg(value: object) -> str:
    """'14.8 mcg/day', rounded down to 0.1."""
    exact = Decimal(str(value))
    return f"{number(exact)} mcg/day" if exact >= Decimal("0.1") or not exact else "under 0.1 mcg/day"


def ordered_mcg(value: object, label: object) -> str:
    """The ordered dose to 0.01; to 0.1 like the label dose where more digits would make it look above that dose."""
    exact = Decimal(str(value))
    if label is None:
        return f"{number(exact, 2)} mcg/day"
    row = Decimal(str(label))
    if exact > row and number(exact, 2) == number(row):
        return f"{number(exact, 3)} mcg/day"
    looks_above = exact <= row and Decimal(number(exact, 2)) > Decimal(number(row))
    return mcg(exact) if looks_above else f"{number(exact, 2)} mcg/day"


def per_m2(value: object) -> str:
    """'15 mcg/m²/day'."""
    return f"{number(value)} mcg/m²/day"


def milligrams(value: object) -> str:
    """'4.9 mg', rounded down to 0.1."""
    return f"{number(value)} mg"


def square_metres(value: object) -> str:
    """'0.99 m²', rounded to the nearest hundredth."""
    return f"{number(value, 2, rounding=ROUND_HALF_UP)} m²"


def area(value: object) -> str:
    """'0.99 m² (0.98742)': the unrounded area beside it where the rounded one would not give the product."""
    shown, exact = square_metres(value), number(value, 5)
    return shown if shown == f"{exact} m²" else f"{shown} ({exact})"


def cycles(numbers: object) -> str:
    """'cycle 1', 'cycles 2-4'."""
    return f"cycle{'' if str(numbers).isdigit() else 's'} {numbers}"


@_kept
def legible(text: str) -> str:
    """The text with units as people write them, and without codes that only machines read."""
    if "[" in text or "*" in text or "/" in text:
        for code, shown in _UNITS:
            text = text.replace(code, shown)
    return _CODES.sub("", text) if " (" in text else text


@_kept
def headline(text: str, limit: int) -> str:
    """The first sentence; where it is too long, its first clauses, closed without a trailing mark."""
    line = " ".join(text.split()).split(". ")[0].rstrip(".")
    if len(line) <= limit:
        return line
    ends = [found.start() for found in re.finditer(r"[:;,] ", line) if found.start() <= limit]
    return line[: ends[-1]] if ends else shortened(line, limit)


def ratio(value: object) -> str:
    """'1.89', two digits rounded down; 'just above 1' where that would hide an excess."""
    exact = Decimal(str(value))
    if 1 < exact < Decimal("1.01"):
        return "just above 1"
    return number(exact, 0) if exact >= 10 else f"{exact.quantize(_HUNDREDTH, ROUND_DOWN, WIDE):f}"


def day(value: object) -> str | None:
    """A date as ISO writes it, or None."""
    return str(value)[:10] if value else None


def dated(text: str, when: object) -> str:
    """'30 kg (2025-09-28)', or without a date 'no date'."""
    return f"{text} ({day(when) or 'no date'})"


def evidence(items: Sequence[Document] | None, limit: int = 2) -> str:
    """'MRD: 0.5 % (2025-09-20)' for the first few pieces of evidence; '–' when there is none."""
    found = list(dict.fromkeys(_piece(item) for item in items or ()))
    if not found:
        return "–"
    more = f"; {len(found) - limit} more" if len(found) > limit else ""
    return "; ".join(found[:limit]) + more


def _piece(item: Document) -> str:
    value = item.get("value")
    what = item.get("what") or "record"
    text = shortened(legible(f"{what}: {value}" if value else f"{what}"), 120)
    when = day(item.get("date"))
    return f"{text} ({when})" if when else text


@_kept
def shortened(text: str, limit: int) -> str:
    """The text, cut at a word with '…' where it is longer."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    head = line[: limit - 1]
    return (head.rsplit(" ", 1)[0] if " " in head else head) + "…"


@_kept
def sentence(text: str | None) -> str | None:
    """The text opening with a capital and closed by a stop; None stays None."""
    line = (text or "").strip()
    if not line:
        return None
    return line[0].upper() + line[1:] + ("" if line[-1] in ".!?…" else ".")


@_kept
def bare(text: str | None) -> str | None:
    """The text without its final stop, to stand inside a sentence; None stays None."""
    return (text or "").strip().rstrip(".") or None


@_kept
def inside(text: str | None) -> str | None:
    """The text fit to stand inside a sentence: no final stop, and a small letter unless the first word is a name."""
    line = bare(text)
    if line is None:
        return None
    first = line.split()[0]
    plain_word = first[:1].isupper() and (len(first) == 1 or first[1:].replace("'", "").islower())
    return line[0].lower() + line[1:] if plain_word and first.replace("'", "").isalpha() else line


def listed(items: Iterable[str], last: str = "and") -> str:
    """'a, b and c'."""
    found = list(items)
    if len(found) < 2:
        return "".join(found)
    return f"{', '.join(found[:-1])} {last} {found[-1]}"


@lru_cache(maxsize=1024)
def cited(citation: str | None) -> str | None:
    """The citation without the edition that the card's source already names; older editions stay named."""
    return _OWN_EDITION.sub("label, ", citation) if citation else None


def merged(citations: Iterable[str | None]) -> str:
    """'label, warnings: infections, immunisation': places of one part of a document named together, each once."""
    places: dict[str, list[str]] = {}
    for citation in dict.fromkeys(item for item in citations if item):
        part, colon, place = citation.partition(": ")
        places.setdefault(part + colon.strip(), []).append(place)
    return "; ".join(" ".join(filter(None, (part, ", ".join(filter(None, rest))))) for part, rest in places.items())


def graded(line: Document) -> dict[str, object]:
    """One line of the label's toxicity table: its event, 'grade 1 or 2' where it has grades, and what it says."""
    grades = line.get("grades")
    listing = listed([str(item) for item in grades], "or") if isinstance(grades, list | tuple) else str(grades or "")
    event = line.get("event")
    return {
        "event": EVENT.get(event or "", bare(event)),
        "grades": listing if listing and listing != "any" else None,
        "says": bare(line["says"]),
        "citation": cited(line.get("citation")),
    }


def worst(severities: Iterable[str | None]) -> str:
    """The gravest of them; 'info' where there is none."""
    return min((item for item in severities if item in SEVERITY), key=SEVERITY.index, default="info")


def https(url: object) -> str | None:
    """The address when it is an https one."""
    return url if isinstance(url, str) and url.startswith("https://") else None
