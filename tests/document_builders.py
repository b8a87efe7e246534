"""Realistic assessment documents for tests of cards, made from one whole case by naming what differs.

`document(dose={...}, policies=[...])` merges deeply; lists are replaced whole. The base case is the child of 30 kg
and 117 cm, MRD-positive, in cycle 1, ordered a flat 28 mcg/day.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import simplejson

Json = dict[str, Any]
DOCUMENT: Json = simplejson.loads(
    (Path(__file__).parent / "documents" / "child-mrd-flat-28.json").read_text(encoding="utf-8"), use_decimal=True
)
CURRENT, PREVIOUS = DOCUMENT["policies"]


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> Json:
    """A deep copy of the base with the changes laid over it, table by table."""
    result = copy.deepcopy(dict(base))
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else copy.deepcopy(value)
    return result


def document(**changes: Any) -> Json:
    """The base case with what the test wants different."""
    return merged(DOCUMENT, changes)


def policy(**changes: Any) -> Json:
    """The current edition's part with what the test wants different."""
    return merged(CURRENT, changes)


def evidence(what: str, value: str | None = None, date: str | None = None, reference: str | None = None) -> Json:
    """One evidence object."""
    return {"reference": reference, "what": what, "value": value, "date": date}


def criterion(title: str, status: str, reason: str = "", **more: Any) -> Json:
    """One criterion; `top` and `shown` default to True."""
    base = {
        "status": status,
        "reason": reason or f"{title}: {status}",
        "says": f"{title}, as the paragraph asks.",
        "evidence": [],
        "settled_by": None,
        "title": title,
        "top": True,
        "shown": True,
    }
    return {**base, **more}


def issue(code: str, severity: str, says: str, citation: str = "label 2.2") -> Json:
    """One dose issue."""
    return {"code": code, "severity": severity, "says": says, "citation": citation}


def candidate(row: str, track: str, days: str, **more: Any) -> Json:
    """One label row that the order may fall under; by default a fixed dose of 28 mcg/day in cycle 1."""
    base = {
        "row": row,
        "track": track,
        "cycles": "1",
        "days": days,
        "mcg_per_day": Decimal(28),
        "per_m2": None,
        "basis": "fixed",
        "cap": Decimal(28),
        "citation": "label 2.2",
    }
    return {**base, **more}


def step(ordered: Decimal | None, label: Decimal | None, verdict: str, **more: Any) -> Json:
    """One step of the order against its row."""
    base = {
        "as_written": f"{ordered} ug/d" if ordered is not None else "text only",
        "days": "1-28",
        "cycle_days": "1-28",
        "ordered": ordered,
        "label": label,
        "verdict": verdict,
        "ratio": ordered / label if ordered is not None and label else None,
        "row": "mrd-1",
        "problem": None,
    }
    return {**base, **more}


def safety(code: str, title: str, **more: Any) -> Json:
    """One safety item; by default it is about this patient and applies."""
    base = {
        "code": code,
        "severity": "warning",
        "status": "applies",
        "says": f"{title}.",
        "citation": "label 5",
        "evidence": [],
        "title": title,
        "group": "patient",
        "grade": "V",
        "confirm": False,
        "short": "",
    }
    return {**base, **more}
