"""The command line `blinatumomab-cds`. Reads arguments, the environment and the day; leaves the work to `commands`."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from typing import Any, BinaryIO

import click

from cds_service import __version__
from cds_service.commands import (
    assessing,
    checking,
    clients,
    configured,
    downgrading,
    explaining,
    linking,
    outward,
    storing,
)
from cds_service.commands.console import console
from cds_service.commands.decision import decision
from cds_service.commands.report import report
from cds_service.errors import BlinatumomabCdsError, CallError
from cds_service.parts import Parts, load_parts
from cds_service.web.json_body import dump_json

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Date(click.ParamType[date]):
    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is not a date; write it like 2025-10-01", param, ctx)


@click.group(context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="blinatumomab-cds")
def main() -> None:
    """CDS Hooks guidance for blinatumomab orders, each statement with its citation.

    \b
    See it work:        blinatumomab-cds demo
    Judge a hook call:  blinatumomab-cds assess call.json
    Serve a sandbox:    blinatumomab-cds serve --open
    Let a client in:    blinatumomab-cds client add --help
    Check the texts:    blinatumomab-cds check
    Try any service:    blinatumomab-cds try http://127.0.0.1:8080

    Settings are read from the environment, as BLINATUMOMAB_CDS_<NAME>; README lists them.
    """


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option(
    "--open", "open_to_all", is_flag=True, help="Anyone may call. For sandboxes with synthetic patients only."
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=None,
    help="Processes that answer. Default: two per processor, at most 8.",
)
@click.option(
    "--threads", type=click.IntRange(1, 128), default=None, help="Calls at a time, of each worker. Default: 16."
)
def serve(host: str, port: int, open_to_all: bool, workers: int | None, threads: int | None) -> None:
    """Answer hook calls over HTTP.

    Discovery is at /cds-services, health at /health. Only clients that are registered (see 'client add') may call,
    with tokens for the setting public_url; with --open, anyone may. Everything that is wrong with the configuration is
    told at once (status 2). SIGTERM and Ctrl-C end it: calls in work are answered, what is to be kept is written.

    \b
    Examples:  blinatumomab-cds serve --port 8080
               blinatumomab-cds serve --host 0.0.0.0 --workers 4
               blinatumomab-cds serve --open --port 8080
               curl http://127.0.0.1:8080/cds-services
    """
    from cds_service.commands.serving import start

    remarks = console(remarks=True)
    ended = start(host=host, port=port, open_to_all=open_to_all, remarks=remarks, workers=workers, threads=threads)
    sys.exit(0 if ended else 1)


@main.command()
@click.option("--patient", default=None, help="Play this patient only.")
@click.option("--whole", is_flag=True, help="Print every card whole, not only those that a scene is about.")
def demo(patient: str | None, whole: bool) -> None:
    """Play an EHR: synthetic patients, real hook calls over HTTP, their cards in the terminal.

    Starts the service and a small FHIR server on free local ports, fills the prefetch templates from it, sends
    order-select and order-sign calls and prints every card. Nothing leaves this machine.
    """
    from cds_service.commands.demonstration import SCENES, demonstrate

    if patient not in (None, *(scene.patient for scene in SCENES)):
        names = "\n  ".join(dict.fromkeys(scene.patient for scene in SCENES))
        raise click.BadParameter(f"no such patient in the demo; there are:\n  {names}", param_hint="--patient")
    demonstrate(configured.settings(), console(), only=patient, whole=whole)


@main.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default=None, help="Default: text; NDJSON: json."
)
@click.option("--as-of", type=_Date(), default=None, help="Judge on this day instead of the order's own (YYYY-MM-DD).")
def assess(file: BinaryIO, form: str | None, as_of: date | None) -> None:
    """Judge the hook call(s) in FILE ('-' for standard input), without HTTP.

    What is not in the call is unknown, never an error. A file with one call per line (NDJSON) gives one line of JSON
    per call, in order; a bad line gives an error line and the rest goes on.

    \b
    Examples:  blinatumomab-cds assess call.json
               blinatumomab-cds assess call.json --format json --as-of 2025-06-01
               cat calls.ndjson | blinatumomab-cds assess - > answers.ndjson
    """
    data, today, remarks = file.read(), datetime.now(UTC).astimezone().date(), console(remarks=True)
    parts = _parts()
    if assessing.looks_like_lines(data):
        if form == "text":
            raise click.UsageError("many calls (NDJSON) are answered as NDJSON; leave --format text out")
        out = sys.stdout.buffer
        sys.exit(1 if assessing.write_lines(data, parts, out, today=today, as_of=as_of, remarks=remarks) else 0)
    try:
        guidance = assessing.assess_one(data, parts, today=today, as_of=as_of)
    except CallError as mistake:
        _refuse(mistake, form)
    if form == "json":
        click.echo(dump_json(assessing.as_json(guidance)))
    else:
        assessing.print_text(guidance, console())


def _refuse(mistake: CallError, form: str | None) -> None:
    """Tell what is wrong with the call and how to mend it, and leave with 2."""
    if form == "json":
        click.echo(dump_json(assessing.error_json(mistake)))
    else:
        where = f" (at {mistake.field})" if mistake.field else ""
        click.echo(f"Cannot read the call: {mistake.message}{where}. {mistake.mend}", err=True)
    sys.exit(2)


@main.command()
@click.option("--links", is_flag=True, help="Also ask every address that cards link to whether it still answers.")
def check(links: bool) -> None:
    """Check every knowledge file, value set and template.

    Lists what was loaded, the paragraphs that are not computed, the items a pharmacist still has to confirm against
    the current label, and the questions open to the payer. Leaves with 1 and names file and place when one is wrong,
    or a link is dead.
    """
    parts = _parts()
    checking.report(parts.knowledge, len(parts.templates.by_id), console())
    if links and not linking.check_links(linking.addresses(parts.knowledge), console()):
        sys.exit(1)


@main.command()
@click.argument("citation")
def explain(citation: str) -> None:
    """Tell what we say a paragraph means, per edition.

    CITATION is a policy paragraph (I.A.4.c.i), a label row or topic, or a discrepancy of the sources (D27).

    \b
    Examples:  blinatumomab-cds explain I.A.4.b.ii
               blinatumomab-cds explain D1
    """
    explaining.explain(_parts().knowledge, citation, console())


@main.group()
def policy() -> None:
    """Look at the editions of the payer's policy."""


