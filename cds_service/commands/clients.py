"""`client add | list | remove | check`: who may call, and why a token is refused. Prints no token and no nonce."""

from __future__ import annotations

import json
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from cds_service.commands import configured
from cds_service.commands.console import console
from cds_service.commands.guarding import client_mistakes, doors, outbound, service_ids
from cds_service.commands.storing import opened
from cds_service.errors import StoreError
from cds_service.settings import Settings
from cds_service.store import ClientRecord, Registry
from cds_service.trust.caller import Door
from cds_service.trust.clients import EVERY_SERVICE, Client, mistakes
from cds_service.trust.gatekeeper import Gatekeeper, Judged
from cds_service.trust.keys import KeySetError, key_set_of_pem
from cds_service.trust.remote_keys import fetched

_FORM = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
_LONGEST_FILE = 1_000_000
_SAID = {True: ("pass", "green"), False: ("FAIL", "bold red"), None: ("-", "dim")}


@click.group()
def client() -> None:
    """Register the clients that may call, and find out why a token is refused.

    They are kept in the database, for all services that share it. A new client is admitted within seconds, one that is
    removed is refused at once; no service has to be restarted.
    """


@client.command()
@click.argument("name")
@click.option("--issuer", required=True, metavar="ISS", help="The 'iss' of its tokens, letter by letter.")
@click.option("--tenant", default=None, help="The 'tenant' of its tokens, where one issuer speaks for several.")
@click.option(
    "--jwks", type=click.Path(dir_okay=False, path_type=Path), default=None, help="File with its public keys (JWK Set)."
)
@click.option(
    "--pem", type=click.Path(dir_okay=False, path_type=Path), default=None, help="Instead: one public key, with --kid."
)
@click.option("--kid", default=None, help="The 'kid' of its tokens, for the key of --pem.")
@click.option("--jku", default=None, metavar="URL", help="Where it publishes its keys; tokens may name no other.")
@click.option("--service", "chosen", multiple=True, metavar="ID", help="A service it may call; by default all of them.")
@click.option("--fhir-server", "servers", multiple=True, metavar="URL", help="A FHIR server that may be read for it.")
@click.option("--sandbox-key", is_flag=True, help="Take keys whose private half is public. Synthetic patients only.")
@click.option("--replace", is_flag=True, help="Instead of the client that has this name.")
def add(name: str, chosen: tuple[str, ...], servers: tuple[str, ...], **told: Any) -> None:
    """Register the client NAME.

    Its keys come from a file, from the address where it publishes them, or from both. Two keys with different kid may
    stand side by side, so that it can change them without an interruption.

    \b
    Examples:  blinatumomab-cds client add st-anna --issuer https://ehr.example.org --jwks keys.json
               blinatumomab-cds client add st-anna --issuer https://ehr.example.org \\
                   --jku https://ehr.example.org/jwks.json --fhir-server https://ehr.example.org/r4
    """
    settings, replace = configured.settings(), told.pop("replace")
    jwks = _keys(told.pop("jwks"), told.pop("pem"), told.pop("kid"))
    record = ClientRecord(
        id=str(uuid.uuid4()),
        name=name,
        added=datetime.now(UTC),
        jwks=jwks,
        services=chosen or ("*",),
        fhir_servers=servers,
        **told,
    )
    wrong = list(mistakes(record, service_ids(settings), http=settings.outbound_http))
    if wrong:
        raise click.ClickException("\n".join([f"client {name} is not registered:", *(f"  - {each}" for each in wrong)]))
    with opened(None, create=True, migrate=settings.database_migrate) as store:
        against = Registry(store).add(record, replace=replace)
    if against == name:
        raise click.ClickException(f"there is a client {name} already; --replace takes its place")
    if against is not None:
        raise click.ClickException(
            f"client {against} has this issuer: an issuer belongs to one client, or to one for each tenant"
        )
    _tell_added(record, settings)


@client.command("list")
@_FORM
def list_clients(form: str) -> None:
    """List the clients that may call."""
    with opened(None) as store:
        clients = Registry(store).clients()
    if form == "json":
        click.echo(json.dumps([_as_json(each) for each in clients], indent=2))
        return
    if not clients:
        click.echo("No client is registered.")
        return
    for each in clients:
        _print_client(each)
    for wrong in client_mistakes(clients, configured.settings()):
        click.echo(f"WARNING: {wrong}", err=True)


