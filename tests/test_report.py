"""The report: counted from scenes one can check by hand, printed three ways, and read over a real database."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cds_service.__main__ import main
from cds_service.commands.report_counts import Names, count
from cds_service.commands.report_page import page
from cds_service.commands.report_text import text
from cds_service.commands.report_words import rate
from cds_service.store import Decision, FeedbackEntry, Store
from tests.store_builders import REASONS, decided, said, shown, suggestion

NAMES = Names(
    topics={"dose": "Dose", "coverage": "Payer coverage"},
    criteria={("LA.PHAR.312", "2025-09-05", "I.A.1"): "B-ALL"},
    reasons={(REASONS, "need-more-info"): "More information needed"},
    other_reason="a reason of its own",
)
PERIOD = {"since": None, "until": None, "made": "2025-10-02T00:00:00+00:00", "version": "0"}


def policy(unknown: dict[str, Any] | None = None, *, version: str = "2025-09-05", **criteria: str) -> dict[str, Any]:
    """A policy as decisions hold it; every criterion is of the top level."""
    statuses = {name.replace("_", "."): status for name, status in criteria.items()}
    return {
        "id": "LA.PHAR.312",
        "version": version,
        "role": "current",
        "overall": "criteria_met" if set(statuses.values()) == {"met"} else "insufficient_information",
        "criteria": statuses,
        "top": list(statuses),
        "unknown": unknown or {},
    }


def order(*policies: dict[str, Any], verdict: str = "matches_label", safety: dict[str, str] | None = None) -> Any:
    return {"policies": policies, "dose": {"verdict": verdict, "issues": []}, "safety": safety or {}}


def counted(decisions: list[Decision], feedback: list[FeedbackEntry] = []) -> dict[str, Any]:  # noqa: B006 - only read
    cards = {card.uuid for decision in decisions for card in decision.cards}
    return count(decisions, [(entry, entry.card in cards) for entry in feedback], NAMES)


def fates(found: dict[str, Any], topic: str = "dose") -> tuple[int, int, int, int]:
    (card,) = [card for card in found["cards"] if card["topic"] == topic]
    return card["shown"], card["accepted"], card["overridden"], card["no_feedback"]


# --- counted -------------------------------------------------------------------------------------------------

ONE = [decided("d-1", shown("c", suggestions=(suggestion("s-1"), suggestion("s-2"))))]
SCENES = {
    "nobody said anything": ([], (1, 0, 0, 1)),
    "accepted": ([said("c", True, suggestions=("s-1",))], (1, 1, 0, 0)),
    "overridden": ([said("c")], (1, 0, 1, 0)),
    "overridden twice, with a better reason": ([said("c"), said("c", minutes=2, reason_code="x")], (1, 0, 1, 0)),
    "accepted, the rest set aside": ([said("c", True), said("c", minutes=2)], (1, 1, 0, 0)),
    "set aside, then accepted": ([said("c"), said("c", True, minutes=2)], (1, 1, 0, 0)),
    "about another card": ([said("other")], (1, 0, 0, 1)),
}


@pytest.mark.parametrize("scene", SCENES)
def test_a_card_is_accepted_overridden_or_neither(scene: str) -> None:
    feedback, expected = SCENES[scene]
    assert fates(counted(ONE, feedback)) == expected


def test_a_card_that_is_sent_again_counts_as_shown_again_and_is_judged_once() -> None:
    again = [*ONE, replace(ONE[0], id="d-2")]
    assert fates(counted(again, [said("c")])) == (2, 0, 1, 1)


def test_a_card_of_silent_mode_is_not_shown() -> None:
    found = counted([decided("d", shown("c", shown=False))])
    assert (found["cards"][0]["shown"], found["cards"][0]["silent"]) == (0, 1)


def test_the_last_reason_stands_and_none_is_told_as_none() -> None:
    decisions = [decided(f"d-{n}", shown(f"c-{n}")) for n in range(4)]
    feedback = [
        said("c-0", reason_system=REASONS, reason_code="need-more-info"),
        said("c-1", reason_code="old"),
        said("c-1", minutes=2, reason_system=REASONS, reason_code="need-more-info"),
        said("c-2"),
        said("c-3", reason_system="s", reason_code="not-a-code"),
    ]
    (card,) = counted(decisions, feedback)["cards"]
    told = [(reason["display"], reason["count"]) for reason in card["reasons"]]
    assert told == [("More information needed", 2), ("", 1), ("a reason of its own", 1)]


def test_suggestions_are_told_by_how_often_they_were_taken() -> None:
    decisions = [decided(f"d-{n}", shown(f"c-{n}", suggestions=(suggestion(f"s-{n}", "Dose #"),))) for n in range(3)]
    (card,) = counted(decisions, [said("c-1", True, suggestions=("s-1",))])["cards"]
    assert card["suggestions"] == [{"label": "Dose #", "offered": 3, "accepted": 1}]


def test_criteria_are_told_with_their_unknowns_and_what_became_of_their_cards() -> None:
    unknown = {"I.A.1": {"asks": ["A diagnosis"], "causes": ["not-on-file"]}}
    coverage = [
        decided("d-1", shown("c-1", "coverage"), document={"orders": [order(policy(I_A_1="met"))]}),
        decided("d-2", shown("c-2", "coverage"), document={"orders": [order(policy(unknown, I_A_1="unknown"))]}),
        decided("d-3", shown("c-3", "coverage"), document={"orders": [order(policy(unknown, I_A_1="unknown"))]}),
    ]
    found = counted(coverage, [said("c-1"), said("c-2")])
    (row,) = found["criteria"]
    assert (row["title"], row["judged"], row["met"], row["unknown"]) == ("B-ALL", 3, 1, 2)
    assert row["waits_for"] == [{"what": "A diagnosis", "count": 2}]
    assert row["causes"] == [{"cause": "not-on-file", "count": 2}]
    assert row["when_open"] == {"accepted": 0, "overridden": 1, "no_feedback": 1}
    assert found["results"] == [
        {"policy": "LA.PHAR.312", "version": "2025-09-05", "criteria_met": 1, "insufficient_information": 2}
    ]


def test_criteria_stand_in_the_order_of_their_paragraphs_newest_edition_first() -> None:
    older = policy(version="2025-02-20", I_A_1="met")
    newer = policy(I_A_10="met", I_A_2="met", I_A_5_fn="met", I_A_5="met")
    found = counted([decided(document={"orders": [order(older, newer)]})])
    assert [(row["version"][:7], row["criterion"]) for row in found["criteria"]] == [
        ("2025-09", "I.A.2"),
        ("2025-09", "I.A.5"),
        ("2025-09", "I.A.5.fn"),
        ("2025-09", "I.A.10"),
        ("2025-02", "I.A.1"),
    ]


def test_another_payers_patient_is_in_no_count_of_criteria() -> None:
    other = policy() | {"overall": None, "criteria": {}}
    assert counted([decided(document={"orders": [order(other)]})])["criteria"] == []


def test_weeks_without_an_answer_are_there() -> None:
    found = counted([decided("d-1"), decided("d-2", minutes=60 * 24 * 15)])
    assert [(week["week"], week["answers"]) for week in found["weeks"]] == [
        ("2025-09-29", 1),
        ("2025-10-06", 0),
        ("2025-10-13", 1),
    ]


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [(0, 0, "–"), (0, 9, "0 %"), (1, 1000, "<1 %"), (999, 1000, "99 %"), (9, 9, "100 %"), (1, 3, "33 %")],
)
def test_a_little_is_not_nothing_and_nearly_all_is_not_all(part: int, whole: int, words: str) -> None:
    assert rate(part, whole) == words


# --- printed --------------------------------------------------------------------------------------------------


def scene(label: str = "Change the dose to # mcg/day") -> dict[str, Any]:
    """A document with something in every part."""
    unknown = {"I.A.1": {"asks": ["A diagnosis"], "causes": ["sources-disagree"]}}
    document = {"orders": [order(policy(unknown, I_A_1="unknown"), safety={"infection": "applies"})]}
    cards = shown("c-1", suggestions=(suggestion("s-1", label),)), shown("c-2", "coverage")
    found = counted([decided("d", *cards, document=document)], [said("c-1", True, suggestions=("s-1",)), said("c-2")])
    return found | PERIOD


def test_the_text_tells_every_part() -> None:
    told = text(scene())
    for words in (
        "1 answer (1 order-sign) about 1 patient.",
        "Feedback: 2 entries, 1 accepted, 1 overridden",
        "Dose",
        "no reason given",
        "Change the dose",
        "I.A.1 B-ALL",
        "A diagnosis",
        "disagree",
    ):
        assert words in told
    assert max(map(len, told.splitlines())) <= 100


def test_nothing_on_record_is_told_as_that() -> None:
    empty = counted([]) | PERIOD
    assert "No decision is on record" in text(empty)
    assert "No decision is on record" in page(empty)


class Page(HTMLParser):
    """What a page draws on, and whether its tags close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        fetching = {"src", "href", "srcset", "data", "action", "xlink:href", "style"}
        self.outside += [name for name, _ in attributes if name in fetching or name.startswith("on")]
        self.outside += [tag] if tag in ("script", "link", "iframe", "object", "img", "form", "base") else []
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_draws_on_nothing_outside_it_and_runs_nothing() -> None:
    html = page(scene())
    read = Page(html)
    assert read.outside == []
    assert read.open == []
    assert "default-src 'none'" in html
    assert not re.search(r"https?://|url\(|@import", html)


