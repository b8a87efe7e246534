"""`fixtures`: puts the synthetic patients on a FHIR server, one transaction for each, so that a sandbox has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cds_service.commands.console import table
from cds_service.harness import Client, load, transaction
from cds_service.web.json_body import dump_json
from fhir_fixtures import patients

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one patient; `problem` is empty when the server took all of it."""

    patient: str
    resources: int
    problem: str


def chosen_transactions(only: str | None) -> dict[str, dict[str, Any]]:
    """The transaction of each patient whose name fits the pattern, always the same and in the same order."""
    return {name: transaction(bundle) for name, bundle in patients().items() if only is None or fnmatchcase(name, only)}


def send(client: Client, base: str, bundles: Mapping[str, Json], *, remarks: Console) -> tuple[Result, ...]:
    """Send them one after the other. Stops early where the next would fare no better: nobody there, or not allowed."""
    results = []
    with _progress(remarks, len(bundles)) as advance:
        for name, bundle in bundles.items():
            loaded = load(client, base, bundle)
            results.append(Result(name, len(bundle["entry"]), loaded.problem))
            advance()
            if loaded.hopeless:
                break
    return tuple(results)


def report(results: Sequence[Result], total: int, base: str, out: Console) -> bool:
    """Print a row for each patient and the totals; True when all were taken."""
    made = table("Patient", "Resources", "Result")
    for result in results:
        said = (
            f"[bold red]FAILED[/bold red] {escape(result.problem)}"
            if result.problem
            else "[green]on the server[/green]"
        )
        made.add_row(escape(result.patient), str(result.resources), said)
    out.print(made)
    taken = sum(not result.problem for result in results)
    out.print(f"\n[bold]{taken} of {total} patients are on {escape(base)}[/bold]")
    if len(results) < total:
        out.print(f"Stopped after the first {len(results)}: the others would fare no better.")
    return taken == total


def print_dry_run(bundles: Mapping[str, Json], base: str, form: str, out: Console) -> None:
    """What would be sent: in words, or as NDJSON, one transaction Bundle for each patient."""
    if form == "json":
        for bundle in bundles.values():
            click.echo(dump_json(bundle))
        return
    made = table("Patient", "Entries", "What is put")
    for name, bundle in bundles.items():
        kinds = Counter(entry["resource"]["resourceType"] for entry in bundle["entry"])
        listed = ", ".join(f"{kind} × {count}" if count > 1 else kind for kind, count in kinds.items())
        made.add_row(escape(name), str(len(bundle["entry"])), listed)
    out.print(made)
    out.print(f"\n{len(bundles)} transactions would be sent to {escape(base)}; nothing was sent.")


@contextmanager
def _progress(remarks: Console, total: int) -> Iterator[Any]:
    if not remarks.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn("patients"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=remarks, transient=True) as bar:
        task = bar.add_task("patients", total=total)
        yield lambda: bar.advance(task)
