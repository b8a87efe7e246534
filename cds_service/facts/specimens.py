"""When a specimen was taken in the course of the disease, and from where. Words and dates only; judges no result."""

from __future__ import annotations

import re
from datetime import date, timedelta

from cds_service.facts.disease import Timeline
from cds_service.facts.record import Observed, Record
from cds_service.fhir import reader

_REMISSION_WORDS = re.compile(r"remission|follow-?up|end of induction|post-?induction|day (?:15|29|33|78)|surveillance")
_ONSET_WORDS = re.compile(r"at (?:initial )?(?:diagnosis|relapse|presentation)|diagnostic specimen|pre-?treatment")
_BEFORE, _AFTER = timedelta(days=30), timedelta(days=35)
"""A specimen this close to diagnosis or relapse is from diagnosis or relapse: induction takes about five weeks."""


def words(record: Record, observed: Observed) -> str:
    """Everything that is said of a specimen and its result, lower case."""
    parent = observed.parent
    entry = record.chart.find(reader.reference(parent, "specimen"), parent)
    said = [observed.said, reader.text(reader.first(parent, "specimen"), "display")]
    if entry is not None:
        said += [reader.words(entry.resource.get("type"))]
        said += [reader.words(reader.first(entry.resource, "collection").get("bodySite"))]
    said += [reader.words(parent.get(member)) for member in ("bodySite", "method")]
    said += [reader.text(note, "text") for note in reader.objects(parent, "note")]
    return "; ".join(word for word in said if word).lower()


def site(said: str) -> str | None:
    """'marrow' or 'blood'; None where neither or both are named."""
    marrow = "marrow" in said or re.search(r"\bbma?\b", said) is not None
    blood = re.search(r"\bblood\b|\bpb\b", said) is not None
    return None if marrow == blood else "marrow" if marrow else "blood"


def collected(record: Record, observed: Observed) -> str | None:
    """When the specimen was taken, else when the result was observed; as written."""
    entry = record.chart.find(reader.reference(observed.parent, "specimen"), observed.parent)
    collection = reader.first(entry.resource, "collection") if entry is not None else reader.EMPTY
    return reader.when(collection, "collectedDateTime", "collectedPeriod") or observed.written


def at_onset(day: date | None, timeline: Timeline) -> bool:
    """Is it known to be from diagnosis or from the latest relapse?"""
    if day is None:
        return False
    known = timeline.diagnosis
    if known and known.earliest - _BEFORE <= day <= known.latest + _AFTER:
        return True
    return timeline.relapse is not None and timeline.relapse - _BEFORE <= day <= timeline.relapse + _AFTER


def from_remission(record: Record, said: str, day: date | None, timeline: Timeline, *, status: str | None) -> bool:
    """Is it known to be from remission: by its words, or by its date between the onset of disease and now?"""
    if _ONSET_WORDS.search(said) or at_onset(day, timeline):
        return False
    if _REMISSION_WORDS.search(said):
        return True
    if day is None or (status or "") in ("newly-diagnosed", "refractory", "not-in-remission"):
        return False
    if status == "relapsed":
        return timeline.diagnosis is not None and timeline.relapse is not None and day < timeline.relapse
    if timeline.diagnosis:
        return (status or "").startswith("remission") and day > timeline.diagnosis.latest
    return any(
        condition.recorded and (recorded := reader.day(condition.recorded)) is not None and recorded < day
        for condition in record.conditions
        if condition.clinical == "remission" or "disease-status.remission" in condition.concepts
    )
