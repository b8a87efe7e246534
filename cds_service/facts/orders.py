"""The draft order itself, and other blinatumomab orders beside it: one course, overlapping, or neither."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from cds_service.facts import sequence
from cds_service.facts.dosage import Dosage, read_dosage
from cds_service.facts.model import Evidence, Order, OrderedStep, OtherOrder
from cds_service.facts.record import Record, printed
from cds_service.facts.therapies import Given
from cds_service.facts.writing import read_writing
from cds_service.fhir import reader
from cds_service.fhir.chart import Entry
from cds_service.fhir.reader import Json

Steps = tuple[OrderedStep, ...]
_LONGEST_PAUSE = timedelta(days=1)
"""Between a step order and its continuation."""


@dataclass(frozen=True, slots=True)
class _Days:
    """First and last day of an order; None where they are not known."""

    first: date | None
    last: date | None


def read_order(
    record: Record, draft: Given, dosage: Dosage, medications: tuple[Given, ...], *, sent: Json | None = None
) -> Order:
    """The order as we understand it, with the other orders for the drug. `sent` is the draft as it came."""
    entry = draft.entry
    written = reader.when(entry.resource, "authoredOn")
    shown = "; ".join(step.as_written for step in dosage.steps) or "no dose stated"
    mine = _days(dosage.start, dosage.steps)
    others = tuple(
        _other(record, given, mine, draft=(entry, dosage.steps))
        for given in medications
        if given.drug.ours and given.live and given.entry is not entry and given.entry.type == "MedicationRequest"
    )
    return Order(
        reference=entry.reference,
        drug="blinatumomab",
        matched_by=draft.drug.matched_by or "text",
        steps=dosage.steps,
        max_per_day=dosage.max_per_day,
        text=dosage.text,
        start=dosage.start,
        duration_days=dosage.duration_days,
        status=reader.text(entry.resource, "status"),
        others=others,
        evidence=Evidence(entry.reference, "Blinatumomab order", shown, printed(written)),
        writing=read_writing(record.chart, sent if sent is not None else entry.resource),
    )


def _other(record: Record, given: Given, mine: _Days, *, draft: tuple[Entry, Steps]) -> OtherOrder:
    dosage = read_dosage(record.chart, given.entry.resource)
    drafted = given.entry.draft is not None
    start = dosage.start or (None if drafted else reader.day(given.written))
    theirs = _days(start, dosage.steps)
    consecutive = _follows(mine, theirs) or _follows(theirs, mine)
    overlapping, why = False if consecutive else _overlap(mine, theirs), None
    if overlapping is None:
        consecutive, overlapping, why = _by_other_signs(record, draft, (given.entry, dosage.steps))
    shown = "; ".join(step.as_written for step in dosage.steps) or "no dose stated"
    what = "Blinatumomab, another draft order" if drafted else "Blinatumomab, active order"
    return OtherOrder(
        given.entry.reference,
        dosage.steps,
        start,
        consecutive,
        overlapping,
        drafted,
        given.evidence(what, shown),
        why,
    )


def _by_other_signs(
    record: Record, one: tuple[Entry, Steps], other: tuple[Entry, Steps]
) -> tuple[bool, bool | None, str | None]:
    """Where dates do not tell: one course or not, overlapping or not, and why it cannot be told."""
    starts = sequence.starts_in_the_cycle(record, one[0].resource, other[0].resource, steps=(one[1], other[1]))
    if starts is None:
        return False, None, sequence.UNTOLD
    mine, theirs = _days(starts[0], one[1]), _days(starts[1], other[1])
    consecutive = _follows(mine, theirs) or _follows(theirs, mine)
    return consecutive, False if consecutive else _overlap(mine, theirs), None


def _days(start: date | None, steps: Steps) -> _Days:
    lasts = [step.last_day for step in steps if step.last_day is not None]
    ends = bool(steps) and len(lasts) == len(steps)
    return _Days(start, start + timedelta(days=max(lasts) - 1) if start and ends else None)


def _follows(one: _Days, next_one: _Days) -> bool:
    """Does the second begin on the last day of the first, or the day after, give or take a day?"""
    if one.first is None or one.last is None or next_one.first is None or next_one.first <= one.first:
        return False
    return timedelta(0) <= next_one.first - one.last <= timedelta(days=1) + _LONGEST_PAUSE


def _overlap(one: _Days, other: _Days) -> bool | None:
    """None while a start is missing. An order without an end goes on."""
    if one.first is None or other.first is None:
        return None
    ends_before = one.last is not None and one.last < other.first
    return not (ends_before or (other.last is not None and other.last < one.first))
