"""Does it hold? `serve` for many minutes at a share of what it can do, with good, bad and slow calls and slow clients.

    .venv/bin/python bench/load.py                      # the documented run: 30 minutes at 70 %
    .venv/bin/python bench/load.py --minutes 2
    .venv/bin/python bench/load.py --follow             # on a machine that others use too
    .venv/bin/python bench/load.py --database postgresql://cds@db.example.org/cds

Starts `serve --open` with a database of its own and, beside it, a small FHIR server that answers after 40 ms, so that
some calls wait for others. Most calls are order-signs of about 30 kB; some are order-selects, feedback, calls with a
hole in the prefetch that is read from the FHIR server, and calls that are wrong. Measures what the service can do by
many clients without pause, in six slices of ten seconds, each followed by one at the share of it; and the p99 without
load by one client alone. Then calls come at their moments, at the share of what it can do, whether or not earlier ones
are answered, so that a delay counts for all that wait behind it. Meanwhile slow clients hold connections, and are
replaced when the server closes them. At the end it is measured again what the service can do.

A virtual machine does not always do what it did in those slices: beside other guests of its host it can lose a third
for a while, and 70 % of then is more than all of now. With --follow the share is of what can be done now: the rate goes
up and down with the speed of the machine (machine.py), measured by work that is not the service's. That work, too, is
slower the busier the machine is, so its speed counts against the slices at the share, which are as busy as the run.
Before each tenth of the time two more such slices tell anew how much can be done at which speed; their calls do not
count. The mean rate has a bar, so that neither the host nor a service that fills the machine makes the run easy. On a
machine of one's own both ways are the same.

Prints a line for each tenth of the time, then the bar: every answer as expected (no 5xx, none missing), memory of the
last third at most 10 % above that of the first, p99 at most twice its value without load; and that as many calls came
as make it a run at the share of what could be done, by all slices and those afterwards (5 % less at most). Leaves with
1 where one is missed. Memory is that of all processes of the service, shared pages once. Each line also tells how fast
the machine was meanwhile (100 %: as in the slices at the share), and how much processor time the host took away.
"""

from __future__ import annotations

import argparse
import gc
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
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from calling import BROKEN, SLOW_AT_ONCE, Answered, Next, SlowOnes, at_a_rate, get, milliseconds, post, without_pause
from capacity import CLIENTS, Capacity
from machine import Machine
from respond import PATH, body
from upstream import upstream

from cds_service.web.json_body import dump_json
from fhir_fixtures import hook_calls

SELECT = "/cds-services/blinatumomab-order-select"
MEMORY_BAR, P99_BAR, RATE_BAR = 1.10, 2.0, 0.95
ALONE_SECONDS = 30.0
SLICES, STRETCHES = 6, 10
WEIGHTS = {"order-sign": 70, "order-select": 12, "waits": 8, "feedback": 5, "wrong": 3, "discovery": 2}
EXPECTED = {"wrong": 400}


def calls(fhir: str) -> Next:
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


class Record:
    """What became of the calls, and the memory, as time goes by; a line for each tenth."""

    def __init__(self, first: int, seconds: float, machine: Machine):
        self._first, self._step, self._begun, self._earlier = first, seconds / 30, time.perf_counter(), 0.0
        self._machine, self._told = machine, 0
        self.answered: list[Answered] = []
        self.bad: Counter[str] = Counter()
        self.memory: list[float] = []

    @contextmanager
    def stretch(self, seconds: float) -> Iterator[None]:
        """So much of the time passes now; what is between stretches is not of it."""
        self._begun = time.perf_counter()
        self._machine.since_told()
        yield
        self._earlier += seconds

    def add(self, answered: Answered) -> None:
        """One more; now and then the memory is looked at, and a line told."""
        self.answered.append(answered)
        if answered.status != EXPECTED.get(answered.kind, 200):
            self.bad[f"{answered.kind}: {answered.status or 'no answer'}"] += 1
        elapsed = self._earlier + time.perf_counter() - self._begun
        if elapsed >= self._step * (len(self.memory) + 1):
            self.memory.append(memory(self._first))
            if len(self.memory) % 3 == 0:
                print_line(elapsed, self.answered[self._told :], self.memory[-1], self._machine)
                self._told = len(self.answered)


def print_line(elapsed: float, recent: list[Answered], used: float, machine: Machine) -> None:
    """What a tenth of the time was like."""
    failed = sum(each.status >= 500 or each.status == BROKEN for each in recent)
    print(
        f"{elapsed / 60:>6.1f} min {len(recent):>7} calls, {failed} failed"
        f"   p50 {milliseconds(recent, 50):6.1f} ms  p99 {milliseconds(recent, 99):6.1f} ms   {used:5.0f} MiB"
        f"   {machine.since_told()}",
        flush=True,
    )


