"""When a dosage instruction applies: how often, how long, from which day of the order to which.

Reads Timing and its bounds as FHIR writes them; knows no drug and no dose.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from cds_service import units
from cds_service.dates import days_between
from cds_service.fhir import reader
from cds_service.fhir.reader import Json, Quantity

_CODES = {"QD": 1, "Q24H": 1, "DAILY": 1, "BID": 2, "TID": 3, "QID": 4}
_DAILY_WORDS = ("daily", "once daily", "every day", "every 24 hours", "q24h", "qd")


@dataclass(frozen=True, slots=True)
class Share:
    """So many times in so many minutes. `words` says it for print."""

    times: Decimal
    minutes: Decimal
    words: str
    most_times: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an instruction says of its own days. `length` is in days, rounded up."""

    start: str | None = None
    length: int | None = None


def minutes_of(quantity: Quantity) -> Decimal | None:
    """A Duration in minutes; None where code and text of the unit disagree, or the unit has no fixed length."""
    found = {units.time_in_minutes(quantity.value, unit) for unit in quantity.units}
    found.discard(None)
    return found.pop() if len(found) == 1 else None


def times_per_span(timing: Json) -> Share | None:
    """How often a dose is given: frequency and period, else the duration of one infusion, else a daily code."""
    repeat = reader.first(timing, "repeat")
    period, duration = _span(repeat, "period"), _span(repeat, "duration")
    frequency = reader.number(repeat.get("frequency"))
    if period is not None:
        times = frequency or Decimal(1)
        if times <= 0 or reader.number(repeat.get("periodMax")) is not None:
            return None
        often = "every" if times == 1 else f"{reader.plain(times)} times every"
        most = reader.number(repeat.get("frequencyMax"))
        words = f"{often} {_words(repeat, 'period')}"
        if duration is not None and duration * times > period:  # an infusion longer than its period: two readings
            return Share(Decimal(1), duration, f"over {_words(repeat, 'duration')}, {words}", times * duration / period)
        return Share(times, period, words, most)
    if duration is not None:
        return Share(Decimal(1), duration, f"over {_words(repeat, 'duration')}")
    code = reader.first(timing, "code")
    daily = next((_CODES[code] for _, code, _ in reader.codings(code) if code in _CODES), None)
    if daily is None and (reader.text(code, "text") or "").lower() in _DAILY_WORDS:
        daily = 1
    return Share(Decimal(daily), Decimal(1440), "daily" if daily == 1 else f"{daily} times daily") if daily else None


def bounds_of(dosage: Json) -> Bounds:
    """The start and the length that an instruction states: boundsPeriod, boundsDuration, boundsRange, or a count."""
    timing = reader.first(dosage, "timing")
    repeat = reader.first(timing, "repeat")
    period = reader.first(repeat, "boundsPeriod")
    if period:
        start, end = reader.text(period, "start"), reader.text(period, "end")
        return Bounds(start if reader.day(start) else None, _period_days(start, end))
    length = reader.quantity(repeat.get("boundsDuration")) or reader.quantity(
        reader.first(repeat, "boundsRange").get("high")
    )
    minutes = minutes_of(length) if length else None
    if minutes is None:
        minutes = _counted(repeat)
    events = [event for event in reader.items(timing.get("event")) if isinstance(event, str) and reader.day(event)]
    return Bounds(min(events) if events else None, _days(minutes))


def start_of(bounds: Iterable[Bounds]) -> str | None:
    """The earliest start that any instruction states."""
    starts = [found.start for found in bounds if found.start]
    return min(starts, key=lambda written: (reader.day(written) or date.max, written)) if starts else None


def day_number(start: str, written: str) -> int:
    """Which day of the order a moment falls on: 24 hours after a stated time of day begins day 2."""
    one, other = reader.moment(start), reader.moment(written)
    if one and other:
        return math.floor((other - one) / timedelta(days=1)) + 1
    first, second = reader.day(start), reader.day(written)
    return days_between(first, second) + 1 if first and second else 1


def _period_days(start: str | None, end: str | None) -> int | None:
    """Days of a period: dates count both ends, moments count 24-hour days."""
    one, other = reader.moment(start), reader.moment(end)
    if one and other:
        return _full_days(one, other)
    first, last = reader.day(start), reader.day(end)
    return days_between(first, last) + 1 if first and last and last >= first else None


def _full_days(start: datetime, end: datetime) -> int | None:
    return math.ceil((end - start) / timedelta(days=1)) if end > start else None


def _counted(repeat: Json) -> Decimal | None:
    """`count` doses, each lasting its duration or its period."""
    count, share = reader.number(repeat.get("count")), times_per_span({"repeat": repeat})
    return count / share.times * share.minutes if count and share else None


def _days(minutes: Decimal | None) -> int | None:
    return math.ceil(minutes / units.MINUTES_PER_DAY) if minutes and minutes > 0 else None


def _span(repeat: Json, name: str) -> Decimal | None:
    """A span given as a number and a unit member (`period`, `periodUnit`), in minutes."""
    value = reader.number(repeat.get(name))
    minutes = units.time_in_minutes(value, reader.text(repeat, f"{name}Unit")) if value is not None else None
    return minutes if minutes and minutes > 0 else None


def _words(repeat: Json, name: str) -> str:
    value = reader.number(repeat.get(name)) or Decimal(1)
    return f"{reader.plain(value)} {reader.text(repeat, f'{name}Unit') or ''}".strip()
