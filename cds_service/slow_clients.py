"""How long a client may take to send a request and to fetch its answer, and how much it may leave lying here meanwhile.

The server reads requests and writes answers in one loop, so that a slow client costs a connection and never a thread.
What this adds: a connection that drips, in either direction, is closed after some seconds and not kept for as long as
it drips. Knows nothing of what is sent.
"""

from __future__ import annotations

import logging
import socket
import time
from typing import Any

from waitress.channel import HTTPChannel

_LOG = logging.getLogger("cds_service.slow_clients")
REQUEST_SECONDS = 20.0
"""From the first byte of a request to its last."""
ANSWER_SECONDS = 30.0
"""From the moment an answer is there until all of it is gone."""
IDLE_SECONDS = 30
"""Without a byte in either direction."""
CONNECTIONS = 256
"""At the same time, of one process; more wait to be accepted."""
LINGER_SECONDS = 1.0
"""While the server ends, a kept connection without a request stays for so long: one may be on its way."""
FULL_SECONDS = 10.0
"""No oftener than this is it said that connections are at their limit, or not any more."""
UNFINISHED_SECONDS = 3.0
"""While the server ends, what is left to a request that is there in part."""
_HEADER_BYTES = 65_536
_IN_MEMORY_BYTES = 131_072
"""Of a body that is still coming; the rest waits in a file."""


class PacedChannel(HTTPChannel):  # type: ignore[misc]
    """A connection that is closed when a request or an answer takes too long as a whole."""

    begun = owing = 0.0
    will_close: bool

    def received(self, data: bytes) -> bool:
        """Take what came; `begun` is when the request that is still incomplete began."""
        before = self.request
        taken: bool = super().received(data)
        if self.request is None or self.request is not before:
            self.begun = time.monotonic()
        elif time.monotonic() - self.begun > REQUEST_SECONDS:
            self._end("a request")
        return taken

    def handle_write(self) -> None:
        """Write what may be written; `owing` is since when something has been waiting."""
        super().handle_write()
        if self.requests or not self.total_outbufs_len:
            self.owing = 0.0
        elif not self.owing:
            self.owing = time.monotonic()
        elif time.monotonic() - self.owing > ANSWER_SECONDS:
            self._end("an answer")

    def part(self, since: float) -> None:
        """The server ends, `since` that moment: close, unless a request is in work or an answer on its way."""
        if self.requests or self.total_outbufs_len:
            return
        if time.monotonic() - since > (LINGER_SECONDS if self.request is None else UNFINISHED_SECONDS):
            self.will_close = True

    def _end(self, what: str) -> None:
        if not self.will_close:
            _LOG.warning("connection closed: %s took too long to cross", what)
        self.will_close = True


class Seldom(logging.Filter):
    """Lets the server say that connections are at their limit, and that they are not, now and then and not for each."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Is this to be said?"""
        if not record.msg.startswith("total open connections"):
            return True
        now = time.monotonic()
        if now - self._told.get(record.msg, -FULL_SECONDS) < FULL_SECONDS:
            return False
        self._told[record.msg] = now
        return True


def limits() -> dict[str, Any]:
    """The options of the server that bound what a client may occupy."""
    return {
        "connection_limit": CONNECTIONS,
        "channel_timeout": IDLE_SECONDS,
        "cleanup_interval": 5,
        "max_request_header_size": _HEADER_BYTES,
        "inbuf_overflow": _IN_MEMORY_BYTES,
        "asyncore_use_poll": True,
    }


def socket_options() -> list[tuple[int, int, int]]:
    """For each connection: an answer that nobody fetches at all is given up by the kernel, where it can (Linux)."""
    patience = getattr(socket, "TCP_USER_TIMEOUT", None)
    stalled = [(socket.IPPROTO_TCP, patience, int(ANSWER_SECONDS * 1000))] if patience is not None else []
    return [(socket.SOL_TCP, socket.TCP_NODELAY, 1), *stalled]
