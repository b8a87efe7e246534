"""The chart indexed once per call, the way the fact readers ask for it: observations and conditions with their codes
already looked up. The only state shared between readers; knows FHIR, judges nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from typing import NamedTuple

from cds_service.facts.disease_words import names_the_disease
from cds_service.facts.model import Evidence
from cds_service.fhir import codes, reader
from cds_service.fhir.chart import Chart
from cds_service.fhir.reader import Json
from cds_service.order_questions import OrderQuestions
from cds_service.settings import Settings
from cds_service.terminology import Code, ValueSets

_USABLE = ("final", "amended", "corrected")
_NOT_A_DIAGNOSIS = ("refuted", "entered-in-error", "differential")
_DOUBTFUL = ("unconfirmed", "provisional")
_PAST = ("inactive", "resolved")
MORPHOLOGY = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior"
"""The extension in which mCODE keeps the morphology of a cancer."""


@lru_cache(maxsize=1024)
def _only_measured(concepts: frozenset[str]) -> bool:
    """Is it a laboratory value or a measure of the body, or a code we do not know?"""
    return all(concept.startswith(("lab.", "measure.")) for concept in concepts)


class Observed(NamedTuple):
    """One Observation (or component of one) with what its code stands for."""

    resource: Json
    """What holds the value: the Observation or one of its components."""
    parent: Json
    """The Observation."""
    reference: str
    concepts: frozenset[str]
    said: str
    """The words of its code, lower case."""
    written: str | None
    """Its date as written: effective, else issued."""
    final: bool

    @property
    def day(self) -> date | None:
        """The day it was made, when known to the day."""
        return reader.day(self.written)

    def evidence(self, what: str, value: str | None) -> Evidence:
        """This observation as evidence."""
        return Evidence(self.reference, what, value, printed(self.written))


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """One Condition that may be read, with what its codes stand for."""

    resource: Json
    reference: str
    found: tuple[tuple[str, Code], ...]
    concepts: frozenset[str]
    """The concepts its codes belong to."""
    said: str
    doubtful: bool
    """Unconfirmed or provisional."""
    past: bool
    """Inactive or resolved: evidence only."""
    clinical: str | None
    onset: str | None
    recorded: str | None

    @property
    def relapse_day(self) -> date | None:
        """The day of the relapse it records; a relapse told by status alone began when it was recorded."""
        if "disease-status.relapse" in self.concepts:
            return reader.day(self.onset) or reader.day(self.recorded)
        return reader.day(self.recorded) if self.clinical in ("relapse", "recurrence") else None

    def display(self, *prefixes: str) -> str:
        """Our own words for it: the display of its first code in these families of concepts."""
        shown = (named(code) for name, code in self.found if name.startswith(prefixes))
        return next(shown, "as written in the record")

    def evidence(self, what: str, value: str | None) -> Evidence:
        """This condition as evidence."""
        return Evidence(self.reference, what, value, printed(self.onset or self.recorded))


@dataclass(frozen=True)
class Record:
    """The chart, the code lists and the settings that every reader needs."""

    chart: Chart
    value_sets: ValueSets
    settings: Settings
    call_day: date
    """The day of the call: nothing later is read."""
    questions: OrderQuestions

    @cached_property
    def observations(self) -> tuple[Observed, ...]:
        """Every Observation of the chart, components not unfolded."""
        return tuple([self._observed(entry.resource, entry.reference) for entry in self.chart.of("Observation")])

    @cached_property
    def disease_results(self) -> tuple[Observed, ...]:
        """The Observations that may tell of the leukaemia: by code, by the words of the code, or in components."""
        any_code = bool(self.settings.mrd_codes)
        return tuple(
            [
                observed
                for observed in self.observations
                if any_code
                or "component" in observed.resource
                or names_the_disease(observed.said)
                or not _only_measured(observed.concepts)
            ]
        )

    @cached_property
    def by_concept(self) -> dict[str, tuple[Observed, ...]]:
        """Observations by the concepts of their codes."""
        index: dict[str, list[Observed]] = {}
        for observed in self.observations:
            for concept in observed.concepts:
                index.setdefault(concept, []).append(observed)
        return {concept: tuple(found) for concept, found in index.items()}

    @cached_property
    def conditions(self) -> tuple[Diagnosed, ...]:
        """Every Condition that is not refuted, a differential, or entered in error."""
        read = (self.diagnosed(entry.resource, entry.reference) for entry in self.chart.of("Condition"))
        return tuple(found for found in read if found is not None)

    def components(self, observed: Observed) -> tuple[Observed, ...]:
        """The components of an Observation, each with its own code and the date of the whole."""
        if "component" not in observed.resource:
            return ()
        parts = reader.objects(observed.resource, "component")
        return tuple(self._observed(part, observed.reference, observed) for part in parts)

    def _observed(self, resource: Json, reference: str, parent: Observed | None = None) -> Observed:
        names, said = codes.named(resource.get("code"), self.value_sets)
        if parent is not None:
            return Observed(resource, parent.resource, reference, names, said, parent.written, parent.final)
        written = reader.when(resource, "effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued")
        return Observed(resource, resource, reference, names, said, written, resource.get("status") in _USABLE)

    def diagnosed(self, resource: Json, reference: str) -> Diagnosed | None:
        """One Condition; None where it is refuted, a differential, or entered in error."""
        verification, clinical = resource.get("verificationStatus"), resource.get("clinicalStatus")
        if reader.has_code(verification, *_NOT_A_DIAGNOSIS):
            return None
        found, said = codes.read(resource.get("code"), self.value_sets)
        if "extension" in resource:
            found += self._morphology(resource)
        return Diagnosed(
            resource,
            reference,
            found,
            frozenset([name for name, _ in found]),
            said,
            doubtful=reader.has_code(verification, *_DOUBTFUL),
            past=reader.has_code(clinical, *_PAST),
            clinical=reader.first_code(clinical),
            onset=reader.when(resource, "onsetDateTime") or reader.text(reader.first(resource, "onsetPeriod"), "start"),
            recorded=reader.when(resource, "recordedDate"),
        )

    def _morphology(self, resource: Json) -> tuple[tuple[str, Code], ...]:
        """What the morphology of mCODE states beside the code: ICD-O-3 has its place there."""
        stated = (each for each in reader.objects(resource, "extension") if each.get("url") == MORPHOLOGY)
        return tuple(
            found for each in stated for found in codes.matches(each.get("valueCodeableConcept"), self.value_sets)
        )


def named(code: Code) -> str:
    """A code in words, with the code itself: its display without the class that SNOMED CT adds in brackets."""
    return f"{re.sub(r' [(](?:disorder|finding)[)]$', '', code.display)} ({code.code})"


@lru_cache(maxsize=4096)
def printed(written: str | None) -> str | None:
    """A date fit to show: as precise as written, without the time of day."""
    found = reader.partial(written)
    return str(found) if found else None


@lru_cache(maxsize=4096)
def newness(written: str | None) -> tuple[date, str]:
    """A sort key: the later, the newer; undated first. Time of day counts where it is stated."""
    found = reader.partial(written)
    moment = reader.moment(written)
    if found is None:
        return date.min, ""
    return (moment.date(), moment.isoformat()) if moment else (found.latest, "")
