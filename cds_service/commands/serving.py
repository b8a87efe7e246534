"""`serve`: the service on a port. Refuses to start unless it can tell its clients apart, or is told to be open."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import click
from rich.console import Console

from cds_service.app import create_app, serve, warm_up
from cds_service.commands.guarding import guard
from cds_service.commands.report_words import counted
from cds_service.commands.storing import open_journal
from cds_service.errors import StoreError
from cds_service.journal import Journal
from cds_service.parts import Parts, load_parts
from cds_service.settings import Settings
from cds_service.store import ClientRecord


def start(settings: Settings, *, host: str, port: int, open_to_all: bool, remarks: Console) -> None:
    """Serve until interrupted. Raises click.UsageError where clients could not be told apart, with every reason."""
    keeper, register, clients = (None, None, ()) if open_to_all else guard(settings)
    parts = load_parts(settings)
    warm_up(parts)
    journal = open_journal(settings, parts, remarks)
    if open_to_all:
        _warn_open(host, remarks)
    else:
        _tell(clients, settings, remarks)
        if not _loopback(host):
            remarks.print(f"{host} is served without TLS: tokens and records need a reverse proxy that has it.")
    address = f"[{host}]" if ":" in host else host
    remarks.print(f"blinatumomab-cds answers at http://{address}:{port}/cds-services  (stop with Ctrl-C)")
    parts = _with_secret(parts, journal, remarks)
    app = create_app(
        settings,
        parts=parts,
        admit=keeper.admit if keeper else None,
        open_to_all=open_to_all,
        read_loopback=open_to_all and _loopback(host),
        journal=journal,
    )
    try:
        serve(app, host, port)
    except OSError as mistake:
        raise click.ClickException(f"cannot listen on {host}:{port}: {mistake.strerror or mistake}") from mistake
    finally:
        for kept in (journal, register):
            if kept is not None:
                kept.close()


def _with_secret(parts: Parts, journal: Journal | None, remarks: Console) -> Parts:
    """The parts with the secret of the installation, so that links outlive this process and hold in the others."""
    if not parts.settings.form_url or parts.settings.site_secret is not None:
        return parts
    try:
        if journal is not None:
            return parts.with_secret(journal.secret())
    except StoreError:
        pass
    remarks.print("No site_secret is set and no database answers: links to the form work until this process ends.")
    return parts


def _warn_open(host: str, remarks: Console) -> None:
    remarks.print("[bold yellow]--open[/bold yellow]: anyone who reaches this port may call. Synthetic patients only.")
    if not _loopback(host):
        remarks.print(
            f"[bold white on red] DANGER [/bold white on red] {host} is reachable from other machines, without "
            "authentication and without TLS. Do not send real patients' data."
        )


def _tell(clients: Sequence[ClientRecord], settings: Settings, remarks: Console) -> None:
    named = ", ".join(client.name for client in clients)
    remarks.print(f"{counted(len(clients), 'client')}: {named}", soft_wrap=True, markup=False)
    remarks.print(
        f"tokens have to be for {settings.public_url.rstrip('/')}/cds-services/…", soft_wrap=True, markup=False
    )
    for client in clients:
        if client.sandbox_key:
            remarks.print(
                f"[bold yellow]WARNING[/bold yellow] client {client.name} is taken with a key whose private half is "
                "public: anyone can call in its name. Synthetic patients only.",
                soft_wrap=True,
            )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
