"""Birth weight and gestational age at birth, for what preserved drugs mean to a small infant."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cds_service import units
from cds_service.facts import answers as results
from cds_service.facts.agreement import Told, agreed
from cds_service.facts.measure_words import measured
from cds_service.facts.model import Fact
from cds_service.facts.record import Observed, Record
from cds_service.fhir import reader

_AT_BIRTH = re.compile(r"at birth")
_WEEKS_AND_DAYS = re.compile(r"(\d{2})\s*(?:w\w*|\+)\s*(?:and\s*)?(\d)?\s*(?:d\w*)?", re.IGNORECASE)
_DAYS_PER_WEEK, _MINUTES_PER_DAY = 7, 1440


def read_birth_weight(record: Record) -> Fact[Decimal]:
    """Birth weight in grams."""
    found = record.by_concept.get("measure.birth-weight", ())
    return agreed([_told(one, "Birth weight", _grams) for one in found if one.final], topic="birth weights")


def read_gestational_age(record: Record) -> Fact[int]:
    """Gestational age at birth in completed days. Codes of the pregnancy count only with the words "at birth"."""
    found = list(record.by_concept.get("measure.gestational-age-at-birth", ()))
    other = record.by_concept.get("measure.gestational-age-other", ())
    found += [one for one in other if _AT_BIRTH.search(one.said)]
    return agreed(
        [_told(one, "Gestational age at birth", _days) for one in found if one.final], topic="gestational ages"
    )


def _told(observed: Observed, what: str, read: Callable[[Observed], Decimal | int | None]) -> Told[Any]:
    value = read(observed)
    said: object = reader.quantity(observed.resource.get("valueQuantity"))
    if said is None and value is not None:
        said = reader.text(observed.resource, "valueString")
    shown = str(said)[:40] if said else None
    return Told(value, observed.evidence(what, shown), None if value is not None else "value or unit not readable")


def _grams(observed: Observed) -> Decimal | None:
    return measured(observed.resource, units.mass_in_grams)


def _days(observed: Observed) -> int | None:
    quantity = reader.quantity(observed.resource.get("valueQuantity"))
    minutes = results.measured(quantity, units.time_in_minutes)
    if minutes is not None:
        return int(minutes / _MINUTES_PER_DAY)
    written = _WEEKS_AND_DAYS.fullmatch((reader.text(observed.resource, "valueString") or "").strip())
    return int(written[1]) * _DAYS_PER_WEEK + int(written[2] or 0) if written else None
