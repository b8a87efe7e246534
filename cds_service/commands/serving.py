"""`serve`: the service on a port. Refuses to start unless somebody says who may call."""

from __future__ import annotations

import ipaddress

import click
from rich.console import Console

from cds_service.app import create_app, serve, warm_up
from cds_service.commands.storing import open_journal
from cds_service.parts import load_parts
from cds_service.settings import Settings


def start(settings: Settings, *, host: str, port: int, open_to_all: bool, remarks: Console) -> None:
    """Serve until interrupted. Raises click.UsageError without `--open`: client authentication is not there yet."""
    if not open_to_all:
        raise click.UsageError(
            "this version cannot authenticate its clients, so it serves only with --open: anyone who reaches the port "
            "may call. Use --open for sandboxes and tests with synthetic patients, never with real ones."
        )
    parts = load_parts(settings)
    warm_up(parts)
    journal = open_journal(settings, parts, remarks)
    _warn(host, remarks)
    address = f"[{host}]" if ":" in host else host
    remarks.print(f"blinatumomab-cds answers at http://{address}:{port}/cds-services  (stop with Ctrl-C)")
    app = create_app(settings, parts=parts, open_to_all=True, read_loopback=_loopback(host), journal=journal)
    try:
        serve(app, host, port)
    except OSError as mistake:
        raise click.ClickException(f"cannot listen on {host}:{port}: {mistake.strerror or mistake}") from mistake
    finally:
        if journal is not None:
            journal.close()


def _warn(host: str, remarks: Console) -> None:
    remarks.print("[bold yellow]--open[/bold yellow]: anyone who reaches this port may call. Synthetic patients only.")
    if not _loopback(host):
        remarks.print(
            f"[bold white on red] DANGER [/bold white on red] {host} is reachable from other machines, without "
            "authentication and without TLS. Do not send real patients' data."
        )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