def test_the_page_escapes_whatever_stands_in_a_record() -> None:
    found = scene(label="<script>alert(1)</script>") | {"comments": [comment("<b>Jane</b>")]}
    html = page(found)
    assert "<script>" not in html
    assert "<b>Jane" not in html
    assert "&lt;script&gt;" in html


def comment(words: str) -> dict[str, Any]:
    return {"at": "2025-10-01T12:00:00+00:00", "card": "c", "accepted": False, "comment": words}


def test_the_bars_of_a_card_fill_the_whole_and_no_more() -> None:
    bars = re.findall(r'<svg class="bar" .*?</svg>', page(scene()), re.DOTALL)
    assert bars
    for bar in bars:
        widths = [float(width) for width in re.findall(r'<rect class="(?!empty)[a-z_]+" [^>]*width="([\d.]+)"', bar)]
        assert sum(widths) == pytest.approx(100)


# --- over a database -----------------------------------------------------------------------------------------


@pytest.fixture
def filled(database: str) -> Iterator[str]:
    with closing(Store(database)) as store:
        store.record_decisions([decided("d-1", shown("c-1")), decided("d-2", shown("c-2"), minutes=60 * 24 * 30)])
        store.record_feedback([said("c-1"), said("c-2", True, minutes=60 * 24 * 30 + 1, commented=True, comment="why")])
        yield database


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


