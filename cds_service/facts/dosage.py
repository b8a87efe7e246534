"""The dosage of an order as steps: so many micrograms per day from this day of the order to that one.

Consecutive instructions with bounds follow each other; one without a start of its own begins where the one before
ended; those with the same sequence number run together and are added up. Text-only instructions are quoted and their
dose is unknown. Days count from the order's own start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from cds_service import units
from cds_service.facts.model import OrderedStep
from cds_service.facts.rates import Rate, ratio_per_day, read_rate
from cds_service.facts.timing import Bounds, bounds_of, day_number, start_of
from cds_service.fhir import reader
from cds_service.fhir.chart import Chart
from cds_service.fhir.reader import Json

_IN_WORDS = "the dose is stated in words only"
_NO_ORDER = "the instructions do not say when each of them applies"


@dataclass(frozen=True, slots=True)
class Dosage:
    """What an order says of dose and days."""

    steps: tuple[OrderedStep, ...]
    max_per_day: Decimal | None
    text: str | None
    start: date | None
    duration_days: Decimal | None


@dataclass(frozen=True, slots=True)
class _Instruction:
    rate: Rate
    bounds: Bounds
    sequence: Decimal | None


def read_dosage(chart: Chart, order: Json) -> Dosage:
    """Steps, daily maximum, free text, planned start and duration of one order. No dose stated: no steps."""
    dosages = reader.objects(order, "dosageInstruction")
    instructions = [found for dosage in dosages if (found := _instruction(chart, dosage)) is not None]
    start = start_of(bounds_of(dosage) for dosage in dosages)
    steps = _steps(instructions, start)
    limits = [limit for dosage in dosages for limit in _limits(dosage)]
    return Dosage(
        steps, max(limits) if limits else None, _free_text(chart, order), reader.day(start), _duration(order, steps)
    )


def _instruction(chart: Chart, dosage: Json) -> _Instruction | None:
    """One instruction with a dose, or with words that may hold one; None where it states neither."""
    rate = read_rate(dosage)
    if rate is None:
        words = chart.quote(reader.text(dosage, "text") or reader.text(dosage, "patientInstruction"))
        rate = Rate(None, words, problem=_IN_WORDS) if words else None
    if rate is None:
        return None
    as_written = chart.quote(rate.as_written) or ""
    return _Instruction(replace(rate, as_written=as_written), bounds_of(dosage), reader.number(dosage.get("sequence")))


def _steps(instructions: Sequence[_Instruction], start: str | None) -> tuple[OrderedStep, ...]:
    groups = _together(instructions)
    if len(groups) > 1 and _unordered(groups):
        return tuple(replace(_step(group, start, 1), problem=_NO_ORDER) for group in groups)
    steps: list[OrderedStep] = []
    next_day: int | None = 1
    for group in groups:
        step = _step(group, start, next_day)
        if steps and steps[-1].last_day is None and step.first_day > steps[-1].first_day:
            steps[-1] = replace(steps[-1], last_day=step.first_day - 1)
        steps.append(step)
        next_day = step.last_day + 1 if step.last_day is not None else None
    return tuple(steps)


def _unordered(groups: Sequence[tuple[_Instruction, ...]]) -> bool:
    """Neither sequence numbers nor bounds say which instruction comes first."""
    return all(one.sequence is None and one.bounds == Bounds() for group in groups for one in group)


def _together(instructions: Sequence[_Instruction]) -> list[tuple[_Instruction, ...]]:
    """Instructions in their order; those with one sequence number and one set of bounds run at the same time."""
    ordered = sorted(instructions, key=_place)
    groups: list[tuple[_Instruction, ...]] = []
    for one in ordered:
        last = groups[-1][-1] if groups else None
        if last and one.sequence is not None and (one.sequence, one.bounds) == (last.sequence, last.bounds):
            groups[-1] = (*groups[-1], one)
        else:
            groups.append((one,))
    return groups


def _place(one: _Instruction) -> tuple[Decimal, date]:
    sequence = one.sequence if one.sequence is not None else Decimal(0)
    return sequence, reader.day(one.bounds.start) or date.min


def _step(group: tuple[_Instruction, ...], start: str | None, next_day: int | None) -> OrderedStep:
    rate, bounds = _added(group), group[0].bounds
    problem = rate.problem
    if bounds.start and start:
        first = day_number(start, bounds.start)
    else:
        first = next_day or 1
        if next_day is None:
            problem = problem or "it is not stated when this step begins"
    last = first + bounds.length - 1 if bounds.length else None
    return OrderedStep(rate.low, rate.as_written, rate.per, rate.high, first, last, problem)


def _added(group: tuple[_Instruction, ...]) -> Rate:
    """The sum of instructions that run at the same time; unknown if one of them is."""
    if len(group) == 1:
        return group[0].rate
    rates = [one.rate for one in group]
    as_written = " + ".join(rate.as_written for rate in rates)
    lows = [rate.low for rate in rates if rate.low is not None]
    tops = [rate.top for rate in rates if rate.top is not None]
    if len(lows) < len(rates) or len({rate.per for rate in rates}) > 1:
        return Rate(None, as_written, problem="two doses run together and cannot be added up")
    high = sum(tops, Decimal(0))
    return Rate(sum(lows, Decimal(0)), as_written, high if high != sum(lows, Decimal(0)) else None, rates[0].per)


def _limits(dosage: Json) -> list[Decimal]:
    """maxDosePerPeriod in mcg/day, where it is an absolute amount."""
    found = (ratio_per_day(limit) for limit in reader.objects(dosage, "maxDosePerPeriod"))
    return [rate.low for rate in found if rate is not None and rate.low is not None and rate.per is None]


def _free_text(chart: Chart, order: Json) -> str | None:
    said = [
        reader.text(dosage, member)
        for dosage in reader.objects(order, "dosageInstruction")
        for member in ("text", "patientInstruction")
    ]
    said += [reader.text(note, "text") for note in reader.objects(order, "note")]
    return chart.quote(" | ".join(dict.fromkeys(words for words in said if words)), 500)


def _duration(order: Json, steps: Sequence[OrderedStep]) -> Decimal | None:
    """Days of the order: to the end of its last step, else the supply it asks for."""
    if steps and all(step.last_day is not None for step in steps):
        return Decimal(max(step.last_day or 0 for step in steps))
    supply = reader.quantity(reader.first(order, "dispenseRequest").get("expectedSupplyDuration"))
    found = {units.time_in_minutes(supply.value, unit) for unit in supply.units} - {None} if supply else set()
    minutes = found.pop() if len(found) == 1 else None
    return minutes / units.MINUTES_PER_DAY if minutes else None
