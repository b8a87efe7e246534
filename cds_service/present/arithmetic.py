"""How the label dose comes about, worded: weight, height, surface area, cap, with their dates. Judges nothing."""

from __future__ import annotations

from cds_service.present import words
from cds_service.present.words import Document


def patient(body: Document) -> str:
    """'30 kg, BSA 0.99 m²', as far as known."""
    weight, bsa = body.get("weight"), body.get("bsa") or {}
    parts = [f"{words.number(weight['kg'], 2)} kg"] if weight else []
    if bsa.get("m2"):
        parts.append(f"BSA {words.square_metres(bsa['m2'])}")
    return ", ".join(parts) or "weight not known"


def rows_in_use(dose: Document) -> list[Document]:
    """The label rows that the order falls under."""
    ids = set(dose.get("row_ids") or ())
    return [item for item in dose.get("candidates") or () if item["row"] in ids]


def arithmetic(document: Document) -> dict[str, object] | None:
    """How the label dose comes about; None when it could not be worked out."""
    dose, body = document["dose"], document["patient"]
    label: Document = dose.get("label_mcg_per_day") or {}
    if label.get("value") is None:
        return None
    row = next(iter(rows_in_use(dose)), {})
    bsa, exact = label.get("bsa_m2"), (body.get("bsa") or {})
    return {
        "scheduled": dose.get("toxicity_adjusted_mcg_per_day") is not None,
        "by_area": label.get("basis") == "bsa",
        "dose": words.mcg(label["value"]),
        "per_m2": words.per_m2(label["per_m2"]) if label.get("per_m2") else None,
        "area": words.area(bsa) if bsa else None,
        "formula": label.get("bsa_formula") or exact.get("formula"),
        "charted": words.square_metres(exact["charted_m2"]) if exact.get("charted_m2") else None,
        "weight": measured(body.get("weight"), "kg", 2),
        "height": measured(body.get("height"), "cm", 1),
        "cap": words.mcg(row["cap"]) if row.get("cap") else None,
        "capped": bool(label.get("capped")),
        "citation": words.cited(row.get("citation")),
    }


def measured(found: Document | None, unit: str, digits: int) -> str | None:
    """'30 kg (2025-09-28)', with 'out of date' where the document says so; None where there is none."""
    if not found:
        return None
    text = f"{words.number(found[unit], digits)} {unit}"
    return words.dated(text, found.get("date")) + (", out of date," if found.get("stale") else "")
