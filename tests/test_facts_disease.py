"""Lineage, disease status, diagnosis date: codes and order questions, never displays, drugs or age."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.fhir_builders import (
    ICD,
    ICD_O,
    RXNORM,
    SNOMED,
    Resource,
    answers,
    concept,
    condition,
    condition_in_words,
    medication_request,
    order,
    patient,
    rate,
    read,
)

MIXED = condition_in_words("Mixed phenotype acute leukemia")
IN_WORDS = condition_in_words("Precursor B-cell acute lymphoblastic leukemia")


@pytest.mark.parametrize(
    ("conditions", "lineage", "conflict"),
    [
        ((condition(SNOMED, "277571004"),), "b", False),
        ((condition(SNOMED, "277572006"),), "b", False),
        ((condition(SNOMED, "723889003"),), "b", False),
        ((condition(ICD_O, "9811/3"),), "b", False),
        ((condition(ICD_O, "9811"),), "b", False),
        ((condition(ICD_O, "9811/3-C42.1"),), "b", False),
        ((condition(ICD_O, "9819/3"),), "b", False),
        ((condition(ICD, "C91.01"), condition(SNOMED, "277571004")), "b", False),
        ((condition(ICD, "C91.00"),), None, False),  # states no lineage
        ((condition(ICD, "C9100"),), None, False),
        ((condition(SNOMED, "425688002"),), None, False),  # Ph-positive ALL, lineage not stated
        ((condition(SNOMED, "277575008"),), "t", False),
        ((condition(ICD_O, "9837/3"),), "t", False),
        ((condition(SNOMED, "277571004"), condition(SNOMED, "277575008")), None, True),
        ((condition(ICD, "C91.A0"),), "other", False),  # Burkitt
        ((condition(SNOMED, "449108003"),), "other", False),  # CML
        ((condition(ICD, "C92.10"),), "other", False),
        ((condition(SNOMED, "277571004"), condition(SNOMED, "449108003")), None, True),
        ((MIXED,), "mixed", False),
        ((condition(SNOMED, "277571004"), MIXED), None, True),
        ((IN_WORDS,), None, False),
        ((condition(SNOMED, "277571004", verified="refuted"),), None, False),
        ((condition(SNOMED, "277571004", verified="differential"),), None, False),
        ((condition(SNOMED, "277571004", verified="entered-in-error"),), None, False),
        ((condition(SNOMED, "277571004", verified="unconfirmed"),), None, False),
        ((condition(SNOMED, "277571004", verified="provisional"),), None, False),
        ((condition(SNOMED, "277571004", verified=None),), "b", False),
        ((condition(SNOMED, "277571004", clinical=None),), "b", False),
        ((condition(SNOMED, "277571004", clinical="remission"),), "b", False),
        ((condition(SNOMED, "277571004", clinical="resolved"),), None, False),
        (({**condition(SNOMED, "277571004"), "verificationStatus": "refuted"},), None, False),  # as STU3 writes it
        (({**condition(SNOMED, "277571004"), "clinicalStatus": "resolved"},), None, False),
        ((condition(SNOMED, "277575008", clinical="inactive"), condition(SNOMED, "277571004")), "b", False),
        ((condition(ICD, "I10"),), None, False),
        ((), None, False),
    ],
)
def test_lineage_is_what_the_codes_state(conditions: tuple[Resource, ...], lineage: str | None, conflict: bool) -> None:
    fact = read(patient(), *conditions).patient.lineage
    assert (fact.value, fact.conflict) == (lineage, conflict)
    assert fact.known or fact.problem


@pytest.mark.parametrize(
    ("answered", "lineage", "conflict"), [("b", "b", False), ("t", None, True), ("mixed", None, True)]
)
def test_an_answer_on_lineage_is_one_source_among_others(answered: str, lineage: str | None, conflict: bool) -> None:
    fact = read(patient(), condition(), answers("other", lineage=answered)).patient.lineage
    assert (fact.value, fact.conflict) == (lineage, conflict)
    assert len(fact.evidence) == 2


@pytest.mark.parametrize(
    "reason",
    [
        {"reasonCode": [concept(SNOMED, "277571004")]},
        {"reasonCode": concept(SNOMED, "277571004")},  # a single object, as a public client sends it
        {"reasonReference": [{"reference": "#c"}], "contained": [{**condition(), "id": "c"}]},
    ],
)
def test_the_reason_of_the_order_counts(reason: dict[str, Any]) -> None:
    assert read(patient(), order_=order(rate("28"), **reason)).patient.lineage.value == "b"


@pytest.mark.parametrize(
    ("conditions", "status", "conflict"),
    [
        ((condition(ICD, "C91.00"),), "not-in-remission", False),
        ((condition(ICD, "C91.01"),), "remission", False),
        ((condition(ICD, "C91.02"),), "relapsed", False),
        ((condition(SNOMED, "12301000132103"),), "relapsed", False),
        ((condition(SNOMED, "12311000132101"),), "refractory", False),
        ((condition(SNOMED, "12311000132101"), condition(ICD, "C91.00")), "refractory", False),
        ((condition(SNOMED, "425941003"),), "remission", False),
        ((condition(clinical="remission"),), "remission", False),
        ((condition(clinical="relapse"),), "relapsed", False),
        ((condition(clinical="recurrence"),), "relapsed", False),
        ((condition(clinical="active"),), None, False),
        ((condition(ICD, "C91.02"), condition(ICD, "C91.01")), None, True),
        ((condition(ICD, "C91.02", clinical="resolved"), condition(ICD, "C91.01")), "remission", False),
        ((condition(ICD, "C91.01", verified="provisional"),), None, False),
        ((condition(ICD, "I10", clinical="remission"),), None, False),
    ],
)
def test_without_an_answer_the_chart_tells_the_status(
    conditions: tuple[Resource, ...], status: str | None, conflict: bool
) -> None:
    fact = read(patient(), *conditions).course.disease_status
    assert (fact.value, fact.conflict) == (status, conflict)


@pytest.mark.parametrize(
    ("answered", "code", "conflict"),
    [
        ("remission-1", "C91.01", False),
        ("remission-1", "C91.02", True),
        ("remission-2", "C91.02", False),  # a second remission has a relapse behind it
        ("relapsed", "C91.02", False),
        ("relapsed", "C91.01", True),
        ("refractory", "C91.00", False),
        ("newly-diagnosed", "C91.00", False),
        ("newly-diagnosed", "C91.02", True),
    ],
)
def test_the_order_question_wins_and_a_conflict_is_shown(answered: str, code: str, conflict: bool) -> None:
    fact = read(patient(), condition(ICD, code), course={"disease_status": answered, "cycle": 1}).course.disease_status
    assert (fact.value, fact.conflict) == (answered, conflict)
    assert (fact.problem is not None) is conflict
    assert len(fact.evidence) == 2


@pytest.mark.parametrize(
    "course",
    [{"cycle": 2}, {"cycle": 1, "first_dose_date": date(2025, 9, 1)}, {"request_type": "continuation"}],
)
def test_in_a_running_course_a_remission_on_the_chart_is_response(course: dict[str, Any]) -> None:
    answered = read(patient(), condition(ICD, "C91.01"), course={"disease_status": "relapsed", **course})
    assert (answered.course.disease_status.value, answered.course.disease_status.conflict) == ("relapsed", False)
    silent = read(patient(), condition(ICD, "C91.01"), course=course).course.disease_status
    assert silent.value is None
    assert "response" in (silent.problem or "")


def test_a_status_recorded_before_the_first_dose_still_counts() -> None:
    course = {"cycle": 2, "first_dose_date": date(2025, 9, 1)}
    entry = condition(ICD, "C91.01", recordedDate="2025-08-20")
    assert read(patient(), entry, course=course).course.disease_status.value == "remission"


@pytest.mark.parametrize(
    ("conditions", "answered", "diagnosed"),
    [
        ((condition(onsetDateTime="2025-01-10"),), None, "2025-01-10"),
        ((condition(onsetDateTime="2025-01"),), None, "2025-01"),
        ((condition(onsetPeriod={"start": "2025-01-10"}),), None, "2025-01-10"),
        (
            (condition(onsetDateTime="2025-01-10"), condition(ICD, "C91.01", onsetDateTime="2024-12-01")),
            None,
            "2024-12-01",
        ),
        ((condition(ICD, "C91.02", onsetDateTime="2023-01-10"),), None, None),  # the onset of a relapse
        ((condition(recordedDate="2025-01-10"),), None, None),  # a recording date is no onset
        ((condition(onsetDateTime="2025-01-10"),), date(2025, 1, 12), "2025-01-12"),
        ((), None, None),
    ],
)
def test_the_date_of_diagnosis_is_answered_or_the_onset(
    conditions: tuple[Resource, ...], answered: date | None, diagnosed: str | None
) -> None:
    more = (answers("other", diagnosis_date=answered),) if answered else ()
    fact = read(patient(), *conditions, *more).patient.diagnosis_date
    assert (str(fact.value) if fact.value else None) == diagnosed


def test_drugs_and_age_never_tell_the_disease() -> None:
    found = read(patient("2025-03-01"), medication_request(concept(RXNORM, "282388"))).patient
    assert (found.lineage.value, found.bcr_abl1.value, found.kmt2a.value) == (None, None, None)
