"""How fast is this machine now? The host of a virtual machine, and its other guests, make it faster and slower.

Two things slow it down, by up to a third and for a minute or so: the host gives a processor to somebody else (Linux
counts that as stolen), and another guest computes on the same core (nobody counts that; the same work then takes
longer). So a small piece of work like the service's own, the reading and writing of JSON, is done twenty times a
second, and the processor time it took is looked at. Other work on this machine makes that longer too, by a few
percent. Some kernels count stolen time within it; then it counts twice, and the machine passes for slower than it is.
"""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAUSE_SECONDS = 0.05
WINDOW_SECONDS = 2.0
SLOWEST = 0.1
"""The least that `speed` says, whatever was measured."""


class Machine:
    """Its speed while the program runs, by this text of JSON, against that at another time.

    Costs 2 % of one processor.
    """

    def __init__(self, text: bytes):
        self._text = text
        self._recent: deque[float] = deque(maxlen=round(WINDOW_SECONDS / PAUSE_SECONDS))
        self._since: list[float] = []
        self._as_base: list[float] = []
        self._base, self._told = 1.0, processor_time()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        ticks = deque([processor_time()], maxlen=self._recent.maxlen)
        while True:
            time.sleep(PAUSE_SECONDS)
            begun = time.thread_time()
            json.dumps(json.loads(self._text))
            taken = time.thread_time() - begun
            ticks.append(processor_time())
            speed = (1.0 - stolen(ticks[0], ticks[-1])) / taken
            self._recent.append(speed)
            self._since.append(speed)

    @contextmanager
    def as_base(self) -> Iterator[None]:
        """Its speed meanwhile, and at other such times, is the one against which all later speeds count."""
        self._take()
        yield
        speeds, _ = self._take()
        self._as_base += speeds
        self._base = statistics.fmean(self._as_base)

    def speed(self) -> float:
        """Over the last two seconds; 1 where it is as fast as it was `as_base`."""
        return max(SLOWEST, statistics.fmean(list(self._recent)) / self._base)

    def since_told(self) -> str:
        """Speed, and what the host took, since this was asked last."""
        speeds, taken = self._take()
        return f"machine {100 * statistics.fmean(speeds) / self._base:3.0f} %, stolen {100 * taken:.1f} %"

    def _take(self) -> tuple[list[float], float]:
        """Its speeds, and the share stolen, since the last call."""
        speeds, self._since = self._since, []
        before, self._told = self._told, processor_time()
        return speeds or list(self._recent), stolen(before, self._told)


def processor_time() -> tuple[int, int]:
    """Of all processors since they were started, in ticks: taken by the host, and in all."""
    ticks = [int(number) for number in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return ticks[7], sum(ticks)


def stolen(before: tuple[int, int], after: tuple[int, int]) -> float:
    """The share that the host took between two moments, 0 to 1."""
    return min(1.0, max(0.0, (after[0] - before[0]) / max(1, after[1] - before[1])))
