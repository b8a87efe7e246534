"""The prescriber's specialty: qualifying (oncology, haematology), ask, or not qualifying. Names are never read.

The order's requester decides; the user of the call only where the order names no requester. Roles come before
qualifications. A taxonomy code that is none of ours is another specialty; a code of an unknown system says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_service.facts.model import Evidence, Fact
from cds_service.facts.record import Record, named
from cds_service.fhir import codes, reader
from cds_service.fhir.chart import Entry
from cds_service.fhir.reader import Json

NUCC = "http://nucc.org/provider-taxonomy"
_RANK = ("qualifying", "ask", "not-qualifying")


def read_prescriber(record: Record, order: Json, user_id: str | None) -> Fact[str]:
    """The specialty of whoever asks for this order."""
    written = reader.reference(order, "requester") or user_id
    if not written:
        return Fact(None, problem="the order names no prescriber")
    entry = record.chart.find(written, order)
    roles = _roles(record, written, entry)
    told = [found for role in roles if (found := _specialty(record, role, "specialty")) is not None]
    if not any(value for value, _ in told):
        people = _people(record, written, entry, roles)
        told += [found for person in people if (found := _qualification(record, person)) is not None]
    evidence = tuple(dict.fromkeys(shown for _, shown in told))
    known = [value for value, _ in told if value]
    if known:
        return Fact(min(known, key=_RANK.index), evidence)
    return Fact(None, evidence, "the prescriber's specialty is not on file")


def _roles(record: Record, written: str, entry: Entry | None) -> tuple[Entry, ...]:
    """The role named, or every active role of the practitioner named."""
    if entry is not None and entry.type == "PractitionerRole":
        return (entry,)
    named = reader.local(written)
    roles = record.chart.of("PractitionerRole")
    return tuple(
        role
        for role in roles
        if reader.local(reader.reference(role.resource, "practitioner")) == named and _current(record, role.resource)
    )


def _current(record: Record, role: Json) -> bool:
    """Not set inactive, and its period has not ended."""
    ended = reader.partial(reader.text(reader.first(role, "period"), "end"))
    return role.get("active") is not False and (ended is None or ended.latest >= record.call_day)


def _people(record: Record, written: str, entry: Entry | None, roles: Iterable[Entry]) -> tuple[Entry, ...]:
    """The practitioner named, or the one whose role was named."""
    if entry is not None and entry.type == "Practitioner":
        return (entry,)
    found = (record.chart.find(reader.reference(role.resource, "practitioner"), role.resource) for role in roles)
    return tuple(person for person in found if person is not None and person.type == "Practitioner")


def _specialty(record: Record, entry: Entry, member: str) -> tuple[str | None, Evidence] | None:
    concepts = reader.objects(entry.resource, member)
    return _best(record, entry, concepts) if concepts else None


def _qualification(record: Record, entry: Entry) -> tuple[str | None, Evidence] | None:
    """Practitioner.qualification: degrees (MD) are no specialty and say nothing."""
    concepts = [reader.first(item, "code") for item in reader.objects(entry.resource, "qualification")]
    found = _best(record, entry, concepts) if concepts else None
    return found if found and found[0] else None


def _best(record: Record, entry: Entry, concepts: Iterable[Json]) -> tuple[str | None, Evidence]:
    found = [match for concept in concepts for match in _values(record, concept)]
    found.sort(key=lambda match: _RANK.index(match[0]))
    value, shown = found[0] if found else (None, "a specialty whose code we do not know")
    return value, Evidence(entry.reference, "Prescriber's specialty", shown)


def _values(record: Record, concept: Json) -> Iterator[tuple[str, str]]:
    """(value, words) for each coding that says something."""
    for name, code in codes.matches(concept, record.value_sets):
        if name.startswith("specialty."):
            yield name.removeprefix("specialty."), named(code)
    for system, written, _ in reader.codings(concept):
        known = record.value_sets.concepts(system, written)
        if system and record.value_sets.canonical(system) == NUCC and written and not known:
            yield "not-qualifying", f"another specialty ({written[:10]})"
