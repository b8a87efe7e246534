"""How many micrograms a day an order step asks for, with this body. Pure; knows no label.

Orders per m² or per kg are converted with the body's measures. Where a measure is missing the dose is unknown, but
what it is at least can still be certain: an order too high for any plausible body never passes for unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

from cds_service.assess.measures import Body, mosteller
from cds_service.facts.model import OrderedStep

LEAST_HEIGHT_CM = Decimal(30)
LEAST_BSA_M2 = Decimal("0.1")
LEAST_WEIGHT_KG = Decimal(1)
"""Below these the reader refuses a measure as implausible (input contract), so no body here is smaller."""


@dataclass(frozen=True, slots=True)
class Amount:
    """One ordered dose in mcg/day. `low` and `high` differ for a range; None when it cannot be told."""

    low: Decimal | None
    high: Decimal | None
    at_least: Decimal
    """What the upper end is at least, whatever is unknown; 0 when nothing is certain."""
    per_m2: Decimal | None = None
    """The upper end as ordered per m², when it was ordered so."""

    def __add__(self, other: Amount) -> Amount:
        """Both running at once."""
        low = None if self.low is None or other.low is None else self.low + other.low
        high = None if self.high is None or other.high is None else self.high + other.high
        return Amount(low, high, self.at_least + other.at_least)


NOTHING = Amount(Decimal(0), Decimal(0), Decimal(0))


def amount_of(step: OrderedStep, body: Body, bsa_m2: Decimal | None) -> Amount:
    """The step in mcg/day for this body, with one of its surface areas (None: unknown)."""
    if step.rate is None:
        return Amount(None, None, Decimal(0))
    high = step.rate if step.high_rate is None else max(step.rate, step.high_rate)
    low = step.rate if step.high_rate is None else min(step.rate, step.high_rate)
    factor, least = _factor(step.per, body, bsa_m2)
    per_m2 = high if step.per == "m2" else None
    if factor is None:
        return Amount(None, None, high * least, per_m2)
    return Amount(low * factor, high * factor, high * factor, per_m2)


def _factor(per: str | None, body: Body, bsa_m2: Decimal | None) -> tuple[Decimal | None, Decimal]:
    """What to multiply by, and what that is at least when it is unknown."""
    if per == "m2":
        if bsa_m2 is not None:
            return bsa_m2, bsa_m2
        return None, mosteller(body.weight_kg, LEAST_HEIGHT_CM) if body.weight_kg else LEAST_BSA_M2
    if per == "kg":
        return body.weight_kg, body.weight_kg or LEAST_WEIGHT_KG
    return Decimal(1), Decimal(1)


def bounded(steps: Sequence[OrderedStep]) -> tuple[OrderedStep, ...]:
    """The steps in order of their days; one without an end ends where the next begins.

    The days of supply that an order asks for do not bound it: an open last step stays open.
    """
    if not steps:
        return ()
    ordered = sorted(steps, key=lambda step: step.first_day)
    ends: list[int | None] = [*(later.first_day - 1 for later in ordered[1:]), None]
    return tuple(
        replace(step, last_day=end) if step.last_day is None and end is not None and end >= step.first_day else step
        for step, end in zip(ordered, ends, strict=True)
    )


def overlapping(steps: Sequence[OrderedStep]) -> bool:
    """Do two steps claim the same day? Then it is not told which of them holds."""
    return any(earlier.last_day is None or earlier.last_day >= later.first_day for earlier, later in pairwise(steps))
