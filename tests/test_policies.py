"""The policy files themselves: editions by date, every paragraph accounted for, and a museum of mistakes."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest

from cds_service.assess.criteria import PARAMETERS
from cds_service.errors import KnowledgeError
from cds_service.knowledge.library import Knowledge
from cds_service.knowledge.policy import load_policy

FIRST, SECOND = date(2025, 2, 20), date(2025, 9, 5)
ORIGINAL = Path(__file__).parents[1] / "cds_service/knowledge/policies/lhcc/blinatumomab"
BOTH = [
    "I.A.1",
    "I.A.2",
    "I.A.3",
    "I.A.4",
    "I.A.4.a",
    "I.A.4.b",
    "I.A.4.b.i",
    "I.A.4.b.i.ind",
    "I.A.4.b.i.con",
    "I.A.4.b.i.rr",
    "I.A.4.b.ii",
    "I.A.4.b.ii.rr",
    "I.A.4.b.ii.con",
    "I.A.4.c",
    "I.A.4.c.i",
    "I.A.4.c.i.s",
    "I.A.4.c.i.a",
    "I.A.4.c.ii",
    "I.A.4.c.iii",
    "I.A.4.d",
    "I.A.4.e",
    "I.A.5",
    "I.A.5.a",
    "I.A.5.b",
    "I.A.5.fn",
    "I.A.dur",
    "I.B.1",
    "I.B.2",
    "II.A.1",
    "II.A.1.x",
    "II.A.1.y",
    "II.A.2",
    "II.A.3",
    "II.A.3.a",
    "II.A.3.b",
    "II.A.3.fn",
    "II.A.dur",
    "II.B.1",
    "II.B.2",
    "III.A",
    "GEN.doc",
    "IV.C",
    "V",
    "VI",
    "COD",
]


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (FIRST - timedelta(days=1), []),
        (FIRST, [FIRST]),
        (SECOND - timedelta(days=1), [FIRST]),
        (SECOND, [SECOND, FIRST]),
        (date(2027, 1, 1), [SECOND, FIRST]),
    ],
)
def test_an_edition_is_current_from_its_review_date(knowledge: Knowledge, on: date, expected: list[date]) -> None:
    assert [policy.version for policy in knowledge.editions("lhcc", "blinatumomab", on)] == expected


def test_on_every_day_exactly_one_edition_is_current_once_there_is_one(knowledge: Knowledge) -> None:
    for days in range(0, 900, 7):
        on = date(2024, 12, 1) + timedelta(days=days)
        editions = knowledge.editions("lhcc", "blinatumomab", on)
        assert len(editions) == (0 if on < FIRST else 1 if on < SECOND else 2)
        assert [policy.version for policy in editions] == sorted((p.version for p in editions), reverse=True)


@pytest.mark.parametrize(
    ("version", "paragraphs"),
    [(FIRST, [*BOTH, "I.A.4.c.iv", "I.A.4.e.i", "I.A.4.e.ii"]), (SECOND, [*BOTH, "I.A.4.c.i.k"])],
)
def test_every_paragraph_of_the_document_is_accounted_for(
    knowledge: Knowledge, version: date, paragraphs: list[str]
) -> None:
    policy = next(policy for policy in knowledge.policies if policy.version == version)

    assert sorted(paragraph.id for paragraph in policy.paragraph) == sorted(paragraphs)
    assert all(p.not_computed or p.conditions or p.parts for p in policy.paragraph)


def test_the_newer_edition_says_that_its_approval_is_not_shown(knowledge: Knowledge) -> None:
    earlier, newer = knowledge.policies

    assert earlier.approval_date == date(2025, 5, 19)
    assert newer.approval_date is None
    assert "not shown" in newer.banner


def test_both_contested_clauses_carry_two_readings_and_a_question(knowledge: Knowledge) -> None:
    contested = knowledge.policies[-1].contested

    assert [item.criterion for item in contested] == ["I.A.4.b.i", "I.A.4.b.ii"]
    assert all(len(item.reading) == 2 and item.question.endswith("?") for item in contested)


def test_every_discrepancy_of_the_sources_is_dealt_with_once(knowledge: Knowledge) -> None:
    found = [d.item for source in (*knowledge.policies, *knowledge.labels) for d in source.discrepancies]

    assert sorted(found, key=lambda item: int(item[1:])) == [f"D{number}" for number in range(1, 41)]


def _mistakes() -> list[dict[str, str]]:
    table = tomllib.loads((Path(__file__).parent / "policy_mistakes/mistakes.toml").read_text(encoding="utf-8"))
    return list(table["mistake"])


@pytest.mark.parametrize("mistake", _mistakes(), ids=lambda mistake: str(mistake["name"]))
def test_a_mistake_in_a_policy_file_is_named_with_its_place(mistake: dict[str, str], tmp_path: Path) -> None:
    text = (ORIGINAL / "2025-09-05.toml").read_text(encoding="utf-8")
    assert mistake["replace"] in text, "the mistake has to change something"
    file = tmp_path / mistake.get("file", "2025-09-05.toml")
    file.write_text(text.replace(mistake["replace"], mistake["with"], 1), encoding="utf-8")

    with pytest.raises(KnowledgeError) as raised:
        load_policy(file, kinds=PARAMETERS)

    for word in (file.name, mistake["place"], mistake["says"]):
        assert word in str(raised.value)
