"""Which findings about the dose stand first on the card, and which it says already elsewhere. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cds_service.present import words
from cds_service.present.words import Document

NAMED = ("unit-slip", "vial-content-as-dose", "duplicate-therapy", "missing-step", "misplaced-step")
"""Findings that say more than the verdict does, the most telling first."""
OBSTACLES = {
    "missing-weight": "no usable weight",
    "missing-height": "no usable height",
    "implausible-measure": "check weight and height",
    "bsa-conflict": "charted BSA against weight and height",
    "cycle-unknown": "cycle or day not stated",
    "track-unknown": "use or phase not known",
}
"""What keeps a dose from being judged, the first to settle first."""
SAID_ALREADY = frozenset({"overdose", "underdose", "above-every-label-row", "over-policy-maximum"})
"""The card's own lines of verdict and policy maximum say these."""
LEADING = 3


@dataclass(frozen=True, slots=True)
class Findings:
    """The finding that makes the headline, the grave ones after it, the rest."""

    headline: dict[str, object] | None
    leading: list[dict[str, object]]
    others: list[dict[str, object]]


def findings(dose: Document, kind: str) -> Findings:
    """The dose issues as this card needs them; what its own lines say already is left out."""
    found = list(_open_issues(dose, kind))
    lead = next((item for item in found if _leads(item, kind, dose)), None)
    rest = [item for item in found if item is not lead]
    grave = [item for item in rest if item["severity"] != "info"][:LEADING]
    return Findings(
        headline=_worded(lead) if lead else None,
        leading=[_worded(item) for item in grave],
        others=[_worded(item) for item in rest if item not in grave],
    )


def obstacle(dose: Document) -> str | None:
    """What keeps the dose from being judged, in a few words."""
    codes = {item["code"] for item in dose.get("issues") or ()}
    return next((says for code, says in OBSTACLES.items() if code in codes), None)


def measure_doubts(document: Document) -> list[str | None]:
    """What is wrong with weight or height, as far as no finding says so."""
    body = document["patient"]
    doubts = (body.get("weight_problem"), body.get("height_problem"), *(body.get("measure_warnings") or ()))
    said = _said(document["dose"])
    return [words.sentence(item) for item in doubts if item and (words.bare(item) or "").lower() not in said]


def quoted_text(document: Document) -> str | None:
    """The free text of the order, unless a finding quotes it."""
    text = words.shortened(document["order"].get("text") or "", 200)
    return text if text and text.lower() not in _said(document["dose"]) else None


def _said(dose: Document) -> str:
    return " ".join(item["says"] for item in dose.get("issues") or ()).lower()


def _open_issues(dose: Document, kind: str) -> Iterable[Document]:
    issues: Sequence[Document] = dose.get("issues") or ()
    by_gravity = sorted(issues, key=lambda item: words.SEVERITY.index(item["severity"]))
    toxicity = words.bare((dose.get("toxicity") or {}).get("says"))
    for item in by_gravity:
        repeats = any(item is not other and _repeats(item, other) for other in by_gravity)
        judged = item["code"] in SAID_ALREADY and kind != "toxicity"
        if not (judged or repeats or (toxicity and item["says"].startswith(toxicity))):
            yield item


def _repeats(item: Document, other: Document) -> bool:
    """'Check the measures: …' says nothing new beside the finding that there is no usable height."""
    if item["code"] != "implausible-measure" or other["code"] not in ("missing-weight", "missing-height"):
        return False
    return (words.bare(item["says"].partition(": ")[2]) or "-") in other["says"]


def _leads(item: Document, kind: str, dose: Document) -> bool:
    """Is this the finding the headline speaks of?"""
    if kind == "unknown":
        first = next((code for code in OBSTACLES if code in {one["code"] for one in dose["issues"]}), None)
        return bool(item["code"] == first)
    if kind == "matches_label":
        return bool(item["severity"] != "info")
    return bool(item["code"] == {"unreadable": "dose-unreadable", "no_label_row": "no-label-row"}.get(kind, kind))


def _worded(item: Document) -> dict[str, Any]:
    return {
        "code": item["code"],
        "severity": item["severity"],
        "says": words.bare(item["says"]),
        "short": words.inside(words.headline(item["says"], 100)),
        "rest": words.bare(item["says"].partition(": ")[2]) or words.bare(item["says"]),
        "citation": words.cited(item.get("citation")),
    }
