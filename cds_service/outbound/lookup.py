"""Names are looked up within the time of a call: a resolver that hangs holds nobody beyond it.

A resolver cannot be interrupted, so each name has a thread of its own while it is asked for, and whoever asks for the
same name meanwhile waits for the same answer. Names are those of listed servers: there are no more threads than these.
Nothing is kept: who asks later has the name looked up, and its numbers judged, anew.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock, Thread

Resolve = Callable[[str, int], Sequence[str]]
"""Host and port -> the numbers of the host. Raises OSError."""


def resolve(host: str, port: int) -> Sequence[str]:
    """The numbers of a host, by the resolver of this machine. Raises OSError."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Lookups:
    """Asks a resolver, with patience. Safe to use from several threads."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve, self._lock = resolve, Lock()
        self._asking: dict[tuple[str, int], Future[Sequence[str]]] = {}

    def numbers(self, host: str, port: int, *, seconds: float) -> Sequence[str]:
        """The numbers of a host. Raises OSError; TimeoutError, which is one, after so many seconds."""
        return self._asked((host, port)).result(seconds)

    def _asked(self, name: tuple[str, int]) -> Future[Sequence[str]]:
        with self._lock:
            if name not in self._asking:
                answer: Future[Sequence[str]] = Future()
                try:
                    Thread(target=self._ask, args=(name, answer), name="lookup", daemon=True).start()
                except RuntimeError as trouble:  # no thread can be had now; the next call asks anew
                    raise OSError("no thread for a lookup") from trouble
                self._asking[name] = answer
            return self._asking[name]

    def _ask(self, name: tuple[str, int], answer: Future[Sequence[str]]) -> None:
        found: Sequence[str] | BaseException
        try:
            found = self._resolve(*name)
        except BaseException as trouble:
            found = trouble
        with self._lock:
            del self._asking[name]
        if isinstance(found, BaseException):
            answer.set_exception(found)
        else:
            answer.set_result(found)
