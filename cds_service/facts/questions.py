"""The order questions: what they are, what may be answered, and what each answer is worth for one order.

Course answers count only from a response that this order references; from any other they are shown, never used: last
cycle's answers must not steer this one. Of the rest the newest authored wins. Completed and amended responses count,
one in progress is evidence only. An answer coded in another system than ours is evidence with the problem named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from cds_service.facts.agreement import Told, agreed, only_evidence
from cds_service.facts.model import Evidence, Fact
from cds_service.facts.record import Record, newness, printed
from cds_service.fhir import reader
from cds_service.fhir.chart import Entry
from cds_service.fhir.reader import Json
from cds_service.order_questions import CODE_SYSTEM_ID, QUESTIONNAIRE_ID, Question, canonical

_SILENT: Fact[Any] = Fact()
_COUNTS = ("completed", "amended")
_NAMED = re.compile(r"\b(?:QuestionnaireResponse|Observation|Condition|DiagnosticReport)/")
"""What an order may point to that bears on what we judge: named where it is not in the call."""
_MOST_ITEMS = 500


@dataclass(frozen=True)
class Response:
    """One QuestionnaireResponse of ours: its answers by linkId, and what it may be used for."""

    reference: str
    authored: str | None
    answers: Mapping[str, tuple[Json, ...]]
    counts: bool
    referenced: bool
    doubt: str | None
    """Why its answers are evidence only; None where they count."""


@dataclass(frozen=True)
class Answers:
    """The answers that bear on one order."""

    responses: tuple[Response, ...]
    """Newest authored first."""
    code_system: str
    questions: Mapping[str, Question]
    unresolved: tuple[str, ...] = ()
    """References of the order to answers and results that are not in the call."""
    _facts: dict[str, Fact[Any]] = field(default_factory=dict)
    """Answers read already."""

    @cached_property
    def answered(self) -> frozenset[str]:
        """The questions that any response answers."""
        return frozenset(link_id for response in self.responses for link_id in response.answers)

    def fact(self, link_id: str) -> Fact[Any]:
        """The answer to one question as a fact."""
        if link_id not in self.answered:
            return _SILENT
        found = self._facts.get(link_id)
        if found is None:
            found = self._facts[link_id] = agreed(self.told(link_id), topic="the answers")
        return found

    @property
    def settled(self) -> frozenset[str]:
        """The questions whose answers are used for this order: nobody need be asked them again."""
        return frozenset(link_id for link_id in self.answered if self.fact(link_id).known)

    def told(self, link_id: str) -> tuple[Told[Any], ...]:
        """The answers to one question: those that count first, the others as evidence."""
        if link_id not in self.answered:
            return ()
        question = self.questions[link_id]
        used: list[Told[Any]] = []
        shown: list[Told[Any]] = []
        newest: tuple[object, ...] | None = None
        for response in self.responses:
            told = tuple(_told(question, response, answer, self.code_system) for answer in _given(response, link_id))
            usable = response.counts and (response.referenced or not question.course)
            age = newness(response.authored)
            if not told:
                continue
            if usable and newest in (None, age):
                newest = age
                used += told
            elif usable:
                shown += only_evidence(told, "an older answer: not used")
            else:
                shown += only_evidence(told, response.doubt or "answered for another order: not used")
        return (*used, *shown)

    def texts(self, link_id: str) -> tuple[str, ...]:
        """Every answer to a question that may be answered several times."""
        values = (told.value for told in self.told(link_id))
        return tuple(dict.fromkeys(value for value in values if isinstance(value, str)))


def read_answers(record: Record, order: Json) -> Answers:
    """The order questions answered for this order, from its own references and from the rest of the record."""
    base, asked = record.settings.canonical_base, record.questions.by_id
    ours = canonical(base, "Questionnaire", QUESTIONNAIRE_ID)
    referenced, unresolved = _referenced(record, order)
    found: dict[str, Response] = {}
    for entry in (*referenced, *record.chart.of("QuestionnaireResponse")):
        written = reader.text(entry.resource, "questionnaire") or ""
        if written.partition("|")[0] == ours and entry.reference not in found:
            found[entry.reference] = _response(entry, any(entry is other for other in referenced), asked)
    newest_first = sorted(found.values(), key=lambda response: newness(response.authored), reverse=True)
    return Answers(tuple(newest_first), canonical(base, "CodeSystem", CODE_SYSTEM_ID), asked, unresolved)


def _referenced(record: Record, order: Json) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """The responses this order names in supportingInformation, and the names that lead nowhere."""
    found, unresolved = [], []
    for written in reader.references(order, "supportingInformation"):
        entry = record.chart.find(written, order)
        if entry is not None and entry.type == "QuestionnaireResponse":
            found.append(entry)
        elif entry is None and (written.startswith("#") or _NAMED.search(written)):
            unresolved.append(reader.local(written) or written)
    return tuple(found), tuple(unresolved)


def _response(entry: Entry, referenced: bool, asked: Mapping[str, Question]) -> Response:
    """What a response may be used for. One contained in the order needs no subject: it belongs to the order."""
    status = reader.text(entry.resource, "status")
    owned = reader.reference(entry.resource, "subject") is not None or entry.reference.startswith("#")
    doubt = None
    if status not in _COUNTS:
        doubt = "the questions are not completed: not used"
    elif not owned:
        doubt = "the answers do not say about whom they are: not used"
    authored = reader.when(entry.resource, "authored")
    return Response(entry.reference, authored, _items(entry.resource, asked), doubt is None, referenced, doubt)


def _items(response: Json, asked: Mapping[str, Question]) -> dict[str, tuple[Json, ...]]:
    """Answers by linkId, whatever the nesting in groups and answers."""
    found: dict[str, list[Json]] = {}
    waiting = list(reader.objects(response, "item"))
    for _ in range(_MOST_ITEMS):
        if not waiting:
            break
        item = waiting.pop(0)
        given = reader.objects(item, "answer")
        link_id = reader.text(item, "linkId")
        if link_id is not None and link_id in asked and given:
            found.setdefault(link_id, []).extend(given)
        waiting += reader.objects(item, "item")
        waiting += [inner for answer in given for inner in reader.objects(answer, "item")]
    return {link_id: tuple(given) for link_id, given in found.items()}


def _given(response: Response, link_id: str) -> Iterable[Json]:
    return response.answers.get(link_id, ())


def _told(question: Question, response: Response, answer: Json, code_system: str) -> Told[Any]:
    value, problem = _value(question, answer, code_system)
    evidence = Evidence(response.reference, question.what, _shown(question, value), printed(response.authored))
    return Told(value, evidence, problem)


def _value(question: Question, answer: Json, code_system: str) -> tuple[Any, str | None]:
    """The value of one answer, or None and why it is not used."""
    odd = "answered in a form that the question does not have"
    if question.kind == "coding":
        coding = reader.first(answer, "valueCoding")
        if reader.text(coding, "system") not in (None, code_system):
            return None, "answered with a code of another system"
        code = reader.text(coding, "code")
        return (code, None) if code in question.choices else (None, odd)
    if question.kind == "boolean":
        value = answer.get("valueBoolean")
        return (value, None) if isinstance(value, bool) else (None, odd)
    if question.kind == "date":
        written = reader.when(answer, "valueDate", "valueDateTime")
        return (reader.partial(written), None) if written else (None, odd)
    if question.kind == "string":
        value = reader.text(answer, "valueString")
        return (value, None) if value else (None, odd)
    return _number(question, answer, odd)


def _number(question: Question, answer: Json, odd: str) -> tuple[Decimal | int | None, str | None]:
    value = reader.number(answer.get("valueInteger"))
    if value is None:
        value = reader.number(answer.get("valueDecimal"))
    if value is None or (question.kind == "integer" and value != int(value)):
        return None, odd
    if not question.lowest <= value <= question.highest:
        return None, f"answered with a number outside {question.lowest} to {question.highest}"
    return (int(value) if question.kind == "integer" else value), None


def _shown(question: Question, value: object) -> str | None:
    """An answer in words."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        value = reader.plain(value)
    words = question.choices.get(value, value) if isinstance(value, str) and question.choices else value
    return f"{words} {question.unit}".strip()