def missed(record: Record, alone: list[Answered]) -> list[str]:
    """Which bars were."""
    third = max(1, len(record.memory) // 3)
    grown = statistics.median(record.memory[-third:]) / statistics.median(record.memory[:third])
    longer = milliseconds(record.answered, 99) / milliseconds(alone, 99)
    print(f"under load: {percentiles(record.answered)}")
    print(f"p99: {longer:.2f} times that without load (bar {P99_BAR:g})")
    print(f"memory: last third {grown:.3f} times the first (bar {MEMORY_BAR:g})")
    print(f"not as expected: {dict(record.bad) or 'none'} of {len(record.answered)} calls")
    bars = {"answers": bool(record.bad), "memory": grown > MEMORY_BAR, "p99": longer > P99_BAR}
    return [name for name, over in bars.items() if over]


def percentiles(found: list[Answered]) -> str:
    """Of all calls, and of some kinds."""
    kinds = {kind: [each for each in found if each.kind == kind] for kind in ("order-sign", "waits", "feedback")}
    return ";  ".join(
        f"{kind} p50 {milliseconds(some, 50):.1f} ms, p99 {milliseconds(some, 99):.1f} ms"
        for kind, some in {"all": found, **kinds}.items()
    )


def run(options: argparse.Namespace, database: str, log: Path) -> int:
    """The whole of it."""
    seconds, share = options.minutes * 60, options.percent / 100
    with upstream() as fhir, service(database, log) as (port, first):
        following, machine = calls(fhir), Machine(body())
        without_pause(port, following, clients=8, seconds=2)
        capacity = Capacity(port, following, share, machine, follows=options.follow)
        for _ in range(SLICES):
            capacity.look_both()
        print(f"at most {capacity.mean():.0f} req/s of the mixture", flush=True)
        alone = without_pause(port, following, clients=1, seconds=ALONE_SECONDS)
        print(f"alone: {percentiles(alone)}   {machine.since_told()}")
        how = ", as the speed of the machine goes," if options.follow else ""
        print(f"now {capacity.share():.0f} req/s{how} for {options.minutes:g} minutes", flush=True)
        record = Record(first, seconds, machine)
        under_load(port, following, record, seconds, capacity)
        mean = len(record.answered) / seconds
        machine.since_told()
        after = statistics.fmean([capacity.look() for _ in range(SLICES)])
        print(f"at most {after:.0f} req/s afterwards   {machine.since_told()}")
        print(f"slices: {' '.join(f'{each:.0f}' for each in capacity.slices)}, in the mean {capacity.mean():.0f} req/s")
        print(f"{mean:.0f} req/s came: {100 * mean / capacity.mean():.0f} % of that")
        over = missed(record, alone)
    if mean < RATE_BAR * capacity.share():
        over.append("rate")
    print("missed: " + ", ".join(over) if over else "held")
    return 1 if over else 0


def under_load(port: int, following: Next, record: Record, seconds: float, capacity: Capacity) -> None:
    """Calls at the share of the capacity, and slow clients beside them."""
    closed, stretches = 0, STRETCHES if capacity.follows else 1
    for _ in range(stretches):
        if capacity.follows:
            capacity.look_both()
        slow, part = SlowOnes(port), seconds / stretches
        slow.start()
        with record.stretch(part):
            at_a_rate(port, following, per_second=capacity.rate, seconds=part, clients=CLIENTS, each=record.add)
        slow.end()
        closed += slow.closed
    print(f"slow clients: {SLOW_AT_ONCE} at a time, {closed} closed by the server")


def main() -> int:
    """Status 1 when a bar is missed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=30.0, help="how long (default 30)")
    options.add_argument("--percent", type=float, default=70.0, help="of what it can do (default 70)")
    options.add_argument("--follow", action="store_true", help="the rate goes with the machine's speed (see above)")
    options.add_argument("--database", help="a file or URL instead of a new file in a temporary folder")
    options.add_argument("--log", type=Path, help="where the service's log goes (default: a temporary folder)")
    chosen = options.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    gc.set_threshold(700, 10, 1_000_000)  # to look through all that is kept of the calls would hold up those to come
    with tempfile.TemporaryDirectory() as folder:
        log = chosen.log or Path(folder) / "log"
        return run(chosen, chosen.database or str(Path(folder) / "store.sqlite3"), log)


if __name__ == "__main__":
    raise SystemExit(main())
