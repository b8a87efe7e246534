"""The record as it comes: any shape, any key, other people's entries left out, nothing quoted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.fhir import models
from cds_service.fhir.chart import Chart, read_chart
from cds_service.settings import Settings
from tests.fhir_builders import (
    PATIENT,
    TODAY,
    Resource,
    bundle,
    condition,
    order,
    patient,
    rate,
    read,
    weight,
)

OUTCOME_ERROR = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
JUNK = [None, "x", {}, {"resource": {"id": "1"}}]
OUTCOME_WARNING = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "informational"}]}


def charted(**prefetch: Any) -> Chart:
    return read_chart(patient_id=PATIENT, prefetch=prefetch, drafts=())


@pytest.mark.parametrize(
    ("value", "observations", "answered", "noted"),
    [
        (bundle(weight("30")), 1, True, 0),
        ({**bundle(weight("30")), "type": "collection"}, 1, True, 0),
        ({"resourceType": "Bundle", "entry": [{"resource": weight("30")}]}, 1, True, 0),  # without a type
        ({"resourceType": "Bundle", "entry": {"resource": weight("30")}}, 1, True, 0),  # an object where a list is due
        (bundle(bundle(weight("30"))), 1, True, 0),  # a batch answer
        (bundle(bundle(bundle(weight("30")))), 1, True, 0),
        (bundle(bundle(bundle(bundle(weight("30"))))), 0, False, 1),  # nested too deeply
        (weight("30"), 1, True, 0),
        (bundle(), 0, True, 0),
        ({"resourceType": "Bundle"}, 0, True, 0),
        (None, 0, True, 0),  # asked, and nothing found
        (bundle(weight("30"), link=[{"relation": "next", "url": "x"}]), 1, False, 1),  # the first page only
        (OUTCOME_ERROR, 0, False, 1),
        (bundle(weight("30"), OUTCOME_ERROR), 1, False, 1),
        (bundle(weight("30"), OUTCOME_WARNING), 1, True, 0),
        ("<html>", 0, False, 1),
        (42, 0, False, 1),
        ([weight("30")], 0, False, 1),
        ({}, 0, False, 1),
        ({"response": {"status": "200"}, "resource": weight("30")}, 0, False, 1),
        (
            {"resourceType": "Bundle", "entry": [None, "x", {}, {"resource": {"id": "1"}}, {"resource": weight("30")}]},
            1,
            False,  # one of those that cannot be read may be what was asked for
            4,
        ),
    ],
)
def test_a_prefetch_value_is_read_by_what_it_holds(value: Any, observations: int, answered: bool, noted: int) -> None:
    chart = charted(vitals=value)
    assert len(chart.of("Observation")) == observations
    assert ("vitals" in chart.answered) is answered
    assert len(chart.unread) == noted


def test_a_key_of_the_callers_own_is_read_but_answers_no_question_of_ours() -> None:
    chart = charted(medicationRequestBundle=bundle(condition()))
    assert len(chart.of("Condition")) == 1
    assert "conditions" not in chart.answered


@pytest.mark.parametrize(
    ("subject", "kept"),
    [
        ({"reference": "Patient/p1"}, True),
        ({"reference": "https://ehr.example.org/fhir/Patient/p1/_history/3"}, True),
        ({"reference": "p1"}, True),
        ({"display": "somebody"}, True),
        ({"reference": "Patient/p2"}, False),
        ({"reference": "https://ehr.example.org/fhir/Patient/p11"}, False),
        ({"reference": "Group/p1"}, False),
        ({"reference": "urn:uuid:ours"}, True),
        ({"reference": "urn:uuid:theirs"}, False),
        ({"reference": "urn:uuid:unknown"}, False),
    ],
)
def test_what_is_about_another_patient_is_left_out_and_named(subject: Resource, kept: bool) -> None:
    people = [
        {"fullUrl": "urn:uuid:ours", "resource": patient()},
        {"fullUrl": "urn:uuid:theirs", "resource": {"resourceType": "Patient", "id": "p2"}},
        {"resource": {**weight("30"), "id": "w", "subject": subject}},
    ]
    chart = charted(theirs={"resourceType": "Bundle", "entry": people})
    assert [entry.reference for entry in chart.of("Observation")] == (["Observation/w"] if kept else [])
    assert [entry.reference for entry in chart.of("Patient")] == ["Patient/p1"]
    assert ("Observation/w" in {note.reference for note in chart.unread}) is not kept


@pytest.mark.parametrize("member", ["patient", "beneficiary"])
def test_every_way_of_naming_the_patient_is_looked_at(member: str) -> None:
    entry = {"resourceType": "Coverage", "id": "c", "status": "active", member: {"reference": "Patient/p2"}}
    assert charted(coverage=entry).of("Coverage") == ()


def test_what_was_entered_in_error_is_not_there() -> None:
    chart = charted(a=bundle(weight("30", status="entered-in-error"), condition(verified="entered-in-error")))
    assert (chart.of("Observation", "Condition"), chart.unread) == ((), ())


def test_the_same_resource_under_two_keys_is_one() -> None:
    entry = weight("30")
    assert len(charted(vitals=bundle(entry), theirs=bundle(entry)).of("Observation")) == 1


def test_a_draft_hides_the_version_on_file() -> None:
    chart = read_chart(patient_id=PATIENT, prefetch={"a": order(rate("9"))}, drafts=[order(rate("28"))])
    (entry,) = chart.of("MedicationRequest")
    assert (entry.draft, entry.resource["dosageInstruction"]) == (0, [rate("28")])


@pytest.mark.parametrize(
    ("subject", "kept", "noted"),
    [
        ("urn:uuid:ours", True, 0),
        ("urn:uuid:unknown", True, 1),
        ("urn:uuid:theirs", False, 1),
        ("Patient/p2", False, 1),
    ],
)
def test_a_draft_that_does_not_tell_whose_it_is_is_judged_and_noted(subject: str, kept: bool, noted: int) -> None:
    draft = {**order(rate("28")), "id": "drafted", "subject": {"reference": subject}}
    patients = [
        {"fullUrl": "urn:uuid:ours", "resource": patient()},
        {"fullUrl": "urn:uuid:theirs", "resource": {"resourceType": "Patient", "id": "p2"}},
    ]
    people = {"resourceType": "Bundle", "type": "collection", "entry": patients}
    chart = read_chart(patient_id=PATIENT, prefetch={"patient": people}, drafts=(draft,))
    notes = [note for note in chart.unread if note.reference == "MedicationRequest/drafted"]
    assert (len(chart.of("MedicationRequest")), len(notes)) == (int(kept), noted)


def test_the_patient_may_be_named_with_its_type() -> None:
    chart = read_chart(patient_id=f"Patient/{PATIENT}", prefetch={"a": weight("30")}, drafts=())
    assert len(chart.of("Observation")) == 1


def test_quoted_text_is_one_short_line_without_the_patients_names() -> None:
    chart = charted(patient=patient(telecom=[{"value": "555-0199"}]))
    assert (
        chart.quote("Mr QUILLON Nondisclosure (MRN-77120,\n tel 555-0199)\t says hi\x00")
        == "Mr […] […] ([…], tel […]) says hi"
    )
    assert chart.quote("x" * 300, 10) == "x" * 9 + "…"
    assert chart.quote("  \n ") is None


def test_nothing_that_identifies_the_patient_reaches_a_fact() -> None:
    named = "Quillon Nondisclosure, MRN-77120"
    dosage = {"text": f"28 mcg/day for {named}"}
    entries = (
        weight("30", note=[{"text": named}]),
        condition(note=[{"text": named}], subject={"reference": "Patient/p1", "display": named}),
        {
            **condition(code="R56.9", system="http://hl7.org/fhir/sid/icd-10-cm"),
            "code": {"text": f"seizure of {named}"},
        },
    )
    case = read(patient(), *entries, order_=order(dosage, note=[{"text": named}]))
    shown = repr(case)
    assert not any(word in shown for word in ("Quillon", "Nondisclosure", "77120"))


MEMBERS = (
    *("resourceType", "id", "entry", "resource", "subject", "reference"),
    *("code", "coding", "status", "issue", "link"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceType",
                    "id",
                    "entry",
                    "resource",
                    "subject",
                    "reference",
                    "code",
                    "coding",
                    "status",
                    "issue",
                    "link",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
TYPES = st.sampled_from(
    ["Bundle", "Observation", "Condition", "Patient", "Coverage", "MedicationRequest", "AllergyIntolerance"]
)


@given(st.dictionaries(st.text(max_size=6), JSON, max_size=4), TYPES, JSON)
def test_no_record_however_odd_raises(prefetch: dict[str, Any], kind: str, member: Any) -> None:
    values = {**prefetch, "odd": {"resourceType": kind, "id": "x", "code": member, "entry": member, "subject": member}}
    read_chart(patient_id=PATIENT, prefetch=values, drafts=[order(rate("28"))])
    assert read(patient(), asked=values).order.matched_by == "rxnorm"


def test_an_entry_that_cannot_be_read_is_named_and_the_rest_is_used() -> None:
    broken = {**weight("30", day="2025-09-01"), "id": "bad", "valueQuantity": {"value": "SECRET", "unit": "kg"}}
    case = read(patient(), broken, weight("31"))
    assert case.patient.weight.known
    assert [(note.reference, note.why) for note in case.unreadable] == [
        ("Observation/bad", "its valueQuantity cannot be read")
    ]


@pytest.mark.parametrize("resource", [patient(), weight("30"), condition(), order(rate("28"))])
def test_a_good_resource_is_valid(resource: Resource) -> None:
    assert models.validate(resource) == ()


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ({"resourceType": "Teapot"}, "not one of FHIR R4"),
        ({"resourceType": 4}, "not one of FHIR R4"),
        ({**weight("30"), "status": None}, "status is missing"),
        ({**weight("30"), "colour": "SECRET"}, "colour is no element"),
        ({**weight("30"), "category": {"text": "SECRET"}}, "category must be a list"),
    ],
)
def test_what_is_wrong_with_a_resource_is_said_without_its_values(resource: Resource, words: str) -> None:
    found = "; ".join(models.validate(resource))
    assert words in found
    assert "SECRET" not in found


def test_an_order_nested_beyond_reason_is_noted_and_not_fatal() -> None:
    deep: dict[str, Any] = {}
    for _ in range(3000):
        deep = {"extension": [deep]}
    assert models.validate_order({**order(rate("28")), "extension": [deep]})


def test_strict_mode_notes_what_the_models_find_anywhere() -> None:
    entry = {**weight("30"), "id": "w", "colour": "red"}
    lenient, strict = read(patient(), entry), read(patient(), entry, settings=Settings(strict_fhir=True))
    assert lenient.unreadable == ()
    assert [note.reference for note in strict.unreadable] == ["Observation/w"]


def test_the_day_of_the_call_stands_in_for_a_missing_date() -> None:
    assert read(patient(), order_={**order(rate("28")), "authoredOn": None}).as_of == TODAY


def test_an_answer_with_a_record_of_another_patient_proves_no_absence() -> None:
    other = {**condition("C91.0"), "id": "not-ours", "subject": {"reference": "Patient/somebody-else"}}
    chart = charted(conditions=bundle(other), vitals=bundle(weight("30")))
    assert chart.answered == {"vitals"}
    assert not chart.of("Condition")
