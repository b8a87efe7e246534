"""Everything that keeps a service from starting, found before anything is started, and told at once."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from cds_service.commands import configured, guarding
from cds_service.commands.storing import NONE, store_at
from cds_service.errors import BlinatumomabCdsError, NoDatabaseError, SettingsError, StoreError
from cds_service.http_server import listen
from cds_service.outbound import NotPermittedError, parse
from cds_service.parts import Parts, load_parts
from cds_service.settings import Settings, default_database
from cds_service.store import ClientRecord

_OPEN = (
    "With --open anyone who reaches the port may call: for sandboxes and tests with synthetic patients, never with "
    "real ones."
)


@dataclass(frozen=True)
class Ready:
    """What a service starts with."""

    settings: Settings
    parts: Parts
    clients: tuple[ClientRecord, ...]
    sockets: tuple[socket.socket, ...]
    """Listening already, so that nobody else takes the port."""

    def close(self) -> None:
        """Listen no more, in this process."""
        for each in self.sockets:
            each.close()


@dataclass
class _Examination:
    """What was found so far. What hangs on a setting that is wrong is not told as well."""

    settings: Settings
    wrong: Mapping[str, str]
    mistakes: list[str] = field(default_factory=list)

    def right(self, name: str) -> bool:
        return name not in self.wrong


def examine(*, host: str, port: int, open_to_all: bool) -> Ready:
    """Settings, knowledge, database, clients, addresses, the port last. Raises click.UsageError with all mistakes."""
    settings, wrong = configured.as_far_as_right()
    found = _Examination(settings, wrong, list(wrong.values()))
    parts = _parts(found)
    clients: tuple[ClientRecord, ...] = ()
    found.mistakes += _outward(found)
    if open_to_all:
        found.mistakes += _database(found)
    else:
        clients, mistakes = guarding.registered(settings)
        found.mistakes += [each for each in mistakes if found.right("public_url") or "PUBLIC_URL" not in each]
    sockets = _port(found, host, port)
    if found.mistakes or parts is None:
        for each in sockets:
            each.close()
        raise click.UsageError(_told(found.mistakes, open_to_all=open_to_all))
    return Ready(settings, parts, clients, sockets)


def _parts(found: _Examination) -> Parts | None:
    try:
        return load_parts(found.settings)
    except SettingsError as mistake:
        found.mistakes.append(str(mistake))
    except BlinatumomabCdsError as mistake:
        found.mistakes.append(f"knowledge: {mistake}. 'blinatumomab-cds check' tells more")
    return None


def _outward(found: _Examination) -> Iterator[str]:
    """What is wrong with the addresses that are called, and with what is asked of them together."""
    settings, name = found.settings, configured.PREFIX
    for base in settings.fhir_servers:
        try:
            address = parse(base)
        except NotPermittedError as mistake:
            yield f"{name}FHIR_SERVERS: {base!r} is no base URL that can be read: {mistake}"
            continue
        if address.scheme != "https" and not settings.outbound_http:
            yield f"{name}FHIR_SERVERS: {base!r} has no TLS; write https:, or set {name}OUTBOUND_HTTP=true"
    if found.right("outbound_ca_file"):
        try:
            guarding.outbound(settings)
        except click.ClickException as mistake:
            yield f"{name}OUTBOUND_CA_FILE: {mistake.message}; give a file of certificates in PEM"
    if settings.metrics_address:
        yield from _metrics(settings.metrics_address)


def _metrics(address: str) -> Iterator[str]:
    host, _, port = address.rpartition(":")
    try:
        for each in listen(host.strip("[]"), int(port)):
            each.close()
    except (OSError, OverflowError) as mistake:
        why = getattr(mistake, "strerror", None) or mistake
        yield f"{configured.PREFIX}METRICS_ADDRESS: cannot listen on {address}: {why}; take another port"


def _database(found: _Examination) -> Iterator[str]:
    """What is wrong with the database; nothing is made. One that is away, locked, full or read-only may come back."""
    settings = found.settings
    file = Path(settings.database).expanduser()
    if settings.database == NONE or (settings.database == default_database() and not file.exists()):
        return
    try:
        store = store_at(settings.database, create=False, migrate=settings.database_migrate)
        try:
            with store.examining():
                pass
        finally:
            store.close()
    except NoDatabaseError:
        if not os.access(file.parent, os.W_OK | os.X_OK):
            yield f"{configured.PREFIX}DATABASE: the folder {file.parent} is not writable for this user"
    except StoreError as trouble:
        if not trouble.passing:
            yield f"{configured.PREFIX}DATABASE: {trouble.message}"


def _port(found: _Examination, host: str, port: int) -> tuple[socket.socket, ...]:
    try:
        return tuple(listen(host, port))
    except OSError as mistake:
        why = mistake.strerror or mistake
        found.mistakes.append(f"cannot listen on {host}:{port}: {why}; take another --port or --host")
        return ()


def _told(mistakes: list[str], *, open_to_all: bool) -> str:
    listed = "\n".join(f"  - {each}" for each in mistakes)
    listed += "".join(f"\n  (perhaps: {each})" for each in configured.unknown_names())
    return f"the service does not start:\n{listed}" + ("" if open_to_all else f"\n{_OPEN}")
