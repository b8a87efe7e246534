"""Drugs on file: ordered, reported or given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from fhir_fixtures.codes import CODES, concept
from fhir_fixtures.datatypes import Json, at, named, quantity, reference
from fhir_fixtures.recipe import Recipe


def _request(recipe: Recipe, each: Mapping[str, Any], number: int) -> Json:
    found = named(recipe, "MedicationRequest", f"on-file-{number}") | {
        "status": each.get("status", "active"),
        "intent": "order",
        "medicationCodeableConcept": concept(each["code"]),
        "subject": reference(recipe),
        "authoredOn": at(recipe.days_ago(each["days_ago"])),
        "dosageInstruction": [dosage_of(recipe, each)],
    }
    return found | ({"statusReason": {"text": each["reason"]}} if "reason" in each else {})


def dosage_of(recipe: Recipe, each: Mapping[str, Any]) -> Json:
    """One plain dosage: words, route, dose or rate, and the day it is given."""
    found: Json = {"text": each.get("text", CODES[each["code"]][2])}
    timing: Json = {}
    if "on_day" in each:
        timing["event"] = [at(recipe.days_ago(-each["on_day"]), each.get("hour", 8))]
    if "days" in each:
        first = recipe.days_ago(each["days_ago"])
        last = first + timedelta(days=each["days"] - 1)
        timing["repeat"] = {"boundsPeriod": {"start": first.isoformat(), "end": last.isoformat()}}
    if timing:
        found["timing"] = timing
    if "route" in each:
        found["route"] = concept(each["route"])
    if "dose" in each:
        found["doseAndRate"] = [{"doseQuantity": quantity(each["dose"])}]
    if "rate" in each:
        found["doseAndRate"] = [{"rateQuantity": quantity(each["rate"])}]
    return found


def _statement(recipe: Recipe, each: Mapping[str, Any], number: int) -> Json:
    return named(recipe, "MedicationStatement", f"statement-{number}") | {
        "status": each.get("status", "active"),
        "medicationCodeableConcept": concept(each["code"]),
        "subject": reference(recipe),
        "effectivePeriod": {"start": recipe.days_ago(each["days_ago"]).isoformat()},
        "dosage": [{"text": each.get("text", CODES[each["code"]][2])}],
    }


def _administration(recipe: Recipe, each: Mapping[str, Any], number: int) -> Json:
    found = named(recipe, "MedicationAdministration", f"given-{number}") | {
        "status": "completed",
        "medicationCodeableConcept": concept(each["code"]),
        "subject": reference(recipe),
        "effectiveDateTime": at(recipe.days_ago(each["days_ago"])),
        "dosage": {"text": each["text"]},
    }
    # mad-1: a dosage has a dose or a rate, words alone are not enough.
    found["dosage"] |= {"dose": quantity(each["dose"])} if "dose" in each else {"rateQuantity": quantity(each["rate"])}
    return found


_MEDICATION_KINDS: Final[dict[str, Callable[[Recipe, Mapping[str, Any], int], Json]]] = {
    "request": _request,
    "statement": _statement,
    "administration": _administration,
}


def medications(recipe: Recipe) -> Iterator[Json]:
    """Drugs on file: ordered, reported or given."""
    for number, each in enumerate(recipe.medications, 1):
        yield _MEDICATION_KINDS[each["kind"]](recipe, each, number)
