"""One dosage instruction → micrograms per day, or why not.

Reads rateQuantity, rateRange, rateRatio, and doseQuantity or doseRange with its timing (so many times per period, or
the duration of one infusion). What is stated twice must agree; if it does not, both ends are kept and the problem
named. Per m² and per kg stay as they are: the body is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from cds_service import units
from cds_service.facts.timing import minutes_of, times_per_span
from cds_service.fhir import reader
from cds_service.fhir.reader import Json, Quantity

Converted = TypeVar("Converted", units.Dose, units.DoseRate)
_AGREES = Decimal("0.01")
"""A rate and a dose per day within 1 % say the same."""
_WRITTEN_FINELY = Decimal("0.0005")
"""A rate per hour written this finely (relative) may stand for a whole number of micrograms per day."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A dose per day with its bounds. `low` is None where it cannot be told; then `problem` says why."""

    low: Decimal | None
    as_written: str
    high: Decimal | None = None
    per: str | None = None
    problem: str | None = None

    @property
    def top(self) -> Decimal | None:
        """The upper end."""
        return self.high if self.high is not None else self.low


def read_rate(dosage: Json) -> Rate | None:
    """The dose per day of one dosage instruction; None where it states none in structured form."""
    timing = reader.first(dosage, "timing")
    found = [
        rate for stated in reader.objects(dosage, "doseAndRate") for rate in _rates(stated, timing) if rate is not None
    ]
    known = [rate for rate in found if rate.low is not None]
    if not known:
        return found[0] if found else None
    absolute = [rate for rate in known if rate.per is None]
    return _joined(absolute or [rate for rate in known if rate.per == known[0].per])


def _rates(stated: Json, timing: Json) -> Iterator[Rate | None]:
    """Every way in which one doseAndRate states the dose, the rate first."""
    yield _of_quantity(reader.quantity(stated.get("rateQuantity")))
    yield _of_range(reader.first(stated, "rateRange"), None)
    yield ratio_per_day(reader.first(stated, "rateRatio"))
    yield _of_dose(reader.quantity(stated.get("doseQuantity")), timing)
    yield _of_range(reader.first(stated, "doseRange"), timing)


def _joined(rates: list[Rate]) -> Rate:
    """One rate from several statements of it."""
    first, as_written = rates[0], "; ".join(dict.fromkeys(rate.as_written for rate in rates))
    lows = [rate.low for rate in rates if rate.low is not None]
    tops = [rate.top for rate in rates if rate.top is not None]
    if max(lows) - min(lows) <= _AGREES * max(lows) and max(tops) - min(tops) <= _AGREES * max(tops):
        return replace(first, as_written=as_written)
    return Rate(min(lows), as_written, max(tops), first.per, "the order states the dose in two ways that do not agree")


def _of_quantity(quantity: Quantity | None) -> Rate | None:
    if quantity is None:
        return None
    found = _agreed_units(quantity, units.dose_rate)
    if isinstance(found, str):
        return Rate(None, str(quantity), problem=found)
    per_day = _whole(found.micrograms_per_day, quantity)
    return _checked(Rate(per_day, str(quantity), per=found.per))


def ratio_per_day(ratio: Json) -> Rate | None:
    """A Ratio of dose and time, such as rateRatio or maxDosePerPeriod, as a dose per day; None where it is empty."""
    amount, span = reader.quantity(ratio.get("numerator")), reader.quantity(ratio.get("denominator"))
    if amount is None or span is None:
        return None
    as_written = f"{amount} / {span}"
    found = _agreed_units(amount, units.dose)
    minutes = minutes_of(span)
    if isinstance(found, str):
        return Rate(None, as_written, problem=found)
    if not minutes:
        return Rate(None, as_written, problem="the time over which the dose runs cannot be read")
    return _checked(Rate(found.micrograms * units.MINUTES_PER_DAY / minutes, as_written, per=found.per))


def _of_dose(quantity: Quantity | None, timing: Json) -> Rate | None:
    """A dose and how often it is given. A unit per time makes it a rate, wherever it stands."""
    if quantity is None:
        return None
    as_rate = _agreed_units(quantity, units.dose_rate)
    if not isinstance(as_rate, str):
        return _of_quantity(quantity)
    found = _agreed_units(quantity, units.dose)
    if isinstance(found, str):
        return Rate(None, str(quantity), problem=found)
    share = times_per_span(timing)
    if share is None:
        return Rate(None, str(quantity), problem="it is not stated how long one dose lasts or how often it is given")
    per_day = found.micrograms * share.times * units.MINUTES_PER_DAY / share.minutes
    high = per_day * share.most_times / share.times if share.most_times else None
    return _checked(Rate(per_day, f"{quantity} {share.words}", high, found.per))


def _of_range(stated: Json, timing: Json | None) -> Rate | None:
    low, high = reader.quantity(stated.get("low")), reader.quantity(stated.get("high"))
    ends = [
        rate
        for quantity in (low, high)
        if (rate := _of_quantity(quantity) if timing is None else _of_dose(quantity, timing)) is not None
    ]
    if not ends:
        return None
    as_written = " to ".join(rate.as_written for rate in ends)
    if len(ends) == 1:
        return replace(ends[0], problem=ends[0].problem or "only one end of the range is stated")
    if ends[0].low is None or ends[1].low is None or ends[0].per != ends[1].per:
        return Rate(None, as_written, problem=ends[0].problem or ends[1].problem or "the ends of the range do not fit")
    return replace(ends[0], as_written=as_written, high=ends[1].low)


def _agreed_units(quantity: Quantity, convert: Callable[[Decimal, str | None], Converted | None]) -> Converted | str:
    """The quantity converted, or why not. Code and text of the unit must not mean different things."""
    if quantity.comparator:
        return "the dose is stated as a limit, not as a dose"
    found = list(dict.fromkeys(amount for unit in quantity.units if (amount := convert(quantity.value, unit))))
    if len(found) > 1 or (found and any(units.is_volume_rate(unit) for unit in quantity.units)):
        return "the unit's code and its text mean different things"
    return found[0] if found else units.refusal(quantity.unit or quantity.code)


def _whole(per_day: Decimal, quantity: Quantity) -> Decimal:
    """28 for 1.1667 ug/h: a pump rate is rounded when written down. Only where it is written finely, and only to a
    whole number of micrograms that its last digit leaves open; everything else stays exact.
    """
    exponent = quantity.value.as_tuple().exponent
    nearest = per_day.to_integral_value()
    if not isinstance(exponent, int) or not nearest or not quantity.value or nearest == per_day:
        return per_day
    half_a_digit = Decimal(5).scaleb(exponent - 1) / quantity.value
    open_to = abs(per_day - nearest) / per_day <= half_a_digit <= _WRITTEN_FINELY
    return nearest if open_to else per_day


def _checked(rate: Rate) -> Rate:
    if rate.low is not None and rate.low <= 0:
        return replace(rate, low=None, problem="the dose is not above zero")
    return rate
