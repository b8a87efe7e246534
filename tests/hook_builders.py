"""Small hook calls for tests: a good one, and ways to spoil it. Every value is made up."""

from __future__ import annotations

import copy
from typing import Any

SELECT_URL = "/cds-services/blinatumomab-order-select"
SIGN_URL = "/cds-services/blinatumomab-order-sign"
INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
PATIENT = "pat-1"

MISSING = object()
"""Given to `changed` as the new value: take the member away."""


def draft(draft_id: str | None = "rx-1", **members: Any) -> dict[str, Any]:
    """A draft MedicationRequest for blinatumomab."""
    resource: dict[str, Any] = {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"text": "blinatumomab"},
        "subject": {"reference": f"Patient/{PATIENT}"},
    }
    if draft_id is not None:
        resource["id"] = draft_id
    return {**resource, **members}


def bundle(*resources: Any, **members: Any) -> dict[str, Any]:
    """A Bundle of these resources."""
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources], **members}


def order_sign(*drafts: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A good order-sign call."""
    context = {"userId": "Practitioner/doc-1", "patientId": PATIENT, "draftOrders": bundle(*(drafts or (draft(),)))}
    prefetch = {"patient": {"resourceType": "Patient", "id": PATIENT}}
    return {"hook": "order-sign", "hookInstance": INSTANCE, "context": context, "prefetch": prefetch, **members}


def order_select(*drafts: dict[str, Any], selections: Any = ("MedicationRequest/rx-1",)) -> dict[str, Any]:
    """A good order-select call."""
    call = {**order_sign(*drafts), "hook": "order-select"}
    call["context"]["selections"] = list(selections)
    return call


def changed(call: Any, path: str, value: Any) -> Any:
    """A copy in which the member at `a.b.0.c` is something else, or MISSING."""
    new = copy.deepcopy(call)
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    node = new
    for step in way:
        node = node[step]
    if value is MISSING:
        del node[last]
    else:
        node[last] = value
    return new


def sandbox_select() -> dict[str, Any]:
    """What the public sandbox sends when its order screen opens: no drug, no intent, no Bundle type, lone objects."""
    order = {
        "resourceType": "MedicationRequest",
        "id": "request-123",
        "status": "draft",
        "category": {"coding": [{"system": "http://example.org/category", "code": "outpatient"}]},
        "reasonCode": {"text": ""},
        "subject": {"reference": f"Patient/{PATIENT}"},
    }
    context = {
        "userId": "Practitioner/COREPRACTITIONER1",
        "patientId": PATIENT,
        "selections": ["MedicationRequest/request-123"],
        "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": order}]},
    }
    return {
        "hookInstance": INSTANCE,
        "hook": "order-select",
        "fhirServer": "https://ehr.example.org/fhir",
        "context": context,
    }
