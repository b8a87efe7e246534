"""The commands that call others, `try` and `fixtures`: their arguments. `trying` and `loading` do the work."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, TextIO

import click

from cds_service.commands import configured, signing
from cds_service.commands.console import console
from cds_service.errors import BlinatumomabCdsError
from cds_service.parts import Parts, load_parts


@click.command("try")
@click.argument("url")
@click.argument("calls", nargs=-1, type=click.Path(allow_dash=True))
@click.option("--only", default=None, metavar="GLOB", help="Send the calls whose name, or patient, fits.")
@click.option("--service", "chosen", multiple=True, metavar="ID", help="This service, where several answer a hook.")
@click.option("--timeout", default=10.0, show_default=True, type=click.FloatRange(0.1), help="Seconds for each call.")
@click.option("--token-file", type=click.File("r"), default=None, help="A bearer token for the service.")
@signing.options
@click.option(
    "--junit",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE",
    help="Write JUnit XML for a pipeline.",
)
@click.option("--compare", is_flag=True, help="The cards have to equal those of this build.")
@click.option("--strict", is_flag=True, help="Remarks fail too.")
def try_(
    url: str,
    calls: tuple[str, ...],
    only: str | None,
    chosen: tuple[str, ...],
    timeout: float,
    token_file: TextIO | None,
    junit: Path | None,
    compare: bool,
    strict: bool,
    **signed: Any,
) -> None:
    """Send hook calls to a running CDS service and check its answers.

    URL is where its discovery is (…/cds-services), the parent of that, or one service. CALL … are your own files, one
    call each or one per line (NDJSON), '-' for standard input; without any, the calls of the synthetic patients are
    sent, with the prefetch that the service asks for. Every answer is held to the rules of CDS Hooks; of a fixture's
    expectation, what shows on cards is checked. Leaves with 1 when anything failed.

    A service that asks for tokens of registered clients gets a fresh one with each call, for the address called and
    signed with --key.

    \b
    Examples:  blinatumomab-cds try http://127.0.0.1:8080
               blinatumomab-cds try https://cds.example.org/cds-services --only 'dose-*' --junit cds.xml
               blinatumomab-cds try http://127.0.0.1:8080 call.json more-calls.ndjson
               blinatumomab-cds try https://cds.example.org --key private.jwk --issuer https://ehr.example.org
    """
    from cds_service.commands import trial_calls, trying
    from cds_service.harness import AddressError, Client, service_address

    trials = trial_calls.own_trials(calls, only) if calls else trial_calls.fixture_trials(only)
    if not trials:
        raise click.BadParameter("no call fits", param_hint="--only")
    if token_file is not None and signed["key"] is not None:
        raise click.UsageError("either --token-file or --key")
    token = _token(token_file) or signing.tokens(**signed)
    address, named = service_address(url)
    try:
        rows = trying.run(
            Client(url, token=token, seconds=timeout),
            address,
            trials,
            chosen=(named, *chosen) if named else chosen,
            compare=_parts() if compare else None,
            remarks=console(remarks=True),
        )
        fine = trying.report(rows, console(), strict=strict, junit=junit)
    except (AddressError, trying.AmbiguousServiceError) as mistake:
        raise click.UsageError(str(mistake)) from mistake
    except OSError as mistake:
        raise click.ClickException(f"cannot write {junit}: {mistake.strerror}") from mistake
    sys.exit(0 if fine else 1)


@click.command()
@click.option("--to", "url", required=True, metavar="URL", help="Base URL of the FHIR R4 server.")
@click.option("--token-file", type=click.File("r"), default=None, help="A bearer token for the server.")
@click.option("--only", default=None, metavar="GLOB", help="The patients whose name fits.")
@click.option(
    "--timeout", default=60.0, show_default=True, type=click.FloatRange(0.1), help="Seconds for each patient."
)
@click.option("--dry-run", is_flag=True, help="Send nothing; print what would be sent.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Of --dry-run.")
def fixtures(url: str, token_file: TextIO | None, only: str | None, timeout: float, dry_run: bool, form: str) -> None:
    """Put the synthetic patients on a FHIR server.

    One transaction for each patient, every resource under its own id: sending it again changes nothing. Draft orders
    are not among them; they are in the hook calls. Never point it at a server with real patients.

    \b
    Examples:  blinatumomab-cds fixtures --to http://127.0.0.1:8081 --only 'dose-*'
               blinatumomab-cds fixtures --to https://fhir.example.org/r4 --token-file token.txt
               blinatumomab-cds fixtures --to http://127.0.0.1:8081 --dry-run --format json > bundles.ndjson
    """
    from cds_service.commands import loading
    from cds_service.harness import AddressError, Client

    base, bundles, out = url.rstrip("/"), loading.chosen_transactions(only), console()
    if not bundles:
        raise click.BadParameter("no patient fits", param_hint="--only")
    try:
        client = Client(base, token=_token(token_file), seconds=timeout)
    except AddressError as mistake:
        raise click.UsageError(str(mistake)) from mistake
    if dry_run:
        loading.print_dry_run(bundles, base, form, out)
        return
    results = loading.send(client, base, bundles, remarks=console(remarks=True))
    sys.exit(0 if loading.report(results, len(bundles), base, out) else 1)


def _token(file: TextIO | None) -> str | None:
    """The token in the file, without the line's end. Never printed."""
    if file is None:
        return None
    token = file.read().strip()
    if not token or any(character.isspace() or not character.isprintable() for character in token):
        raise click.BadParameter("the file has to hold one token and nothing else", param_hint="--token-file")
    return token


def _parts() -> Parts:
    try:
        return load_parts(configured.settings())
    except BlinatumomabCdsError as mistake:
        raise click.ClickException(
            f"this build cannot answer, so there is nothing to compare with: {mistake}"
        ) from None
