"""Entries of a search answer that nobody can read: one defect each, older than the good ones.

Hook calls carry them, patient Bundles do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from fhir_fixtures.datatypes import Json
from fhir_fixtures.recipe import Recipe


def _observation(recipe: Recipe, name: str) -> Json:
    return {
        "resourceType": "Observation",
        "id": f"unreadable-{name}",
        "status": "final",
        "subject": {"reference": f"Patient/{recipe.name}"},
        "effectiveDateTime": f"{recipe.days_ago(12).isoformat()}T08:00:00-05:00",
    }


def _weight_in_words(recipe: Recipe) -> Json:
    code = {"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Body weight"}]}
    return _observation(recipe, "weight") | {"code": code, "valueQuantity": {"value": "about thirty", "unit": "kg"}}


def _code_is_text(recipe: Recipe) -> Json:
    return _observation(recipe, "code") | {"code": "MRD", "valueQuantity": "0.5 %"}


def _condition_without_code(recipe: Recipe) -> Json:
    subject = {"reference": f"Patient/{recipe.name}"}
    return {"resourceType": "Condition", "id": "unreadable-condition", "subject": subject, "code": ["B-ALL"]}


def _no_resource_type(recipe: Recipe) -> Json:
    return {key: value for key, value in _observation(recipe, "kind").items() if key != "resourceType"}


_BROKEN: Final[dict[str, tuple[str, Callable[[Recipe], Any]]]] = {
    "weight-in-words": ("vitals", _weight_in_words),
    "code-is-text": ("laboratory", _code_is_text),
    "no-resource-type": ("laboratory", _no_resource_type),
    "condition-code-is-a-list": ("conditions", _condition_without_code),
}


def broken_entries(recipe: Recipe) -> Iterator[tuple[str, Json]]:
    """(prefetch key, entry) for each defect the recipe asks for."""
    for name in recipe.unreadable:
        key, make = _BROKEN[name]
        resource = make(recipe)
        yield key, {"fullUrl": f"https://ehr.example.org/fhir/{key}/{resource['id']}", "resource": resource}
