"""Which server? Ours on waitress, gunicorn and granian, called the same way on this machine.

    .venv/bin/pip install --target build/servers gunicorn granian     # not needed by the service itself
    PYTHONPATH=build/servers .venv/bin/python bench/servers.py

Each candidate serves the same app with the same number of workers and threads, and is called with an order-sign of
about 30 kB with a full prefetch: by 1, 8 and 32 clients without pause; then one that waits 50 ms for somebody else
before it judges, as a read from a FHIR server does; then, with 100 clients that are idle, or have sent part of their
headers or of their body and nothing more, six ordinary calls on new connections: the slowest of them counts. Prints a
table in Markdown; docs/why.md has what it said when the server was chosen. Takes about two minutes for each.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from calling import BROKEN, Answered, get, milliseconds, post, slow_clients, without_pause
from flask import Flask
from respond import PATH, body

from cds_service.app import create_app, settle, warm_up
from cds_service.guidance import Guidance, advise
from cds_service.hooks.call import HookCall
from cds_service.parts import load_parts
from cds_service.settings import Settings

HERE = Path(__file__).resolve()
WAIT = "BENCH_WAIT_SECONDS"
WAIT_SECONDS = 0.05
SLOW = 100


def application() -> Flask:
    """The app that every candidate serves: whole and warm, open, without a database."""
    settings = Settings()
    parts = load_parts(settings)
    warm_up(parts)
    seconds = float(os.environ.get(WAIT, "0"))

    def judge(call: HookCall, today: date) -> Guidance:
        time.sleep(seconds)
        return advise(call, parts, today=today)

    return create_app(settings, parts=parts, advise=judge if seconds else None, open_to_all=True)


def serve_waitress(port: int, workers: int, threads: int) -> None:
    """waitress in so many processes that share a listening socket."""
    import waitress

    app, listening = application(), socket.create_server(("127.0.0.1", port), backlog=1024)
    settle()
    for _ in range(workers - 1):
        if os.fork() == 0:
            break
    waitress.serve(app, sockets=[listening], threads=threads, asyncore_use_poll=True, connection_limit=1000)


def gunicorn(port: int, workers: int, threads: int) -> list[str]:
    """gunicorn with threads, loaded once before its workers are forked."""
    return [
        *(sys.executable, "-m", "gunicorn", "servers:application()", f"--chdir={HERE.parent}", "--preload"),
        *(f"--bind=127.0.0.1:{port}", f"--workers={workers}", f"--threads={threads}", "--worker-class=gthread"),
        *("--no-control-socket", "--log-level=error"),
    ]


def granian(port: int, workers: int, threads: int) -> list[str]:
    """granian with the WSGI interface."""
    return [
        *(sys.executable, "-m", "granian", "--interface=wsgi", "--factory", "servers:application"),
        *(f"--port={port}", f"--workers={workers}", f"--blocking-threads={threads}", f"--working-dir={HERE.parent}"),
        *("--backpressure=1000", "--no-log"),
    ]


def waitress_command(port: int, workers: int, threads: int) -> list[str]:
    """This script, as waitress."""
    return [sys.executable, str(HERE), "--serve", f"{port},{workers},{threads}"]


Command = Callable[[int, int, int], list[str]]
CANDIDATES: dict[str, Command] = {"waitress": waitress_command, "gunicorn gthread": gunicorn, "granian": granian}


@contextmanager
def running(command: Command, workers: int, threads: int, wait: float) -> Iterator[tuple[int, float, int]]:
    """A candidate while it serves: its port, its start-up in seconds, and its first process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    begun = time.perf_counter()
    server = subprocess.Popen(
        command(port, workers, threads),
        env={**os.environ, WAIT: str(wait), "PYTHONPATH": f"{HERE.parent}:{os.environ.get('PYTHONPATH', '')}"},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not without_pause(port, lambda: ("", get("/health")), clients=1, seconds=0.01)[-1].status:
            if server.poll() is not None:
                raise SystemExit(f"it ended with status {server.returncode}: is it installed?")
            time.sleep(0.02)
        yield port, time.perf_counter() - begun, server.pid
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def memory(first: int) -> float:
    """MiB that the processes of this session occupy, shared pages counted once."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(folder.name)) == first:
                lines = (folder / "smaps_rollup").read_text().splitlines()
                total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except (OSError, StopIteration):
            continue
    return total / 1024


def told(found: Sequence[Answered], seconds: float) -> str:
    """Calls per second, p50 and p99; how many were not answered."""
    bad = sum(each.status != 200 for each in found)
    line = f"{len(found) / seconds:.0f}, {milliseconds(found, 50):.1f}, {milliseconds(found, 99):.1f}"
    return line + (f" ({bad} failed)" if bad else "")


def with_slow_clients(port: int, how: str, data: bytes) -> str:
    """The slowest of some ordinary calls, or how many of them had no answer."""
    with slow_clients(port, how, SLOW):
        calls = [without_pause(port, lambda: ("", data), clients=1, seconds=0.001)[0] for _ in range(6)]
    failed = sum(each.status == BROKEN for each in calls)
    return f"{failed} of 6 without answer" if failed else f"{max(each.seconds for each in calls) * 1000:.0f} ms"


def measured(command: Command, workers: int, threads: int, seconds: float) -> Iterator[str]:
    """The cells of one row."""
    data = post(PATH, body())
    with running(command, workers, threads, 0.0) as (port, start_up, first):
        without_pause(port, lambda: ("", data), clients=8, seconds=0.5)
        for clients in (1, 8, 32):
            yield told(without_pause(port, lambda: ("", data), clients=clients, seconds=seconds), seconds)
        yield f"{start_up:.1f} s, {memory(first):.0f} MiB"
    for how in ("idle keep-alive", "partial headers", "partial body"):
        with running(command, workers, threads, 0.0) as (port, _, _):
            yield with_slow_clients(port, how, data)
    with running(command, workers, threads, WAIT_SECONDS) as (port, _, _):
        for clients in (8, 32):
            yield told(without_pause(port, lambda: ("", data), clients=clients, seconds=seconds), seconds)


_COLUMNS = (
    *("1 client", "8 clients", "32 clients", "start, memory"),
    *("idle", "headers", "body", "8, waiting", "32, waiting"),
)


def main() -> int:
    """Measure every candidate that is named."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("candidates", nargs="*", metavar="NAME", help=f"of: {', '.join(CANDIDATES)} (default: all)")
    options.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    options.add_argument("--threads", type=int, default=16, help="in each (default 16)")
    options.add_argument("--seconds", type=float, default=3.0, help="for each figure (default 3)")
    options.add_argument("--serve", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.serve:
        serve_waitress(*map(int, chosen.serve.split(",")))
    print("req/s, p50 ms, p99 ms; slowest of six calls beside 100 slow clients; req/s, p50, p99 with a wait of 50 ms\n")
    print(f"| | {' | '.join(_COLUMNS)} |\n|{'---|' * (len(_COLUMNS) + 1)}")
    for name in chosen.candidates or CANDIDATES:
        print(f"| {name}", end="", flush=True)
        for cell in measured(CANDIDATES[name], chosen.workers, chosen.threads, chosen.seconds):
            print(f" | {cell}", end="", flush=True)
        print(" |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
