"""What the safety cards say, from the assessment document only. Judges nothing.

The words are in `cards/templates/safety*.jinja`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from cds_service.present import words
from cds_service.present.words import Document

THEMES = (
    ("Blood counts, tumour lysis, pancreas", ("blood-counts", "tumour-lysis-prophylaxis", "pancreatitis-watch")),
    ("Liver", ("liver-panel", "liver-timing")),
    ("Infection and vaccines", ("infection-prophylaxis", "no-live-vaccines")),
    ("Nervous system", ("intrathecal-prophylaxis", "follow-up-imaging", "driving")),
    ("Pregnancy and breastfeeding", ("contraception", "lactation-48h", "newborn-b-cells")),
    ("Preparation, pump and line", ("preparation-errors", "pump", "bag-rates", "line-flush", "interruption")),
)
_BRIEF = ("code", "title", "short", "citation", "confirm")
_brief = itemgetter(*_BRIEF)
_Brief = tuple[Any, ...]
"""What the list for everyone shows of an item of the label."""
OTHER_THEME = "Also"
"""Topics of the label that have no theme yet are never left out."""


def safety_values(document: Document) -> dict[str, object]:
    """The names of the safety templates: this patient's items by severity, then the list for everyone."""
    found = _by_status(document.get("safety") or ())
    applies, unknown = found["applies"], found["unknown"]
    silent = [item for item in unknown if not _grave(item)]
    return {
        "applies": [_item(item) for item in applies],
        "unknown": [_few_words(item) for item in unknown],
        "open": [_item(item) for item in unknown if _grave(item)],
        "to_judge": [_item(item) for item in silent if item.get("evidence")],
        "ask": [_few_words(item) for item in silent if not item.get("evidence")],
        "lead": _lead(applies, unknown),
        "grave": sum(1 for item in (*applies, *unknown) if _grave(item)),
        "clear": [_short(item) for item in found["clear"]],
        "for_all": _themes(tuple([_brief(item) for item in found["for-all"]])),
        "corrections": words.corrections(document, "safety"),
    }


def _lead(applies: Sequence[Document], unknown: Sequence[Document]) -> dict[str, object] | None:
    """What the headline speaks of: what was found, unless only something open is grave."""
    grave = [item for item in (*applies, *unknown) if _grave(item)]
    first = next(iter(grave or applies), None)
    return _item(first) if first else None


def _grave(item: Document) -> bool:
    return (item.get("severity") or "info") != "info"


@lru_cache(maxsize=16)
def _themes(items: tuple[_Brief, ...]) -> Sequence[Document]:
    """The list for everyone in a few lines: what belongs together stands together, its citations behind it.

    Kept, because it is the same for every patient of a label edition; never change it.
    """
    theme_of = {code: theme for theme, codes in THEMES for code in codes}
    found: dict[str, list[Document]] = {theme: [] for theme in (*(name for name, _ in THEMES), OTHER_THEME)}
    for item in (dict(zip(_BRIEF, each, strict=True)) for each in items):
        found[theme_of.get(item["code"], OTHER_THEME)].append(item)
    return [
        {
            "theme": theme,
            "says": ". ".join(
                f"{words.bare(item.get('short')) or item['title']}{'†' if item.get('confirm') else ''}"
                for item in group
            ),
            "citation": words.merged(words.cited(item.get("citation")) for item in group),
        }
        for theme, group in found.items()
        if group
    ]


def safety_severity(document: Document) -> str:
    """The gravest of what applies; what cannot be judged warns at most: `critical` is for what was found."""
    found: Sequence[Document] = document.get("safety") or ()
    applies = words.worst(item.get("severity") for item in found if item.get("status") == "applies")
    doubts = words.worst(item.get("severity") for item in found if item.get("status") == "unknown")
    return words.worst((applies, "warning" if doubts == "critical" else doubts))


def speaks_early(document: Document) -> bool:
    """Is there anything about this patient that should be known before an order is filled in?"""
    found: Sequence[Document] = document.get("safety") or ()
    return any(item.get("status") == "applies" and item.get("severity") in ("critical", "warning") for item in found)


def _by_status(items: Sequence[Document]) -> dict[str, list[Document]]:
    """The items of each status, the gravest first."""
    found: dict[str, list[Document]] = {status: [] for status in ("applies", "unknown", "clear", "for-all")}
    for item in items:
        found[item["status"]].append(item)
    for status in ("applies", "unknown", "clear"):
        found[status].sort(key=lambda item: words.SEVERITY.index(item.get("severity") or "info"))
    return found


def _item(item: Document) -> dict[str, object]:
    return {
        "title": words.shortened(words.bare(item.get("title")) or item["code"], 70),
        "severity": item.get("severity") or "info",
        "headline": words.inside(words.headline(words.legible(item["says"]), 116)),
        "says": words.inside(words.legible(item["says"])),
        "evidence": words.evidence(item["evidence"]) if item.get("evidence") else None,
        "citation": words.cited(item.get("citation")),
        "confirm": bool(item.get("confirm")),
    }


def _few_words(item: Document) -> str:
    """The item as a list names it."""
    return words.shortened(words.bare(item.get("short")) or item["code"], 90)


def _short(item: Document) -> str:
    return words.bare(item.get("short")) or words.bare(item.get("title")) or str(item["code"])
