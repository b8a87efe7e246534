"""Small FHIR resources for tests, in few words. Everything is about Patient/p1 unless told otherwise.

weight("30", "kg", "2025-09-28")
order(rate("28", "ug/d"), id="o1")
answers(cycle=1, disease_status="remission-1")
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from importlib import resources
from itertools import count
from typing import Any

from cds_service.assess.criteria import PARAMETERS
from cds_service.facts.build import read_cases
from cds_service.facts.model import Case
from cds_service.fhir.chart import Chart, read_chart
from cds_service.knowledge.library import load_knowledge
from cds_service.knowledge.valuesets import load_value_sets
from cds_service.settings import Settings

PATIENT = "p1"
SUBJECT = {"reference": f"Patient/{PATIENT}"}
TODAY = date(2025, 10, 1)
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
RXNORM, ICD = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://hl7.org/fhir/sid/icd-10-cm"
ICD_O, CVX, NUCC = (
    "http://terminology.hl7.org/CodeSystem/icd-o-3",
    "http://hl7.org/fhir/sid/cvx",
    "http://nucc.org/provider-taxonomy",
)
UCUM = "http://unitsofmeasure.org"
BASE = "https://blinatumomab-cds.example.org/fhir"
QUESTIONNAIRE = f"{BASE}/Questionnaire/blinatumomab-order-questions"
ANSWER_SYSTEM = f"{BASE}/CodeSystem/order-answers"
VALUE_SETS = load_value_sets(resources.files("cds_service.knowledge") / "valuesets")
QUESTIONS = load_knowledge(kinds=PARAMETERS).questions
PAYERS = {"lhcc": ("Louisiana Healthcare Connections", "LHCC")}
_NUMBERS = count(1)

Resource = dict[str, Any]


def concept(
    system: str | None = None, code: str | None = None, display: str | None = None, text: str | None = None
) -> Resource:
    """A CodeableConcept with one coding, or with text only."""
    coding = {name: value for name, value in (("system", system), ("code", code), ("display", display)) if value}
    return {**({"coding": [coding]} if coding else {}), **({"text": text} if text else {})}


def quantity(value: str, unit: str | None = None, code: str | None = None, comparator: str | None = None) -> Resource:
    """A Quantity; `unit` is its text, `code` its UCUM code."""
    found: Resource = {"value": Decimal(value)}
    if unit is not None:
        found["unit"] = unit
    if code is not None:
        found |= {"code": code, "system": UCUM}
    return {**found, "comparator": comparator} if comparator else found


def patient(birth: str | None = "2016-05-01", **more: Any) -> Resource:
    """The patient, with a name and an identifier that must never be shown."""
    identity = {"name": [{"family": "Nondisclosure", "given": ["Quillon"]}], "identifier": [{"value": "MRN-77120"}]}
    born = {"birthDate": birth} if birth else {}
    return {"resourceType": "Patient", "id": PATIENT, "gender": "female", **identity, **born, **more}


def observation(code: Resource, day: str | None = "2025-09-28", **more: Any) -> Resource:
    """A final Observation; `more` holds its value and whatever differs."""
    dated = {"effectiveDateTime": day} if day else {}
    numbered = {"resourceType": "Observation", "id": f"ob{next(_NUMBERS)}"}
    return {**numbered, "status": "final", "code": code, "subject": SUBJECT, **dated, **more}


def weight(
    value: str, unit: str = "kg", day: str | None = "2025-09-28", code: str = "29463-7", **more: Any
) -> Resource:
    """A body weight."""
    return observation(concept(LOINC, code), day, valueQuantity=quantity(value, unit), **more)


def height(value: str, unit: str = "cm", day: str | None = "2025-09-28", code: str = "8302-2", **more: Any) -> Resource:
    """A body height."""
    return observation(concept(LOINC, code), day, valueQuantity=quantity(value, unit), **more)


def mrd(day: str | None = "2025-09-20", text: str = "MRD by flow cytometry, bone marrow", **value: Any) -> Resource:
    """An MRD result under a local code; `value` is its valueQuantity, valueString …"""
    return observation(concept("http://lab.example.org", "MRD-1", text=text), day, **value)


def condition(
    system: str = SNOMED,
    code: str = "277571004",
    clinical: str | None = "active",
    verified: str | None = "confirmed",
    **more: Any,
) -> Resource:
    """A Condition; B-ALL, active and confirmed, unless told otherwise."""
    statuses = {
        name: concept(f"http://terminology.hl7.org/CodeSystem/{kind}", value)
        for name, kind, value in (
            ("clinicalStatus", "condition-clinical", clinical),
            ("verificationStatus", "condition-ver-status", verified),
        )
        if value
    }
    named = {"code": concept(system, code)} if code else {}
    return {"resourceType": "Condition", "id": f"co{next(_NUMBERS)}", "subject": SUBJECT, **named, **statuses, **more}


def condition_in_words(text: str, **more: Any) -> Resource:
    """An active, confirmed Condition without any code."""
    return {**condition(**more), "code": concept(text=text)}


def rate(value: str, unit: str = "ug/d") -> Resource:
    """A dosage instruction with a rate."""
    return {"doseAndRate": [{"rateQuantity": quantity(value, unit)}]}


def order(*dosages: Resource, id: str = "o1", drug: Resource | None = None, **more: Any) -> Resource:
    """A draft order for blinatumomab (RxNorm ingredient) of 2025-10-01."""
    medication = {"medicationCodeableConcept": drug or concept(RXNORM, "1597258")}
    if "medicationReference" in more:
        medication = {}
    dosage = {"dosageInstruction": list(dosages)} if dosages else {}
    head = {"resourceType": "MedicationRequest", "id": id, "status": "draft", "intent": "order", "subject": SUBJECT}
    return {**head, "authoredOn": "2025-10-01", **medication, **dosage, **more}


def medication_request(drug: Resource, status: str = "active", **more: Any) -> Resource:
    """Another drug on order."""
    return order(id=f"mr{next(_NUMBERS)}", drug=drug, **{"status": status, **more})


def answers(id: str = "qr1", *, authored: str = "2025-10-01", status: str = "completed", **given: Any) -> Resource:
    """A QuestionnaireResponse to the order questions; names with `_` for `-`."""
    items = [{"linkId": name.replace("_", "-"), "answer": [_answer(value)]} for name, value in given.items()]
    head = {"resourceType": "QuestionnaireResponse", "id": id, "status": status, "subject": SUBJECT}
    return {**head, "questionnaire": QUESTIONNAIRE, "authored": authored, "item": items}


def _answer(value: Any) -> Resource:
    if isinstance(value, dict):
        return value
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(value, int):
        return {"valueInteger": value}
    if isinstance(value, Decimal):
        return {"valueDecimal": value}
    if isinstance(value, date):
        return {"valueDate": value.isoformat()}
    return {"valueCoding": {"system": ANSWER_SYSTEM, "code": value}}


def bundle(*entries: Resource, **more: Any) -> Resource:
    """A searchset Bundle of these resources."""
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": entry} for entry in entries], **more}


def chart(*entries: Resource, drafts: tuple[Resource, ...] = (), prefetch: Mapping[str, Any] | None = None) -> Chart:
    """A chart of these resources under one key of the caller's own."""
    values = {"theirs": bundle(*entries), **(prefetch or {})}
    return read_chart(patient_id=PATIENT, prefetch=values, drafts=drafts)


def read(
    *entries: Resource,
    order_: Resource | None = None,
    drafts: tuple[Resource, ...] = (),
    asked: Mapping[str, Any] | None = None,
    course: Mapping[str, Any] | None = None,
    as_of: date | None = None,
    user_id: str | None = None,
    settings: Settings | None = None,
) -> Case:
    """The case of one order with these resources on file. `course` are answers that the order references."""
    placed = order_ or order(rate("28"))
    if course is not None:
        placed = {**placed, "supportingInformation": [{"reference": "QuestionnaireResponse/course"}]}
        entries = (*entries, answers("course", **course))
    everything = (placed, *drafts)
    read_from = chart(*entries, drafts=everything, prefetch=asked)
    cases = read_cases(
        read_from,
        everything,
        (0,),
        user_id=user_id,
        as_of=as_of,
        today=TODAY,
        value_sets=VALUE_SETS,
        settings=settings or Settings(),
        payers=PAYERS,
        questions=QUESTIONS,
    )
    assert len(cases) == 1, f"{len(cases)} cases"
    return cases[0]
