"""What a dose card says, from the assessment document only. Judges nothing: picks, orders and puts units to numbers.

The words are in `cards/templates/dose*.jinja`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from cds_service.present import words
from cds_service.present.arithmetic import arithmetic, measure_doubts, patient, rows_in_use
from cds_service.present.toxicity import HALTS, toxicity_values
from cds_service.present.words import Document

VERDICT = {
    "above_label": "above the label row",
    "unknown": "cannot be judged",
    "below_label": "below the label row",
    "no_label_row": "no label row for this use",
    "matches_label": "matches the label row",
}
HEADLINES = ("unit-slip", "vial-content-as-dose", "duplicate-therapy", "missing-step", "misplaced-step")
"""Issues that say more than the verdict does, the most telling first."""

LEADING_ISSUES = 3


def dose_values(document: Document) -> dict[str, object]:
    """The names of the dose templates, filled for this order."""
    dose = document["dose"]
    lead, issues = _lead_step(dose), _issues(dose)
    kind = _kind(dose, lead)
    first = [item for item in issues if item["severity"] != "info"][:LEADING_ISSUES]
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
        "issues": first,
        "more_issues": issues[len(first) :],
        "candidates": [_candidate(item) for item in dose.get("candidates") or ()],
        "schedule": [_scheduled(item) for item in dose.get("schedule") or ()],
        "course": _course(dose.get("course")),
        "toxicity": toxicity_values(dose),
        "reason": words.sentence(dose.get("reason")),
        "corrections": words.corrections(document, "dose"),
        "order_text": words.shortened(document["order"].get("text") or "", 200) or None,
        "measures": measure_doubts(document["patient"]),
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
    named = next((code for code in HEADLINES if code in codes), None)
    if named:
        return named
    if lead is None or lead.get("ordered") is None:
        return "unreadable"
    nameless = _label_value(dose, lead) is None
    if (above_all or dose["verdict"] == "above_label") and (nameless or dose["verdict"] != "above_label"):
        return "above_every_row"
    return str(dose["verdict"])


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
    found = [item.get(side) for item in dose.get("steps") or ()]
    if not found or None in found:
        return None
    return ", then ".join(dict.fromkeys(words.mcg(value) for value in found))


def _label_dose(dose: Document, lead: Document | None) -> str | None:
    if dose["verdict"] == "matches_label" and (every := _in_turn(dose, "label")):
        return every
    value = _label_value(dose, lead)
    return words.mcg(value) if value is not None else None


def _ratio(dose: Document, lead: Document | None) -> str | None:
    found = lead.get("ratio") if lead and lead.get("ratio") is not None else dose.get("ratio")
    return words.ratio(found) if found is not None else None


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
    named = f"{words.TRACK.get(first['track'], first['track'])}, cycle {first['cycles']}"
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
    return {
        "days": item.get("days") or "not said",
        "cycle_days": item.get("cycle_days") or "not known",
        "ordered": words.ordered_mcg(ordered, label) if ordered is not None else "not readable",
        "as_written": words.shortened(item.get("as_written") or "", 80),
        "label": words.mcg(label) if label is not None else "not known",
        "ratio": words.ratio(item["ratio"]) if item.get("ratio") is not None else None,
        "verdict": VERDICT[item["verdict"]],
        "problem": words.sentence(item.get("problem")),
    }


def _issues(dose: Document) -> list[dict[str, object]]:
    said = words.bare((dose.get("toxicity") or {}).get("says"))
    other = [item for item in dose.get("issues") or () if not said or not item["says"].startswith(said)]
    found = sorted(other, key=lambda item: words.SEVERITY.index(item["severity"]))
    return [
        {
            "code": item["code"],
            "severity": item["severity"],
            "says": words.bare(item["says"]),
            "citation": words.cited(item.get("citation")),
        }
        for item in found
    ]


def _candidate(item: Document) -> dict[str, object]:
    dose, per_area = item.get("mcg_per_day"), item.get("per_m2")
    shown = words.mcg(dose) if dose is not None else words.per_m2(per_area) if per_area else "not known"
    if dose is not None and per_area:
        shown = f"{shown} ({words.per_m2(per_area)})"
    return {
        "use": words.TRACK.get(item["track"], item["track"]),
        "cycles": item["cycles"],
        "days": item["days"],
        "dose": shown,
        "cap": words.mcg(item["cap"]) if item.get("basis") == "bsa" and item.get("cap") else None,
        "citation": words.cited(item.get("citation")),
    }


def _scheduled(item: Document) -> dict[str, object]:
    value: Any = item.get("mcg_per_day")
    return {"cycles": item["cycles"], "days": item["days"], "dose": words.mcg(value) if value is not None else None}


def _course(course: Document | None) -> dict[str, object] | None:
    if not course:
        return None
    return {
        "title": course["title"],
        "cycles": _up_to(course.get("cycles"), course.get("cycles_up_to")),
        "days": _up_to(course.get("days"), course.get("days_up_to")),
        "note": words.sentence(course.get("note")),
    }


def _up_to(count: object, most: object) -> str:
    return f"{count}" if most in (None, count) else f"{count}, up to {most}"
