"""Lets go of what calls leave in memory: pieces of wording that are kept because most calls use the same. A leaf.

They are kept in lists of so many entries, whatever the size of each, and some quote a record. So they go after a few
minutes, whether anybody calls or not, and at once when much has been read: a list of long texts fills no memory.
"""

from __future__ import annotations

import sys
from threading import Lock, Timer
from typing import Any

SECONDS = 600.0
"""From the first call after the last time to the next time."""
MOST_BYTES = 64_000_000
"""Of calls and of answers of FHIR servers: as many as kept words may take up, twice over."""
CACHES: list[Any] = []
"""Lists of kept results besides those that are found."""
_OURS = ("cds_service", "cards", "urllib.parse")
"""Where lists are found. The last keeps addresses, which may hold the id of a patient."""


class _State:
    def __init__(self) -> None:
        self.lock, self.bytes, self.timer = Lock(), 0, None


_STATE: Any = _State()


def took(count: int) -> None:
    """So many bytes with words of patients have come in."""
    _STATE.bytes += count
    if _STATE.bytes > MOST_BYTES:
        forget()
    elif _STATE.timer is None:
        _wait()


def forget() -> None:
    """Empty every list of kept results."""
    with _STATE.lock:
        if _STATE.timer is not None:
            _STATE.timer.cancel()
        _STATE.timer, _STATE.bytes = None, 0
    for each in (*CACHES, *_found()):
        each.cache_clear()


def _wait() -> None:
    with _STATE.lock:
        if _STATE.timer is None:
            _STATE.timer = Timer(SECONDS, forget)
            _STATE.timer.daemon = True
            _STATE.timer.start()


def _found() -> list[Any]:
    """The lists that the modules of ours hold by now."""
    modules = [module for name, module in list(sys.modules.items()) if name.startswith(_OURS)]
    return [each for module in modules for each in list(vars(module).values()) if hasattr(type(each), "cache_clear")]
