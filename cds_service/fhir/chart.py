"""The record as it came with the call: every resource of prefetch and draftOrders, by type, with notes on the rest.

Reads each prefetch value by what it holds, whatever its key; keeps per key whether the question was answered, so that
"nothing on file" can be told from "not asked". Leaves out what belongs to another patient. Nothing clinical here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from cds_service.fhir.contained import UNTOLD, entries_inside
from cds_service.fhir.dstu2 import ORDER
from cds_service.fhir.entry import Entry, Unread
from cds_service.fhir.look_alikes import MOVED, as_r4
from cds_service.fhir.reader import EMPTY, Json, has_code, local, objects, text
from cds_service.fhir.shapes import SHAPES, wrong_members

__all__ = ["Chart", "Entry", "Unread", "read_chart"]

_TYPE = re.compile(r"[A-Z][A-Za-z]{2,39}", re.ASCII)
_PLAIN_KEY = re.compile(r"[A-Za-z][\w-]{0,63}", re.ASCII)
"""Prefetch keys that may be shown: the others are the caller's words."""
_PATIENT_MEMBERS = ("subject", "patient", "beneficiary")
_SELDOM = frozenset(("patient", "beneficiary", "verificationStatus"))
"""Members that call for a closer look at whose an entry is, and whether it stands."""
_DEEPEST_BUNDLE = 3
_OLD_ORDER = "is a MedicationOrder of FHIR DSTU2, read as far as it goes: send a MedicationRequest of FHIR R4"


@dataclass(frozen=True)
class Chart:
    """The readable record of one patient."""

    patient_id: str
    entries: Mapping[str, tuple[Entry, ...]]
    answered: frozenset[str] = frozenset()
    """Prefetch keys that were asked and fully answered, be it with nothing."""
    unread: tuple[Unread, ...] = ()
    _by_reference: Mapping[str, Entry] = field(default_factory=dict, repr=False)

    def of(self, *types: str) -> tuple[Entry, ...]:
        """Every entry of these resource types, drafts first."""
        if len(types) == 1:
            return self.entries.get(types[0], ())
        return tuple([entry for kind in types for entry in self.entries.get(kind, ())])

    def find(self, written: str | None, within: Json = EMPTY) -> Entry | None:
        """What a literal reference leads to: contained (`#id`, looked for in `within`), drafted, or prefetched."""
        if not written:
            return None
        if written.startswith("#"):
            for inner in objects(within, "contained"):
                if text(inner, "id") in (written, written[1:]) and text(inner, "resourceType"):
                    return Entry(as_r4(inner)[0], str(inner["resourceType"]), written)
            return None
        return self._by_reference.get(written) or self._by_reference.get(local(written) or "")

    def quote(self, words: str | None, longest: int = 200) -> str | None:
        """Free text fit to show as data: one line, cut short, without the patient's names and identifiers."""
        if not words or not words.strip():
            return None
        if not words.isprintable():
            words = "".join(mark if mark.isprintable() else " " for mark in words)
        line = " ".join(words.split())
        folded = line.casefold()
        for private, folded_private in self._private:
            if folded_private in folded:
                line = re.sub(rf"(?<!\w){re.escape(private)}(?!\w)", "[…]", line, flags=re.IGNORECASE)
        return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"

    @cached_property
    def _private(self) -> tuple[tuple[str, str], ...]:
        """The patient's names, identifiers and contacts, longest first, each beside its folded form."""
        found: set[str] = set()
        for entry in self.of("Patient"):
            for name in objects(entry.resource, "name"):
                given = name.get("given")
                found.update(str(part) for part in (given if isinstance(given, list) else [given]) if part)
                found.update(part for member in ("family", "text") if (part := text(name, member)))
            for member in ("identifier", "telecom"):
                found.update(value for item in objects(entry.resource, member) if (value := text(item, "value")))
        longest_first = sorted({part.strip() for part in found if len(part.strip()) > 1}, key=len, reverse=True)
        return tuple((part, part.casefold()) for part in longest_first)


