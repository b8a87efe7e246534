"""From a recipe to what is committed: the patient's Bundle and the complete hook calls made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from fhir_fixtures.broken import broken_entries
from fhir_fixtures.codes import OURS
from fhir_fixtures.datatypes import Json
from fhir_fixtures.orders import session
from fhir_fixtures.recipe import Recipe
from fhir_fixtures.record import record

FHIR_SERVER: Final = "https://ehr.example.org/fhir"

PREFETCH_TYPES: Final[dict[str, tuple[str, str | None]]] = {
    # key -> resource type, and for observations the category
    "practitionerRoles": ("PractitionerRole", None),
    "conditions": ("Condition", None),
    "vitals": ("Observation", "vital-signs"),
    "laboratory": ("Observation", "laboratory"),
    "reports": ("DiagnosticReport", None),
    "medicationRequests": ("MedicationRequest", None),
    "medicationStatements": ("MedicationStatement", None),
    "medicationAdministrations": ("MedicationAdministration", None),
    "allergies": ("AllergyIntolerance", None),
    "immunizations": ("Immunization", None),
    "adverseEvents": ("AdverseEvent", None),
    "coverage": ("Coverage", None),
    "orderQuestions": ("QuestionnaireResponse", None),
}
PREFETCH_KEYS: Final = ("patient", "practitioner", *PREFETCH_TYPES)


def _entry(resource: Json) -> Json:
    return {"fullUrl": f"{FHIR_SERVER}/{resource['resourceType']}/{resource['id']}", "resource": resource}


def collection(resources: Iterable[Json]) -> Json:
    """A Bundle of type collection."""
    return {"resourceType": "Bundle", "type": "collection", "entry": [_entry(each) for each in resources]}


def searchset(resources: Iterable[Json]) -> Json:
    """A Bundle of type searchset, as a FHIR server answers a search; without `entry` when nothing was found."""
    entries = [_entry(each) | {"search": {"mode": "match"}} for each in resources]
    found: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
    return found | ({"entry": entries} if entries else {})


def _on_file(recipe: Recipe) -> list[Json]:
    """The record, with the stored answers: contained ones live in the order only."""
    _, responses = session(recipe)
    return record(recipe) + ([] if recipe.answers_in == "contained" else responses)


def patient_bundle(recipe: Recipe) -> Json:
    """Everything a FHIR server holds about the patient. The draft order is not among it: it is not signed yet."""
    return collection(_on_file(recipe))


def _matches(resource: Mapping[str, Any], kind: str, category: str | None) -> bool:
    if resource["resourceType"] != kind:
        return False
    return category is None or any(
        coding["code"] == category for concept in resource["category"] for coding in concept["coding"]
    )


def prefetch(recipe: Recipe) -> Json:
    """Every prefetch key: two reads, and searchsets by type and category."""
    resources = _on_file(recipe)
    by_type = {each["resourceType"]: each for each in resources}
    found: Json = {"patient": by_type["Patient"], "practitioner": by_type["Practitioner"]}
    for key, (kind, category) in PREFETCH_TYPES.items():
        found[key] = searchset(each for each in resources if _matches(each, kind, category))
    for key, entry in broken_entries(recipe):
        found[key].setdefault("entry", []).append(entry)
    return found


def _context(recipe: Recipe, hook: str) -> Json:
    drafts, responses = session(recipe)
    beside = responses if recipe.answers_in == "draft-orders" else []
    found: Json = {
        "userId": f"Practitioner/{recipe.prescriber}",
        "patientId": recipe.name,
        "encounterId": f"{recipe.name}-encounter",
        "draftOrders": collection([*drafts, *beside]),
    }
    if hook == "order-select":
        found["selections"] = [f"MedicationRequest/{drafts[0]['id']}"]
    return found


def hook_call(recipe: Recipe, hook: str) -> Json:
    """A complete CDS Hooks request body with full prefetch. `hookInstance` is fixed by hook and name."""
    return {
        "hookInstance": str(uuid5(NAMESPACE_URL, f"{OURS}/{call_name(recipe, hook)}")),
        "hook": hook,
        "context": _context(recipe, hook),
        "prefetch": prefetch(recipe),
    }


def call_name(recipe: Recipe, hook: str) -> str:
    """The name of a hook call: `order-sign--<what it shows>`."""
    return f"{hook}--{recipe.name}"
