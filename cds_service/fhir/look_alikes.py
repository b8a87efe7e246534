"""Resources that look like FHIR R4 and are DSTU2, STU3 or R5: the members that moved, put where R4 has them.

Each change takes a resource and says which members to set (None takes one away), or nothing. A resource without any
moved member comes back as it is, at the cost of one look at its names. Knows the versions, nothing clinical.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.fhir import dstu2
from cds_service.fhir.dstu2 import Change, Changes, Moved
from cds_service.fhir.dstu2 import renamed as _renamed
from cds_service.fhir.reader import Json, first, first_code, items, objects, text

R5, STU3 = "r5-look-alike", "stu3-look-alike"
_STATUS_SYSTEM = "http://terminology.hl7.org/CodeSystem/"
_TAKEN = {
    **dict.fromkeys(("not-taking", "not-taking-never"), "not-taken"),
    **dict.fromkeys(("stopped", "stopped-never"), "stopped"),
    "on-hold": "on-hold",
}
_DOSES = ("doseQuantity", "doseRange", "rateQuantity", "rateRange", "rateRatio")


def as_r4(resource: Json) -> tuple[Json, tuple[str, ...]]:
    """The resource as R4 has it, and the names of the versions it looked like. The caller's own is never changed."""
    kind = resource.get("resourceType")
    if kind == dstu2.ORDER:
        return as_r4(dstu2.as_request(resource))[0], (dstu2.DSTU2,)
    changes = _CHANGES.get(kind) if isinstance(kind, str) else None
    if changes is None or changes.keys().isdisjoint(resource):
        return resource, ()
    found, names = resource, []
    for member, (name, change) in changes.items():
        moved = change(found) if member in found else None
        if moved is not None:
            kept = {key: value for key, value in found.items() if key not in moved}
            found = {**kept, **{key: value for key, value in moved.items() if value is not None}}
            names.append(name)
    return found, tuple(dict.fromkeys(names))


def _medication(resource: Json) -> Moved | None:
    """R5: `medication` is a CodeableReference."""
    drug = first(resource, "medication")
    if "concept" in drug:
        return {"medication": None, "medicationCodeableConcept": drug["concept"]}
    return {"medication": None, "medicationReference": drug["reference"]} if "reference" in drug else None


def _reason(resource: Json) -> Moved | None:
    """R5: `reason` is a list of CodeableReference."""
    reasons = objects(resource, "reason")
    concepts = [reason["concept"] for reason in reasons if "concept" in reason]
    references = [reason["reference"] for reason in reasons if "reference" in reason]
    if not concepts and not references:
        return None
    moved: dict[str, Any] = {"reason": None}
    if concepts:
        moved["reasonCode"] = [*items(resource.get("reasonCode")), *concepts]
    if references:
        moved["reasonReference"] = [*items(resource.get("reasonReference")), *references]
    return moved


def _dosages(resource: Json) -> Moved | None:
    """STU3: dose and rate stand in the dosage itself. R5: `asNeeded`, and a list of maxima."""
    dosages = items(resource.get("dosageInstruction"))
    mended = [_dosage(dosage) if isinstance(dosage, dict) else dosage for dosage in dosages]
    same = all(new is old for new, old in zip(mended, dosages, strict=True))
    return None if same else {"dosageInstruction": mended}


def _rendered(resource: Json) -> Moved | None:
    """R5: the dosage in words, where nothing else states it."""
    words = text(resource, "renderedDosageInstruction")
    if not words or "dosageInstruction" in resource:
        return None
    return {"renderedDosageInstruction": None, "dosageInstruction": [{"text": words}]}


def _dosage(dosage: Json) -> Json:
    loose = {name: dosage[name] for name in _DOSES if name in dosage}
    maxima = dosage.get("maxDosePerPeriod")
    if not loose and "asNeeded" not in dosage and not (isinstance(maxima, list) and len(maxima) == 1):
        return dosage
    kept = {name: value for name, value in dosage.items() if name not in loose and name != "asNeeded"}
    if loose and "doseAndRate" not in kept:
        kept["doseAndRate"] = [loose]
    if isinstance(dosage.get("asNeeded"), bool):
        kept["asNeededBoolean"] = dosage["asNeeded"]
    if isinstance(maxima, list) and len(maxima) == 1:
        kept["maxDosePerPeriod"] = maxima[0]
    return kept


def _agent(resource: Json) -> Moved | None:
    """STU3: the requester is an agent, on behalf of an organization."""
    agent = first(first(resource, "requester"), "agent")
    return {"requester": agent} if agent else None


def _first_performer(resource: Json) -> Moved | None:
    """R5: a list of performers."""
    performers = resource["performer"]
    return {"performer": performers[0]} if isinstance(performers, list) and len(performers) == 1 else None


def _recorded(resource: Json) -> Moved | None:
    """R5: a statement is `recorded`; whether the drug is taken stands in `adherence`."""
    if resource["status"] != "recorded":
        return None
    adherence = first_code(first(resource, "adherence").get("code"))
    return {"status": _TAKEN.get(adherence or "", "active"), "adherence": None}


def _taken(resource: Json) -> Moved | None:
    """STU3: `taken` no overrules the status."""
    return {"taken": None, "status": "not-taken"} if resource["taken"] == "n" else {"taken": None}


