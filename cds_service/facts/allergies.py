"""Allergies that bear on this order: to blinatumomab, benzyl alcohol, premedication. Refuted ones are not read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cds_service.facts.model import Allergy, Evidence
from cds_service.facts.record import Record, printed
from cds_service.fhir import codes, reader
from cds_service.fhir.chart import Entry
from cds_service.fhir.reader import Json

_BY_CONCEPT = {
    "allergy.blinatumomab": "blinatumomab",
    "drug.blinatumomab": "blinatumomab",
    "allergy.benzyl-alcohol": "benzyl-alcohol",
    "drug.dexamethasone": "dexamethasone",
    "drug.prednisone": "prednisone",
    "drug.other-steroid": "corticosteroid",
}
_BY_WORDS = (
    ("blinatumomab", re.compile(r"\bblinatumomab\b|\bblincyto\b")),
    ("benzyl-alcohol", re.compile(r"\bbenzyl alcohol\b|\bphenylcarbinol\b")),
    ("dexamethasone", re.compile(r"\bdexamethasone\b|\bdecadron\b")),
    ("prednisone", re.compile(r"\bprednisone\b")),
    ("corticosteroid", re.compile(r"steroid|\b(?:methyl)?prednisolone\b|\bhydrocortisone\b")),
)
_NOT_READ = ("refuted", "entered-in-error")
_PAST = ("inactive", "resolved")


def read_allergies(record: Record) -> tuple[Allergy, ...]:
    """One entry per recorded allergy and substance of ours."""
    found = []
    for entry in record.chart.of("AllergyIntolerance"):
        if not reader.has_code(entry.resource.get("verificationStatus"), *_NOT_READ):
            found += [
                _allergy(record, entry, substance) for substance in sorted(set(_substances(record, entry.resource)))
            ]
    return tuple(found)


def _substances(record: Record, resource: Json) -> Iterator[str]:
    """By code of the allergy or of a reaction's substance; by words only where no code is known."""
    concepts = [resource.get("code"), *(part.get("substance") for part in reader.objects(resource, "reaction"))]
    coded = [_BY_CONCEPT[n] for c in concepts for n in codes.names(c, record.value_sets) if n in _BY_CONCEPT]
    yield from coded
    if not coded:
        said = "; ".join(reader.words(concept) for concept in concepts).lower()
        yield from (substance for substance, word in _BY_WORDS if word.search(said))


def _allergy(record: Record, entry: Entry, substance: str) -> Allergy:
    resource = entry.resource
    active = not reader.has_code(resource.get("clinicalStatus"), *_PAST)
    confirmed = reader.has_code(resource.get("verificationStatus"), "confirmed")
    intolerance = reader.text(resource, "type") == "intolerance"
    reaction = record.chart.quote(_reaction(resource), 80)
    status = "active" if active else "inactive"
    kind = "intolerance" if intolerance else "allergy"
    shown = f"{kind}, {status}, {'confirmed' if confirmed else 'not confirmed'}"
    written = reader.when(resource, "onsetDateTime", "recordedDate")
    name = substance.replace("-", " ")
    evidence = Evidence(entry.reference, f"Allergy to {name}", shown, printed(written))
    return Allergy(substance, active, confirmed, intolerance, reaction, evidence)


def _reaction(resource: Json) -> str | None:
    said = [
        reader.words(manifestation)
        for part in reader.objects(resource, "reaction")
        for manifestation in reader.objects(part, "manifestation")
    ]
    said += [reader.text(part, "description") or "" for part in reader.objects(resource, "reaction")]
    return "; ".join(dict.fromkeys(word for word in said if word)) or None
