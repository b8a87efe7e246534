"""The draft order as its author wrote it: could another dose be written into it, and what else in it says the dose?

Reads the caller's own JSON, not the mended one: a change is written into what came. Whatever is not plainly FHIR R4,
or says a dose in a second place, is named; nothing is guessed. Knows no label and no dose that would be right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from cds_service import units
from cds_service.facts.as_written import (
    DOSE_PER_DAY,
    DURATION,
    OPEN,
    PER_DAY,
    PER_HOUR,
    PERIOD,
    RATIO_PER_DAY,
    Restated,
    Writing,
)
from cds_service.facts.restating import restated
from cds_service.facts.timing import minutes_of, times_per_span
from cds_service.fhir import reader
from cds_service.fhir.chart import Chart
from cds_service.fhir.reader import Json, Quantity

_HOURS = 24
_DOSES = ("doseQuantity", "doseRange", "rateQuantity", "rateRange", "rateRatio")
_BOUNDS = ("boundsDuration", "boundsPeriod", "boundsRange", "count", "countMax")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?")


def read_writing(chart: Chart, draft: Json) -> Writing:
    """How the dose stands in this draft, as sent."""
    found = draft.get("dosageInstruction")
    said = restated(chart, draft)
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        return Writing("the order states no dose in structured form", restated=said)
    problem = _order_problem(draft, found)
    forms = [_form(one) for one in found]
    problem = problem or next((form.problem for form in forms if form.problem), None)
    bounds = tuple(_bounds(one) for one in found)
    pumped = tuple(Restated("the pump rate", form.pumped) for form in forms if form.pumped)
    if problem or pumped:
        return Writing(problem, restated=(*pumped, *said))
    return Writing(None, tuple(form.name for form in forms), bounds, said)


def _order_problem(draft: Json, dosages: list[Any]) -> str | None:
    if not isinstance(draft.get("id"), str) or not draft["id"]:
        return "the order has no id by which it could be changed"
    if "modifierExtension" in draft or any("modifierExtension" in one for one in dosages):
        return "an extension of the order changes what it means"
    if any(one.get("asNeededBoolean") or "asNeededCodeableConcept" in one for one in dosages):
        return "the order is given as needed"
    numbers = [one.get("sequence") for one in dosages]
    plain = all(type(number) is int for number in numbers)
    if len(dosages) > 1 and not (plain and len(set(numbers)) == len(numbers)):
        return "its instructions run together, or do not say which comes first"
    if len(dosages) > 1 and numbers != sorted(numbers):
        return "its instructions are not written in their order"
    return None


class _Form:
    """How one instruction writes its dose; or why another could not be written there; or a pump rate beside it."""

    __slots__ = ("name", "problem", "pumped")

    def __init__(self, name: str = "", problem: str | None = None, pumped: str | None = None):
        self.name, self.problem, self.pumped = name, problem, pumped


def _form(dosage: Json) -> _Form:
    stated = dosage.get("doseAndRate")
    if not dosage.keys().isdisjoint(_DOSES):
        return _Form(problem="the dose stands outside of doseAndRate")
    if not isinstance(stated, list) or len(stated) != 1 or not isinstance(stated[0], dict):
        return _Form(problem="the dose is not stated once and in structured form")
    members = [name for name in _DOSES if name in stated[0]]
    rate = reader.quantity(stated[0].get("rateQuantity"))
    if rate and any(units.is_volume_rate(unit) for unit in rate.units):
        return _Form(pumped=str(rate))
    if len(members) != 1:
        return _Form(problem="the dose is stated in two ways" if members else "no dose is stated in structured form")
    read = {"rateQuantity": _of_rate, "rateRatio": _of_ratio, "doseQuantity": _of_dose}.get(members[0])
    name = read(stated[0][members[0]], dosage) if read else None
    return _Form(name) if name else _Form(problem=_UNUSUAL)


_UNUSUAL = "the dose is not written as micrograms per day or per hour"


def _micrograms(quantity: Quantity | None) -> bool:
    """A plain positive number of micrograms."""
    if quantity is None or quantity.comparator or not quantity.units:
        return False
    amounts = [units.dose(quantity.value, unit) for unit in quantity.units]
    return all(one and one.per is None and one.micrograms == quantity.value > 0 for one in amounts)


def _of_rate(value: Any, dosage: Json) -> str | None:
    quantity = reader.quantity(value)
    if quantity is None or quantity.comparator or not quantity.units or quantity.value <= 0:
        return None
    rates = [units.dose_rate(quantity.value, unit) for unit in quantity.units]
    if any(rate is None or rate.per is not None for rate in rates):
        return None
    factors = {rate.micrograms_per_day / quantity.value for rate in rates if rate}
    return {Decimal(1): PER_DAY, Decimal(_HOURS): PER_HOUR}.get(factors.pop()) if len(factors) == 1 else None


def _of_ratio(value: Any, dosage: Json) -> str | None:
    ratio = value if isinstance(value, dict) else {}
    amount, span = reader.quantity(ratio.get("numerator")), reader.quantity(ratio.get("denominator"))
    daily = span is not None and not span.comparator and minutes_of(span) == units.MINUTES_PER_DAY
    return RATIO_PER_DAY if daily and _micrograms(amount) else None


def _of_dose(value: Any, dosage: Json) -> str | None:
    quantity, share = reader.quantity(value), times_per_span(reader.first(dosage, "timing"))
    once = share is not None and share.times == 1 and share.minutes == units.MINUTES_PER_DAY
    return DOSE_PER_DAY if once and share and share.most_times is None and _micrograms(quantity) else None


def _bounds(dosage: Json) -> str | None:
    """How the instruction says its days, where that could be divided into steps."""
    timing = dosage.get("timing")
    if timing is None:
        return OPEN
    repeat = timing.get("repeat", {}) if isinstance(timing, dict) else None
    if not isinstance(repeat, dict) or timing.get("event"):
        return None
    named = [name for name in _BOUNDS if name in repeat]
    if not named:
        return OPEN
    if len(named) > 1:
        return None
    return {"boundsDuration": _duration, "boundsPeriod": _period}.get(named[0], _indivisible)(repeat[named[0]])


def _indivisible(_: Any) -> None:
    return None


def _duration(value: Any) -> str | None:
    """Whole days, in days: nothing has to be converted to divide them."""
    quantity = reader.quantity(value)
    if quantity is None or quantity.comparator or not quantity.units:
        return None
    in_days = all(units.time_in_minutes(Decimal(1), unit) == units.MINUTES_PER_DAY for unit in quantity.units)
    return DURATION if in_days and quantity.value == quantity.value.to_integral_value() else None


def _period(value: Any) -> str | None:
    period = value if isinstance(value, dict) else {}
    ends = list(_ends(period))
    return PERIOD if period.get("start") and all(_DATE.fullmatch(end) for end in ends) and _alike(ends) else None


def _ends(period: Json) -> Iterator[str]:
    yield from (str(period[name]) for name in ("start", "end") if period.get(name))


def _alike(ends: list[str]) -> bool:
    """Both bare days, or both with a time of day and its zone."""
    return len({len(end) > 10 for end in ends}) == 1 and all(len(end) == 10 or _zoned(end) for end in ends)


def _zoned(written: str) -> bool:
    return written.endswith("Z") or written[-6] in "+-"
