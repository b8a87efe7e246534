"""Live vaccines given or ordered, by CVX code. Whether they fall into the window is judged elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_service.facts.model import Evidence, Vaccine
from cds_service.facts.record import Record, printed
from cds_service.fhir import codes, reader
from cds_service.fhir.chart import Entry
from cds_service.fhir.reader import Json

_LIVE, _AMBIGUOUS = "vaccine.live", "vaccine.ambiguous"


def read_vaccines(record: Record) -> tuple[Vaccine, ...]:
    """Immunizations that were given, and live vaccines that are drafted or on order."""
    found: list[Vaccine] = []
    for entry in record.chart.of("Immunization"):
        if reader.text(entry.resource, "status") == "completed":
            written = reader.when(entry.resource, "occurrenceDateTime")
            found += _vaccine(record, entry, [entry.resource.get("vaccineCode")], written, ordered=False)
    for entry in record.chart.of("MedicationRequest", "ServiceRequest"):
        if entry.draft is not None or reader.text(entry.resource, "status") == "active":
            found += _vaccine(record, entry, _ordered(record, entry.resource), _planned(entry.resource), ordered=True)
    return tuple(found)


def _ordered(record: Record, resource: Json) -> Iterable[object]:
    medication = record.chart.find(reader.reference(resource, "medicationReference"), resource)
    referred = medication.resource.get("code") if medication else None
    return (resource.get("medicationCodeableConcept"), referred, resource.get("code"))


def _planned(resource: Json) -> str | None:
    return reader.when(resource, "occurrenceDateTime", "authoredOn")


def _vaccine(
    record: Record, entry: Entry, concepts: Iterable[object], written: str | None, *, ordered: bool
) -> Iterator[Vaccine]:
    matches = [match for concept in concepts for match in codes.matches(concept, record.value_sets)]
    for name, code in matches:
        if name in (_LIVE, _AMBIGUOUS):
            what = "Vaccine ordered" if ordered else "Vaccine given"
            evidence = Evidence(entry.reference, what, f"{code.display} (CVX {code.code})", printed(written))
            yield Vaccine(code.display, reader.day(written), ordered, name == _AMBIGUOUS, evidence)
            return
