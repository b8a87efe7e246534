"""The draft order itself, and other blinatumomab orders beside it: one course, overlapping, or neither."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from cds_service.facts.dosage import Dosage, read_dosage
from cds_service.facts.model import Evidence, Order, OrderedStep, OtherOrder
from cds_service.facts.record import Record, printed
from cds_service.facts.therapies import Given
from cds_service.fhir import reader

_LONGEST_PAUSE = timedelta(days=1)
"""Between a step order and its continuation."""


@dataclass(frozen=True, slots=True)
class _Days:
    """First and last day of an order; None where they are not known."""

    first: date | None
    last: date | None


def read_order(record: Record, draft: Given, dosage: Dosage, medications: tuple[Given, ...]) -> Order:
    """The order as we understand it, with the other orders for the drug."""
    entry = draft.entry
    written = reader.when(entry.resource, "authoredOn")
    shown = "; ".join(step.as_written for step in dosage.steps) or "no dose stated"
    mine = _days(dosage.start, dosage.steps)
    others = tuple(
        _other(record, given, mine)
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
    )


def _other(record: Record, given: Given, mine: _Days) -> OtherOrder:
    dosage = read_dosage(record.chart, given.entry.resource)
    draft = given.entry.draft is not None
    start = dosage.start or (None if draft else reader.day(given.written))
    theirs = _days(start, dosage.steps)
    consecutive = _follows(mine, theirs) or _follows(theirs, mine)
    shown = "; ".join(step.as_written for step in dosage.steps) or "no dose stated"
    what = "Blinatumomab, another draft order" if draft else "Blinatumomab, active order"
    evidence = given.evidence(what, shown)
    overlapping = False if consecutive else _overlap(mine, theirs)
    return OtherOrder(given.entry.reference, dosage.steps, start, consecutive, overlapping, draft, evidence)


def _days(start: date | None, steps: tuple[OrderedStep, ...]) -> _Days:
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
