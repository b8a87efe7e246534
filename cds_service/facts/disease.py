"""The leukaemia: lineage, status when the course began, date of diagnosis, latest relapse.

From Condition codes, the order's reasons and the order questions. Never by display, never from drugs or age. The order
question on status wins over the chart; in a running course what the chart says later is response, not status.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from cds_service.dates import PartialDate
from cds_service.facts.agreement import Told, agreed
from cds_service.facts.model import Evidence, Fact
from cds_service.facts.questions import Answers
from cds_service.facts.record import Diagnosed, Record
from cds_service.fhir import codes, reader
from cds_service.fhir.reader import Json

_LINEAGES = (("diagnosis.b-all", "b"), ("diagnosis.t-all", "t"), ("diagnosis.excluded", "other"))
_OPEN = ("diagnosis.all-lineage-unspecified", "diagnosis.leukemia-unspecified")
_LEUKEMIA = ("diagnosis.b-all", "diagnosis.all-lineage-unspecified")
_MIXED = re.compile(r"mixed[- ]phenotype|biphenotypic|ambiguous lineage")
_IN_WORDS = re.compile(r"lymphoblastic|lymphoid leuk|\bb-?all\b|\ball\b")
_STATUSES = (
    ("disease-status.refractory", "refractory"),
    ("disease-status.relapse", "relapsed"),
    ("disease-status.remission", "remission"),
    ("disease-status.not-in-remission", "not-in-remission"),
)
_BY_CLINICAL_STATUS = {"relapse": "relapsed", "recurrence": "relapsed", "remission": "remission"}
_FITS: dict[str, tuple[str, ...]] = {
    "newly-diagnosed": ("not-in-remission",),
    "remission-1": ("remission",),
    "remission-2": ("remission", "relapsed"),
    "remission-3-or-later": ("remission", "relapsed"),
    "relapsed": ("relapsed", "refractory"),
    "refractory": ("refractory", "not-in-remission", "relapsed"),
}
"""Which chart statuses do not contradict an answer. A later remission has a relapse behind it."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The days that decide what a specimen is worth."""

    diagnosis: PartialDate | None
    relapse: date | None
    first_dose: date | None
    start: date
    running: bool
    """This course has begun: cycle 2 or later, a first dose before this order, or a continuation."""


def read_timeline(record: Record, answers: Answers, start: date, diagnosis: Fact[PartialDate]) -> Timeline:
    """Diagnosis, latest relapse, first dose and planned start."""
    first: PartialDate | None = answers.fact("first-dose-date").value
    cycle: int | None = answers.fact("cycle").value
    first_dose = first.exact if first else None
    running = (cycle is not None and cycle > 1) or answers.fact("request-type").value == "continuation"
    if first is not None and first.latest < start:
        running = True
    days = [day for condition in record.conditions if (day := condition.relapse_day) is not None and day <= start]
    return Timeline(diagnosis.value, max(days) if days else None, first_dose, start, running)


def read_lineage(record: Record, answers: Answers, order: Json) -> Fact[str]:
    """b, t, mixed or other. ICD-10-CM C91.0x alone states no lineage: unknown."""
    told: list[Told[str]] = list(answers.told("lineage"))
    for condition in _all_conditions(record, order):
        told += _lineage_of(condition)
    fact = agreed(told, topic="the recorded diagnoses")
    return fact if fact.evidence else fact._replace(problem="no leukaemia diagnosis on file")


def _all_conditions(record: Record, order: Json) -> Iterable[Diagnosed]:
    """Conditions on file (those the order refers to or holds are among them), and the codes it gives as its reason."""
    yield from record.conditions
    for reason in reader.objects(order, "reasonCode"):
        if codes.matches(reason, record.value_sets):
            found = record.diagnosed({"code": reason}, _order_reference(order))
            yield from (found,) if found else ()


def _order_reference(order: Json) -> str:
    return f"MedicationRequest/{order.get('id')}" if order.get("id") else "the order"


