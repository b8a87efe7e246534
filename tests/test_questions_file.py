"""The file of order questions: what the input contract lists; what is read is what is asked; mistakes are named."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields
from importlib import resources
from pathlib import Path

import pytest

from cds_service.errors import KnowledgeError
from cds_service.facts.model import Course
from cds_service.knowledge.library import Knowledge
from cds_service.knowledge.questions import load_questions

ROOT = Path(__file__).parents[1]
FILE = resources.files("cds_service.knowledge") / "questions" / "blinatumomab.toml"
PARAGRAPHS = ("I.A.1", "I.A.2", "I.A.4.a", "II.A.2")
TESTED = "positive negative not-tested"
TOXICITY = "crs neurotoxicity other-toxicity"
CONTRACT = {
    # linkId: (kind, counts from the order's own response only, codes)
    "request-type": ("coding", True, "initial continuation"),
    "disease-status": (
        "coding",
        True,
        "newly-diagnosed remission-1 remission-2 remission-3-or-later relapsed refractory",
    ),
    "treatment-phase": (
        "coding",
        True,
        "induction consolidation post-consolidation maintenance relapsed-refractory",
    ),
    "regimen": (
        "coding",
        True,
        "single-agent with-tki with-tki-and-multiagent alternating-multiagent alternating-pomp combination-multiagent "
        "combination-interfant combination-other",
    ),
    "regimen-partners": ("string", True, ""),
    "cycle": ("integer", True, ""),
    "day": ("integer", True, ""),
    "treatment-setting": ("coding", True, "adult pediatric"),
    "dose-increase": ("boolean", True, ""),
    "infusion-bag": (
        "coding",
        True,
        "24h-preservative-free 48h-preservative-free 72h-preserved 96h-preserved 7d-preserved",
    ),
    "response": ("coding", True, "responding not-responding not-yet-assessed"),
    "restart-interruption-hours": ("decimal", True, ""),
    "restart-reason": ("coding", True, f"administrative {TOXICITY}"),
    "toxicity-grade": ("integer", True, ""),
    "toxicity-scale": ("coding", True, "ctcae astct"),
    "toxicity-grade-now": ("integer", True, ""),
    "toxicity-days-to-resolve": ("integer", True, ""),
    "toxicity-days-at-grade-1-or-less": ("integer", True, ""),
    "toxicity-at-step-dose": ("boolean", True, ""),
    "seizures": ("coding", True, "none one more-than-one"),
    "specialist-consulted": ("boolean", True, ""),
    "supporting-literature": ("boolean", True, ""),
    "first-dose-date": ("date", False, ""),
    "current-use-documented": ("boolean", True, ""),
    "paid-by-this-plan": ("boolean", True, ""),
    "mrd-availability": ("coding", False, "available unavailable"),
    "mrd-result": ("decimal", False, ""),
    "mrd-date": ("date", False, ""),
    "mrd-specimen": ("coding", False, "marrow blood"),
    "lineage": ("coding", False, "b t mixed"),
    "cd19-blasts": ("coding", False, "positive partial-or-dim negative not-tested"),
    "cd19-date": ("date", False, ""),
    "bcr-abl1": ("coding", False, TESTED),
    "bcr-abl1-like": ("coding", False, TESTED),
    "kmt2a": ("coding", False, TESTED),
    "diagnosis-date": ("date", False, ""),
    "prior-cd19-therapy": ("coding", False, "none blinatumomab car-t other"),
    "childbearing-potential": ("boolean", False, ""),
}


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_the_questions_are_those_of_the_contract(knowledge: Knowledge) -> None:
    found = {
        question.id: (question.kind, question.course, " ".join(question.choices))
        for question in knowledge.questions.questions
    }
    assert found == CONTRACT


def _read_link_ids() -> Iterator[str]:
    """The linkIds that the fact readers look up by name, and those of the fields of the course."""
    for path in (ROOT / "cds_service/facts").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("fact", "told", "texts")
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                yield node.args[0].value
    yield from (item.name.replace("_", "-") for item in fields(Course))


def test_whatever_is_read_is_asked_and_whatever_is_asked_is_read(knowledge: Knowledge) -> None:
    assert set(_read_link_ids()) == set(knowledge.questions.by_id)


def _asked_by_judgement() -> set[str]:
    """Every linkId that judgement names as what would settle a finding, as it is written in the code."""
    known = set(CONTRACT)
    return {
        node.value
        for path in (ROOT / "cds_service/assess").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in known
    }


def test_only_what_refines_another_answer_is_never_named_by_a_finding() -> None:
    assert set(CONTRACT) - _asked_by_judgement() == {
        *("regimen-partners", "prior-cd19-therapy"),  # evidence beside another answer
        *("paid-by-this-plan", "current-use-documented", "dose-increase"),  # named by the policy file
    }


def test_every_question_reads_as_a_question_and_says_what_it_settles(knowledge: Knowledge) -> None:
    for question in knowledge.questions.questions:
        assert question.asks.endswith("?"), question.id
        assert question.settles or question.label or question.id == "regimen-partners", question.id


# --- mistakes are named -----------------------------------------------------------------------------------------------

GOOD = """
version = "1"
published = 2026-01-01
title = "Questions"

