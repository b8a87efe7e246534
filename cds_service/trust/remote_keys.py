"""Key sets that clients publish: fetched when they are needed, kept, and kept on when the address is down.

A set is `fresh` for a while; then it is fetched anew behind the back of the request that notices, and, once it is old,
before that request is answered. A kid that is not in it makes it be fetched at once, which is how keys are rotated; not
more often than once in a pause, however many unknown kids come. One fetch at a time; the others wait for it.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cds_service.outbound import Answer, Ask, OutboundError
from cds_service.trust.keys import Key, KeySet, KeySetError, read_key_set

_LOG = logging.getLogger("cds_service.trust")
MOST_BYTES = 200_000
OLD = 2.0
"""So many times its freshness, a set is fetched before it is used."""


class Read(Protocol):
    """`Outbound.read`."""

    def __call__(self, ask: Ask, *, deadline: float) -> Answer:
        """Call up to a deadline. Raises OutboundError."""


@dataclass(frozen=True, slots=True)
class Patience:
    """In seconds: how long a fetch may take, a set is fresh, is kept while its address is down; and between fetches."""

    fetch: float = 2.0
    fresh: float = 300.0
    keep: float = 86_400.0
    pause: float = 30.0
    first_pause: float = 3.0
    """Between fetches, as long as there is no set at all."""


class RemoteKeys:
    """The keys at one address. Safe to use from several threads."""

    def __init__(self, url: str, read: Read, patience: Patience, clock: Callable[[], float] = time.monotonic):
        self._url, self._read, self._patience, self._clock = url, read, patience, clock
        self._set = KeySet()
        self._got: float | None = None
        self._tried: float | None = None
        self._lock = threading.Lock()

    def find(self, kid: str) -> Key | None:
        """The key of this name; None where there is none, or none that is known well enough."""
        age = self._age()
        if age is None or age > OLD * self._patience.fresh:
            self._fetch_alone()
        elif age > self._patience.fresh and self._rested():
            threading.Thread(target=self._fetch_alone, name="key set", daemon=True).start()
        if kid not in self._current().keys:
            self._fetch_alone()
        return self._current().keys.get(kid)

    def prepare(self) -> None:
        """Fetch the set before it is needed, unless it is there."""
        if self._got is None:
            self._fetch_alone()

    def _current(self) -> KeySet:
        age = self._age()
        return self._set if age is not None and age <= self._patience.keep else KeySet()

    def _age(self) -> float | None:
        return None if self._got is None else self._clock() - self._got

    def _rested(self) -> bool:
        pause = self._patience.first_pause if self._got is None else self._patience.pause
        return self._tried is None or self._clock() - self._tried >= pause

    def _fetch_alone(self) -> None:
        """Fetch, unless that was done a moment ago; whoever comes meanwhile waits, and then has it."""
        if not self._rested() and not self._lock.locked():
            return
        with self._lock:
            if self._rested():
                self._tried = self._clock()
                self._fetch()

    def _fetch(self) -> None:
        try:
            self._set = fetched(self._url, self._read, self._patience.fetch)
            self._got = self._clock()
        except KeySetError as trouble:
            kept = "the last one is kept" if self._got is not None else "there is none"
            _LOG.warning("a key set could not be fetched: %s; %s", trouble, kept)


def fetched(url: str, read: Read, seconds: float) -> KeySet:
    """The key set at this address. Raises KeySetError, whose text is ours and quotes no address."""
    ask = Ask(url, within=url, max_bytes=MOST_BYTES, headers={"Accept": "application/json"})
    try:
        answer = read(ask, deadline=time.monotonic() + seconds)
    except OutboundError as trouble:
        raise KeySetError(str(trouble)) from None
    if answer.status != 200:
        raise KeySetError(f"it was answered with status {answer.status}")
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise KeySetError("the answer is not JSON") from None
    found = read_key_set(document)
    if not found.keys:
        raise KeySetError("no key in it can be used")
    return found
