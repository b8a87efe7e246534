"""The premedication as a new FHIR R4 MedicationRequest. Agent, dose and moments come from the offer.

FHIR has no "one hour before the infusion": where the start of the infusion is written with a time of day and the row
names the hours, the moment is exact; where only the day is known, the day; the row's own words stand in the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cds_service.present.suggestions.services import coding
from cds_service.terminology import Code

Json = dict[str, Any]
ROUTES = {"IV": "route.iv", "PO": "route.oral"}
"""Routes of the label that are one route; "IV or PO" leaves the choice, and is words."""


def medication_request(
    offer: Mapping[str, Any],
    about: Mapping[str, Any],
    *,
    agent: Code,
    route: Code | None,
    text: str,
    reason: str,
    start: str | None,
) -> Json:
    """The whole resource. `start` is the start of the infusion as the draft writes it."""
    events = _events(offer, start)
    dosage: Json = {
        "text": text,
        **({"timing": {"event": events}} if events else {}),
        "route": {"coding": [coding(route)], "text": offer["route"]} if route else {"text": offer["route"]},
        "doseAndRate": [
            {
                "doseQuantity": {
                    "value": offer["dose_mg"],
                    "unit": "mg",
                    "system": "http://unitsofmeasure.org",
                    "code": "mg",
                }
            }
        ],
    }
    return {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [coding(agent)], "text": offer["agent"]},
        **about,
        "reasonCode": [{"text": reason}],
        "dosageInstruction": [dosage],
    }


def infusion_start(draft: Mapping[str, Any]) -> str | None:
    """The earliest start of a period in the draft's instructions, as written."""
    found = []
    for dosage in draft.get("dosageInstruction") or ():
        try:
            found.append(dosage["timing"]["repeat"]["boundsPeriod"]["start"])
        except (KeyError, TypeError):
            continue
    return min((each for each in found if isinstance(each, str)), default=None)


def _events(offer: Mapping[str, Any], start: str | None) -> list[str]:
    """The day of each moment, or the exact time; none where the start of the order is not known."""
    return [_exact(moment, offer, start) or moment["date"] for moment in offer["moments"] if moment["date"]]


def _exact(moment: Mapping[str, Any], offer: Mapping[str, Any], start: str | None) -> str | None:
    """The time so many hours before the infusion starts; None where it is not known, or falls on another day.

    Before a step the row names no hours.
    """
    hours = offer["hours_before"]
    if hours is None or moment["step"] or start is None or len(start) <= len("2025-10-01"):
        return None
    try:
        time = datetime.fromisoformat(start) - timedelta(hours=float(hours))
    except ValueError:
        return None
    shown = time.isoformat().replace("+00:00", "Z") if start.endswith("Z") else time.isoformat()
    return shown if time.tzinfo is not None and shown.startswith(moment["date"]) else None


def spoken_moment(moment: Mapping[str, Any]) -> str:
    """'start of cycle 1 (2025-10-01)'."""
    return f"{moment['name']} ({moment['date']})" if moment["date"] else str(moment["name"])
