"""The small parts of every resource: moments, quantities, references, ids."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any, Final

from fhir_fixtures.codes import UCUM, concept
from fhir_fixtures.recipe import NOTHING, Recipe, merged

Json = dict[str, Any]
ZONE: Final = "-05:00"
LONGEST_ID: Final = 64
_QUANTITY = re.compile(r"^(?P<comparator>[<>]=?)?\s*(?P<value>[\d.]+)\s*(?P<unit>\S+)$")
_PLAIN_UNITS: Final = {"ug/d": "mcg/day", "ug/h": "mcg/hour", "ug/m2/d": "mcg/m2/day", "ug": "mcg"}


def at(day: date, hour: int = 9) -> str:
    """A dateTime on that day, with its zone."""
    return f"{day.isoformat()}T{hour:02d}:00:00{ZONE}"


def quantity(text: str) -> Json:
    """'30 kg', '< 0.01 %' or '28 ug/d' as a FHIR Quantity in UCUM. Raises ValueError for anything else."""
    match = _QUANTITY.match(text)
    if match is None:
        raise ValueError(f"not a quantity: {text!r}")
    unit = match["unit"]
    found: Json = {"value": Decimal(match["value"])}
    if match["comparator"]:
        found["comparator"] = match["comparator"]
    return found | {"unit": _PLAIN_UNITS.get(unit, unit), "system": UCUM, "code": unit}


def is_quantity(text: str) -> bool:
    """Is this text a number with a unit?"""
    return _QUANTITY.match(text) is not None


def reference(recipe: Recipe) -> Json:
    """The reference to this patient."""
    return {"reference": f"Patient/{recipe.name}"}


def named(recipe: Recipe, kind: str, suffix: str) -> Json:
    """The head of a resource of this patient; its id is made of the patient's. ValueError when that gets too long."""
    identity = f"{recipe.name}-{suffix}"
    if len(identity) > LONGEST_ID:
        raise ValueError(f"FHIR ids have at most {LONGEST_ID} characters, {identity!r} has {len(identity)}")
    return {"resourceType": kind, "id": identity}


def patched(recipe: Recipe, resource: Json) -> Json:
    """The resource with the recipe's own members laid over it; as it is where the recipe has none for it."""
    suffix = "patient" if resource["resourceType"] == "Patient" else resource["id"].removeprefix(f"{recipe.name}-")
    members = recipe.patches.get(suffix)
    return resource if members is None else merged(resource, _written_out(recipe, members))


def _written_out(recipe: Recipe, value: Any) -> Any:
    """Short names as concepts, days as dateTimes, and "nothing" as the mark that takes a member away."""
    if value == "nothing":
        return NOTHING
    if isinstance(value, list):
        return [_written_out(recipe, each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"concept"}:
        return concept(value["concept"])
    if set(value) == {"at"}:
        return at(recipe.days_ago(-value["at"]))
    return {name: _written_out(recipe, each) for name, each in value.items()}
