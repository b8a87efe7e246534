"""Calls that compute take turns. A leaf.

Threads of one process cannot compute at once; in slices, all would be as late as the last. So few compute at a time,
the others wait in order, and whoever waits for somebody else meanwhile gives the turn away. What needs no computing
(health, feedback, discovery) needs no turn and is never behind those who do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Semaphore

AT_ONCE = 2
"""Two, so that one very long call does not hold up everybody."""


class Turns:
    """So many at once, of the threads of one process."""

    def __init__(self, at_once: int = AT_ONCE):
        self._free = Semaphore(at_once)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Compute in this block, once it is one's turn."""
        with self._free:
            yield

    @contextmanager
    def given_away(self) -> Iterator[None]:
        """Wait for somebody else in this block, inside one that is `taken`."""
        self._free.release()
        try:
            yield
        finally:
            self._free.acquire()