[[question]]
id = "first"
kind = "coding"
what = "First"
asks = "First?"
choices = ["yes"]
settles = ["I.A.1"]

[[question]]
id = "second"
kind = "integer"
what = "Second"
asks = "Second?"
label = "the dose"
when = { question = "first", among = ["yes"] }

[codes]
yes = { says = "yes", means = "Yes." }
"""
MISTAKES = [
    ('version = "1"\n', "", "'version' is missing"),
    ("published = 2026-01-01", 'published = "soon"', "expected a date"),
    ('title = "Questions"', 'title = "Questions"\nextra = 1', "unknown key 'extra'"),
    ('id = "second"', 'id = "first"', "is there twice"),
    ('kind = "integer"', 'kind = "number"', "kind 'number' is none of"),
    ('kind = "integer"', 'kind = "coding"', "a coding has choices"),
    ('kind = "integer"', 'kind = "integer"\nlowest = 5\nhighest = 4', "lowest 5 is above highest 4"),
    ('kind = "integer"', 'kind = "boolean"\nhighest = 4', "only a number has a lowest"),
    ('kind = "integer"', 'kind = "integer"\nunit = "h"', "in words and in UCUM"),
    ('kind = "integer"', 'kind = "integer"\npast = true', "only a date"),
    ('kind = "integer"', 'kind = "integer"\ncolour = "red"', "unknown key 'colour'"),
    ('label = "the dose"\n', "", "settles nothing"),
    ('settles = ["I.A.1"]', 'settles = ["I.A.9"]', "'I.A.9' is no paragraph"),
    ('choices = ["yes"]', 'choices = ["perhaps"]', "'perhaps' is not under [codes]"),
    ('among = ["yes"]', 'among = ["no"]', "'no' does not answer 'first'"),
    ('question = "first"', 'question = "second"', "'second' is no earlier question"),
    ("yes = {", 'no = { says = "no", means = "No." }\nyes = {', "answers no question"),
    ('means = "Yes."', 'mean = "Yes."', "unknown key 'mean'"),
    ('asks = "Second?"\n', "", "'asks' is missing"),
]


def test_the_small_file_is_in_order(tmp_path: Path) -> None:
    (tmp_path / "q.toml").write_text(GOOD)
    assert [question.id for question in load_questions(tmp_path / "q.toml", paragraphs=PARAGRAPHS).questions] == [
        "first",
        "second",
    ]


@pytest.mark.parametrize(("good", "bad", "says"), MISTAKES, ids=[says for *_, says in MISTAKES])
def test_a_mistake_names_the_file_the_place_and_what_is_wrong(tmp_path: Path, good: str, bad: str, says: str) -> None:
    assert good in GOOD
    (tmp_path / "q.toml").write_text(GOOD.replace(good, bad, 1))
    with pytest.raises(KnowledgeError) as caught:
        load_questions(tmp_path / "q.toml", paragraphs=PARAGRAPHS)
    assert says in str(caught.value)
    assert "q.toml" in str(caught.value)


# --- gates ------------------------------------------------------------------------------------------------------------


def test_a_question_brings_the_questions_that_decide_whether_it_is_asked(knowledge: Knowledge) -> None:
    found = knowledge.questions.with_gates(["mrd-result", "seizures", "unheard-of"])
    assert [question.id for question in found] == ["restart-reason", "seizures", "mrd-availability", "mrd-result"]
