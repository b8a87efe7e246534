"""Does it hold? `serve` for many minutes at a share of what it can do, with good, bad and slow calls and slow clients.

    .venv/bin/python bench/load.py                      # the documented run: 30 minutes at 70 %
    .venv/bin/python bench/load.py --minutes 2
    .venv/bin/python bench/load.py --follow             # on a machine that others use too
    .venv/bin/python bench/load.py --database postgresql://cds@db.example.org/cds

Starts `serve --open` with a database of its own and, beside it, a small FHIR server that answers after 40 ms, so that
some calls wait for others. Most calls are order-signs of about 30 kB; some are order-selects, feedback, calls with a
hole in the prefetch that is read from the FHIR server, and calls that are wrong. Measures the mixture by one client
alone (its p99 without load), and by many without pause for a minute (what the service can do). Then calls come at their
moments, at the share of that, whether or not earlier ones are answered, so that a delay counts for all that wait behind
it. Meanwhile slow clients hold connections, and are replaced when the server closes them.

A virtual machine does not always do what it did in that minute: beside other guests of its host it can lose a third for
a while, and 70 % of then is more than all of now. With --follow the share is of what can be done now: the rate goes up
and down with the speed of the machine, measured by work that is not the service's (machine.py). A service that itself
grows slower gets no fewer calls by that.

Prints a line for each tenth of the time, then the bar: every answer as expected (no 5xx, none missing), memory of the
last third at most 10 % above that of the first, p99 at most twice its value without load. Leaves with 1 where it is
missed. Memory is that of all processes of the service, shared pages once. Each line also tells how fast the machine was
meanwhile (100 %: as in the minute without pause), and how much processor time the host took away.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from calling import BEGINNINGS, BROKEN, Answered, at_a_rate, get, milliseconds, post, without_pause
from machine import Machine
from respond import PATH, body

from cds_service.web.json_body import dump_json
from fhir_fixtures import hook_calls

SELECT = "/cds-services/blinatumomab-order-select"
UPSTREAM_SECONDS = 0.04
SLOW_AT_ONCE = 40
MEMORY_BAR, P99_BAR = 1.10, 2.0
ALONE_SECONDS, FULL_SECONDS = 8.0, 60.0
CLIENTS = 64
WEIGHTS = {"order-sign": 70, "order-select": 12, "waits": 8, "feedback": 5, "wrong": 3, "discovery": 2}
EXPECTED = {"wrong": 400}


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class Upstream(BaseHTTPRequestHandler):
    """A FHIR server that knows nobody, after a while."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        time.sleep(UPSTREAM_SECONDS)
        answer = b'{"resourceType":"Bundle","type":"searchset","entry":[]}'
        self.send_response(200)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def upstream() -> Iterator[str]:
    """The FHIR server while it runs: its base."""
    server = Server(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/r4"
    finally:
        server.shutdown()
        server.server_close()


def calls(fhir: str) -> Callable[[], tuple[str, bytes]]:
    """What gives the next call: drawn by weight, with a fixed seed; each kind in several patients' shapes."""
    signs = [post(PATH, body())]
    selects = [post(SELECT, dump_json(call).encode()) for call in some("order-select", 6)]
    holes = [post(PATH, dump_json(with_a_hole(call, fhir)).encode()) for call in some("order-sign", 6)]
    wrong = [post(PATH, data) for data in (b"{}", b'{"hook":', b"[1]", b'{"hook":"order-sign","context":{}}')]
    fixed = {"order-sign": signs, "order-select": selects, "waits": holes, "wrong": wrong}
    fixed["discovery"] = [get("/cds-services")]
    turns = {kind: itertools.cycle(known) for kind, known in fixed.items()}
    draw = random.Random(1)

    def following() -> tuple[str, bytes]:
        kind = draw.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        return kind, feedback() if kind == "feedback" else next(turns[kind])

    return following


def some(hook: str, count: int) -> list[dict[str, Any]]:
    """Calls of this hook, of different patients."""
    return [call for name, call in sorted(hook_calls().items()) if name.startswith(f"{hook}--")][:count]


def with_a_hole(call: dict[str, Any], fhir: str) -> dict[str, Any]:
    """The call without its laboratory, which is to be read."""
    kept = {key: value for key, value in call["prefetch"].items() if key != "laboratory"}
    return {**call, "prefetch": kept, "fhirServer": fhir}


def feedback() -> bytes:
    """One entry about a card of its own."""
    entry = {
        "card": str(uuid.uuid4()),
        "outcome": "overridden",
        "outcomeTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    return post(f"{PATH}/feedback", json.dumps({"feedback": [entry]}).encode())


@contextmanager
def service(database: str, log: Path) -> Iterator[tuple[int, int]]:
    """`serve --open`, once it answers: its port and its first process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "cds_service", "serve", "--open", "--port", str(port)]
    settings = {"BLINATUMOMAB_CDS_DATABASE": database}
    with log.open("wb") as written:
        process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=written, stderr=written)
    try:
        while not without_pause(port, lambda: ("", get("/health")), clients=1, seconds=0.01)[-1].status:
            if process.poll() is not None:
                raise SystemExit(f"the service ended:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        print(f"ended with status {process.wait(60)}")


def memory(first: int) -> float:
    """MiB of this process and its children, shared pages counted once."""
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    total = 0
    for pid in (first, *children):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return total / 1024


class SlowOnes(threading.Thread):
    """Clients that begin requests and do not go on; whoever is closed is replaced."""

    def __init__(self, port: int):
        super().__init__(daemon=True)
        self._port, self._ended, self.closed = port, threading.Event(), 0

    def run(self) -> None:
        """Until `end`."""
        ways = itertools.cycle(BEGINNINGS.values())
        with ExitStack() as opened:
            lines: list[socket.socket] = []
            while not self._ended.wait(0.5):
                lines = [line for line in lines if not self._is_closed(line)]
                while len(lines) < SLOW_AT_ONCE:
                    line = opened.enter_context(socket.create_connection(("127.0.0.1", self._port), timeout=5))
                    line.sendall(next(ways))
                    line.setblocking(False)
                    lines.append(line)

    def _is_closed(self, line: socket.socket) -> bool:
        try:
            while piece := line.recv(65536):
                if not piece:
                    break
        except BlockingIOError:
            return False
        except OSError:
            pass
        self.closed += 1
        line.close()
        return True

    def end(self) -> None:
        """Close them all."""
        self._ended.set()
        self.join()


class Record:
    """What became of the calls, and the memory, as time goes by; a line for each tenth."""

    def __init__(self, first: int, seconds: float, machine: Machine):
        self._first, self._step, self._begun = first, seconds / 30, time.perf_counter()
        self._measured, self._machine = 0, machine
        self.taken: list[float] = []
        self.recent: list[Answered] = []
        self.bad: Counter[str] = Counter()
        self.count = 0
        self.memory: list[float] = []

    def add(self, answered: Answered) -> None:
        """One more; now and then the memory is looked at, and a line told."""
        self.count += 1
        self.recent.append(answered)
        self.taken.append(answered.seconds * 1000)
        if answered.status != EXPECTED.get(answered.kind, 200):
            self.bad[f"{answered.kind}: {answered.status or 'no answer'}"] += 1
        elapsed = time.perf_counter() - self._begun
        if elapsed >= self._step * (self._measured + 1):
            self._measured += 1
            self.memory.append(memory(self._first))
            if self._measured % 3 == 0:
                print_line(elapsed, self.recent, self.memory[-1], self._machine)
                self.recent = []


def print_line(elapsed: float, recent: list[Answered], used: float, machine: Machine) -> None:
    """What a tenth of the time was like."""
    failed = sum(each.status >= 500 or each.status == BROKEN for each in recent)
    print(
        f"{elapsed / 60:>6.1f} min {len(recent):>7} calls, {failed} failed"
        f"   p50 {milliseconds(recent, 50):6.1f} ms  p99 {milliseconds(recent, 99):6.1f} ms   {used:5.0f} MiB"
        f"   {machine.since_told()}",
        flush=True,
    )


def missed(record: Record, alone: float) -> list[str]:
    """Which bars were."""
    third = max(1, len(record.memory) // 3)
    grown = statistics.median(record.memory[-third:]) / statistics.median(record.memory[:third])
    p99 = statistics.quantiles(record.taken, n=100)[98]
    print(f"memory: last third {grown:.3f} times the first (bar {MEMORY_BAR:g})")
    print(f"p99: {p99:.1f} ms, {p99 / alone:.2f} times that without load (bar {P99_BAR:g})")
    print(f"not as expected: {dict(record.bad) or 'none'} of {record.count} calls")
    bars = {"answers": bool(record.bad), "memory": grown > MEMORY_BAR, "p99": p99 > P99_BAR * alone}
    return [name for name, over in bars.items() if over]


def run(options: argparse.Namespace, database: str, log: Path) -> int:
    """The whole of it."""
    with upstream() as fhir, service(database, log) as (port, first):
        following, machine = calls(fhir), Machine(body())
        without_pause(port, following, clients=8, seconds=2)
        alone = without_pause(port, following, clients=1, seconds=ALONE_SECONDS)
        machine.measure()
        full = len(without_pause(port, following, clients=16, seconds=FULL_SECONDS)) / FULL_SECONDS
        machine.measured()
        alone_p99 = milliseconds(alone, 99)
        rate: float = full * options.percent / 100
        how = ", as the machine's speed goes," if options.follow else ""
        print(f"alone: p50 {milliseconds(alone, 50):.1f} ms, p99 {alone_p99:.1f} ms")
        print(f"at most {full:.0f} req/s of the mixture; now {rate:.0f} req/s{how} for {options.minutes:g} minutes")
        slow = SlowOnes(port)
        slow.start()
        seconds = options.minutes * 60
        record = Record(first, seconds, machine)

        def per_second() -> float:
            return rate * machine.speed() if options.follow else rate

        at_a_rate(port, following, per_second=per_second, seconds=seconds, clients=CLIENTS, each=record.add)
        slow.end()
        print(f"slow clients: {SLOW_AT_ONCE} at a time, {slow.closed} closed by the server")
        over = missed(record, alone_p99)
    print("missed: " + ", ".join(over) if over else "held")
    return 1 if over else 0


def main() -> int:
    """Status 1 when a bar is missed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=30.0, help="how long (default 30)")
    options.add_argument("--percent", type=float, default=70.0, help="of what it can do (default 70)")
    options.add_argument("--follow", action="store_true", help="the rate goes with the machine's speed (see above)")
    options.add_argument("--database", help="a file or URL instead of a new file in a temporary folder")
    options.add_argument("--log", type=Path, help="where the service's log goes (default: a temporary folder)")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = chosen.log or Path(folder) / "log"
        return run(chosen, chosen.database or str(Path(folder) / "store.sqlite3"), log)


if __name__ == "__main__":
    raise SystemExit(main())
