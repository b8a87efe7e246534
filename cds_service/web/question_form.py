"""What was filled in on the form of order questions: read, checked, and told as a QuestionnaireResponse. No Flask here.

Nothing is kept, and nothing but the answers goes into the response: whom they concern is for the order to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from cds_service.order_questions import (
    CODE_SYSTEM_ID,
    QUESTIONNAIRE_ID,
    OrderQuestions,
    Question,
    canonical,
)

Json = dict[str, Any]
RESPONSE_ID = "order-questions"
"""The id of the response: the order that contains it refers to `#order-questions`."""
_INTEGER = re.compile(r"-?[0-9]{1,6}")
_DECIMAL = re.compile(r"-?[0-9]{1,6}(?:\.[0-9]{1,8})?")
_YES_NO = {"true": True, "false": False}
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_MOST_LINES, _LONGEST_LINE = 10, 200


class _WrongError(ValueError):
    """Why an answer cannot be taken, in words for who gave it."""


@dataclass(frozen=True)
class Filled:
    """The form as it came: the questions that stand on it, and what was put in."""

    questions: OrderQuestions
    named: tuple[str, ...]
    """The linkIds that the link asks for."""
    given: Mapping[str, str]
    today: date

    @cached_property
    def asked(self) -> tuple[Question, ...]:
        """The questions on the form: those named, and those that decide whether a named one is asked at all."""
        return self.questions.with_gates(self.named)

    @cached_property
    def _read(self) -> tuple[dict[str, list[Json]], dict[str, str]]:
        answers: dict[str, list[Json]] = {}
        wrong: dict[str, str] = {}
        for question in self.asked:
            try:
                found = self._answers(question)
            except _WrongError as mistake:
                wrong[question.id] = str(mistake)
                continue
            if found and not self.enabled(question, answers):
                wrong[question.id] = "This is asked only after another answer: clear it, or change that answer."
            elif found:
                answers[question.id] = found
        return answers, wrong

    @property
    def answers(self) -> Mapping[str, list[Json]]:
        """linkId -> the answers, as FHIR has them."""
        return self._read[0]

    @property
    def wrong(self) -> Mapping[str, str]:
        """linkId -> what is wrong with what was put in."""
        return self._read[1]

    @property
    def left(self) -> tuple[Question, ...]:
        """The questions of the link that could be answered and are not."""
        return tuple(
            question
            for question in self.asked
            if question.id in self.named and question.id not in self.answers and self.enabled(question, self.answers)
        )

    def enabled(self, question: Question, answers: Mapping[str, list[Json]]) -> bool:
        """Do the answers so far let this question be asked?"""
        gate = question.when
        if gate is None:
            return True
        codes = [answer.get("valueCoding", {}).get("code") for answer in answers.get(gate.question, ())]
        return any(code in gate.among for code in codes) if gate.among else bool(codes)

    def response(self, base: str, authored: datetime) -> Json:
        """The QuestionnaireResponse: the answers that are there and no others. `base` as the setting has it."""
        ours = canonical(base, "Questionnaire", QUESTIONNAIRE_ID)
        codes = canonical(base, "CodeSystem", CODE_SYSTEM_ID)
        return {
            "resourceType": "QuestionnaireResponse",
            "id": RESPONSE_ID,
            "questionnaire": f"{ours}|{self.questions.version}",
            "status": "completed",
            "authored": authored.isoformat(timespec="seconds"),
            "item": [
                {"linkId": question.id, "text": question.asks, "answer": [_in_system(one, codes) for one in found]}
                for question in self.asked
                if (found := self.answers.get(question.id))
            ],
        }

    def said(self, question: Question) -> str:
        """The answer to one question in words."""
        found = []
        for answer in self.answers.get(question.id, ()):
            ((_, value),) = answer.items()
            if isinstance(value, dict):
                found.append(value["display"])
            elif isinstance(value, bool):
                found.append("yes" if value else "no")
            else:
                found.append(f"{value} {question.unit}".strip())
        return "; ".join(found)

    def _answers(self, question: Question) -> list[Json]:
        written = self.given.get(question.id, "").strip()
        if not written:
            return []
        if question.kind == "string":
            return _lines(written)
        return [self._answer(question, written)]

    def _answer(self, question: Question, written: str) -> Json:
        if question.kind == "coding":
            if written not in question.choices:
                raise _WrongError("Choose one of the answers.")
            return {"valueCoding": {"code": written, "display": question.choices[written]}}
        if question.kind == "boolean":
            if written not in _YES_NO:
                raise _WrongError("Choose yes or no.")
            return {"valueBoolean": _YES_NO[written]}
        if question.kind == "date":
            return {"valueDate": self._date(question, written)}
        return _number(question, written)

    def _date(self, question: Question, written: str) -> str:
        try:
            day = date.fromisoformat(written)
        except ValueError:
            raise _WrongError("Give the date as year-month-day, like 2025-09-20.") from None
        if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
            raise _WrongError("Check the year.")
        if question.past and day > self.today:
            raise _WrongError("This day is in the future.")
        return day.isoformat()


def _number(question: Question, written: str) -> Json:
    whole = question.kind == "integer"
    if not (_INTEGER if whole else _DECIMAL).fullmatch(written):
        raise _WrongError("Give a whole number." if whole else "Give a number, with a point for decimals, like 0.05.")
    value = Decimal(written)
    if not question.lowest <= value <= question.highest:
        unit = f" {question.unit}" if question.unit else ""
        raise _WrongError(f"Give a number from {question.lowest} to {question.highest}{unit}.")
    return {"valueInteger": int(value)} if whole else {"valueDecimal": value}


def _lines(written: str) -> list[Json]:
    lines = [line.strip() for line in written.splitlines() if line.strip()]
    if len(lines) > _MOST_LINES or any(len(line) > _LONGEST_LINE for line in lines):
        raise _WrongError(f"At most {_MOST_LINES} lines of {_LONGEST_LINE} characters.")
    return [{"valueString": line} for line in lines]


def _in_system(answer: Json, system: str) -> Json:
    """An answer with our code system, where it is a code."""
    return {"valueCoding": {"system": system, **answer["valueCoding"]}} if "valueCoding" in answer else answer
