"""What one worker gives and takes: order-sign calls a second, processor time, memory. For docs/operate.md.

    .venv/bin/python bench/sizing.py [--workers 1,2] [--seconds 10] [--database WHERE]

Starts `serve --open` as a user would, with a database (a new SQLite file by default), calls it with an order-sign of
about 30 kB with a full prefetch, and prints a table in Markdown. Memory is the share (PSS) after the calls,
so that what workers share counts once. Caller and service share the machine; the processor time of the service for a
call, with all that is recorded behind it, says what a worker can do where it does not share.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from calling import Answered, milliseconds, post, without_pause
from respond import PATH, body

COMMAND = Path(sys.executable).parent / "blinatumomab-cds"


@contextmanager
def served(workers: int, database: str) -> Iterator[tuple[int, int, float]]:
    """The port, the id of the first process, and the seconds until it answered."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun = time.perf_counter()
    process = subprocess.Popen(
        [COMMAND, "serve", "--open", "--port", str(port), "--workers", str(workers)],
        env=os.environ | {"BLINATUMOMAB_CDS_DATABASE": database},
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(port)
        yield port, process.pid, time.perf_counter() - begun
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)


def _wait(port: int) -> None:
    """Until it accepts, and answers."""
    for _ in range(600):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
                line.sendall(b"GET /health/live HTTP/1.0\r\n\r\n")
                if line.recv(100):
                    return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the service did not start")


def processes(first: int) -> list[str]:
    """The ids of the first process and of its workers."""
    return [str(first), *Path(f"/proc/{first}/task/{first}/children").read_text(encoding="ascii").split()]


def processor_seconds(first: int) -> float:
    """What all of them have used so far."""
    ticks = 0
    for pid in processes(first):
        told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks += int(told[11]) + int(told[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def mebibytes(first: int) -> list[float]:
    """The share of memory of the first process and of each worker."""
    found = []
    for pid in processes(first):
        told = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        found.append(sum(int(kb) for kb in re.findall(r"^Pss:\s+(\d+)", told, re.MULTILINE)) / 1024)
    return found


def row(workers: int, clients: int, found: list[Answered], seconds: float, used: float) -> str:
    """One line of the table."""
    wrong = sum(each.status != 200 for each in found)
    return (
        f"| {workers} | {clients} | {len(found) / seconds:.0f} | {milliseconds(found, 50):.1f} "
        f"| {milliseconds(found, 99):.1f} | {1000 * used / len(found):.1f} | {wrong} |"
    )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--clients", default="1,8,32")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--database", default="")
    told = parser.parse_args()
    call = post(PATH, body())
    print("| workers | clients | calls a second | p50 ms | p99 ms | processor ms a call | not 200 |")
    print("|---|---|---|---|---|---|---|")
    after = []
    for workers in map(int, told.workers.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            with served(workers, told.database or f"{folder}/store.sqlite3") as (port, pid, seconds):
                without_pause(port, lambda: ("warm", call), clients=4 * workers, seconds=1)
                for clients in map(int, told.clients.split(",")):
                    before = processor_seconds(pid)
                    found = without_pause(port, lambda: ("sign", call), clients=clients, seconds=told.seconds)
                    time.sleep(1)  # what is recorded behind the answers counts
                    used = processor_seconds(pid) - before
                    print(row(workers, clients, found, told.seconds, used), flush=True)
                first, *others = mebibytes(pid)
            each = ", ".join(f"{size:.0f}" for size in others)
            after.append(f"{workers} workers: up after {seconds:.1f} s; MiB: first process {first:.0f}, workers {each}")
    print(*after, sep="\n")


if __name__ == "__main__":
    main()
