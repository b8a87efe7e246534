"""Calls that compute take turns. A leaf.

Threads of one process cannot compute at once; in slices, all would be as late as the last. So one computes, the others
wait in order, and whoever waits for somebody else meanwhile gives the turn away. One that has computed for long goes
on beside the next, so that it does not hold up everybody. What needs no computing (health, feedback, discovery) needs
no turn and is never behind those who do.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, get_ident

LONG_SECONDS = 0.1
"""Ten times what an order-sign takes: only a record of unusual size computes that long at one go."""


class Turns:
    """One at a time, of the threads of one process, and one more beside one that takes `long_seconds`."""

    def __init__(self, long_seconds: float = LONG_SECONDS):
        self._long = long_seconds
        self._changing = Lock()
        self._begun: dict[int, float] = {}
        self._waiting: deque[tuple[int, Lock]] = deque()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Compute in this block, once it is one's turn. Not within itself."""
        self._take()
        try:
            yield
        finally:
            self._end()

    @contextmanager
    def given_away(self) -> Iterator[None]:
        """Wait for somebody else in this block, inside one that is `taken`, in the same thread."""
        self._end()
        try:
            yield
        finally:
            self._take()

    def _take(self) -> None:
        gate = Lock()
        gate.acquire()
        with self._changing:
            self._waiting.append((get_ident(), gate))
            self._let_in()
        while not gate.acquire(timeout=self._long):
            with self._changing:
                self._let_in()

    def _end(self) -> None:
        with self._changing:
            del self._begun[get_ident()]
            self._let_in()

    def _let_in(self) -> None:
        """The first who waits, where nobody computes or one alone has for long."""
        now = time.monotonic()
        free = not self._begun or (len(self._begun) == 1 and now - min(self._begun.values()) >= self._long)
        if free and self._waiting:
            thread, gate = self._waiting.popleft()
            self._begun[thread] = now
            gate.release()
