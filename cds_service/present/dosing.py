"""What a dose card says, from the assessment document only. Judges nothing: picks, orders and puts units to numbers.

The words are in `cards/templates/dose*.jinja`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from cds_service.present import words
from cds_service.present.arithmetic import arithmetic, patient, rows_in_use
from cds_service.present.dose_findings import NAMED, findings, measure_doubts, obstacle, quoted_text
from cds_service.present.suggestions.spoken import spoken_doses
from cds_service.present.toxicity import HALTS, toxicity_values
from cds_service.present.words import Document

VERDICT = {
    "above_label": "above the label row",
    "unknown": "cannot be judged",
    "below_label": "below the label row",
    "no_label_row": "no label row for this use",
    "matches_label": "matches the label row",
}


def dose_values(document: Document) -> dict[str, object]:
    """The names of the dose templates, filled for this order."""
    dose = document["dose"]
    lead = _lead_step(dose)
    found = findings(dose, kind := _kind(dose, lead))
    return {
        "kind": kind,
        "verdict": "above every label row" if kind == "above_every_row" else VERDICT[dose["verdict"]],
        "ordered": _ordered(dose, lead),
        "label_dose": _label_dose(dose, lead),
        "ratio": _ratio(dose, lead),
        "patient": patient(document["patient"]),
        "row": _row(dose, lead),
        "arithmetic": arithmetic(document),
        "maximum": _maximum(dose),
        "steps": [_step(item) for item in dose.get("steps") or ()],
        "above_all": bool(dose.get("above_every_label_row")),
        "headline": found.headline,
        "issues": found.leading,
        "more_issues": found.others,
        "obstacle": obstacle(dose),
        "candidates": [_candidate(item) for item in dose.get("candidates") or ()],
        "may_be": words.listed(dict.fromkeys(_amount(item) for item in dose.get("candidates") or ()), "or"),
        "schedule": [_scheduled(item) for item in dose.get("schedule") or ()],
        "course": _course(dose.get("course")),
        "toxicity": toxicity_values(dose),
        "corrections": words.corrections(document, "dose"),
        "order_text": quoted_text(document),
        "measures": measure_doubts(document),
        "stop": _stop(document),
        **_change(document),
    }


_OF_THE_DOSE = ("medication-error", "duplicate-therapy")
"""Stops that the dose card speaks of itself."""


def _stop(document: Document) -> str | None:
    """A stop that stands: a dose that matches its row must not read as leave to give it."""
    for item in document["safety"]:
        if item["severity"] == "critical" and item["status"] == "applies" and item["code"] not in _OF_THE_DOSE:
            return str(item["short"] or words.inside(item["title"]))
    return None


def _change(document: Document) -> dict[str, object]:
    """The changed dose where it is to be written by hand, and why no button changes the order."""
    offer = (document.get("offers") or {}).get("dose") or {}
    by_hand = bool(offer.get("by_hand"))
    return {
        "change_to": spoken_doses(offer["steps"]) if by_hand else None,
        "by_hand": list(offer.get("by_hand") or ()),
        "held_back": list(offer.get("because") or ()),
    }


def severity(document: Document) -> str:
    """How grave the dose part of the document is."""
    dose = document["dose"]
    return words.worst([dose.get("severity"), *(issue.get("severity") for issue in dose.get("issues") or ())])


def has_dose(document: Document) -> bool:
    """Was a dose ordered that could be read?"""
    return any(item.get("value") is not None for item in document["dose"].get("ordered_mcg_per_day") or ())


def _lead_step(dose: Document) -> Document | None:
    """The step the card speaks of first: the worst verdict, then the largest ratio."""
    steps: Sequence[Document] = dose.get("steps") or ()
    order = list(VERDICT)
    return min(steps, key=lambda item: (order.index(item["verdict"]), -(item.get("ratio") or 0)), default=None)


def _kind(dose: Document, lead: Document | None) -> str:
    """Which headline the card has."""
    codes = {issue["code"] for issue in dose.get("issues") or () if issue["severity"] != "info"}
    above_all = bool(dose.get("above_every_label_row")) and lead is not None
    action = (dose.get("toxicity") or {}).get("action")
    if action in HALTS and not (action == "unknown" and above_all):
        return "toxicity"
    named = next((code for code in NAMED if code in codes and (code != "unit-slip" or _certain(dose))), None)
    if named:
        return named
    if lead is None or lead.get("ordered") is None:
        return "unreadable"
    nameless = _label_value(dose, lead) is None
    if (above_all or dose["verdict"] == "above_label") and (nameless or dose["verdict"] != "above_label"):
        return "above_every_row"
    return str(dose["verdict"])


def _certain(dose: Document) -> bool:
    """Is a slip of the unit more than a guess: was the dose judged, or is the finding critical?"""
    grave = any(item["code"] == "unit-slip" and item["severity"] == "critical" for item in dose["issues"])
    return grave or dose["verdict"] != "unknown"


def _label_value(dose: Document, lead: Document | None) -> Decimal | None:
    adjusted = dose.get("toxicity_adjusted_mcg_per_day")
    own = lead.get("label") if lead else None
    return own or adjusted or (dose.get("label_mcg_per_day") or {}).get("value")


def _ordered(dose: Document, lead: Document | None) -> str | None:
    """The dose spoken of; where every step matches, all of them in turn."""
    if dose["verdict"] == "matches_label" and (every := _in_turn(dose, "ordered")):
        return every
    if lead is None or lead.get("ordered") is None:
        return None
    return words.ordered_mcg(lead["ordered"], _label_value(dose, lead))


def _in_turn(dose: Document, side: str) -> str | None:
    """'9 mcg/day, then 28 mcg/day'; None when a step cannot be read."""
    steps: Sequence[Document] = dose.get("steps") or ()
    if not steps or any(item.get(side) is None for item in steps):
        return None
    shown = (
        words.mcg(item[side]) if side == "label" else words.ordered_mcg(item[side], item["label"]) for item in steps
    )
    return ", then ".join(dict.fromkeys(shown))


def _label_dose(dose: Document, lead: Document | None) -> str | None:
    if dose["verdict"] == "matches_label" and (every := _in_turn(dose, "label")):
        return every
    value = _label_value(dose, lead)
    return words.mcg(value) if value is not None else None


def _ratio(dose: Document, lead: Document | None) -> str | None:
    found = lead.get("ratio") if lead and lead.get("ratio") is not None else dose.get("ratio")
    if found is None or _ordered(dose, lead) == _label_dose(dose, lead):
        return None
    return words.ratio(found)


def _row(dose: Document, lead: Document | None) -> str:
    """'relapsed or refractory, cycle 1, days 1-7': the row spoken of, or all the order falls under when it matches."""
    if dose.get("toxicity_adjusted_mcg_per_day") is not None:
        return "restart after toxicity"
    found = rows_in_use(dose)
    if dose["verdict"] != "matches_label" and lead is not None:
        found = [item for item in found if item["row"] == lead.get("row")]
    if not found:
        return words.TRACK.get(dose.get("track") or "", "use not known")
    first = found[0]
    named = f"{words.TRACK.get(first['track'], first['track'])}, {words.cycles(first['cycles'])}"
    rows = {item.get("row") for item in dose.get("steps") or ()}
    if dose["verdict"] == "matches_label" and not rows <= {item["row"] for item in found}:
        return named
    return f"{named}, days {words.listed(dict.fromkeys(str(item['days']) for item in found))}"


def _maximum(dose: Document) -> dict[str, object] | None:
    value = dose.get("policy_maximum_mcg_per_day")
    if value is None:
        return None
    over = dose.get("over_policy_maximum")
    says = "not judged" if over is None else "exceeded" if over else "not exceeded"
    return {"dose": words.mcg(value), "says": says, "citation": dose.get("policy_maximum_citation")}


def _step(item: Document) -> dict[str, object]:
    ordered, label = item.get("ordered"), item.get("label")
    shown = words.ordered_mcg(ordered, label) if ordered is not None else "not readable"
    row = words.mcg(label) if label is not None else "not known"
    return {
        "days": item.get("days") or "not said",
        "cycle_days": item.get("cycle_days") or "not known",
        "ordered": shown,
        "label": row,
        "ratio": words.ratio(item["ratio"]) if item.get("ratio") is not None and shown != row else None,
        "matches": item["verdict"] == "matches_label",
        "verdict": VERDICT[item["verdict"]],
        "problem": words.sentence(item.get("problem")),
    }


def _candidate(item: Document) -> dict[str, object]:
    return {
        "use": words.TRACK.get(item["track"], item["track"]),
        "cycles": words.cycles(item["cycles"]),
        "days": item["days"],
        "dose": _amount(item),
        "cap": words.mcg(item["cap"]) if item.get("basis") == "bsa" and item.get("cap") else None,
        "citation": words.cited(item.get("citation")),
    }


def _amount(item: Document) -> str:
    """'14.8 mcg/day (15 mcg/m²/day)', or the one of them that is known; without a weight neither basis is chosen."""
    dose, per_area = item.get("mcg_per_day"), item.get("per_m2")
    if dose is None and per_area and item.get("basis") is None:
        return f"{words.per_m2(per_area)} or a fixed dose, by weight (at most {words.mcg(item['cap'])})"
    shown = words.mcg(dose) if dose is not None else words.per_m2(per_area) if per_area else "not known"
    return f"{shown} ({words.per_m2(per_area)})" if dose is not None and per_area else shown


def _scheduled(item: Document) -> dict[str, object]:
    value: Any = item.get("mcg_per_day")
    return {
        "cycles": words.cycles(item["cycles"]),
        "days": item["days"],
        "dose": words.mcg(value) if value is not None else None,
        "off_days": item.get("treatment_free_days"),
    }


def _course(course: Document | None) -> dict[str, object] | None:
    if not course:
        return None
    return {
        "title": course["title"],
        "cycles": _up_to(course.get("cycles"), course.get("cycles_up_to"), "cycle"),
        "days": _up_to(course.get("days"), course.get("days_up_to"), "day"),
        "note": words.sentence(course.get("note")),
    }


def _up_to(count: Any, most: Any, unit: str) -> str | None:
    """'5 cycles, up to 9'; None where the course does not say."""
    if count is None:
        return None
    return f"{count} {unit}{'' if count == 1 else 's'}" + ("" if most in (None, count) else f", up to {most}")
