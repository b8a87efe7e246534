"""`serve`: the service on a port, by several processes. Starts with everything in order, or tells all that is not."""

from __future__ import annotations

import ipaddress
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

import click
from rich.console import Console

from cds_service import log_lines, metrics
from cds_service.app import create_app, make_server, settle, warm_up
from cds_service.commands import configured
from cds_service.commands.examining import Ready, examine
from cds_service.commands.guarding import gatekeeper
from cds_service.commands.report_words import counted
from cds_service.commands.storing import open_journal, prepare_database
from cds_service.metrics import MetricsPort
from cds_service.parts import Parts
from cds_service.settings import Settings
from cds_service.silence import ALL, Silence
from cds_service.store import ClientRecord
from cds_service.workers import Life, Workers

_LOG = logging.getLogger("cds_service.workers")
_FLUSH_SECONDS = 3.0
"""Of the time to end: for the journal, once the calls are answered."""
_WORKERS_EACH_PROCESSOR = 2
"""Of somebody who sets nothing. Connections stay with the worker that took them: one whose calls pile up can so use the
processor that another leaves idle, and fewer calls stand still where a host takes a processor away for a moment."""
_MOST_BY_DEFAULT = 8
"""On however large a machine."""


@dataclass(frozen=True)
class Processes:
    """How many, and of what."""

    workers: int
    threads: int


def start(
    *, host: str, port: int, open_to_all: bool, remarks: Console, workers: int | None = None, threads: int | None = None
) -> bool:
    """Serve until told to end; True when all that had been begun was ended. Raises click.UsageError with all mistakes.

    Knowledge is loaded and warm before a worker is forked; threads, connections and the app are made in each.
    """
    ready = examine(host=host, port=port, open_to_all=open_to_all)
    settings = ready.settings
    remarks = _log(settings, remarks)
    try:
        secret = prepare_database(settings, remarks)
    except click.ClickException as mistake:  # of what could be seen only by making it
        raise click.UsageError(f"the service does not start:\n  - {mistake.message}") from mistake
    parts = _warm(ready.parts, secret, remarks)
    processes = Processes(workers or settings.workers or usual_workers(processors()), threads or settings.threads)
    _tell(ready, host, open_to_all, processes, remarks)
    loopback = open_to_all and is_loopback(host)
    with metrics.share_files():
        settle()
        return Workers(
            work=lambda life: _work(life, ready, parts, processes, open_to_all=open_to_all, loopback=loopback),
            count=processes.workers,
            drain_seconds=settings.drain_seconds,
            ending=ready.close,
            child_exited=metrics.child_exited,
        ).run()


def _log(settings: Settings, remarks: Console) -> Console:
    """Begin to log; where that is for machines, what is told at start goes there as well."""
    form = log_lines.set_up(settings.log_format)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if form != log_lines.JSON:
        return remarks
    return Console(file=cast(TextIO, log_lines.Remarks()), width=10_000, highlight=False)


def usual_workers(usable: int) -> int:
    """How many processes answer where nobody says so, on so many processors."""
    return min(_WORKERS_EACH_PROCESSOR * usable, _MOST_BY_DEFAULT)