@dataclass
class _Reading:
    """What has been met so far while reading one call."""

    entries: list[Entry] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)

    def take(self, resource: object, place: str, *, url: object = None, draft: int | None = None) -> None:
        """Keep one resource, or note why not."""
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if not isinstance(resource, dict) or not resource:
            self.unread.append(Unread(place, "is not a resource"))
        elif not isinstance(kind, str) or not (kind in SHAPES or _TYPE.fullmatch(kind)):
            self.unread.append(Unread(place, "does not say which resource type it is"))
        else:
            address = url if isinstance(url, str) and url else None
            identity = text(resource, "id")
            reference = f"{kind}/{identity}" if identity else address or place
            as_read = as_r4(resource)[0] if kind in MOVED else resource
            if kind == ORDER:
                kind = str(as_read["resourceType"])
                self.unread += [Unread(reference, _OLD_ORDER)] if draft is not None else []
            wrong = wrong_members(kind, as_read) if draft is None else ()
            if wrong:
                self.unread.append(Unread(reference, f"its {' and '.join(wrong)} cannot be read"))
            self.entries.append(Entry(as_read, kind, reference, address, draft))


def read_chart(
    *,
    patient_id: str,
    prefetch: Mapping[str, object],
    drafts: Sequence[Json],
    draft_urls: Sequence[str | None] = (),
    problems: Mapping[str, str] = MappingProxyType({}),
) -> Chart:
    """Read the record of this patient. Never raises: what cannot be read is noted.

    `draft_urls` are the fullUrls of the drafts, in the same order; `problems` says per key why it could not be had.
    Drafts come first: a drafted version of a resource hides the one on file.
    """
    reading, answered = _Reading(), set()
    for index, draft in enumerate(drafts):
        url = draft_urls[index] if index < len(draft_urls) else None
        reading.take(draft, f"draftOrders.entry[{index}]", url=url, draft=index)
    spans: dict[str, tuple[int, int]] = {}
    for key, value in prefetch.items():
        before = len(reading.entries)
        if _read_value(reading, key, value):
            answered.add(key)
            spans[key] = before, len(reading.entries)
    reading.unread += [Unread(key, f"could not be read: {why}") for key, why in problems.items()]
    patient = (local(patient_id) or "").removeprefix("Patient/")
    kept, left_out = _of_this_patient(reading.entries, patient)
    if left_out:
        answered -= _mixed_up(reading.entries, spans, left_out)
    by_type, by_reference = _index(kept)
    holders = [entry for entry in kept if "contained" in entry.resource and by_reference[entry.reference] is entry]
    if holders:
        inner, doubts = entries_inside(holders)
        inner, others = _of_this_patient(inner, patient)
        by_type, by_reference = _index([*kept, *inner])
        left_out += [*doubts, *others]
    return Chart(patient, by_type, frozenset(answered), (*reading.unread, *left_out), by_reference)


def _mixed_up(entries: Sequence[Entry], spans: Mapping[str, tuple[int, int]], left_out: Iterable[Unread]) -> set[str]:
    """The keys whose answers hold records that were left out: whoever mixed them up may have lost ours."""
    others = {unread.reference for unread in left_out}
    return {
        key for key, (first, end) in spans.items() if any(entry.reference in others for entry in entries[first:end])
    }


def _read_value(reading: _Reading, key: str, value: object) -> bool:
    """Read one prefetch value. True when it answers the question asked under its key, be it with nothing."""
    if value is None:
        return True
    place = f"prefetch.{key}" if _PLAIN_KEY.fullmatch(key) else "prefetch"
    if not isinstance(value, dict) or not value:
        reading.unread.append(Unread(place, "is neither a resource nor a Bundle"))
        return False
    if value.get("resourceType") != "Bundle":
        if value.get("resourceType") == "OperationOutcome":
            reading.unread.append(Unread(place, "the caller could not read it"))
            return False
        before = len(reading.unread)
        reading.take(value, place)
        return len(reading.unread) == before
    return _read_bundle(reading, value, place, 1)


