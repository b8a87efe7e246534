"""A connection to PostgreSQL that does not wait for ever: a server can be alive for the network and answer nothing.

Its own limits (`statement_timeout`) are then of no use, and whoever waits would wait until it is restarted. Imported
only where PostgreSQL is used, since the driver is optional.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import psycopg

TICK_SECONDS = 0.1
MOST_TICKS = 90
"""Of silence, for one statement: longer than the wait for a lock of others."""
_NOTHING = 0
"""What the driver's loop says when the socket had nothing to tell for a tick."""


class Impatient(psycopg.Connection[Any]):
    """Breaks off after some seconds without a word, and is then closed."""

    patient = False
    """For work that takes its time, as a migration does."""

    def wait(self, gen: Any, interval: float = TICK_SECONDS, timeout: float | None = None) -> Any:
        """As the driver's own; raises OperationalError."""
        limit: dict[str, Any] = {} if timeout is None else {"timeout": timeout}  # which older drivers do not know
        return super().wait(gen if self.patient else self._in_time(gen), min(interval, TICK_SECONDS), **limit)

    def _in_time(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        silent = 0
        try:
            state = next(gen)
        except StopIteration as finished:
            return finished.value
        while True:
            ready = yield state
            silent = silent + 1 if ready == _NOTHING else 0
            if silent > MOST_TICKS:
                gen.close()
                self.pgconn.finish()
                raise psycopg.OperationalError("the server is connected and does not answer")
            try:
                state = gen.send(ready)
            except StopIteration as finished:
                return finished.value
