"""Which of two orders comes first where their dates do not tell: by the cycle and day that each answers, or by the days
that their instructions name. Never by their doses, nor by `priorPrescription`: FHIR means the prescription that is
replaced, so the other order may be meant to go.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta

from cds_service.facts.model import OrderedStep
from cds_service.facts.questions import read_answers
from cds_service.facts.record import Record
from cds_service.fhir import reader
from cds_service.fhir.reader import Json

UNTOLD = (
    "a start is missing, and nothing else tells which comes first: neither the cycle and day answered for each order, "
    "nor the days named in both instructions"
)
_DAY_ONE = date(2000, 1, 1)
"""Stands for day 1 of the cycle; only differences count."""
_DAYS = re.compile(r"\bdays?\s*(\d{1,2})\s*(?:-|–|to|through)\s*(\d{1,2})\b", re.IGNORECASE)
_CYCLE = re.compile(r"\bcycles?\s*(\d)\b", re.IGNORECASE)


def starts_in_the_cycle(
    record: Record, one: Json, other: Json, *, steps: tuple[Sequence[OrderedStep], Sequence[OrderedStep]]
) -> tuple[date, date] | None:
    """The starts of two orders on the days of one cycle; None where they do not tell, or tell different cycles."""
    answered = tuple(_answered(record, order) for order in (one, other))
    if all(answered):
        found = answered
    else:
        found = tuple(_in_words(order, part) for order, part in zip((one, other), steps, strict=True))
        cycles = {cycle for order in (one, other) for words in _texts(order) for cycle in _CYCLE.findall(words)}
        if len(cycles) > 1:
            return None
    first, second = found
    if first is None or second is None or first[0] != second[0]:
        return None
    return _DAY_ONE + timedelta(days=first[1] - 1), _DAY_ONE + timedelta(days=second[1] - 1)


def _answered(record: Record, order: Json) -> tuple[int | None, int] | None:
    """Cycle and day of the cycle that are answered for this very order."""
    answers = read_answers(record, order)
    cycle, day = answers.fact("cycle").value, answers.fact("day").value
    return (cycle, day) if cycle is not None and day is not None else None


def _in_words(order: Json, steps: Sequence[OrderedStep]) -> tuple[int | None, int] | None:
    """The day on which the instructions say that they begin: one range of days, as long as the order is bounded to."""
    found = {(int(low), int(high)) for words in _texts(order) for low, high in _DAYS.findall(words)}
    if len(found) != 1 or not steps or any(step.last_day is None for step in steps):
        return None
    low, high = found.pop()
    return (None, low) if high - low + 1 == max(step.last_day or 0 for step in steps) else None


def _texts(order: Json) -> tuple[str, ...]:
    return tuple(
        words for dosage in reader.objects(order, "dosageInstruction") if (words := reader.text(dosage, "text"))
    )