def _read_bundle(reading: _Reading, bundle: Json, place: str, depth: int) -> bool:
    before, entries, complete = len(reading.unread), bundle.get("entry"), True
    if "link" in bundle and any(text(link, "relation") == "next" for link in objects(bundle, "link")):
        reading.unread.append(Unread(place, "it has more pages than were read"))
    for index, entry in enumerate(entries if isinstance(entries, list) else [entries] if entries else []):
        here = f"{place}.entry[{index}]"
        resource = entry.get("resource") if isinstance(entry, dict) else None
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if kind == "OperationOutcome" and isinstance(resource, dict):
            complete = _outcome_is_harmless(reading, resource, here) and complete
        elif kind == "Bundle" and isinstance(resource, dict):
            if depth < _DEEPEST_BUNDLE:
                complete = _read_bundle(reading, resource, here, depth + 1) and complete
            else:
                reading.unread.append(Unread(here, "is nested too deeply"))
        else:
            reading.take(resource, here, url=entry.get("fullUrl") if isinstance(entry, dict) else None)
    return complete and len(reading.unread) == before


def _outcome_is_harmless(reading: _Reading, outcome: Json, place: str) -> bool:
    """Warnings beside good data are passed over; an error means that part of the answer is missing."""
    if not any(text(issue, "severity") in ("error", "fatal") for issue in objects(outcome, "issue")):
        return True
    reading.unread.append(Unread(place, "the caller could not read all of it"))
    return False


def _of_this_patient(entries: Iterable[Entry], patient: str) -> tuple[list[Entry], list[Unread]]:
    entries = list(entries)
    ours: dict[str | None, bool] = {
        entry.url: text(entry.resource, "id") == patient for entry in entries if entry.type == "Patient" and entry.url
    }
    kept, left_out, own = [], [], f"Patient/{patient}"
    for entry in entries:
        if entry.type != "Patient" and _plainly_ours(entry.resource, own):
            kept.append(entry)
            continue
        why = _not_ours(entry, patient, ours)
        if why:
            left_out.append(Unread(entry.reference, why))
        # A draft is of this call, and the call is about this patient: only one that names another is left out.
        if (not why or (why == UNTOLD and entry.draft is not None)) and not _in_error(entry.resource):
            kept.append(entry)
    return kept, left_out


def _plainly_ours(resource: Json, own: str) -> bool:
    """Does it name this patient alone, and stand? Most entries do, and need no closer look."""
    subject = resource.get("subject")
    return (
        isinstance(subject, dict)
        and subject.get("reference") == own
        and resource.get("status") != "entered-in-error"
        and _SELDOM.isdisjoint(resource)
    )


def _not_ours(entry: Entry, patient: str, ours: Mapping[str | None, bool]) -> str | None:
    """Why an entry is left out: it names another patient, or one that cannot be told."""
    if entry.type == "Patient":
        return "is another patient" if text(entry.resource, "id") not in (patient, None) else None
    own = f"Patient/{patient}"
    for member in _PATIENT_MEMBERS:
        held = entry.resource.get(member)
        if held is None or (isinstance(held, dict) and held.get("reference") == own):
            continue
        for item in objects(entry.resource, member):
            why = _another(text(item, "reference"), patient, ours)
            if why:
                return why
    return None


def _another(written: str | None, patient: str, ours: Mapping[str | None, bool]) -> str | None:
    if written is None or written.startswith("#"):
        return None
    if written.startswith("urn:"):
        if ours.get(written, False):
            return None
        return "is about another patient" if written in ours else UNTOLD
    return None if local(written) in (f"Patient/{patient}", patient) else "is about another patient"


def _in_error(resource: Json) -> bool:
    if resource.get("status") == "entered-in-error":
        return True
    verification = resource.get("verificationStatus")
    return verification is not None and has_code(verification, "entered-in-error")


def _index(entries: Iterable[Entry]) -> tuple[dict[str, tuple[Entry, ...]], dict[str, Entry]]:
    """By type and by reference. The same resource met twice is kept once, the first time."""
    by_type: dict[str, list[Entry]] = {}
    by_reference: dict[str, Entry] = {}
    for entry in entries:
        if entry.reference in by_reference and text(entry.resource, "id"):
            continue
        by_type.setdefault(entry.type, []).append(entry)
        by_reference.setdefault(entry.reference, entry)
        if entry.url:
            by_reference.setdefault(entry.url, entry)
    return {kind: tuple(found) for kind, found in by_type.items()}, by_reference
