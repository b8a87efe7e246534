"""What can the service do at most, and what is a share of that now? In slices, as time goes by."""

from __future__ import annotations

import statistics

from calling import Next, at_a_rate, without_pause
from machine import Machine

SLICE_SECONDS = 10.0
PRESSING_CLIENTS, CLIENTS = 16, 64
"""Those without pause, and those that calls at a rate may take."""


class Capacity:
    """What the service can do, in slices of it, as time goes by; and the rate that is a share of it."""

    def __init__(self, port: int, following: Next, share: float, machine: Machine, *, follows: bool):
        self._port, self._following, self._share, self._machine = port, following, share, machine
        self.follows = follows
        self.slices: list[float] = []

    def look(self) -> float:
        """Calls per second without pause, in one more slice. Those that are under way at the end count whole."""
        found = without_pause(self._port, self._following, clients=PRESSING_CLIENTS, seconds=SLICE_SECONDS)
        self.slices.append(len(found) / SLICE_SECONDS)
        return self.slices[-1]

    def look_both(self) -> None:
        """One more slice, and one at the share of all, which is the machine's base."""
        self.look()
        with self._machine.as_base():
            steadily(self._port, self._following, rate=self.share(), seconds=SLICE_SECONDS)

    def mean(self) -> float:
        """Calls per second, of all slices so far."""
        return statistics.fmean(self.slices)

    def share(self) -> float:
        """The share of the mean, calls per second."""
        return self._share * self.mean()

    def rate(self) -> float:
        """The same now: where it follows, as the speed of the machine goes."""
        return self.share() * (self._machine.speed() if self.follows else 1.0)


def steadily(port: int, following: Next, *, rate: float, seconds: float) -> None:
    """Calls at this rate, whatever becomes of them."""
    at_a_rate(port, following, per_second=lambda: rate, seconds=seconds, clients=CLIENTS, each=lambda answered: None)
