"""Validation with fhir.resources (the R4B classes serve R4): the order under evaluation, and anything in strict mode.

Says what is wrong and where, never what value stood there. Never refuses a resource and never changes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.medicationrequest import MedicationRequest
from pydantic import ValidationError

from cds_service.fhir.plain import plainly_valid
from cds_service.fhir.quirks import mended_order

Json = Mapping[str, Any]
_MOST = 5
_HELD = (
    *("Medication", "QuestionnaireResponse", "Observation", "Condition", "DiagnosticReport", "Specimen"),
    *("Patient", "Practitioner", "PractitionerRole", "Organization", "Coverage"),
)
"""What an order may hold inside itself: a model is a file, and files are read at start-up only."""
for _kind in _HELD:
    get_fhir_model_class(_kind)
_WORDS: Mapping[str, str] = {
    "model_field_validation.missing": "is missing",
    "missing": "is missing",
    "extra_forbidden": "is no element of FHIR R4",
    "list_type": "must be a list",
}
_NAME = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)


def validate(resource: Json) -> tuple[str, ...]:
    """What is wrong with any resource, as 'place words'; empty when it is valid FHIR R4. Quotes no values."""
    kind = resource.get("resourceType")
    try:
        model = get_fhir_model_class(kind) if isinstance(kind, str) else None
    except (KeyError, LookupError, ImportError, ValueError):
        model = None
    if model is None:
        return ("resourceType is not one of FHIR R4",)
    return _problems(model, resource)


def validate_order(order: Json) -> tuple[str, ...]:
    """What is wrong with a draft MedicationRequest once the known quirks are mended; empty when nothing is."""
    if plainly_valid(order, MedicationRequest):
        return ()
    found = _problems(MedicationRequest, order)
    return found and _problems(MedicationRequest, mended_order(order)[0])  # most orders need no mending


def _problems(model: Any, resource: Json) -> tuple[str, ...]:
    try:
        model.model_validate(dict(resource))
    except ValidationError as mistakes:
        found = dict.fromkeys(
            f"{_place(mistake['loc'])} {_WORDS.get(mistake['type'], 'is not as FHIR R4 has it')}"
            for mistake in mistakes.errors(include_url=False, include_context=False, include_input=False)
        )
        return tuple(found)[:_MOST]
    except RecursionError:
        return ("the resource is nested too deeply",)
    except (KeyError, TypeError, ValueError, AttributeError):  # raised by the models themselves on odd shapes
        return ("the resource has a shape that FHIR R4 does not know",)
    return ()


def _place(location: tuple[int | str, ...]) -> str:
    """`dosageInstruction[0].timing`: names and numbers only, nothing that could be a value."""
    place = ""
    for part in location:
        if isinstance(part, int):
            place += f"[{part}]"
        elif part != "root" and _NAME.fullmatch(part):
            place += f".{part}" if place else part
    return place or "the resource"