def _not_given(resource: Json) -> Moved | None:
    """STU3: `notGiven` overrules the status."""
    return {"notGiven": None, "status": "not-done"} if resource["notGiven"] is True else {"notGiven": None}


def _event(member: str) -> Change:
    """STU3 (`type`) and R5 (`code`): what happened, where R4 has `event`."""
    return lambda resource: (
        {member: None, "event": resource[member]}
        if "event" not in resource and isinstance(resource[member], dict)
        else None
    )


def _only_outcome(resource: Json) -> Moved | None:
    """R5: a list of outcomes."""
    outcomes = resource["outcome"]
    return {"outcome": outcomes[0]} if isinstance(outcomes, list) and len(outcomes) == 1 else None


def _allergy_type(resource: Json) -> Moved | None:
    """R5: `type` is a CodeableConcept."""
    code = first_code(resource["type"]) if isinstance(resource["type"], dict) else None
    return {"type": code} if code else None


def _reactions(resource: Json) -> Moved | None:
    """R5: manifestations are CodeableReferences."""
    reactions = objects(resource, "reaction")
    if not any("concept" in each for part in reactions for each in objects(part, "manifestation")):
        return None
    concepts = [[each.get("concept", each) for each in objects(part, "manifestation")] for part in reactions]
    return {"reaction": [{**part, "manifestation": said} for part, said in zip(reactions, concepts, strict=True)]}


def _insurer(resource: Json) -> Moved | None:
    """R5: who insures, and who pays; R4 has one list of payors."""
    if "payor" in resource:
        return None
    parties = [party for each in objects(resource, "paymentBy") if (party := first(each, "party"))]
    payors = [resource["insurer"]] if isinstance(resource.get("insurer"), dict) else parties
    return {"insurer": None, "paymentBy": None, "payor": payors} if payors else None


def _questionnaire(resource: Json) -> Moved | None:
    """STU3: the questionnaire is a Reference."""
    written = text(first(resource, "questionnaire"), "reference")
    return {"questionnaire": written} if written else None


def _status_concept(member: str, system: str) -> Change:
    """STU3: a bare code where R4 has a CodeableConcept."""
    return lambda resource: (
        {member: {"coding": [{"system": f"{_STATUS_SYSTEM}{system}", "code": resource[member].strip()}]}}
        if isinstance(resource[member], str) and resource[member].strip()
        else None
    )


_DRUG: Changes = {"medication": (R5, _medication), "reason": (R5, _reason)}
_ENCOUNTER: Changes = {"context": (STU3, _renamed("context", "encounter"))}
_ASSERTED: Changes = {"assertedDate": (STU3, _renamed("assertedDate", "recordedDate"))}
_CHANGES: Mapping[str, Changes] = {
    "MedicationRequest": {
        **_DRUG,
        **_ENCOUNTER,
        "requester": (STU3, _agent),
        "performer": (R5, _first_performer),
        "dosageInstruction": (STU3, _dosages),
        "renderedDosageInstruction": (R5, _rendered),
    },
    "MedicationStatement": {
        **_DRUG,
        **dstu2.MOVED["MedicationStatement"],
        "status": (R5, _recorded),
        "taken": (STU3, _taken),
    },
    "MedicationAdministration": {
        **dstu2.MOVED["MedicationAdministration"],
        **_DRUG,
        "occurenceDateTime": (R5, _renamed("occurenceDateTime", "effectiveDateTime")),
        "occurencePeriod": (R5, _renamed("occurencePeriod", "effectivePeriod")),
        "notGiven": (STU3, _not_given),
    },
    "Immunization": {
        **dstu2.MOVED["Immunization"],
        "date": (STU3, _renamed("date", "occurrenceDateTime")),
        "notGiven": (STU3, _not_given),
    },
    "AdverseEvent": {
        "code": (R5, _event("code")),
        "type": (STU3, _event("type")),
        "occurrenceDateTime": (R5, _renamed("occurrenceDateTime", "date")),
        "outcome": (R5, _only_outcome),
    },
    "AllergyIntolerance": {
        **dstu2.MOVED["AllergyIntolerance"],
        **_ASSERTED,
        "type": (R5, _allergy_type),
        "reaction": (R5, _reactions),
        "clinicalStatus": (STU3, _status_concept("clinicalStatus", "allergyintolerance-clinical")),
        "verificationStatus": (STU3, _status_concept("verificationStatus", "allergyintolerance-verification")),
    },
    "Condition": {
        **dstu2.MOVED["Condition"],
        **_ENCOUNTER,
        **_ASSERTED,
        "clinicalStatus": (STU3, _status_concept("clinicalStatus", "condition-clinical")),
        "verificationStatus": (STU3, _status_concept("verificationStatus", "condition-ver-status")),
    },
    "Coverage": {"insurer": (R5, _insurer), "paymentBy": (R5, _insurer)},
    "QuestionnaireResponse": {"questionnaire": (STU3, _questionnaire)},
}
"""Resource type → member that tells → which version it looks like, and the change."""
MOVED = frozenset((*_CHANGES, dstu2.ORDER))
"""The types that look otherwise in some version."""
