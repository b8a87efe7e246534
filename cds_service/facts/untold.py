"""Orders and statements whose drug cannot be told: they only refer to a Medication, and that is not there or is empty.

One of them may be for our drug. A code that we do not know is another drug's, and an order that names no drug at all
is not written yet: neither is untold.
"""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.facts.drug import concepts_of
from cds_service.facts.model import Unreadable
from cds_service.facts.record import Record
from cds_service.facts.therapies import Given
from cds_service.fhir import reader
from cds_service.fhir.reader import local


def untold_orders(record: Record, medications: Sequence[Given], in_scope: Sequence[int]) -> tuple[Unreadable, ...]:
    """The drafts in scope (indexes) that may be for our drug or for any other, and why that cannot be told."""
    return tuple(
        Unreadable(given.entry.reference, f"its drug is not told: {why}")
        for given in medications
        if given.entry.draft in in_scope and given.entry.type == "MedicationRequest" and given.live
        if (why := _why(record, given))
    )


def untold_drugs(record: Record, medications: Sequence[Given]) -> tuple[Unreadable, ...]:
    """That the drugs of some entries cannot be told, drafted or on file: said once, of the first."""
    found = [(given, why) for given in medications if given.live or given.done if (why := _why(record, given))]
    if not found:
        return ()
    first, why = found[0]
    others = f", as for {len(found) - 1} more" if len(found) > 1 else ""
    return (Unreadable(first.entry.reference, f"its drug is not told: {why}{others}"),)


def _why(record: Record, given: Given) -> str | None:
    """Why the drug cannot be told; None where a word or a code tells it, or nothing is referred to."""
    resource = given.entry.resource
    if given.drug.said or given.drug.concepts or "medicationReference" not in resource:
        return None
    written = reader.reference(resource, "medicationReference")
    if record.chart.find(written, resource) is None:
        return f"the Medication it refers to {_fate(record, written)}"
    coded = any(reader.objects(concept, "coding") for concept in concepts_of(record, resource))
    return None if coded else "the Medication it refers to names no drug"


def _fate(record: Record, written: str | None) -> str:
    """What became of a Medication that is not there: why reading it failed, where it was tried."""
    kept = local(written or "")
    return next((note.why for note in record.chart.unread if note.reference == kept), "is not in the call")
