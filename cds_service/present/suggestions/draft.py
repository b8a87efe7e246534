"""A changed dose written into the caller's own draft: the instructions that must change, and not a digit more.

Changes nothing in place: what stays is the caller's own object, so every member, extension and decimal goes out as it
came. What kinds of writing it meets was settled when the order was read (`form` and `bounds` of the offer); anything
else gives no resource.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from cds_service.units import WIDE

Json = dict[str, Any]
Part = Mapping[str, Any]
_UCUM = "http://unitsofmeasure.org"
_PER_HOUR = Decimal("0.0001")
_HOURS = 24


def changed_order(draft: Mapping[str, Any], instructions: Sequence[Mapping[str, Any]]) -> Json | None:
    """The whole order with the doses of the offer; None where the draft is not written as the offer expects."""
    try:
        return {**draft, "dosageInstruction": _instructions(draft["dosageInstruction"], instructions)}
    except (KeyError, TypeError, IndexError, ValueError):
        return None


def _instructions(dosages: list[Json], offered: Sequence[Mapping[str, Any]]) -> list[Json]:
    if len(dosages) != len(offered):
        raise ValueError("as many instructions as the offer has")
    found: list[Json] = []
    for dosage, change in zip(dosages, offered, strict=True):
        found += _steps(dosage, change)
    if len(found) > len(dosages):
        first = dosages[0].get("sequence", 1)
        found = [{**each, "sequence": first + place} for place, each in enumerate(found)]
    return found


def _steps(dosage: Json, change: Mapping[str, Any]) -> list[Json]:
    """One instruction as it is, with another dose, or divided into steps."""
    parts: Sequence[Part] = change["parts"]
    if len(parts) == 1:
        return [_with_dose(dosage, change["form"], parts[0])]
    divide = _BOUNDS[change["bounds"]]
    copies = [dosage, *(_without_ids(dosage) for _ in parts[1:])]
    return [
        _with_dose(_bounded(each, divide, part, parts), change["form"], part)
        for each, part in zip(copies, parts, strict=True)
    ]


def _with_dose(dosage: Json, form: str, part: Part) -> Json:
    if not part["changed"]:
        return dosage
    (stated,) = dosage["doseAndRate"]
    member, inner, written = _FORMS[form]
    was = stated[member][inner] if inner else stated[member]
    if "value" not in was:
        raise KeyError("value")
    quantity = {**was, "value": written(part["mcg_per_day"])}
    return {**dosage, "doseAndRate": [{**stated, member: {**stated[member], inner: quantity} if inner else quantity}]}


def per_hour(mcg_per_day: Decimal) -> Decimal:
    """Micrograms per hour, rounded down."""
    cut = (mcg_per_day / _HOURS).quantize(_PER_HOUR, ROUND_DOWN, WIDE)
    return Decimal(f"{cut:f}".rstrip("0").rstrip("."))


def _per_day(mcg_per_day: Decimal) -> Decimal:
    return mcg_per_day


_FORMS: Mapping[str, tuple[str, str, Callable[[Decimal], Decimal]]] = {
    "rate-per-day": ("rateQuantity", "", _per_day),
    "rate-per-hour": ("rateQuantity", "", per_hour),
    "ratio-per-day": ("rateRatio", "numerator", _per_day),
    "dose-per-day": ("doseQuantity", "", _per_day),
}
"""Form of the offer -> the member that holds the dose, the quantity inside it, and the number written there."""


def _bounded(
    dosage: Json, divide: Callable[[Json, Part, Sequence[Part]], Json], part: Part, parts: Sequence[Part]
) -> Json:
    timing = dosage.get("timing") or {}
    repeat = timing.get("repeat") or {}
    return {**dosage, "timing": {**timing, "repeat": divide(repeat, part, parts)}}


def _days(part: Part) -> int:
    return int(part["last_day"]) - int(part["first_day"]) + 1


def _by_length(repeat: Json, part: Part, parts: Sequence[Part]) -> Json:
    return {**repeat, "boundsDuration": {**repeat["boundsDuration"], "value": _days(part)}}


def _newly(repeat: Json, part: Part, parts: Sequence[Part]) -> Json:
    """An order without bounds gets them where the step needs them."""
    if part["last_day"] is None:
        return repeat
    days = {"value": _days(part), "unit": "days", "system": _UCUM, "code": "d"}
    return {"boundsDuration": days, **repeat}


def _by_period(repeat: Json, part: Part, parts: Sequence[Part]) -> Json:
    """The first step keeps the start as written, the last one the end; between them whole days are counted."""
    period = repeat["boundsPeriod"]
    before = int(part["first_day"]) - int(parts[0]["first_day"])
    start = _later(period["start"], before)
    made = {**period, "start": start}
    if part is not parts[-1] or ("end" not in period and part["last_day"] is not None):
        made["end"] = _end(start, _days(part))
    return {**repeat, "boundsPeriod": made}


def _later(written: str, days: int) -> str:
    """The same time of day so many days later; a bare day stays bare."""
    return (date.fromisoformat(written[:10]) + timedelta(days=days)).isoformat() + written[10:]


def _end(start: str, days: int) -> str:
    """Bare days count both ends, moments whole days of 24 hours."""
    return _later(start, days if len(start) > 10 else days - 1)


_BOUNDS = {"duration": _by_length, "open": _newly, "period": _by_period}


def _without_ids(value: Any) -> Any:
    """The id of an element may stand once in a resource."""
    if isinstance(value, dict):
        return {name: _without_ids(each) for name, each in value.items() if name not in ("id", "_id")}
    return [_without_ids(each) for each in value] if isinstance(value, list) else value