@client.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove the client NAME; from now on its tokens are refused, by every service that shares the database."""
    with opened(None) as store:
        if not Registry(store).remove(name):
            raise click.ClickException(f"there is no client {name}; see: blinatumomab-cds client list")
    click.echo(f"client {name} is removed")


@client.command()
@click.argument("token", default="-")
@click.option("--service", "service", default=None, metavar="ID", help="Judge it for this service.")
@click.option("--feedback", is_flag=True, help="Judge it for the feedback address of the service.")
@_FORM
def check(token: str, service: str | None, feedback: bool, form: str) -> None:
    """Tell what each rule says of TOKEN ('-', the default: read it from standard input).

    By default it is judged for the address that its audience names. It is not used up, not printed and not kept.
    Leaves with 1 when the token would be refused. Prefer standard input: arguments are kept in the shell's history.

    \b
    Example:  pbpaste | blinatumomab-cds client check
    """
    settings = configured.settings()
    if not settings.public_url:
        raise click.ClickException("BLINATUMOMAB_CDS_PUBLIC_URL is not set: no audience could be right")
    text = (sys.stdin.read(_LONGEST_FILE) if token == "-" else token).strip()  # noqa: S105
    text = text[7:].strip() if text[:7].lower() == "bearer " else text
    with opened(None) as store:
        keeper = Gatekeeper(Registry(store), outbound(settings).read, settings)
        try:
            door, judged = keeper.explain(text, _doors(settings, service, feedback=feedback))
        except StoreError as trouble:
            raise click.ClickException(trouble.message) from trouble
    accepted = all(each.passed for each in judged)
    _print_judged(door, judged, form, accepted=accepted)
    sys.exit(0 if accepted else 1)


# --- inside ------------------------------------------------------------------------------------------------------


def _doors(settings: Settings, service: str | None, *, feedback: bool) -> tuple[Door, ...]:
    """The doors a token is judged at: all, or those that the options name. Raises click.BadParameter."""
    if service is not None and service not in service_ids(settings):
        raise click.BadParameter(f"there are: {', '.join(service_ids(settings))}", param_hint="--service")
    found = [door for door in doors(settings) if service in (None, door.service)]
    narrowed = [door for door in found if door.url.endswith("/feedback") == feedback]
    return tuple(narrowed if feedback or service else found)


def _print_judged(door: Door, judged: tuple[Judged, ...], form: str, *, accepted: bool) -> None:
    if form == "json":
        rules = [{"code": each.code, "passed": each.passed, "says": each.says} for each in judged]
        click.echo(json.dumps({"accepted": accepted, "address": door.url, "rules": rules}, indent=2))
        return
    out = console()
    out.print(Text(f"for {door.url}"), soft_wrap=True)
    for each in judged:
        word, style = _SAID[each.passed]
        out.print(Text(f"{word:5}", style), Text(f"{each.code:11}{each.title}"), soft_wrap=True)
        if each.says:
            out.print(Text(f"{'':17}{each.says}"), soft_wrap=True)
    out.print(
        "The token would be accepted, once." if accepted else "The token is refused; the caller gets 401 and no reason."
    )


def _print_client(record: ClientRecord) -> None:
    local = ", ".join(f"{key.kid!a} ({key.algorithm})" for key in Client.of(record).keys.keys.values())
    members = {
        "issuer": record.issuer,
        "tenant": record.tenant,
        "keys": local,
        "keys at": record.jku,
        "services": "all" if record.services == (EVERY_SERVICE,) else ", ".join(record.services),
        "FHIR servers": ", ".join(record.fhir_servers) or "none: it is answered from its prefetch",
    }
    click.echo(record.name)
    for name, value in members.items():
        if value:
            click.echo(f"  {name:13}{value}")


def _tell_added(record: ClientRecord, settings: Settings) -> None:
    click.echo(f"client {record.name} is registered")
    if record.sandbox_key:
        click.echo("WARNING: keys whose private half is public are taken for it. Synthetic patients only.", err=True)
    if record.jku is None:
        return
    try:
        found = fetched(record.jku, outbound(settings).read, settings.jwks_timeout_seconds)
    except KeySetError as mistake:
        click.echo(f"WARNING: its keys cannot be fetched from here: {mistake}", err=True)
        return
    usable = found if record.sandbox_key else found.without_published()
    click.echo(f"keys at its jku: {', '.join(map(ascii, usable.keys)) or 'none that is taken'}")
    for problem in found.problems:
        click.echo(f"WARNING: {problem}", err=True)


def _as_json(record: ClientRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "issuer": record.issuer,
        "tenant": record.tenant,
        "added": record.added.isoformat(),
        "services": list(record.services),
        "fhir_servers": list(record.fhir_servers),
        "kids": list(Client.of(record).keys.keys),
        "jku": record.jku,
        "sandbox_key": record.sandbox_key,
    }


def _keys(jwks: Path | None, pem: Path | None, kid: str | None) -> Any:
    """The JWK Set of the options, if there is one. Raises click.UsageError and click.ClickException."""
    if (pem is None) != (kid is None) or (pem and jwks):
        raise click.UsageError("--pem and --kid belong together, and take the place of --jwks")
    if pem is None or kid is None:
        return _key_file(jwks) if jwks else None
    try:
        return key_set_of_pem(_read(pem), kid)
    except KeySetError as mistake:
        raise click.ClickException(f"{pem}: {mistake}") from None


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(_LONGEST_FILE)
    except OSError as mistake:
        raise click.ClickException(f"{file}: {mistake.strerror}") from mistake


def _key_file(file: Path) -> Any:
    """The document in a file with keys. Raises click.ClickException, without quoting it: it may hold a private key."""
    try:
        return json.loads(_read(file)) or {}
    except (ValueError, RecursionError):
        raise click.ClickException(
            f"{file} is not JSON; a JWK Set is wanted, {{'keys': [...]}}; PEM goes with --pem"
        ) from None
