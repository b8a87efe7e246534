"""What the premedication and monitoring cards say, from the assessment document only. Judges nothing.

The words are in `cards/templates/premedication.jinja` and `monitoring.jinja`.
"""

from __future__ import annotations

import re

from cds_service.present import words
from cds_service.present.arithmetic import measured
from cds_service.present.words import Document

EVIDENCE_LIMIT = 3
AGAINST = {
    "premedication-allergy": "a reaction to a steroid is on record",
    "pancreatitis": "pancreatitis is on record",
}
"""Safety topics that speak against the premedication."""
OTHERWISE = {"supervision": "supervision by a professional, or in hospital"}
"""The word of the label file as the card says it."""
_OF_BSA = re.compile(r", BSA [\d.]+ m²$")


def premedication_values(document: Document) -> dict[str, object]:
    """The names of the premedication template, filled for this order."""
    found = document["premedication"]
    return {
        "label_row": bool(found.get("label_row")),
        "agent": _agent(found),
        "alternatives": words.listed([str(item) for item in found.get("alternatives") or ()], "or"),
        "worked_out": _worked_out(document, found),
        "timing": words.bare(found.get("timing")),
        "due_now": {True: "yes", False: "no"}.get(found.get("applies_now"), "unknown"),
        "moments": [words.bare(item) for item in found.get("times") or ()],
        "ordered": found.get("already_ordered") or "unknown",
        "ordered_evidence": words.evidence(found["ordered_evidence"], EVIDENCE_LIMIT)
        if found.get("ordered_evidence")
        else None,
        "without_order": [words.bare(item) for item in found.get("times_without_order") or ()],
        "other_rows": [_other_row(item) for item in found.get("other_rows") or ()],
        "restart": words.sentence(found.get("restart_says")),
        "dose_note": _dose_note(found),
        "no_such_row": document["dose"].get("track") == "none",
        "note": words.sentence(found.get("note")),
        "intrathecal": _topic(found.get("intrathecal")),
        "citation": words.cited(found.get("citation")),
        "confirm": bool(found.get("confirm")),
        "reason": words.sentence(found.get("reason")),
        "corrections": words.corrections(document, "premedication"),
        "against": _against(document),
        "held_back": list(((document.get("offers") or {}).get("premedication") or {}).get("because") or ()),
    }


def premedication_severity(document: Document) -> str:
    """A warning while what is due at this start is not found among the orders, or something speaks against it."""
    found = document["premedication"]
    if found.get("label_row") and _against(document):
        return "warning"
    due = found.get("label_row") and found.get("applies_now") is True
    return "warning" if due and found.get("already_ordered") != "yes" else "info"


def _against(document: Document) -> list[str]:
    """What on record speaks against a steroid, or may: it must not stand behind the words that it is due."""
    items = (item for item in document["safety"] if item["code"] in AGAINST)
    return [AGAINST[item["code"]] for item in items if item["status"] == "applies" or _may_apply(item)]


def _may_apply(item: Document) -> bool:
    return item["status"] == "unknown" and bool(item["evidence"])


def _agent(found: Document) -> str | None:
    """'dexamethasone 4.9 mg IV or PO', or per m² where the area is not known."""
    if not found.get("agent"):
        return None
    dose = found.get("dose_mg")
    per_area = f"{words.number(found['mg_per_m2'])} mg/m²" if found.get("mg_per_m2") else None
    amount = words.milligrams(dose) if dose is not None else per_area
    return " ".join(part for part in (found["agent"], amount, found.get("route")) if part)


def _other_row(row: Document) -> dict[str, object]:
    """The row of another use that fits as well."""
    return {
        "use": words.TRACK.get(row.get("track") or "", row.get("track")),
        "agent": _agent(row),
        "timing": words.bare(row.get("timing")),
        "citation": words.cited(row.get("citation")),
    }


def _worked_out(document: Document, found: Document) -> str | None:
    """'5 mg/m² × 0.99 m² (0.98742) = 4.9 mg, rounded down to 0.1; Mosteller from weight 30 kg (2025-09-28) and …'."""
    body = document["patient"]
    area, formula = (body.get("bsa") or {}).get("m2"), (body.get("bsa") or {}).get("formula")
    if not found.get("mg_per_m2") or found.get("dose_mg") is None or not area:
        return None
    per_area = f"{words.number(found['mg_per_m2'])} mg/m²"
    product = f"{per_area} × {words.area(area)} = {words.milligrams(found['dose_mg'])}, rounded down to 0.1"
    weight, height = measured(body.get("weight"), "kg", 2), measured(body.get("height"), "cm", 1)
    return f"{product}; {formula or 'BSA'} from weight {weight or 'not known'} and height {height or 'not known'}"


def _dose_note(found: Document) -> str | None:
    """The note, without the arithmetic's numbers that stand before it."""
    note = words.bare(found.get("dose_note")) or ""
    return (
        words.sentence(_OF_BSA.sub("", note).removeprefix(_rule(found)))
        if found.get("dose_mg") is not None
        else (words.sentence(note))
    )


def _rule(found: Document) -> str:
    return f"{words.number(found['mg_per_m2'])} mg/m², " if found.get("mg_per_m2") else ""


def monitoring_values(document: Document) -> dict[str, object]:
    """The names of the monitoring template, filled for this order."""
    stay, found = document["hospitalisation"], document["monitoring"]
    return {
        "label_row": bool(stay.get("label_row")),
        "no_such_row": document["dose"].get("track") == "none",
        "days": None if stay.get("new_cycle") else stay.get("this_cycle_days"),
        "days_over": bool(stay.get("this_cycle_days")) and stay.get("days_left") == 0,
        "first_cycle_days": stay.get("cycle1_days"),
        "second_cycle_days": stay.get("cycle2_days"),
        "otherwise": OTHERWISE.get(stay.get("otherwise") or "", words.bare(stay.get("otherwise"))),
        "citation": words.cited(stay.get("citation")),
        "confirm": bool(stay.get("confirm")),
        "reason": words.sentence(stay.get("reason")),
        "crs": _topic(found.get("crs")),
        "neurotoxicity": _topic(found.get("neurotoxicity")),
        "grading": _topic(found.get("grading")),
        "advice": _topic(found.get("advice")),
        "interruption": _topic(found.get("interruption")),
        "corrections": words.corrections(document, "monitoring"),
        "crs_by_grade": [words.graded(line) for line in found.get("crs_by_grade") or ()],
        "neurotoxicity_by_grade": [words.graded(line) for line in found.get("neurotoxicity_by_grade") or ()],
    }


def _topic(found: Document | None) -> dict[str, object] | None:
    if not found:
        return None
    return {
        "title": words.bare(found.get("title")),
        "says": words.bare(found.get("says")),
        "citation": words.cited(found.get("citation")),
        "confirm": bool(found.get("confirm")),
    }