def _lineage_of(condition: Diagnosed) -> Iterable[Told[str]]:
    concepts = condition.concepts
    values: list[str | None] = [value for concept, value in _LINEAGES if concept in concepts]
    if _MIXED.search(condition.said):
        values = ["mixed"]
    problem = None
    if not values and concepts.intersection(_OPEN):
        values, problem = [None], "the diagnosis code does not state the lineage"
    elif not values and not condition.found and _IN_WORDS.search(condition.said):
        values, problem = [None], "the diagnosis is recorded in words only"
    if condition.past:
        values, problem = values and [None], "the diagnosis is recorded as inactive or resolved"
    elif condition.doubtful:
        values, problem = values and [None], "the diagnosis is not confirmed"
    evidence = condition.evidence("Diagnosis", condition.display("diagnosis."))
    return [Told(value, evidence, problem) for value in values]


def read_status(record: Record, answers: Answers, timeline: Timeline) -> Fact[str]:
    """Disease status when this course began: the order question, else the chart."""
    chart = [told for condition in record.conditions for told in _status_of(condition, timeline)]
    answered: Fact[str] = answers.fact("disease-status")
    values = {told.value for told in chart if told.value}
    evidence = (*answered.evidence, *(told.evidence for told in chart))
    if answered.value is not None:
        against = not timeline.running and not values <= set(_FITS[answered.value])
        problem = "the chart tells another disease status; the order question is used" if against else None
        return Fact(answered.value, evidence, problem, conflict=against)
    fact = agreed(
        chart if values != {"refractory", "not-in-remission"} else [t for t in chart if t.value != "not-in-remission"]
    )
    return fact._replace(
        evidence=evidence, problem=fact.problem or answered.problem, conflict=fact.conflict or answered.conflict
    )


def _status_of(condition: Diagnosed, timeline: Timeline) -> Iterable[Told[str]]:
    values = {value for concept, value in _STATUSES if concept in condition.concepts}
    if condition.concepts.intersection(_LEUKEMIA) and condition.clinical in _BY_CLINICAL_STATUS:
        values.add(_BY_CLINICAL_STATUS[condition.clinical])
    problem = _not_used(condition, values, timeline)
    what, shown = "Disease status in the chart", condition.display("disease-status.", "diagnosis.")
    if condition.clinical:
        shown = f"{shown}, {condition.clinical}"
    evidence = condition.evidence(what, shown)
    return [Told(None if problem else value, evidence, problem) for value in sorted(values)]


def _not_used(condition: Diagnosed, values: set[str], timeline: Timeline) -> str | None:
    """Why a recorded status does not count as the status at the start of this course."""
    if condition.past:
        return "recorded as inactive or resolved"
    if condition.doubtful:
        return "the diagnosis is not confirmed"
    recorded = reader.day(condition.recorded)
    if timeline.running and timeline.first_dose and recorded and recorded > timeline.first_dose:
        return "recorded after this course began: response, not status"
    if timeline.running and "remission" in values and not (timeline.first_dose and recorded):
        return "may be the response to this course, not the status at its start"
    return None


def read_diagnosis_date(record: Record, answers: Answers) -> Fact[PartialDate]:
    """The order question, else the earliest onset of the leukaemia on file. A recording date is no onset."""
    answered: Fact[Any] = answers.fact("diagnosis-date")
    onsets: list[tuple[PartialDate, Evidence]] = []
    for condition in record.conditions:
        onset = reader.partial(condition.onset)
        leukemia = condition.concepts.intersection(_LEUKEMIA) and "disease-status.relapse" not in condition.concepts
        if onset and leukemia and not condition.doubtful:
            onsets.append((onset, condition.evidence("Onset of the leukaemia", str(onset))))
    if answered.known or answered.conflict or not onsets:
        return answered._replace(evidence=(*answered.evidence, *(shown for _, shown in onsets)))
    earliest = min(onsets, key=lambda found: found[0].earliest)
    return Fact(earliest[0], tuple(shown for _, shown in onsets))
