"""Results, diagnoses and reports inside another resource, or that the order points to, are facts of the record.

They are read only for the patient of the call, and named where they are pointed to and not there.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.fhir.chart import read_chart
from tests.fhir_builders import (
    LOINC,
    PATIENT,
    SNOMED,
    SUBJECT,
    Resource,
    chart,
    concept,
    condition,
    mrd,
    observation,
    order,
    patient,
    quantity,
    rate,
    read,
    weight,
)

D = Decimal
POSITIVE = concept(SNOMED, "10828004")
LEVEL = {"valueQuantity": quantity("0.5", "%")}
POINTED = {"supportingInformation": [{"reference": "#r"}]}
STRANGER = {"reference": "Patient/p2"}


def inner(resource: Resource, **more: Any) -> Resource:
    """As it stands inside another: a local id, and no subject unless told."""
    bare = {name: value for name, value in resource.items() if name != "subject"}
    return {**bare, "id": "r", **more}


def holding(*resources: Resource, **more: Any) -> Resource:
    return order(rate("28"), contained=list(resources), **more)


def report(**more: Any) -> Resource:
    head = {"resourceType": "DiagnosticReport", "id": "dr1", "status": "final", "subject": SUBJECT}
    return {**head, "code": concept(text="Bone marrow"), "effectiveDateTime": "2025-09-20", **more}


# --- contained ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "placed",
    [
        holding(inner(mrd(**LEVEL)), **POINTED),
        holding(inner(mrd(**LEVEL))),  # nobody points to it
        holding(inner(mrd(**LEVEL), subject=SUBJECT), **POINTED),
        order(rate("28"), contained=inner(mrd(**LEVEL))),  # a single object where a list is due
        holding(
            inner(mrd(**LEVEL), subject={"reference": "#p"}),
            {"resourceType": "Patient", "id": "p"},
            subject={"reference": "#p"},
        ),
    ],
)
def test_a_result_contained_in_the_order_is_read(placed: Resource) -> None:
    fact = read(patient(), order_=placed).patient.mrd
    assert fact.value is not None
    assert fact.value.percent == D("0.5")
    assert [shown.reference for shown in fact.evidence] == ["MedicationRequest/o1#r"]


def test_every_reader_finds_what_is_contained() -> None:
    placed = holding(
        inner(condition()),
        inner(weight("30"), id="w"),
        inner(observation(concept(LOINC, "51867-0"), "2025-01-12", valueCodeableConcept=POSITIVE), id="ph"),
        reasonReference=[{"reference": "#r"}],
    )
    found = read(patient(), order_=placed).patient
    assert (found.lineage.value, found.bcr_abl1.value) == ("b", "positive")
    assert [shown.reference for shown in found.lineage.evidence] == ["MedicationRequest/o1#r"]
    assert found.weight.value is not None
    assert found.weight.value.value == D(30)


@pytest.mark.parametrize(
    "holder",
    [
        report(contained=[inner(mrd(**LEVEL))], result=[{"reference": "#r"}]),
        {**observation(concept(text="Panel")), "contained": [inner(mrd(**LEVEL))], "hasMember": [{"reference": "#r"}]},
        {**condition(), "contained": [inner(mrd(**LEVEL))], "evidence": [{"detail": [{"reference": "#r"}]}]},
    ],
)
def test_a_result_contained_in_another_resource_of_the_patient_is_read(holder: Resource) -> None:
    fact = read(patient(), holder).patient.mrd
    assert fact.value is not None
    assert [shown.reference for shown in fact.evidence] == [f"{holder['resourceType']}/{holder['id']}#r"]


def test_the_specimen_beside_a_contained_result_is_found() -> None:
    specimen = {"resourceType": "Specimen", "id": "s", "type": concept(text="Peripheral blood")}
    result = inner(mrd(text="MRD", **LEVEL), specimen={"reference": "#s"})
    found = read(patient(), order_=holding(result, specimen)).patient.mrd.value
    assert found is not None
    assert found.specimen == "blood"


@pytest.mark.parametrize(
    ("placed", "why"),
    [
        (holding(inner(mrd(**LEVEL), subject=STRANGER)), "is about another patient"),
        (
            holding(inner(mrd(**LEVEL), subject={"reference": "#p"}), {"resourceType": "Patient", "id": "p"}),
            "does not tell whose it is",
        ),
        (holding(inner(mrd(**LEVEL), status="entered-in-error")), None),
        (holding(inner(mrd(**LEVEL), resourceType="observation")), None),
        (holding("a", None, {}), None),
    ],
)
def test_what_is_contained_and_not_this_patients_is_left_out(placed: Resource, why: str | None) -> None:
    case = read(patient(), order_=placed)
    assert (case.patient.mrd.value, case.patient.mrd.evidence) == (None, ())
    told = [note.why for note in case.unreadable if note.reference == "MedicationRequest/o1#r"]
    assert told == ([why] if why else [])


@pytest.mark.parametrize(
    "holder",
    [
        report(subject=STRANGER, contained=[inner(mrd(**LEVEL))]),
        report(subject=None, contained=[inner(mrd(**LEVEL))]),
        {"resourceType": "Practitioner", "id": "d", "contained": [inner(mrd(**LEVEL))]},
        {"resourceType": "FamilyMemberHistory", "id": "f", "patient": SUBJECT, "contained": [inner(mrd(**LEVEL))]},
        report(status="entered-in-error", contained=[inner(mrd(**LEVEL))]),
    ],
)
def test_what_another_persons_resource_contains_is_not_read(holder: Resource) -> None:
    assert read(patient(), holder).patient.mrd.evidence == ()


def test_a_contained_result_is_no_other_resource_of_the_same_id() -> None:
    on_file = {**weight("30", day="2025-09-28"), "id": "r"}
    found = chart(on_file, drafts=(holding(inner(weight("31", day="2025-09-30"))),))
    assert [entry.reference for entry in found.of("Observation")] == ["Observation/r", "MedicationRequest/o1#r"]
    assert found.find("Observation/r") is found.of("Observation")[0]


def test_the_filed_version_of_a_draft_does_not_tell_its_contents_again() -> None:
    placed = holding(inner(mrd(**LEVEL)))
    filed = {**placed, "contained": [inner(mrd(valueQuantity=quantity("2", "%")))]}
    fact = read(patient(), filed, order_=placed).patient.mrd
    assert [shown.value for shown in fact.evidence] == ["0.5 %"]


def test_what_of_a_contained_result_cannot_be_read_is_named() -> None:
    case = read(patient(), order_=holding(inner(mrd(valueQuantity={"value": "a lot"}))))
    assert ("MedicationRequest/o1#r", "its valueQuantity cannot be read") in [
        (note.reference, note.why) for note in case.unreadable
    ]


def test_a_record_without_contained_resources_is_not_looked_through() -> None:
    plain = read_chart(patient_id=PATIENT, prefetch={"x": weight("30")}, drafts=[order(rate("28"))])
    assert [entry.reference for entry in plain.of("MedicationRequest")] == ["MedicationRequest/o1"]


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["Observation", "Condition", "#r", "Patient/p2", ""]),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(
            st.sampled_from(["resourceType", "id", "subject", "reference", "contained", "code", "status"]), inside
        )
    ),
    max_leaves=15,
)


@given(ODD)
def test_no_contained_value_however_odd_raises_or_brings_in_another_patient(contained: Any) -> None:
    found = chart(report(contained=contained), drafts=(order(rate("28"), contained=contained),))
    for entry in found.of("Observation", "Condition"):
        assert "Patient/p2" not in str(entry.resource.get("subject"))


# --- named in supportingInformation -------------------------------------------------------------------------------


@pytest.mark.parametrize("drafted", [True, False])
def test_a_result_the_order_points_to_is_read_wherever_it_is_in_the_call(drafted: bool) -> None:
    result = {**mrd(**LEVEL), "id": "m1"}
    placed = order(rate("28"), supportingInformation=[{"reference": "Observation/m1"}])
    beside: dict[str, Any] = {"drafts": (result,)} if drafted else {}
    case = read(patient(), *(() if drafted else (result,)), order_=placed, **beside)
    assert [shown.reference for shown in case.patient.mrd.evidence] == ["Observation/m1"]
    assert case.unreadable == ()


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("Observation/gone", "Observation/gone"),
        ("https://ehr.example.org/fhir/Condition/gone", "Condition/gone"),
        ("DiagnosticReport/gone", "DiagnosticReport/gone"),
        ("#gone", "#gone"),
        ("QuestionnaireResponse/gone", "QuestionnaireResponse/gone"),
    ],
)
def test_what_the_order_points_to_and_is_not_there_is_named(written: str, named: str) -> None:
    case = read(patient(), order_=order(rate("28"), supportingInformation=[{"reference": written}]))
    assert [(note.reference, note.why) for note in case.unreadable] == [
        (named, "the order refers to it and it is not in the call")
    ]


@pytest.mark.parametrize("written", ["DocumentReference/d", "Coverage/c", "urn:uuid:9"])
def test_what_the_order_points_to_and_bears_on_nothing_is_not_named(written: str) -> None:
    assert read(patient(), order_=order(rate("28"), supportingInformation=[{"reference": written}])).unreadable == ()
