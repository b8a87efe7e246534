"""Known departures of real clients from FHIR R4, each mended by one named repair.

A repair works on a copy: the caller's own JSON is kept as it came. Readers tolerate these shapes anyway; the repairs
let the models judge what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Json = Mapping[str, Any]
Repair = Callable[[dict[str, Any]], bool]

_ORDER_LISTS = (
    "identifier",
    "category",
    "supportingInformation",
    "reasonCode",
    "reasonReference",
    "instantiatesCanonical",
    "basedOn",
    "insurance",
    "note",
    "dosageInstruction",
    "contained",
    "extension",
)


def mended_order(order: Json) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A copy of a draft order with the known quirks mended, and the names of the repairs that were needed."""
    copy = dict(order)
    return copy, tuple(name for name, repair in REPAIRS.items() if repair(copy))


def _lists_where_due(order: dict[str, Any]) -> bool:
    """A single object stands where a list is due (seen: category and reasonCode of the public sandbox)."""
    single = [name for name in _ORDER_LISTS if isinstance(order.get(name), dict)]
    order.update({name: [order[name]] for name in single})
    return bool(single)


def _dose_lists(order: dict[str, Any]) -> bool:
    """`doseAndRate` is a single object, as in STU3-minded clients."""
    dosages = order.get("dosageInstruction")
    if not isinstance(dosages, list):
        return False
    repaired = [_dose_list(dosage) if isinstance(dosage, dict) else dosage for dosage in dosages]
    changed = any(new is not old for new, old in zip(repaired, dosages, strict=True))
    order["dosageInstruction"] = repaired
    return changed


def _dose_list(dosage: Json) -> Json:
    rate = dosage.get("doseAndRate")
    return {**dosage, "doseAndRate": [rate]} if isinstance(rate, dict) else dosage


def _intent(order: dict[str, Any]) -> bool:
    """`intent` is missing until a drug is chosen (public sandbox)."""
    if order.get("intent"):
        return False
    order["intent"] = "order"
    return True


def _status(order: dict[str, Any]) -> bool:
    """`status` is missing: what stands in draftOrders is a draft."""
    if order.get("status"):
        return False
    order["status"] = "draft"
    return True


REPAIRS: Mapping[str, Repair] = {
    "list-where-due": _lists_where_due,
    "dose-list-where-due": _dose_lists,
    "intent-missing": _intent,
    "status-missing": _status,
}