@pytest.mark.parametrize(
    ("period", "shown_and_said"),
    [
        ((), (2, 1, 1)),
        (("--since", "2025-10-15"), (1, 1, 0)),
        (("--until", "2025-10-15"), (1, 0, 1)),
        (("--since", "2025-10-02", "--until", "2025-10-03"), (0, 0, 0)),
    ],
)
def test_the_period_chooses_the_decisions(
    filled: str, period: tuple[str, ...], shown_and_said: tuple[int, ...]
) -> None:
    found = json.loads(run("report", "--format", "json", "--database", filled, *period).output)
    total = [sum(card[name] for card in found["cards"]) for name in ("shown", "accepted", "overridden")]
    assert tuple(total) == shown_and_said


def test_comments_are_told_only_when_asked_for(filled: str) -> None:
    plain, asked = run("report", "--database", filled), run("report", "--database", filled, "--comments")
    assert "why" not in plain.output
    assert "c-2: why" in asked.output


def test_the_page_is_written_to_a_file(filled: str, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    assert run("report", "--database", filled, "--format", "html", "--output", str(file)).exit_code == 0
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "Traceback" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("report", "--since", "soon"), 2, "write it like 2025-10-01, or 30d"),
        (("report", "--since", "99999y"), 2, "write it like"),
        (("report", "--database", "/nowhere/x"), 1, "does not exist"),
        (("report", "--database", "none"), 1, "nothing is kept"),
        (("database", "check", "--database", "{tmp}/x"), 1, "no database at"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, arguments: tuple[str, ...], status: int, words: str) -> None:
    found = run(*(argument.format(tmp=tmp_path) for argument in arguments))
    assert found.exit_code == status
    assert words in found.output


def test_a_database_is_made_checked_and_emptied_by_command(tmp_path: Path) -> None:
    where = ("--database", str(tmp_path / "x.sqlite3"))
    assert "up to date" in run("database", "upgrade", *where).output
    with closing(Store(where[1])) as store:
        store.record_decisions([decided()])
    assert "up to date, 1 decision\n" in run("database", "check", *where).output
    assert "0 entries" in run("database", "purge", "--days", "36500", *where).output
    assert "1 entries" in run("database", "purge", "--days", "0", *where).output
    assert "0 decisions" in run("database", "check", *where).output
