"""Results, diagnoses and reports that come inside another resource (`contained`), each as an entry of its own.

A contained resource has no identity but that of its holder, and is about the holder's patient unless it says otherwise.
Other contained resources (a Medication, a specimen, answers) are found from where they are referred to. Looks only
where the member `contained` is; nothing clinical here.
"""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.fhir.entry import Entry, Unread
from cds_service.fhir.look_alikes import as_r4
from cds_service.fhir.reader import Json, objects, reference, text
from cds_service.fhir.shapes import wrong_members

FACTS = frozenset(("Observation", "Condition", "DiagnosticReport"))
_ABOUT_OTHERS = frozenset(("FamilyMemberHistory", "RelatedPerson"))
"""What stands in these is about somebody else than their patient."""
_OWNERS = ("subject", "patient", "beneficiary")
UNTOLD = "does not tell whose it is"


def entries_inside(holders: Iterable[Entry]) -> tuple[list[Entry], list[Unread]]:
    """What these resources hold inside themselves, and notes on what of it cannot be read."""
    found: list[Entry] = []
    unread: list[Unread] = []
    for holder in holders:
        owner = _owner(holder.resource)
        for inner in objects(holder.resource, "contained"):
            kind = text(inner, "resourceType")
            if kind not in FACTS or holder.type in _ABOUT_OTHERS:
                continue
            place = f"{holder.reference}#{(text(inner, 'id') or '').lstrip('#')}"
            named = _owner(inner)
            if (named or owner or _drafted(holder)) is None or (named and named.startswith("#") and named != owner):
                unread.append(Unread(place, UNTOLD))
                continue
            resource = _on_its_own(inner, holder.resource, known=named == owner)
            wrong = wrong_members(kind, resource)
            if wrong:
                unread.append(Unread(place, f"its {' and '.join(wrong)} cannot be read"))
            found.append(Entry(resource, kind, place))
    return found, unread


def _owner(resource: Json) -> str | None:
    return next((written for member in _OWNERS if (written := reference(resource, member))), None)


def _drafted(holder: Entry) -> str | None:
    """A draft is of this call, and so of its patient."""
    return "draft" if holder.draft is not None else None


def _on_its_own(inner: Json, holder: Json, *, known: bool) -> Json:
    """As FHIR R4 has it, with its siblings: its specimen may be one of them. `known`: its holder's patient is its own,
    under whatever name.
    """
    left = _OWNERS if known else ()
    return {**{name: value for name, value in as_r4(inner)[0].items() if name not in left}, **_siblings(holder)}


def _siblings(holder: Json) -> Json:
    return {"contained": holder["contained"]}
