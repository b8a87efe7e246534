"""Known departures of real clients from FHIR R4, each mended by one named repair.

A repair works on a copy: the caller's own JSON is kept as it came. What is read is the R4 form of `look_alikes`; the
other departures the readers take as they come, and the repairs let the models judge what is left. No repair guesses
anything clinical, and what is not a known element is not mended away in silence: `models` names it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from cds_service.fhir.dstu2 import DSTU2
from cds_service.fhir.look_alikes import R5, STU3, as_r4
from cds_service.fhir.reader import number

Json = Mapping[str, Any]
Repair = Callable[[dict[str, Any]], bool]

_ORDER = "MedicationRequest"
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_LISTS: Mapping[str, tuple[str, ...]] = {
    _ORDER: (
        *("identifier", "category", "supportingInformation", "reasonCode", "reasonReference", "instantiatesCanonical"),
        *("basedOn", "insurance", "note", "dosageInstruction", "contained", "extension"),
    ),
    "Condition": ("category", "stage", "evidence", "note", "bodySite", "identifier", "extension"),
    "Observation": (
        *("category", "interpretation", "referenceRange", "component", "note", "performer", "identifier", "extension"),
    ),
    "Bundle": ("entry", "link"),
}
_ELEMENTS = frozenset(
    (
        *("resourceType", "id", "meta", "implicitRules", "language", "text", "contained", "extension"),
        *("modifierExtension", "identifier", "status", "statusReason", "intent", "category", "priority"),
        *("doNotPerform", "reportedBoolean", "reportedReference", "medicationCodeableConcept", "medicationReference"),
        *("subject", "encounter", "supportingInformation", "authoredOn", "requester", "performer", "performerType"),
        *("recorder", "reasonCode", "reasonReference", "instantiatesCanonical", "instantiatesUri", "basedOn"),
        *("groupIdentifier", "courseOfTherapyType", "insurance", "note", "dosageInstruction", "dispenseRequest"),
        *("substitution", "priorPrescription", "detectedIssue", "eventHistory"),
    )
)
"""What a MedicationRequest of R4 may hold."""
_DATES = frozenset(("authoredOn", "start", "end", "event", "time", "effectiveDateTime", "issued", "lastUpdated"))
_NO_ZONE = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?", re.ASCII)
_NUMBERS = frozenset(("value", "sequence", "frequency", "period", "duration", "count", "total"))
_WORDS_STAY = frozenset(("identifier", "groupIdentifier", "telecom"))
"""Members whose `value` is a word, be it of digits."""
_DEEPEST = 20
"""Below this nothing is mended: no resource is nested so deeply."""


def mended(resource: Json) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A copy of a resource with every known quirk mended, and the names of the repairs that were needed."""
    copy = dict(resource)
    return copy, tuple(name for name, repair in REPAIRS.items() if repair(copy))


