"""How an order stands on the page: where its dose is written, what else says it, and what is ordered beside it.

Part of `facts.model`, from where everybody takes these. No FHIR here, no judgement either.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cds_service.facts.on_file import Evidence

PER_DAY, PER_HOUR, RATIO_PER_DAY, DOSE_PER_DAY = "rate-per-day", "rate-per-hour", "ratio-per-day", "dose-per-day"
"""The ways of writing a dose in micrograms that another dose can be written into."""
OPEN, DURATION, PERIOD = "open", "duration", "period"
"""How an instruction says for which days it holds: not at all, so many days, from a day (to a day)."""


@dataclass(frozen=True, slots=True)
class Restated:
    """A part of the order, besides its structured dose, that says how much is given."""

    where: str
    """'the dosage text', 'the note', 'the dispense quantity' …"""
    says: str | None = None
    """Quoted, fit to print."""
    mcg_per_day: Decimal | None = None
    """Of a maximum per period, where it is an amount per day."""
    mcg_total: Decimal | None = None
    """Of a dispense quantity, where it is an amount of drug."""


@dataclass(frozen=True, slots=True)
class Writing:
    """Whether another dose can be written into the order with nothing else changed."""

    unwritable: str | None = None
    """Why it cannot, in a few words."""
    forms: tuple[str, ...] = ()
    """How each dosage instruction writes its dose, in their order; as many as the order has steps."""
    bounds: tuple[str | None, ...] = ()
    """How each says its days; None: in a way that cannot be divided into steps."""
    restated: tuple[Restated, ...] = ()


@dataclass(frozen=True, slots=True)
class Requested:
    """A test, measurement, check or admission that is drafted in the call or active on file."""

    concepts: frozenset[str]
    """What its code stands for in our value sets."""
    said: str
    """The words of its code, lower case."""
    evidence: Evidence
