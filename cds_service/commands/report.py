"""`report`: what became of the cards, for the people who run the service. Arguments, reading, three ways to print."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import click

from cds_service import __version__
from cds_service.commands import configured
from cds_service.commands.console import console, progress
from cds_service.commands.report_counts import Names, count
from cds_service.commands.storing import opened
from cds_service.errors import BlinatumomabCdsError
from cds_service.parts import Parts, load_parts
from cds_service.store import Store

_BACK = re.compile(r"(\d{1,5})([dwmy])")
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


class _Day(click.ParamType[date]):
    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """A date, or so many days, weeks, months or years back."""
        if isinstance(value, date):
            return value
        try:
            if back := _BACK.fullmatch(value):
                return _today() - timedelta(days=int(back[1]) * _DAYS[back[2]])
            return date.fromisoformat(value)
        except (ValueError, OverflowError):
            self.fail(f"'{value}' is not a date; write it like 2025-10-01, or 30d, 12w, 6m, 1y back", param, ctx)


@click.command()
@click.option("--since", type=_Day(), default=None, help="From this day on: a date, or 30d, 12w, 6m, 1y back.")
@click.option("--until", type=_Day(), default=None, help="Up to and with this day.")
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=None, help="Write to this file.")
@click.option("--comments", is_flag=True, help="With the users' comments, where they are kept. They may name patients.")
@click.option("--database", default=None, metavar="WHERE", help="Instead of the setting: a file or a URL.")
def report(
    since: date | None, until: date | None, form: str, output: Path | None, comments: bool, database: str | None
) -> None:
    """Tell what became of the cards.

    For each card how often it was shown, accepted, overridden and why; for each criterion of the policy what it came
    to, and what the unknown ones wait for. HTML is one page with nothing outside it, to read, print or send.

    \b
    Examples:  blinatumomab-cds report --since 30d
               blinatumomab-cds report --since 2025-07-01 --until 2025-09-30 --format html --output quarter.html
    """
    with opened(database) as store:
        found = _found(store, since, until, comments=comments)
    text = _written(found, form)
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as mistake:
        raise click.ClickException(f"cannot write {output}: {mistake.strerror}") from mistake


def _found(store: Store, since: date | None, until: date | None, *, comments: bool) -> dict[str, Any]:
    """The document of the report, with its period and where it comes from."""
    start = _midnight(since) if since else None
    end = _midnight(until + timedelta(days=1)) if until else None
    feedback = store.feedback(start)
    with progress(console(remarks=True), store.count(start, end), "decisions") as advance:
        counted = count(store.decisions(start, end), feedback, names_of(loaded_parts()), advance)
    return {
        **counted,
        "since": since.isoformat() if since else None,
        "until": until.isoformat() if until else None,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
        **({"comments": [_comment(e) for e, _ in feedback if e.comment]} if comments else {}),
    }


def _comment(entry: Any) -> dict[str, Any]:
    return {"at": entry.at.isoformat(), "card": entry.card, "accepted": entry.accepted, "comment": entry.comment}


def _written(found: dict[str, Any], form: str) -> str:
    if form == "json":
        from cds_service.web.json_body import dump_json

        return dump_json(found)
    if form == "html":
        from cds_service.commands.report_page import page

        return page(found)
    from cds_service.commands.report_text import text

    return text(found)


def names_of(parts: Parts) -> Names:
    """What codes mean, by the texts and templates of this version."""
    templates = parts.templates.by_id
    shortest = sorted(templates.values(), key=lambda template: -len(template.id))
    return Names(
        topics={template.topic: template.title.removesuffix(" at signing") for template in shortest},
        criteria={
            (policy.id, policy.version.isoformat(), paragraph.id): paragraph.title
            for policy in parts.knowledge.on_file
            for paragraph in policy.paragraph
        },
        reasons={(r.system, r.code): r.display for template in templates.values() for r in template.override_reasons},
        other_reason="a reason of the client's own, in words that are not kept",
        safety={topic.code: topic.title for label in parts.knowledge.labels for topic in label.guidance},
    )


def loaded_parts() -> Parts:
    """Knowledge and templates. Raises click.ClickException."""
    try:
        return load_parts(configured.settings())
    except BlinatumomabCdsError as mistake:
        raise click.ClickException(str(mistake)) from mistake


def _today() -> date:
    return datetime.now(UTC).astimezone().date()


def _midnight(day: date) -> datetime:
    """The beginning of the day where this runs."""
    return datetime.combine(day, time()).astimezone()
