"""Which payer covers the patient on a date: a payer we know, another one, or unknown. Reads no member numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date

from cds_service.facts.model import Evidence, Fact
from cds_service.facts.record import Record
from cds_service.fhir import reader
from cds_service.fhir.chart import Entry
from cds_service.fhir.reader import Json

OTHER = "other"
_SETTINGS_PAYER = "lhcc"
"""The payer whose further names and identifiers a site may set."""


def read_payer(record: Record, as_of: date, payers: Mapping[str, tuple[str, ...]]) -> Fact[str]:
    """A payer id of the knowledge base, 'other', or None. A payer we know wins over others beside it."""
    known = _known_names(record, payers)
    found = [
        (_payer(record, entry, known), entry) for entry in record.chart.of("Coverage") if _active(entry.resource, as_of)
    ]
    evidence = tuple(Evidence(entry.reference, "Coverage", _words(value, known)) for value, entry in found)
    ours = [value for value, _ in found if value in known]
    if ours:
        return Fact(ours[0], evidence)
    if found and all(value == OTHER for value, _ in found):
        return Fact(OTHER, evidence)
    problem = "the payer of the coverage cannot be told" if found else "no active coverage on file"
    return Fact(None, evidence, problem)


def _known_names(record: Record, payers: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Payer id → names and 'system|value' identifiers, folded for comparison."""
    extra = (*record.settings.payer_names, *record.settings.payer_identifiers)
    return {
        payer: tuple(_folded(name) for name in (*names, *(extra if payer == _SETTINGS_PAYER else ())))
        for payer, names in payers.items()
    }


def _active(coverage: Json, as_of: date) -> bool:
    period = reader.first(coverage, "period")
    start, end = (reader.partial(reader.text(period, member)) for member in ("start", "end"))
    begun = start is None or start.earliest <= as_of
    return coverage.get("status") == "active" and begun and (end is None or end.latest >= as_of)


def _payer(record: Record, entry: Entry, known: Mapping[str, tuple[str, ...]]) -> str | None:
    """The payer of one coverage: known by name or identifier; other where it has some name; else None."""
    said = [_folded(word) for payor in reader.objects(entry.resource, "payor") for word in _said(record, entry, payor)]
    for payer, names in known.items():
        if any(_names(name, word) for name in names for word in said if name):
            return payer
    return OTHER if any(word and "|" not in word for word in said) else None


def _said(record: Record, entry: Entry, payor: Json) -> Iterator[str]:
    """Every name and identifier that a payor reference carries, itself or in the Organization it leads to."""
    yield reader.text(payor, "display") or ""
    yield from _identifiers(payor)
    organization = record.chart.find(reader.text(payor, "reference"), entry.resource)
    if organization is not None and organization.type == "Organization":
        yield reader.text(organization.resource, "name") or ""
        aliases = reader.items(organization.resource.get("alias"))
        yield from (alias for alias in aliases if isinstance(alias, str))
        yield from _identifiers(organization.resource)


def _identifiers(parent: Json) -> Iterator[str]:
    for identifier in reader.objects(parent, "identifier"):
        system, value = reader.text(identifier, "system"), reader.text(identifier, "value")
        if system and value:
            yield f"{system}|{value}"


def _folded(words: str) -> str:
    """Without case and punctuation; an identifier ('system|value') stays as it is."""
    return words.strip() if "|" in words else re.sub(r"[\W_]+", " ", words.casefold()).strip()


def _names(name: str, said: str) -> bool:
    """Does a payor's name hold ours as whole words? Identifiers must be equal."""
    return name == said if "|" in name or "|" in said else f" {name} " in f" {said} "


def _words(value: str | None, known: Mapping[str, tuple[str, ...]]) -> str:
    if value in known:
        return str(value).upper()
    return "another payer" if value == OTHER else "payer not named"
