"""MRD: which results are MRD, what they say, and which one decides."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from cds_service.facts.model import Fact, Mrd
from cds_service.settings import Settings
from tests.fhir_builders import (
    LOINC,
    SNOMED,
    Resource,
    answers,
    concept,
    condition,
    mrd,
    observation,
    patient,
    quantity,
    read,
)

D = Decimal
DETECTED, NOT_DETECTED = concept(SNOMED, "260373001"), concept(SNOMED, "260415000")
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


def read_mrd(*entries: Resource, settings: Settings | None = None, **course: Any) -> Fact[Mrd]:
    return read(patient(), *entries, course=course or None, settings=settings).patient.mrd


@pytest.mark.parametrize(
    ("value", "detected", "percent", "comparator", "reported"),
    [
        ({"valueQuantity": quantity("0.12", "%")}, True, "0.12", None, None),
        ({"valueQuantity": quantity("0.09", "%")}, True, "0.09", None, None),
        ({"valueQuantity": quantity("0.10", "%")}, True, "0.1", None, None),
        ({"valueQuantity": quantity("1", None, "10*-3")}, True, "0.1", None, None),
        ({"valueQuantity": quantity("12", None, "10*-4")}, True, "0.12", None, None),
        ({"valueQuantity": quantity("1200", "/10*6", "/10*6")}, True, "0.12", None, None),
        ({"valueQuantity": quantity("1200", "cells per million")}, True, "0.12", None, None),
        ({"valueQuantity": quantity("0", "%")}, False, "0", None, None),
        ({"valueQuantity": quantity("0.01", "%", comparator="<")}, False, "0.01", "<", None),
        ({"valueQuantity": quantity("0.011", "%", comparator="<")}, None, "0.011", "<", None),
        ({"valueQuantity": quantity("5", "%", comparator=">")}, True, "5", ">", None),
        ({"valueQuantity": quantity("0.0012", "1", "1")}, None, None, None, None),  # a fraction or per cent?
        ({"valueQuantity": quantity("0.0012")}, None, None, None, None),
        (
            {"valueQuantity": quantity("0.05", "%"), "interpretation": [concept(INTERPRETATION, "NEG")]},
            False,
            "0.05",
            None,
            "negative",
        ),
        (
            {"valueQuantity": quantity("0.05", "%"), "interpretation": [concept(INTERPRETATION, "POS")]},
            True,
            "0.05",
            None,
            "positive",
        ),
        (
            {"valueQuantity": quantity("0.05", "%"), "interpretation": [concept(INTERPRETATION, "A")]},
            True,
            "0.05",
            None,
            None,
        ),
        ({"valueRatio": {"numerator": quantity("12"), "denominator": quantity("10000")}}, True, "0.12", None, None),
        ({"valueCodeableConcept": DETECTED}, True, None, None, "positive"),
        ({"valueCodeableConcept": NOT_DETECTED}, False, None, None, "negative"),
        ({"valueCodeableConcept": concept(LOINC, "LA11883-8")}, False, None, None, "negative"),
        ({"valueCodeableConcept": concept(text="Positive")}, True, None, None, "positive"),
        ({"interpretation": [concept(INTERPRETATION, "ND")]}, False, None, None, "negative"),
        ({"valueBoolean": True}, True, None, None, "positive"),
        ({"valueString": "0.12 %"}, True, "0.12", None, None),
        ({"valueString": "1.2 x 10^-3"}, True, "0.12", None, None),
        ({"valueString": "1E-3"}, True, "0.1", None, None),
        ({"valueString": "< 0.01 %"}, False, "0.01", "<", None),
        ({"valueString": "<10^-4"}, False, "0.01", "<", None),
        ({"valueString": "1,200 residual clonal cells per million"}, True, "0.12", None, None),
        ({"valueString": "MRD negative (<0.01%)"}, False, "0.01", "<", "negative"),
        ({"valueString": "MRD positive, limit of detection 0.01 %"}, True, None, None, "positive"),
        ({"valueString": "Undetectable"}, False, None, None, "negative"),
    ],
)
def test_a_result_is_read_as_it_is_written(
    value: Resource, detected: bool | None, percent: str | None, comparator: str | None, reported: str | None
) -> None:
    found = read_mrd(mrd(**value)).value
    assert found is not None
    expected = (detected, None if percent is None else D(percent), comparator, reported)
    assert (found.detected, found.percent, found.comparator, found.reported) == expected
    assert (found.specimen, found.date) == ("marrow", date(2025, 9, 20))


@pytest.mark.parametrize(
    "value",
    [
        {"valueString": "pending"},
        {"valueString": "0.01-0.1 %"},
        {"valueString": "2025-09-12"},
        {"valueCodeableConcept": concept(SNOMED, "82334004")},
        {"valueQuantity": quantity("0", "%"), "interpretation": [concept(INTERPRETATION, "POS")]},
        {"dataAbsentReason": concept(text="unknown")},
        {"valueQuantity": quantity("0.5", "%"), "status": "preliminary"},
        {"valueQuantity": quantity("0.5", "%"), "status": "cancelled"},
    ],
)
def test_what_is_not_clear_is_unknown_with_its_evidence(value: Resource) -> None:
    fact = read_mrd(mrd(**value))
    assert fact.value is None
    assert fact.problem
    assert fact.evidence


@pytest.mark.parametrize(
    ("words", "is_mrd"),
    [
        ("Minimal residual disease by flow", True),
        ("Measurable residual disease [Presence] in Bone marrow", True),
        ("B-ALL MRD", True),
        ("MRD (matched related donor) chimerism", False),
        ("Matched related donor", False),
        ("MRD limit of detection", False),
        ("MRD assay sensitivity", False),
        ("MRD LOD", False),
        ("MRD cells analyzed", False),
        ("MRD, multiple myeloma", False),
        ("AML MRD", False),
        ("T-ALL MRD", False),
        ("Hemoglobin", False),
        ("UMRDX panel", False),
    ],
)
def test_only_residual_disease_of_this_disease_is_mrd(words: str, is_mrd: bool) -> None:
    assert read_mrd(mrd(text=words, valueQuantity=quantity("0.5", "%"))).known is is_mrd


def test_components_are_read_but_not_their_limits_of_detection() -> None:
    parts = [
        {"code": concept(text="MRD limit of detection"), "valueQuantity": quantity("0.001", "%")},
        {"code": concept(text="MRD cells analysed"), "valueQuantity": quantity("1000000", "{cells}")},
        {"code": concept(text="MRD level"), "valueQuantity": quantity("0.3", "%")},
    ]
    fact = read_mrd(mrd(component=parts))
    assert fact.value is not None
    assert fact.value.percent == D("0.3")
    assert len(fact.evidence) == 1


@pytest.mark.parametrize(
    ("listed", "percent"),
    [
        ((), None),
        (("http://lab.example.org|77",), "0.12"),
        (("http://lab.example.org|77|10*-2",), "0.12"),
        (("http://lab.example.org|77|10*-3",), "0.012"),
    ],
)
def test_a_code_of_the_site_needs_no_words_and_no_unit(listed: tuple[str, ...], percent: str | None) -> None:
    entry = observation(concept("http://lab.example.org", "77", text="ALL monitoring"), valueQuantity=quantity("0.12"))
    found = read_mrd(entry, settings=Settings(mrd_codes=listed)).value
    assert (found.percent if found else None) == (D(percent) if percent else None)


MARROW, BLOOD = "MRD, bone marrow", "MRD, peripheral blood"


def level(day: str | None, value: str, text: str = MARROW) -> Resource:
    return mrd(day, text, valueQuantity=quantity(value, "%"))


@pytest.mark.parametrize(
    ("entries", "percent", "specimen"),
    [
        ((level("2025-09-01", "0.5"), level("2025-09-20", "0.02")), "0.02", "marrow"),
        ((level("2025-09-01", "0.5"), level("2025-09-20", "0", BLOOD)), "0.5", "marrow"),  # blood does not override
        ((level("2025-09-01", "0"), level("2025-09-20", "0.5", BLOOD)), "0.5", "blood"),
        ((level("2025-09-01", "0"), level("2025-09-20", "0", BLOOD)), "0", "blood"),
        ((level("2025-09-20", "0.5"), level("2025-09-20", "0.1", BLOOD)), "0.5", "marrow"),
    ],
)
def test_the_newest_specimen_decides_and_marrow_goes_before_blood(
    entries: tuple[Resource, ...], percent: str, specimen: str
) -> None:
    fact = read_mrd(*entries)
    assert fact.value is not None
    assert (fact.value.percent, fact.value.specimen) == (D(percent), specimen)
    assert len(fact.evidence) == 2


def test_two_results_of_one_day_and_specimen_that_disagree_are_a_conflict() -> None:
    fact = read_mrd(level("2025-09-20", "0.5"), level("2025-09-20", "0"))
    assert (fact.value, fact.conflict) == (None, True)


def test_the_specimen_is_read_where_it_is_told() -> None:
    specimen = {
        "resourceType": "Specimen",
        "id": "s",
        "type": concept(text="Bone marrow aspirate"),
        "collection": {"collectedDateTime": "2025-09-18"},
    }
    entry = mrd(text="MRD", valueQuantity=quantity("0.5", "%"), contained=[specimen], specimen={"reference": "#s"})
    found = read_mrd(entry).value
    assert found is not None
    assert (found.specimen, found.date) == ("marrow", date(2025, 9, 18))


@pytest.mark.parametrize(
    ("entries", "course", "stale"),
    [
        ((level("2025-07-03", "0.5"),), {"cycle": 1}, False),  # 90 days
        ((level("2025-07-02", "0.5"),), {"cycle": 1}, True),
        ((level(None, "0.5"),), {"cycle": 1}, True),
        (
            (level("2025-09-01", "0.5"), condition(code="12301000132103", onsetDateTime="2025-09-02")),
            {"cycle": 1},
            True,
        ),
        (
            (level("2025-09-02", "0.5"), condition(code="12301000132103", onsetDateTime="2025-09-02")),
            {"cycle": 1},
            False,
        ),
        (
            (level("2025-06-20", "0.5"),),
            {"cycle": 2, "first_dose_date": date(2025, 8, 20)},
            False,
        ),  # counts to the first dose
    ],
)
def test_an_old_result_is_known_and_stale(entries: tuple[Resource, ...], course: dict[str, Any], stale: bool) -> None:
    fact = read_mrd(*entries, **course)
    assert fact.known
    assert fact.stale is stale


def test_results_after_the_first_dose_are_response_and_not_status() -> None:
    found = read_mrd(level("2025-08-10", "0.5"), level("2025-09-20", "0"), cycle=2, first_dose_date=date(2025, 8, 20))
    assert found.value is not None
    assert found.value.percent == D("0.5")


def test_a_negative_result_in_a_running_course_without_a_first_dose_date_is_unknown() -> None:
    assert read_mrd(level("2025-09-20", "0"), cycle=2).value is None
    assert read_mrd(level("2025-09-20", "0"), cycle=1).known


def test_a_typed_in_result_counts_like_any_other_and_the_newest_decides() -> None:
    typed = {"mrd_result": D("0.4"), "mrd_date": date(2025, 9, 25), "mrd_specimen": "marrow"}
    fact = read_mrd(level("2025-09-20", "0.02"), cycle=1, **typed)
    assert fact.value == Mrd(True, D("0.4"), None, None, "marrow", date(2025, 9, 25))
    assert (fact.evidence[0].what, fact.evidence[0].value) == ("MRD, bone marrow", "0.4 %")


def test_nothing_on_file_is_unknown() -> None:
    assert read_mrd() == Fact()
    assert read_mrd(answers("other", mrd_availability="unavailable")) == Fact()


def test_a_report_text_is_shown_and_not_used() -> None:
    said = "Marrow in remission. MRD positive at 0.4 %; see note."
    report = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "conclusion": said}
    fact = read_mrd(report)
    assert (fact.value, fact.problem) == (None, "it is told in the text of a report only")
    assert [(shown.what, shown.value) for shown in fact.evidence] == [("MRD, report text", "MRD positive at 0.4 %;")]


@pytest.mark.parametrize(
    ("level", "interpretation", "usable"),
    [("0.099", "NEG", True), ("0.1", "NEG", False), ("2", "NEG", False), ("0", "POS", False), ("0", "NEG", True)],
)
def test_a_result_that_contradicts_itself_is_unknown_and_says_so(level: str, interpretation: str, usable: bool) -> None:
    value = {"valueQuantity": quantity(level, "%"), "interpretation": [concept(INTERPRETATION, interpretation)]}
    fact = read_mrd(mrd(**value))

    assert (fact.value is not None and fact.value.detected is not None) == usable
    assert ("contradicts itself" in (fact.problem or "")) == (not usable)
