"""The loader of the order questions. A mistake names the file, the question and what is wrong.

Knows the shape of `questions/<drug>.toml` and nothing of patients.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from importlib.resources.abc import Traversable
from typing import Any

from cds_service.errors import KnowledgeError
from cds_service.knowledge.tables import build, read_toml
from cds_service.order_questions import KINDS, Choice, OrderQuestions, Question

_TOP = ("version", "published", "title", "question", "codes")
_NUMBERS = ("integer", "decimal")


def load_questions(file: Traversable, *, paragraphs: Collection[str]) -> OrderQuestions:
    """Read and check the questions. `paragraphs` are those of every policy on file. Raises KnowledgeError."""
    table = read_toml(file)
    for key in _TOP:
        if key not in table:
            raise KnowledgeError(file.name, "", f"'{key}' is missing")
    for key in table:
        if key not in _TOP:
            raise KnowledgeError(file.name, "", f"unknown key '{key}'; known: {', '.join(_TOP)}")
    codes = tuple(_choice(code, said, file.name) for code, said in table["codes"].items())
    words = {choice.code: choice.says for choice in codes}
    questions = tuple(_question(row, words, file.name) for row in table["question"])
    published, title = table["published"], str(table["title"])
    if not isinstance(published, date):
        raise KnowledgeError(file.name, "published", "expected a date")
    found = OrderQuestions(str(table["version"]), published.isoformat(), title, questions, codes)
    for place, mistake in _mistakes(found, paragraphs):
        raise KnowledgeError(file.name, place, mistake)
    return found


def _choice(code: str, said: object, file: str) -> Choice:
    if not isinstance(said, dict):
        raise KnowledgeError(file, f"codes.{code}", "expected a table with 'says' and 'means'")
    return build(Choice, {"code": code, **said}, file=file, place=f"codes.{code}")


def _question(row: Mapping[str, Any], words: Mapping[str, str], file: str) -> Question:
    """One question; its choices become code -> words."""
    place = f"question[{row.get('id', '?')}]"
    for code in row.get("choices", ()):
        if code not in words:
            raise KnowledgeError(file, f"{place}.choices", f"'{code}' is not under [codes]")
    choices = {code: words[code] for code in row.get("choices", ())}
    return build(Question, {**row, "choices": choices}, file=file, place=place)


def _mistakes(found: OrderQuestions, paragraphs: Collection[str]) -> Iterator[tuple[str, str]]:
    """(place, what is wrong) for everything that the shape alone does not tell."""
    before: dict[str, Question] = {}
    for question in found.questions:
        place = f"question[{question.id}]"
        if question.id in before:
            yield place, "is there twice"
        yield from ((place, mistake) for mistake in _own_mistakes(question))
        yield from ((f"{place}.when", mistake) for mistake in _gate_mistakes(question, before))
        for name in question.settles:
            if not any(known == name or known.startswith(f"{name}.") for known in paragraphs):
                yield f"{place}.settles", f"'{name}' is no paragraph of a policy on file"
        before[question.id] = question
    chosen = {code for question in found.questions for code in question.choices}
    yield from ((f"codes.{choice.code}", "answers no question") for choice in found.codes if choice.code not in chosen)


def _own_mistakes(question: Question) -> Iterator[str]:
    if question.kind not in KINDS:
        yield f"kind '{question.kind}' is none of {', '.join(KINDS)}"
    if (question.kind == "coding") != bool(question.choices):
        yield "a coding has choices, and nothing else has"
    if question.lowest > question.highest:
        yield f"lowest {question.lowest} is above highest {question.highest}"
    if (question.lowest, question.highest) != (0, 100_000) and question.kind not in _NUMBERS:
        yield "only a number has a lowest and a highest"
    if bool(question.unit) != bool(question.ucum) or (question.unit and question.kind not in _NUMBERS):
        yield "a unit belongs to a number, in words and in UCUM"
    if question.past and question.kind != "date":
        yield "only a date can lie in the past"
    if not (question.settles or question.label) and question.kind != "string":
        yield "settles nothing: why is it asked?"


def _gate_mistakes(question: Question, before: Mapping[str, Question]) -> Iterator[str]:
    gate = question.when
    if gate is None:
        return
    if gate.question not in before:
        yield f"'{gate.question}' is no earlier question"
        return
    for code in gate.among:
        if code not in before[gate.question].choices:
            yield f"'{code}' does not answer '{gate.question}'"
