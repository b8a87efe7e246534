"""Is the database there? Asked now and then, behind the back of whoever wants to know, and never waited for long.

A database that hangs would hang whoever asks it; so one thread asks, and everybody else is told what it found last.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from cds_service.errors import StoreError

_LOG = logging.getLogger("cds_service.probing")
OK, FAILING, NONE = "ok", "failing", "none"
FRESH_SECONDS = 5.0
PATIENCE_SECONDS = 0.5
"""What the one who finds nothing fresh waits at the most; a probe that takes longer counts as failing."""


class Probe:
    """Safe to use from several threads. The first to ask after `fresh` seconds starts a look."""

    def __init__(
        self,
        ping: Callable[[], None],
        told: Callable[[bool], None] = lambda _: None,
        *,
        fresh: float = FRESH_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ):
        """`ping` raises StoreError where it fails; `told` hears of every outcome."""
        self._ping, self._told, self._fresh, self._patience = ping, told, fresh, patience
        self._lock = threading.Lock()
        self._looked, self._begun = -fresh, 0.0
        self._found: str | None = None
        self._looking: threading.Thread | None = None

    def state(self) -> str:
        """`ok` or `failing`, as of some seconds ago at the most."""
        with self._lock:
            looking = self._looking
            if looking is None and time.monotonic() - self._looked >= self._fresh:
                looking = threading.Thread(target=self._look, name="probe", daemon=True)
                self._begun = time.monotonic()
                looking.start()
                self._looking = looking
        if looking is not None:
            looking.join(max(0.0, self._begun + self._patience - time.monotonic()))
            if looking.is_alive():
                return FAILING
        return self._found or FAILING

    def _look(self) -> None:
        try:
            self._ping()
            found = OK
        except StoreError:
            found = FAILING
        except Exception as bug:  # this look has to end, or there is no other
            _LOG.error("probe: bug: %s", type(bug).__name__)
            found = FAILING
        with self._lock:
            self._found, self._looked, self._looking = found, time.monotonic(), None
        self._told(found == OK)
