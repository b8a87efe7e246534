"""Order questions: every one is read, and course answers count only where this order refers to them."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from cds_service.dates import PartialDate
from cds_service.facts.model import Course, Fact
from cds_service.settings import Settings
from tests.fhir_builders import (
    ANSWER_SYSTEM,
    QUESTIONNAIRE,
    QUESTIONS,
    Resource,
    answers,
    bundle,
    order,
    patient,
    rate,
    read,
)

D = Decimal
COURSE_ANSWERS: dict[str, Any] = {
    "request_type": "continuation",
    "treatment_phase": "relapsed-refractory",
    "regimen": "combination-interfant",
    "cycle": 9,
    "day": 8,
    "treatment_setting": "pediatric",
    "dose_increase": False,
    "infusion_bag": "7d-preserved",
    "response": "not-yet-assessed",
    "restart_interruption_hours": D("4.5"),
    "restart_reason": "other-toxicity",
    "toxicity_grade": 3,
    "toxicity_scale": "ctcae",
    "toxicity_grade_now": 0,
    "toxicity_days_to_resolve": 7,
    "toxicity_days_at_grade_1_or_less": 3,
    "toxicity_at_step_dose": True,
    "seizures": "more-than-one",
    "specialist_consulted": True,
    "supporting_literature": False,
    "first_dose_date": date(2025, 9, 1),
    "current_use_documented": True,
    "paid_by_this_plan": True,
    "mrd_availability": "unavailable",
    "disease_status": "refractory",
}
PATIENT_ANSWERS: dict[str, Any] = {
    "lineage": "b",
    "cd19_blasts": "positive",
    "bcr_abl1": "negative",
    "bcr_abl1_like": "negative",
    "kmt2a": "positive",
    "diagnosis_date": date(2025, 1, 10),
    "prior_cd19_therapy": "none",
    "childbearing_potential": True,
    "mrd_result": D("0.12"),
}


def expected(value: Any) -> Any:
    return PartialDate.of(value) if isinstance(value, date) else value


def test_every_question_of_the_contract_is_asked_about_here() -> None:
    asked = {name.replace("_", "-") for name in (*COURSE_ANSWERS, *PATIENT_ANSWERS)}
    assert set(QUESTIONS.by_id) - asked == {"regimen-partners", "mrd-date", "mrd-specimen", "cd19-date"}
    assert {item.name for item in fields(Course)} - set(COURSE_ANSWERS) == {"regimen_partners"}


@pytest.mark.parametrize("name", sorted(COURSE_ANSWERS))
def test_each_course_answer_is_read_with_its_evidence(name: str) -> None:
    fact = getattr(read(patient(), course={name: COURSE_ANSWERS[name]}).course, name)
    assert fact.value == expected(COURSE_ANSWERS[name])
    shown = fact.evidence[0]
    assert (shown.reference, shown.date) == ("QuestionnaireResponse/course", "2025-10-01")
    assert shown.value
    assert shown.what == QUESTIONS.by_id[name.replace("_", "-")].what


def test_each_answer_about_the_patient_is_read() -> None:
    found = read(patient(), answers("other", **PATIENT_ANSWERS)).patient
    names = (
        "lineage",
        "bcr_abl1",
        "bcr_abl1_like",
        "kmt2a",
        "diagnosis_date",
        "prior_cd19_therapy",
        "childbearing_potential",
    )
    assert {name: getattr(found, name).value for name in names} == {
        name: expected(PATIENT_ANSWERS[name]) for name in names
    }
    assert found.cd19.value == "positive"
    assert found.mrd.value is not None
    assert found.mrd.value.percent == D("0.12")


def test_partners_are_a_list_of_words() -> None:
    given = {"linkId": "regimen-partners", "answer": [{"valueString": "vincristine"}, {"valueString": "COG AALL1731"}]}
    response = {**answers("course"), "item": [given]}
    placed = order(rate("28"), supportingInformation=[{"reference": "QuestionnaireResponse/course"}])
    assert read(patient(), response, order_=placed).course.regimen_partners == ("vincristine", "COG AALL1731")


def refer(written: str, **more: Any) -> Resource:
    return order(rate("28"), supportingInformation=[{"reference": written}], **more)


CONTAINED = {name: value for name, value in answers("inside", cycle=2).items() if name != "subject"}


@pytest.mark.parametrize(
    ("placed", "drafts", "asked"),
    [
        (refer("#inside", contained=[CONTAINED]), (), {}),
        (refer("QuestionnaireResponse/qr1"), (answers(cycle=2),), {}),
        (refer("QuestionnaireResponse/qr1"), (), {"orderQuestions": bundle(answers(cycle=2))}),
        (refer("QuestionnaireResponse/qr1"), (), {"orderQuestions": answers(cycle=2)}),
        (
            refer("https://ehr.example.org/r4/QuestionnaireResponse/qr1"),
            (),
            {"orderQuestions": bundle(answers(cycle=2))},
        ),
        (
            refer("urn:uuid:1"),
            (),
            {"x": {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:1", "resource": answers(cycle=2)}]}},
        ),
    ],
)
def test_a_course_answer_counts_where_the_order_refers_to_it(
    placed: Resource, drafts: tuple[Resource, ...], asked: dict[str, Any]
) -> None:
    assert read(patient(), order_=placed, drafts=drafts, asked=asked).course.cycle.value == 2


def test_last_cycles_answers_are_shown_and_not_used() -> None:
    course = read(patient(), answers(cycle=1, first_dose_date=date(2025, 9, 1))).course
    assert course.cycle == Fact(None, course.cycle.evidence, "answered for another order: not used")
    assert course.cycle.evidence[0].reference == "QuestionnaireResponse/qr1"
    assert course.first_dose_date.known  # this one does not belong to one order


def test_of_the_other_questions_the_newest_answer_wins() -> None:
    old, new = (
        answers("a", authored="2025-08-01", kmt2a="negative"),
        answers("b", authored="2025-09-01", kmt2a="positive"),
    )
    fact = read(patient(), old, new).patient.kmt2a
    assert (fact.value, fact.conflict, len(fact.evidence)) == ("positive", False, 2)


def test_two_answers_of_the_same_moment_that_differ_are_a_conflict() -> None:
    fact = read(patient(), answers("a", kmt2a="negative"), answers("b", kmt2a="positive")).patient.kmt2a
    assert (fact.value, fact.conflict) == (None, True)


@pytest.mark.parametrize("status", ["completed", "amended"])
def test_a_completed_or_amended_response_counts(status: str) -> None:
    assert read(patient(), answers(status=status, kmt2a="positive")).patient.kmt2a.known


@pytest.mark.parametrize("status", ["in-progress", "stopped", None])
def test_any_other_response_is_evidence_only(status: Any) -> None:
    fact = read(patient(), answers(status=status, kmt2a="positive")).patient.kmt2a
    assert (fact.value, len(fact.evidence), fact.problem) == (None, 1, "the questions are not completed: not used")


@pytest.mark.parametrize(
    ("change", "known", "shown"),
    [
        ({}, True, 1),
        ({"questionnaire": f"{QUESTIONNAIRE}|2.1"}, True, 1),
        ({"questionnaire": f"{QUESTIONNAIRE}-other"}, False, 0),
        ({"questionnaire": None}, False, 0),
        ({"subject": None}, False, 1),
        ({"subject": {"reference": "Patient/another"}}, False, 0),
        ({"subject": {"reference": "https://ehr.example.org/Patient/p1"}}, True, 1),
        ({"status": "entered-in-error"}, False, 0),
    ],
)
def test_only_our_questions_about_this_patient_are_read(change: Resource, known: bool, shown: int) -> None:
    fact = read(patient(), {**answers(kmt2a="positive"), **change}).patient.kmt2a
    assert (fact.known, len(fact.evidence)) == (known, shown)


def coded(code: str, system: str | None = ANSWER_SYSTEM) -> Resource:
    return {"valueCoding": {"code": code, **({"system": system} if system else {})}}


@pytest.mark.parametrize(
    ("name", "given", "value", "problem"),
    [
        ("kmt2a", coded("positive"), "positive", None),
        ("kmt2a", coded("positive", None), "positive", None),
        ("kmt2a", coded("positive", "http://other.example.org"), None, "a code of another system"),
        ("kmt2a", coded("rearranged"), None, "a form that the question does not have"),
        ("kmt2a", {"valueString": "positive"}, None, "a form that the question does not have"),
        ("childbearing_potential", {"valueBoolean": False}, False, None),
        ("childbearing_potential", {"valueString": "no"}, None, "a form"),
        ("diagnosis_date", {"valueDate": "2025-01"}, PartialDate(date(2025, 1, 1), date(2025, 1, 31)), None),
        ("diagnosis_date", {"valueDate": "soon"}, None, "a form"),
    ],
)
def test_an_answer_must_have_the_form_of_its_question(
    name: str, given: Resource, value: Any, problem: str | None
) -> None:
    fact = getattr(read(patient(), answers(**{name: given})).patient, name)
    assert fact.value == value
    assert (problem or "") in (fact.problem or "")
    assert len(fact.evidence) == 1


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("cycle", 1, 1),
        ("cycle", 9, 9),
        ("cycle", 0, None),
        ("cycle", 10, None),
        ("cycle", {"valueDecimal": D("2.0")}, 2),
        ("cycle", {"valueDecimal": D("2.5")}, None),
        ("day", 0, None),
        ("day", 29, 29),  # flagged elsewhere, not refused
        ("toxicity_grade", 0, None),
        ("toxicity_grade", 5, None),
        ("toxicity_grade_now", 0, 0),
        ("restart_interruption_hours", 4, D(4)),
        ("restart_interruption_hours", D("-1"), None),
    ],
)
def test_a_number_must_lie_in_the_range_of_its_question(name: str, given: Any, value: Any) -> None:
    assert getattr(read(patient(), course={name: given}).course, name).value == value


def test_items_are_found_in_groups_and_under_answers() -> None:
    inner = answers(cycle=2)["item"][0]
    deep = {"linkId": "group", "item": [{"linkId": "gate", "answer": [{"valueBoolean": True, "item": [inner]}]}]}
    assert (
        read(
            patient(), {**answers("course"), "item": [deep]}, order_=refer("QuestionnaireResponse/course")
        ).course.cycle.value
        == 2
    )


def test_answers_that_are_not_in_the_call_are_named() -> None:
    case = read(patient(), order_=refer("QuestionnaireResponse/gone"))
    assert ("QuestionnaireResponse/gone", "the order refers to it and it is not in the call") in [
        (note.reference, note.why) for note in case.unreadable
    ]


def test_the_base_of_the_canonical_is_a_setting() -> None:
    base = "https://site.example.org/fhir"
    response = {**answers(kmt2a={"valueCoding": {"system": f"{base}/CodeSystem/order-answers", "code": "positive"}})}
    response["questionnaire"] = f"{base}/Questionnaire/blinatumomab-order-questions"
    assert not read(patient(), response).patient.kmt2a.known
    assert read(patient(), response, settings=Settings(canonical_base=base)).patient.kmt2a.known
