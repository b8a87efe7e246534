"""Dexamethasone and prednisone orders that may be the premedication: dose, route, day, single or not. No judgement."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from cds_service import units
from cds_service.facts import answers as results
from cds_service.facts.model import SteroidOrder
from cds_service.facts.record import Record
from cds_service.facts.therapies import Given, route_of
from cds_service.facts.timing import bounds_of, times_per_span
from cds_service.fhir import reader
from cds_service.fhir.reader import Json

_DRUGS = (("drug.dexamethasone", "dexamethasone"), ("drug.prednisone", "prednisone"))
_SYSTEMIC = ("iv", "oral")
_OTHER_FORM = re.compile(
    r"ophthalm|\beye|otic|\bear\b|nasal|topical|cream|ointment|inhal|intravitreal|implant|intrathecal"
)
_REPEATED = re.compile(
    r"taper|daily|every \d|q\d+h|twice|times a day|for \d+ days|days? \d+\s*(?:-|–|to)\s*\d+|\bbid\b|\btid\b"
)
_ONCE = re.compile(
    r"\bonce\b(?! daily)|single dose|one dose|pre-?med|"
    r"(?:before|prior to) (?:the )?(?:first|step|blina|blincyto|start|infusion)"
)
_GRAMS = Decimal(1000)


def read_steroids(record: Record, medications: tuple[Given, ...]) -> tuple[SteroidOrder, ...]:
    """One entry per moment at which an active or drafted order gives the steroid."""
    found: list[SteroidOrder] = []
    for given in medications:
        drug = next((name for concept, name in _DRUGS if concept in given.drug.concepts), None)
        if drug and given.live:
            found += _orders(record, given, drug)
    return tuple(found)


def _orders(record: Record, given: Given, drug: str) -> Iterator[SteroidOrder]:
    resource = given.entry.resource
    dosages = reader.objects(resource, "dosageInstruction") or reader.objects(resource, "dosage") or (reader.EMPTY,)
    route = _route(record, given)
    for dosage in dosages:
        dose = _dose_mg(dosage)
        single = _single(resource, dosage) if len(dosages) == 1 else False
        as_written = _as_written(record, dosage, drug, route)
        evidence = given.evidence(drug.capitalize(), as_written)
        for written in _moments(dosage):
            yield SteroidOrder(drug, dose, route, reader.day(written), single, as_written, evidence)


def _route(record: Record, given: Given) -> str | None:
    """systemic, other or None. The form in the drug's own name counts where no route is stated."""
    stated = route_of(record, given.entry.resource)
    if _OTHER_FORM.search(given.drug.said) or (stated and _OTHER_FORM.search(stated)):
        return "other"
    if stated:
        return "systemic" if stated in _SYSTEMIC else "other"
    return "systemic" if re.search(r"\boral\b", given.drug.said) else None


def _dose_mg(dosage: Json) -> Decimal | None:
    """One dose in mg; None for tablets, per-m² doses, ranges and doses stated twice."""
    found = set()
    for stated in reader.objects(dosage, "doseAndRate"):
        micrograms = results.measured(reader.quantity(stated.get("doseQuantity")), units.mass_in_micrograms)
        found.add(micrograms / _GRAMS if micrograms is not None else None)
    return found.pop() if len(found) == 1 else None


def _moments(dosage: Json) -> tuple[str | None, ...]:
    """Each timing.event, else the start of the bounds, else one moment that is not dated."""
    events = reader.items(reader.first(dosage, "timing").get("event"))
    dated = tuple(event for event in events if isinstance(event, str) and reader.day(event))
    return dated or (bounds_of(dosage).start,)


def _single(resource: Json, dosage: Json) -> bool | None:
    """True: one dose, or doses at named moments. False: repeated by its timing or its words. None: not told."""
    timing = reader.first(dosage, "timing")
    repeat = reader.first(timing, "repeat")
    said = "; ".join(
        reader.text(part, "text") or ""
        for part in (dosage, *reader.objects(resource, "note"), reader.first(timing, "code"))
    ).lower()
    if _REPEATED.search(said):
        return False
    if reader.number(repeat.get("count")) == 1:
        return True
    length = bounds_of(dosage).length
    if times_per_span(timing) is not None and length != 1:
        return False
    if timing.get("event") or length == 1 or _ONCE.search(said):
        return True
    return None


def _as_written(record: Record, dosage: Json, drug: str, route: str | None) -> str:
    doses = [reader.quantity(stated.get("doseQuantity")) for stated in reader.objects(dosage, "doseAndRate")]
    stated = ", ".join(str(dose) for dose in doses if dose)
    words = record.chart.quote(reader.text(dosage, "text"), 120)
    return "; ".join(part for part in (f"{drug} {stated}".strip(), words) if part)
