"""Safety: every topic of the label, judged for this patient where that can be, else listed for all.

Pure: one table from topic to judge. Knows no FHIR and no words of cards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from cds_service.assess.safety_allergy import benzyl_alcohol_allergy, hypersensitivity, premedication_allergy
from cds_service.assess.safety_bags import benzyl_alcohol_load, preserved_bag_weight
from cds_service.assess.safety_item import (
    PATIENT,
    SEVERITIES,
    STATUSES,
    Question,
    SafetyItem,
    Verdict,
    for_all,
    for_patient,
)
from cds_service.assess.safety_laboratory import liver, neutropenia
from cds_service.assess.safety_order import duplicate_therapy, medication_error
from cds_service.assess.safety_population import age_65, cd19, live_vaccine, pregnancy, under_one_month
from cds_service.assess.safety_problems import leukoencephalopathy, problem_judges
from cds_service.facts.model import Case
from cds_service.knowledge.label import Label

FOR_ALL_SECTIONS = ("before-and-during", "preparation", "interruption")

JUDGES: Mapping[str, Callable[[Question], Verdict]] = {
    "hypersensitivity": hypersensitivity,
    "benzyl-alcohol-allergy": benzyl_alcohol_allergy,
    "premedication-allergy": premedication_allergy,
    "preserved-bag-weight": preserved_bag_weight,
    "benzyl-alcohol-load": benzyl_alcohol_load,
    "liver": liver,
    "neutropenia": neutropenia,
    "live-vaccine": live_vaccine,
    "pregnancy": pregnancy,
    "leukoencephalopathy": leukoencephalopathy,
    "age-65": age_65,
    "under-one-month": under_one_month,
    "cd19": cd19,
    "duplicate-therapy": duplicate_therapy,
    "medication-error": medication_error,
    **problem_judges(),
}

TOPICS = frozenset(JUDGES)
"""The topics a label file must have for this module."""


def assess_safety(
    case: Case,
    label: Label,
    *,
    laboratory_stale_days: int = 7,
) -> tuple[SafetyItem, ...]:
    """All safety items, judged ones first by severity and status, then what holds for every patient.

    The loader has seen to it that every patient topic of the label has a judge.
    """
    judged = [
        for_patient(topic, JUDGES[topic.code](Question(case, label, topic, laboratory_stale_days)))
        for topic in label.guidance
        if topic.section == "safety" and topic.applies == "patient"
    ]
    return (*sorted(judged, key=_rank), *before_and_during(label))


@lru_cache(maxsize=16)
def before_and_during(label: Label) -> tuple[SafetyItem, ...]:
    """What holds for every patient: counts, prophylaxis, pump and line rules, in the label file's order."""
    topics = [topic for topic in label.guidance if topic.section in FOR_ALL_SECTIONS and topic.applies == "all"]
    return tuple(for_all(topic) for topic in topics if topic.short)


def safety_documents(items: Sequence[SafetyItem], label: Label) -> list[Mapping[str, object]]:
    """The items as the assessment document has them; those for every patient are made once per label, not changed."""
    return [*[item.document() for item in items if item.group == PATIENT], *_standing(label)]


@lru_cache(maxsize=16)
def _standing(label: Label) -> tuple[Mapping[str, object], ...]:
    return tuple(item.document() for item in before_and_during(label))


def _rank(item: SafetyItem) -> tuple[int, int]:
    return SEVERITIES.index(item.severity), STATUSES.index(item.status)
