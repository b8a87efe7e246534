"""One resource of the record as it was met, and a note on one that could not be read. Nothing clinical."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from cds_service.fhir.reader import Json


class Entry(NamedTuple):
    """One resource, as FHIR R4 has it. `reference` is 'Type/id', its fullUrl, its place in the call, or for one that
    came inside another 'Type/id#id'.
    """

    resource: Json
    type: str
    reference: str
    url: str | None = None
    draft: int | None = None
    """Its index in draftOrders, where it came from there."""


@dataclass(frozen=True, slots=True)
class Unread:
    """An entry that could not be read or was left out, and why (no values quoted)."""

    reference: str | None
    why: str