@policy.command("diff")
@click.argument("a")
@click.argument("b")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def policy_diff(a: str, b: str, form: str) -> None:
    """Tell what changed from edition A to edition B, by paragraph.

    An edition is named by its review date.

    \b
    Example:  blinatumomab-cds policy diff 2025-02-20 2025-09-05
    """
    knowledge = _parts().knowledge
    before, after = explaining.edition(knowledge, a), explaining.edition(knowledge, b)
    if form == "json":
        click.echo(dump_json(explaining.changes(before, after)))
    else:
        explaining.print_changes(before, after, console())


@main.command()
@click.option(
    "--check", "only_check", is_flag=True, help="Change nothing; leave with 1 when the gallery is out of date."
)
def cards(only_check: bool) -> None:
    """Refresh the gallery of rendered cards, in cards/gallery.

    Judges the synthetic patients that the gallery shows anew, and renders a page for every template. Run it
    after a change to a template, to the knowledge or to judgement, and review the difference.
    """
    from cds_service.commands.gallery import refresh_gallery, stale_gallery

    if only_check:
        names = stale_gallery(_parts())
        click.echo("\n".join(names) if names else "The gallery is up to date.")
        sys.exit(1 if names else 0)
    click.echo("\n".join(refresh_gallery(_parts())) or "The gallery was up to date.")


main.add_command(outward.try_)
main.add_command(outward.fixtures)
main.add_command(report)
main.add_command(decision)
main.add_command(storing.database)
storing.database.add_command(downgrading.downgrade)
main.add_command(clients.client)


def _parts() -> Parts:
    try:
        return load_parts(configured.settings())
    except BlinatumomabCdsError as mistake:
        raise click.ClickException(str(mistake)) from mistake


if __name__ == "__main__":
    main()
