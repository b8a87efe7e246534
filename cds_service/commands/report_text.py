"""The report for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any

from rich.console import Console

from cds_service.commands.console import WIDTH, table
from cds_service.commands.report_words import CAUSES, counted, period, rate

Document = Mapping[str, Any]


def text(found: Document) -> str:
    """The whole report as plain lines."""
    out = Console(file=StringIO(), width=WIDTH, highlight=False, color_system=None)
    answers = found["answers"]
    out.print(f"What became of the cards, {period(found)}\n")
    if not answers["total"]:
        out.print("No decision is on record for this time.")
    else:
        hooks = ", ".join(f"{item['count']} {item['hook']}" for item in answers["by_hook"])
        out.print(f"{counted(answers['total'], 'answer')} ({hooks}) about {counted(answers['patients'], 'patient')}.")
        _cards(found["cards"], out)
        _silent(found["silent"], out)
        _why(found["cards"], out)
        _suggestions(found["cards"], out)
        _criteria(found["criteria"], out)
        _waiting(found["criteria"], out)
    _feedback(found["feedback"], out)
    _comments(found.get("comments", ()), out)
    assert isinstance(out.file, StringIO)  # noqa: S101 - made five lines above
    return "\n".join(line.rstrip() for line in out.file.getvalue().splitlines()) + "\n"


def _cards(cards: Iterable[Document], out: Console) -> None:
    rows = table("card", "shown", "silent", "critical", "accepted", "overridden", "nothing said", title="\nCards")
    for card in cards:
        rows.add_row(
            card["title"],
            str(card["shown"]),
            str(card["silent"]),
            str(card["critical"]),
            _share(card["accepted"], card["shown"]),
            _share(card["overridden"], card["shown"]),
            _share(card["no_feedback"], card["shown"]),
        )
    out.print(rows)


def _silent(silent: Document, out: Console) -> None:
    """What would have been shown, how often, to whom."""
    if not silent["answers"]:
        return
    out.print(
        f"\nSilent mode: {counted(silent['answers'], 'answer')} about {counted(silent['patients'], 'patient')} to "
        f"{counted(silent['users'], 'user')} had cards that were decided and not shown."
    )
    columns = ("info", "warning", "critical")
    cards = table("card", "hook", "would have been shown", *columns, title="\nWithheld")
    for item in silent["cards"]:
        cards.add_row(item["title"], item["hook"], str(item["cards"]), *(str(item[name]) for name in columns))
    people = table("to whom", "answers", "cards", *columns)
    for item in silent["by_client"]:
        people.add_row(f"client {item['client']}", *(str(item[name]) for name in ("answers", "cards", *columns)))
    for item in silent["by_user"]:
        name = f"user {item['user']}…" if item["user"] else "user not named"
        people.add_row(name, *(str(item[name]) for name in ("answers", "cards", *columns)))
    out.print(cards)
    out.print(people)


def _why(cards: Iterable[Document], out: Console) -> None:
    rows = table("card", "overridden because", "times", title="\nWhy overridden")
    for card in cards:
        for reason in card["reasons"]:
            rows.add_row(card["title"], reason["display"] or "no reason given", str(reason["count"]))
    if rows.row_count:
        out.print(rows)


def _suggestions(cards: Iterable[Document], out: Console) -> None:
    rows = table(
        "card", "suggestion (# a number, … a word of the record)", "offered", "accepted", title="\nSuggestions"
    )
    for card in cards:
        for item in card["suggestions"]:
            rows.add_row(card["title"], item["label"], str(item["offered"]), _share(item["accepted"], item["offered"]))
    if rows.row_count:
        out.print(rows)


def _criteria(criteria: Iterable[Document], out: Console) -> None:
    columns = ("edition", "criterion", "met", "review", "unknown", "not met", "overridden when open")
    rows = table(*columns, title="\nCriteria")
    for item in criteria:
        if item["top"]:
            opened = sum(item["when_open"].values())
            rows.add_row(
                item["version"],
                f"{item['criterion']} {item['title']}",
                *(_share(item[status], item["judged"]) for status in ("met", "review", "unknown", "not_met")),
                _share(item["when_open"]["overridden"], opened),
            )
    if rows.row_count:
        out.print(rows)


def _waiting(criteria: Iterable[Document], out: Console) -> None:
    rows = table("edition", "criterion", "waits for", "times", title="\nUnknown, and what would settle it")
    for item in criteria:
        for wait in item["waits_for"]:
            rows.add_row(item["version"], item["criterion"], wait["what"], str(wait["count"]))
        for cause in item["causes"]:
            rows.add_row(item["version"], item["criterion"], f"({CAUSES[cause['cause']]})", str(cause["count"]))
    if rows.row_count:
        out.print(rows)


def _feedback(feedback: Document, out: Console) -> None:
    names = ("accepted", "overridden", "unmatched", "commented")
    accepted, overridden, unmatched, commented = (feedback[name] for name in names)
    entries = f"{feedback['entries']} {'entry' if feedback['entries'] == 1 else 'entries'}"
    out.print(
        f"\nFeedback: {entries}, {accepted} accepted, {overridden} overridden; {unmatched} about cards that are not "
        f"on record; {commented} with a comment."
    )


def _comments(comments: Iterable[Document], out: Console) -> None:
    for item in comments:
        out.print(f"{item['at']} {item['card']}: {item['comment']}", markup=False)


def _share(part: int, whole: int) -> str:
    return f"{part} ({rate(part, whole)})" if whole and part else str(part)
