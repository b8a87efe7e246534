"""The order questions as FHIR R4: one Questionnaire, the CodeSystem of its answers, a ValueSet for each coded question.

Made once, at start-up, from the same table that the answers are read by. Tests hold them against fhir.resources.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cds_service.order_questions import CODE_SYSTEM_ID, QUESTIONNAIRE_ID, OrderQuestions, Question, canonical

Json = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
_UNIT = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"
_LIMITS = (
    ("http://hl7.org/fhir/StructureDefinition/minValue", "lowest"),
    ("http://hl7.org/fhir/StructureDefinition/maxValue", "highest"),
)
_TYPES = {"coding": "choice"}
"""Kind -> type of a Questionnaire item, where they differ."""


def value_set_id(question: Question) -> str:
    """The id of the ValueSet that answers a coded question."""
    return f"{CODE_SYSTEM_ID}-{question.id}"


def question_resources(questions: OrderQuestions, base: str) -> dict[tuple[str, str], Json]:
    """(type, id) -> resource, for everything of ours that is served under `base` (the setting `canonical_base`)."""
    coded = [question for question in questions.questions if question.choices]
    made = [_questionnaire(questions, base), _code_system(questions, base)]
    made += [_value_set(question, questions, base) for question in coded]
    return {(resource["resourceType"], resource["id"]): resource for resource in made}


def _head(questions: OrderQuestions, base: str, kind: str, resource_id: str) -> Json:
    return {
        "resourceType": kind,
        "id": resource_id,
        "url": canonical(base, kind, resource_id),
        "version": questions.version,
        "name": "".join(part.capitalize() for part in resource_id.split("-")),
        "status": "active",
        "experimental": False,
        "date": questions.published,
        "publisher": "blinatumomab-cds",
    }


def _questionnaire(questions: OrderQuestions, base: str) -> Json:
    return {
        **_head(questions, base, "Questionnaire", QUESTIONNAIRE_ID),
        "title": questions.title,
        "description": "What an order for blinatumomab means and FHIR has no field for. Unanswered is unknown.",
        "subjectType": ["Patient"],
        "item": [_item(question, questions, base) for question in questions.questions],
    }


def _item(question: Question, questions: OrderQuestions, base: str) -> Json:
    item: Json = {
        "extension": list(_extensions(question)),
        "linkId": question.id,
        "text": f"{question.asks} {question.hint}".strip(),
        "type": _TYPES.get(question.kind, question.kind),
        "enableWhen": list(_enabled(question, questions, base)),
        "enableBehavior": "any" if question.when and len(question.when.among) > 1 else None,
        "required": False,
        "repeats": question.repeats,
        "answerValueSet": canonical(base, "ValueSet", value_set_id(question)) if question.choices else None,
    }
    return {name: value for name, value in item.items() if value not in (None, [])}


def _extensions(question: Question) -> Iterator[Json]:
    """Unit and limits of a number."""
    if question.unit:
        yield {"url": _UNIT, "valueCoding": {"system": UCUM, "code": question.ucum, "display": question.unit}}
    if question.kind in ("integer", "decimal"):
        member = "valueInteger" if question.kind == "integer" else "valueDecimal"
        yield from ({"url": url, member: getattr(question, name)} for url, name in _LIMITS)


def _enabled(question: Question, questions: OrderQuestions, base: str) -> Iterator[Json]:
    gate = question.when
    if gate is None:
        return
    if not gate.among:
        yield {"question": gate.question, "operator": "exists", "answerBoolean": True}
    for code in gate.among:
        yield {"question": gate.question, "operator": "=", "answerCoding": coding(code, questions, base)}


def coding(code: str, questions: OrderQuestions, base: str) -> Json:
    """A code of ours as a Coding."""
    says = questions.meaning[code].says
    return {"system": canonical(base, "CodeSystem", CODE_SYSTEM_ID), "code": code, "display": says}


def _code_system(questions: OrderQuestions, base: str) -> Json:
    concepts = [{"code": item.code, "display": item.says, "definition": item.means} for item in questions.codes]
    return {
        **_head(questions, base, "CodeSystem", CODE_SYSTEM_ID),
        "title": "Answers to the blinatumomab order questions",
        "caseSensitive": True,
        "content": "complete",
        "count": len(concepts),
        "concept": concepts,
    }


def _value_set(question: Question, questions: OrderQuestions, base: str) -> Json:
    codings = [coding(code, questions, base) for code in question.choices]
    system = canonical(base, "CodeSystem", CODE_SYSTEM_ID)
    concepts = [{"code": item["code"], "display": item["display"]} for item in codings]
    return {
        **_head(questions, base, "ValueSet", value_set_id(question)),
        "title": f"Answers to: {question.asks}",
        "compose": {"include": [{"system": system, "version": questions.version, "concept": concepts}]},
        "expansion": {"timestamp": questions.published, "total": len(codings), "contains": codings},
    }