def processors() -> int:
    """How many processors this process may use, by its affinity and the quota of its container."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        usable = min(usable, -(-int(quota) // int(period)))
    except (OSError, ValueError):  # no such file, or "max"
        pass
    return max(1, usable)


def _warm(parts: Parts, secret: bytes | None, remarks: Console) -> Parts:
    """The parts, warm, with the secret of the installation, so that links hold in other processes and outlive them."""
    warm_up(parts)
    if not parts.settings.form_url or parts.settings.site_secret is not None:
        return parts
    if secret is None:
        remarks.print("No site_secret is set and no database answers: links to the form work until this process ends.")
        return parts
    return parts.with_secret(secret)


# --- one worker -------------------------------------------------------------------------------------------------------


def _work(life: Life, ready: Ready, parts: Parts, processes: Processes, *, open_to_all: bool, loopback: bool) -> bool:
    """Answer until told to end; then answer what has been asked, and write what is to be kept. True when it all was."""
    settings = ready.settings
    with ExitStack() as kept:
        app = _app(kept, life, settings, parts, open_to_all=open_to_all, loopback=loopback)
        server = make_server(app, ready.sockets, threads=processes.threads, share=life)
        life.wake = server.wake
        server.run(life.goes_on)
        whole = server.drain(max(1.0, settings.drain_seconds - _FLUSH_SECONDS), life.goes_on)
        if not whole:
            _LOG.error("calls were not answered in the time that is left to them (drain_seconds), and are cut off")
        return whole


def _app(kept: ExitStack, life: Life, settings: Settings, parts: Parts, *, open_to_all: bool, loopback: bool) -> Any:
    """The app of this process, with its own journal, register and connections, which `kept` lets go."""
    journal = open_journal(settings, parts, purges=life.number == 0)
    if journal is not None:
        kept.callback(journal.close, _FLUSH_SECONDS)
    keeper = None
    if not open_to_all:
        keeper, register = gatekeeper(settings)
        kept.callback(register.close)
    if life.number == 0 and settings.metrics_address:
        kept.callback(_metrics_port(settings).close)
    return create_app(
        settings,
        parts=parts,
        admit=keeper.admit if keeper else None,
        open_to_all=open_to_all,
        read_loopback=loopback,
        journal=journal,
    )


def _metrics_port(settings: Settings) -> MetricsPort:
    """`/metrics` on an address of its own, of all workers, served by the first of them."""
    host, _, port = settings.metrics_address.rpartition(":")
    return MetricsPort(host.strip("[]"), int(port), lambda: metrics.page(None))


# --- what is told at start --------------------------------------------------------------------------------------------


def _tell(ready: Ready, host: str, open_to_all: bool, processes: Processes, remarks: Console) -> None:
    for each in configured.unknown_names():
        remarks.print(f"[bold yellow]WARNING[/bold yellow] {each}", soft_wrap=True)
    if open_to_all:
        _warn_open(host, remarks)
    else:
        _tell_clients(ready.clients, ready.settings, remarks)
        if not is_loopback(host):
            remarks.print(f"{host} is served without TLS: tokens and records need a reverse proxy that has it.")
    if ready.settings.silent:
        remarks.print(f"[bold yellow]SILENT[/bold yellow]: {silent_words(ready.settings.silent)}", soft_wrap=True)
    address = f"[{host}]" if ":" in host else host
    port = ready.sockets[0].getsockname()[1]
    remarks.print(f"{counted(processes.workers, 'worker')} with {counted(processes.threads, 'thread')} each")
    remarks.print(
        f"blinatumomab-cds answers at http://{address}:{port}/cds-services  (stop with Ctrl-C)",
        soft_wrap=True,
        markup=False,
    )
    sys.stderr.flush()


def silent_words(setting: str) -> str:
    """What silent mode does here, for people."""
    told = Silence.of(setting).told()
    which = "; ".join(f"{hook}: {'all cards' if cards == [ALL] else ', '.join(cards)}" for hook, cards in told.items())
    return f"decided and recorded, not shown: {which}"


def _warn_open(host: str, remarks: Console) -> None:
    remarks.print("[bold yellow]--open[/bold yellow]: anyone who reaches this port may call. Synthetic patients only.")
    if not is_loopback(host):
        remarks.print(
            f"[bold white on red] DANGER [/bold white on red] {host} is reachable from other machines, without "
            "authentication and without TLS. Do not send real patients' data."
        )


def _tell_clients(clients: Sequence[ClientRecord], settings: Settings, remarks: Console) -> None:
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


def is_loopback(host: str) -> bool:
    """Is this an address that only this machine reaches?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