def mended_order(order: Json) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The same for a draft order, but its unknown elements stay, to be named to the clinician."""
    copy = dict(order)
    return copy, tuple(name for name, repair in REPAIRS.items() if name != UNKNOWN_ELEMENTS and repair(copy))


def _look_alike(name: str) -> Repair:
    """The members of another version of FHIR stand where R4 does not have them."""

    def repair(resource: dict[str, Any]) -> bool:
        found, names = as_r4(resource)
        if name not in names:
            return False
        resource.clear()
        resource.update(found)
        return True

    return repair


def _empties(resource: dict[str, Any]) -> bool:
    """Empty strings, nulls and empty objects stand for members that are not there."""
    return _replaced(resource, {name: _without_empties(value, 1) for name, value in resource.items()})


def _without_empties(value: Any, depth: int) -> Any:
    if depth < _DEEPEST and isinstance(value, dict):
        kept = {name: _without_empties(each, depth + 1) for name, each in value.items()}
        return _same_or(value, {name: each for name, each in kept.items() if each is not None}) or None
    if depth < _DEEPEST and isinstance(value, list):
        filled = [_without_empties(each, depth + 1) for each in value]
        return _same_or(value, [each for each in filled if each is not None]) or None
    return None if isinstance(value, str) and not value.strip() else value


def _bundle_type(resource: dict[str, Any]) -> bool:
    """A Bundle without a type (public sandbox, CRD request generator): `draftOrders` is a collection."""
    if resource.get("resourceType") != "Bundle" or resource.get("type"):
        return False
    resource["type"] = "collection"
    return True


def _lists_where_due(resource: dict[str, Any]) -> bool:
    """A single object stands where a list is due (seen: category and reasonCode of the public sandbox)."""
    names = _LISTS.get(str(resource.get("resourceType")), ())
    single = [name for name in names if isinstance(resource.get(name), dict)]
    resource.update({name: [resource[name]] for name in single})
    return bool(single)


def _dose_lists(order: dict[str, Any]) -> bool:
    """`doseAndRate` is a single object, as in STU3-minded clients."""
    dosages = order.get("dosageInstruction")
    if not isinstance(dosages, list):
        return False
    return _replaced(order, {"dosageInstruction": _same_or(dosages, [_dose_list(dosage) for dosage in dosages])})


def _dose_list(dosage: Any) -> Any:
    rate = dosage.get("doseAndRate") if isinstance(dosage, dict) else None
    return {**dosage, "doseAndRate": [rate]} if isinstance(rate, dict) else dosage


def _numbers(resource: dict[str, Any]) -> bool:
    """Numbers in quotes, also with a decimal comma where it cannot be a thousands separator."""
    return _replaced(resource, _each(resource, _NUMBERS, _unquoted, 1))


def _unquoted(written: str) -> Any:
    found = number(written)
    whole = found is not None and found == found.to_integral_value() and "." not in written and "," not in written
    return written if found is None else int(found) if whole else found


def _zones(resource: dict[str, Any]) -> bool:
    """A dateTime without zone, seconds or colon: read as UTC, as the readers do."""
    return _replaced(resource, _each(resource, _DATES, _zoned, 1))


def _zoned(written: str) -> str:
    found = _NO_ZONE.fullmatch(written.strip())
    if found is None:
        return written
    day, minutes, seconds, zone = found.groups()
    colon = f"{zone[:3]}:{zone[-2:]}" if zone and zone != "Z" else "Z"
    mended = f"{day}T{minutes}{seconds or ':00'}{colon}"
    return written if mended == written else mended


def _each(value: Any, names: frozenset[str], mend: Callable[[str], Any], depth: int) -> Any:
    """The same JSON with `mend` applied to every string under one of these names; itself where nothing changed."""
    if depth > _DEEPEST:
        return value
    if isinstance(value, list):
        return _same_or(value, [_each(each, names, mend, depth + 1) for each in value])
    if not isinstance(value, dict):
        return value
    found = {name: each if name in _WORDS_STAY else _each(each, names, mend, depth + 1) for name, each in value.items()}
    for name in names.intersection(value):
        each = value[name]
        if isinstance(each, str):
            found[name] = mend(each)
        elif isinstance(each, list):
            found[name] = _same_or(each, [mend(one) if isinstance(one, str) else one for one in found[name]])
    return _same_or(value, found)


def _ids(resource: dict[str, Any]) -> bool:
    """An id with characters or a length that R4 does not allow."""
    written = resource.get("id")
    if not isinstance(written, str):
        return False
    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", written)[:64].strip("-") or "x"
    resource["id"] = plain
    return plain != written


def _unknown_elements(order: dict[str, Any]) -> bool:
    """Members that no MedicationRequest of R4 has."""
    strange = [name for name in order if name.removeprefix("_") not in _ELEMENTS]
    for name in strange if order.get("resourceType") == _ORDER else ():
        del order[name]
    return bool(strange) and order.get("resourceType") == _ORDER


def _drug(order: dict[str, Any]) -> bool:
    """No drug yet: the order screen of the public sandbox has just opened."""
    if order.get("resourceType") != _ORDER or any(name.startswith("medication") for name in order):
        return False
    order["medicationCodeableConcept"] = {"extension": [{"url": _ABSENT, "valueCode": "unknown"}]}
    return True


def _intent(order: dict[str, Any]) -> bool:
    """`intent` is missing until a drug is chosen (public sandbox)."""
    return order.get("resourceType") == _ORDER and _replaced(order, {"intent": order.get("intent") or "order"})


def _status(order: dict[str, Any]) -> bool:
    """`status` is missing: what stands in draftOrders is a draft."""
    return order.get("resourceType") == _ORDER and _replaced(order, {"status": order.get("status") or "draft"})


def _same_or(old: Any, new: Any) -> Any:
    """The old one where nothing in it changed, so that a repair can tell whether it was needed."""
    if len(old) != len(new):
        return new
    pairs = zip(old.values(), new.values(), strict=True) if isinstance(old, dict) else zip(old, new, strict=True)
    return old if all(one is other for one, other in pairs) else new


def _replaced(resource: dict[str, Any], members: Mapping[str, Any]) -> bool:
    """Set these members, taking away those that are None. True where one of them changed."""
    changed = False
    for name, value in members.items():
        if value is None and name in resource:
            del resource[name]
            changed = True
        elif value is not resource.get(name):
            resource[name] = value
            changed = True
    return changed


UNKNOWN_ELEMENTS = "unknown-elements"
REPAIRS: Mapping[str, Repair] = {
    "empty-members": _empties,
    "bundle-type-missing": _bundle_type,
    R5: _look_alike(R5),
    STU3: _look_alike(STU3),
    DSTU2: _look_alike(DSTU2),
    "list-where-due": _lists_where_due,
    "dose-list-where-due": _dose_lists,
    "number-in-quotes": _numbers,
    "zone-missing": _zones,
    "odd-id": _ids,
    UNKNOWN_ELEMENTS: _unknown_elements,
    "drug-missing": _drug,
    "intent-missing": _intent,
    "status-missing": _status,
}
