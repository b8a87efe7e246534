"""What is ordered beside the drug: tests, measurements, checks, admission; and whether the patient is in hospital.

Read from the draft orders and from whatever else the call brings, under any key. No template of ours asks for these:
what a call does not bring is not known to be ordered.
"""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.facts.as_written import Requested
from cds_service.facts.model import Evidence
from cds_service.facts.record import Record, printed
from cds_service.fhir import codes, reader

_LIVE = ("active", "draft", "on-hold")
_NOT_ORDERED = ("proposal", "option")
_IN_HOSPITAL = ("IMP", "ACUTE", "NONAC")
ADMITTED = "encounter.inpatient"
"""The concept under which a running stay in hospital is told."""


def read_requests(record: Record) -> tuple[Requested, ...]:
    """Every request that is drafted or active, and a running stay in hospital."""
    return (*_ordered(record), *_stays(record))


def _ordered(record: Record) -> Iterator[Requested]:
    for entry in record.chart.of("ServiceRequest"):
        resource = entry.resource
        status = reader.text(resource, "status")
        live = status in _LIVE or (status is None and entry.draft is not None)
        if not live or resource.get("doNotPerform") is True or reader.text(resource, "intent") in _NOT_ORDERED:
            continue
        found, said = codes.read(resource.get("code"), record.value_sets)
        details = [codes.read(each, record.value_sets) for each in reader.objects(resource, "orderDetail")]
        concepts = frozenset(name for each, _ in ((found, said), *details) for name, _ in each)
        what = "Draft order" if entry.draft is not None else "Order on file"
        evidence = Evidence(entry.reference, what, record.chart.quote(said, 80), printed(_written(resource)))
        yield Requested(concepts, said, evidence)


def _written(resource: reader.Json) -> str | None:
    return reader.when(resource, "occurrenceDateTime", "occurrencePeriod", "authoredOn")


def _stays(record: Record) -> Iterator[Requested]:
    for entry in record.chart.of("Encounter"):
        if reader.text(entry.resource, "status") == "in-progress" and reader.has_code(
            entry.resource.get("class"), *_IN_HOSPITAL
        ):
            yield Requested(frozenset((ADMITTED,)), "", Evidence(entry.reference, "Stay in hospital"))
