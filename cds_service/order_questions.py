"""The order questions as every room meets them: what may be answered, when each is asked, what it settles. A leaf.

Loaded by `knowledge.questions`, read by `facts`, asked by `present` and `web`: one table, so that nothing is read that
is not asked, and nothing asked that is not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

QUESTIONNAIRE_ID = "blinatumomab-order-questions"
CODE_SYSTEM_ID = "order-answers"
KINDS = ("coding", "boolean", "integer", "decimal", "date", "string")


@dataclass(frozen=True, slots=True)
class Choice:
    """One code of ours that answers questions; it means the same wherever it may be chosen."""

    code: str
    says: str
    """A few words, as on cards."""
    means: str
    """What it stands for, in a sentence."""


@dataclass(frozen=True, slots=True)
class When:
    """A question is asked only after this answer to an earlier one."""

    question: str
    among: tuple[str, ...] = ()
    """The codes that count; none named: any answer."""


@dataclass(frozen=True)
class Question:
    """One question: what it asks in plain words, what may be answered, when it is asked, and what it settles."""

    id: str
    """The linkId."""
    kind: str
    """coding, boolean, integer, decimal, date or string"""
    what: str
    """Names it on a card, in a few words."""
    asks: str
    """The whole question."""
    settles: tuple[str, ...] = ()
    """Paragraphs of the payer's policy."""
    label: str = ""
    """What of the label it settles, in words."""
    hint: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    """Code -> a few words."""
    course: bool = False
    """An answer counts only from a response that the order references."""
    when: When | None = None
    lowest: int = 0
    highest: int = 100_000
    unit: str = ""
    ucum: str = ""
    repeats: bool = False
    past: bool = False
    """A date that cannot lie in the future."""

    @property
    def link_id(self) -> str:
        """The linkId."""
        return self.id


@dataclass(frozen=True)
class OrderQuestions:
    """The questionnaire: its version, every question in the order of asking, and the codes they share."""

    version: str
    published: str
    """The day of this version, as ISO writes it."""
    title: str
    questions: tuple[Question, ...]
    codes: tuple[Choice, ...]

    @cached_property
    def by_id(self) -> Mapping[str, Question]:
        """linkId -> question."""
        return {question.id: question for question in self.questions}

    @cached_property
    def _place(self) -> Mapping[str, int]:
        """linkId -> its place in the order of asking."""
        return {question.id: place for place, question in enumerate(self.questions)}

    @cached_property
    def meaning(self) -> Mapping[str, Choice]:
        """Code -> what it stands for."""
        return {choice.code: choice for choice in self.codes}

    def chosen(self, link_ids: Iterable[str]) -> tuple[Question, ...]:
        """These questions in the order of asking, each once; ids that are none of ours are passed over."""
        wanted = {link_id for link_id in link_ids if link_id in self.by_id}
        return tuple(self.by_id[link_id] for link_id in sorted(wanted, key=self._place.__getitem__))

    def with_gates(self, link_ids: Iterable[str]) -> tuple[Question, ...]:
        """These questions and those whose answers decide whether they are asked at all."""
        wanted, waiting = set(), [link_id for link_id in link_ids if link_id in self.by_id]
        while waiting:
            link_id = waiting.pop()
            wanted.add(link_id)
            gate = self.by_id[link_id].when
            if gate and gate.question not in wanted:
                waiting.append(gate.question)
        return self.chosen(wanted)


def canonical(base: str, kind: str, resource_id: str) -> str:
    """The canonical URL of one of our resources: canonical(base, 'Questionnaire', QUESTIONNAIRE_ID)."""
    return f"{base.rstrip('/')}/{kind}/{resource_id}"
