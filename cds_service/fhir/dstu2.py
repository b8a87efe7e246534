"""What DSTU2 has elsewhere than R4: its MedicationOrder as a MedicationRequest, and members of the record that moved.

Part of `look_alikes`. An order goes as far as it can be told; what R4 has no place for is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cds_service.fhir.reader import Json, first, items, objects, text

Moved = Mapping[str, Any]
Change = Callable[[Json], Moved | None]
Changes = Mapping[str, tuple[str, Change]]
DSTU2 = "dstu2-look-alike"
ORDER = "MedicationOrder"
_RENAMED = {"patient": "subject", "dateWritten": "authoredOn", "prescriber": "requester"}
_LISTED = {"reasonCodeableConcept": "reasonCode", "reasonReference": "reasonReference"}
_WITHOUT_PLACE = frozenset(("resourceType", "dateEnded", "reasonEnded", "substitution", "note", "dispenseRequest"))
_REPEAT = {"boundsQuantity": "boundsDuration", "periodUnits": "periodUnit", "durationUnits": "durationUnit"}
_DOSAGE = {"siteCodeableConcept": "site", "additionalInstructions": "additionalInstruction"}
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/allergyintolerance-"


def renamed(old: str, new: str) -> Change:
    """The member under its R4 name; what stands there already wins."""
    return lambda resource: {old: None, new: resource.get(new, resource[old])}


def as_request(order: Json) -> Json:
    """A MedicationOrder as a MedicationRequest of R4: it is an order and nothing else."""
    found: dict[str, Any] = {"resourceType": "MedicationRequest", "intent": "order"}
    for name, value in order.items():
        if name in _LISTED:
            found[_LISTED[name]] = list(items(value))
        elif name not in _WITHOUT_PLACE:
            found[_RENAMED.get(name, name)] = value
    if said := text(order, "note"):
        found["note"] = [{"text": said}]
    supply = {key: value for key, value in first(order, "dispenseRequest").items() if not key.startswith("medication")}
    if supply:
        found["dispenseRequest"] = supply
    if "dosageInstruction" in order:
        found["dosageInstruction"] = [_dosage(each) for each in objects(order, "dosageInstruction")]
    return found


def _dosage(dosage: Json) -> Json:
    found = {_DOSAGE.get(name, name): value for name, value in dosage.items()}
    if isinstance(found.get("additionalInstruction"), dict):
        found["additionalInstruction"] = [found["additionalInstruction"]]
    timing = found.get("timing")
    repeat = timing.get("repeat") if isinstance(timing, dict) else None
    if isinstance(timing, dict) and isinstance(repeat, dict):
        found["timing"] = {**timing, "repeat": {_REPEAT.get(name, name): value for name, value in repeat.items()}}
    return found


def _denied(member: str, status: str) -> Change:
    """`wasNotTaken`, `wasNotGiven`: yes overrules the status."""
    return lambda resource: {member: None, "status": status} if resource[member] is True else {member: None}


def _allergy_status(resource: Json) -> Moved | None:
    """One status tells both whether it is confirmed and whether it is active."""
    status = text(resource, "status")
    if status in ("unconfirmed", "confirmed", "refuted"):
        return {"status": None, "verificationStatus": _coded("verification", status)}
    if status in ("active", "inactive", "resolved"):
        return {"status": None, "clinicalStatus": _coded("clinical", status)}
    return None


def _coded(system: str, code: str) -> Json:
    return {"coding": [{"system": f"{_TERMINOLOGY}{system}", "code": code}]}


MOVED: Mapping[str, Changes] = {
    "MedicationStatement": {"wasNotTaken": (DSTU2, _denied("wasNotTaken", "not-taken"))},
    "MedicationAdministration": {
        "wasNotGiven": (DSTU2, _denied("wasNotGiven", "not-done")),
        "effectiveTimeDateTime": (DSTU2, renamed("effectiveTimeDateTime", "effectiveDateTime")),
        "effectiveTimePeriod": (DSTU2, renamed("effectiveTimePeriod", "effectivePeriod")),
    },
    "Immunization": {"wasNotGiven": (DSTU2, _denied("wasNotGiven", "not-done"))},
    "Condition": {"dateRecorded": (DSTU2, renamed("dateRecorded", "recordedDate"))},
    "AllergyIntolerance": {
        "substance": (DSTU2, renamed("substance", "code")),
        "status": (DSTU2, _allergy_status),
    },
}
"""Resource type → member of DSTU2 that tells, and the change."""
