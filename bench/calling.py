"""Clients for the benchmarks: many connections from one thread, cheap enough to share a machine with what it measures.

Knows HTTP/1.1 as far as our servers answer it: a status, a Content-Length, a body.
"""

from __future__ import annotations

import itertools
import selectors
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

PATIENCE_SECONDS = 8.0
BROKEN = 0
"""Instead of a status: the connection ended, or nothing came in time."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of one call."""

    kind: str
    status: int
    seconds: float
    """From the moment at which it was due to the last byte of the answer."""


def post(path: str, body: bytes, content_type: str = "application/json") -> bytes:
    """The bytes of a POST."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get(path: str) -> bytes:
    """The bytes of a GET."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


class Line:
    """A connection that is kept, with at most one call on it."""

    def __init__(self, port: int):
        self._port = port
        self._socket: socket.socket | None = None
        self._got = b""
        self.kind, self.due = "", 0.0

    def fileno(self) -> int:
        """Of the socket, for a selector; -1 without one."""
        return self._socket.fileno() if self._socket else -1

    def send(self, kind: str, data: bytes, due: float) -> bool:
        """Begin a call; False where no connection can be had. A kept one that the server has closed is made anew."""
        self.kind, self.due, self._got = kind, due, b""
        for again in (True, False):
            try:
                if self._socket is None:
                    self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE_SECONDS)
                    self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                elif _ended(self._socket):
                    raise ConnectionResetError
                self._socket.sendall(data)
                return True
            except OSError:
                self.close()
                if not again:
                    return False
        return False

    def read(self) -> int | None:
        """Take what came: the status once the answer is whole, BROKEN where it never will be, None before."""
        assert self._socket is not None
        try:
            piece = self._socket.recv(262_144)
        except OSError:
            piece = b""
        if not piece:
            self.close()
            return BROKEN
        self._got += piece
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found:
            return None
        lowered = head.lower()
        _, named, rest = lowered.partition(b"\r\ncontent-length:")
        if named and len(body) < int(rest.split(b"\r\n", 1)[0]):
            return None
        if b"\r\nconnection: close" in lowered:
            self.close()
        return int(head[9:12])

    def close(self) -> None:
        """End the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _ended(kept: socket.socket) -> bool:
    kept.setblocking(False)
    try:
        return kept.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    finally:
        kept.settimeout(PATIENCE_SECONDS)


Next = Callable[[], tuple[str, bytes]]
"""The next call: its kind, and its bytes."""


def without_pause(port: int, following: Next, *, clients: int, seconds: float) -> list[Answered]:
    """Calls by so many clients, each sending its next as soon as it has its answer."""
    found: list[Answered] = []
    until = time.perf_counter() + seconds
    with _lines(port, clients) as (lines, busy):
        idle = lines
        while idle or busy.get_map():
            if time.perf_counter() < until:
                _begin(idle, following, busy, found)
            idle = list(_finished(busy, found, 0.5))
            if time.perf_counter() >= until:
                idle = []
    return found


def at_a_rate(
    port: int,
    following: Next,
    *,
    per_second: Callable[[], float],
    seconds: float,
    clients: int,
    each: Callable[[Answered], None],
) -> None:
    """Calls at a rate that may change, each due at its moment, whether or not earlier ones are answered.

    `per_second` is asked when a call is sent, and is above 0. What waits for one of the `clients` to be free counts as
    waiting for the server.
    """
    due = time.perf_counter()
    until = due + seconds
    with _lines(port, clients) as (idle, busy):
        while due < until or busy.get_map():
            found: list[Answered] = []
            now = time.perf_counter()
            while idle and due < until and due <= now:
                line = idle.pop()
                if not _send(line, following, busy, found, due):
                    idle.insert(0, line)
                due += 1 / per_second()
            until_next = max(0.0, due - time.perf_counter()) if idle and due < until else 0.1
            idle += _finished(busy, found, until_next)
            for answered in found:
                each(answered)


@contextmanager
def _lines(port: int, clients: int) -> Iterator[tuple[list[Line], selectors.BaseSelector]]:
    lines = [Line(port) for _ in range(clients)]
    with selectors.DefaultSelector() as busy:
        try:
            yield list(lines), busy
        finally:
            for line in lines:
                line.close()


def _begin(idle: Sequence[Line], following: Next, busy: selectors.BaseSelector, found: list[Answered]) -> None:
    for line in idle:
        _send(line, following, busy, found, time.perf_counter())


def _send(line: Line, following: Next, busy: selectors.BaseSelector, found: list[Answered], due: float) -> bool:
    kind, data = following()
    if line.send(kind, data, due):
        busy.register(line, selectors.EVENT_READ)
        return True
    found.append(Answered(kind, BROKEN, time.perf_counter() - due))
    return False


def _finished(busy: selectors.BaseSelector, found: list[Answered], seconds: float) -> Iterator[Line]:
    """Lines whose answer is there, or will not come."""
    if not busy.get_map():
        time.sleep(min(seconds, 0.005))
        return
    for key, _ in busy.select(seconds):
        line = key.fileobj
        assert isinstance(line, Line)
        if (status := _read(busy, line, key.fd)) is not None:
            found.append(Answered(line.kind, status, time.perf_counter() - line.due))
            yield line
    now = time.perf_counter()
    for key in list(busy.get_map().values()):
        line = key.fileobj
        assert isinstance(line, Line)
        if now - line.due > PATIENCE_SECONDS:
            busy.unregister(key.fd)
            line.close()
            found.append(Answered(line.kind, BROKEN, now - line.due))
            yield line


def _read(busy: selectors.BaseSelector, line: Line, number: int) -> int | None:
    status = line.read()
    if status is not None:
        busy.unregister(number)
    return status


def milliseconds(found: Sequence[Answered], percent: int) -> float:
    """A percentile of how long the calls took."""
    taken = [each.seconds * 1000 for each in found]
    return statistics.quantiles(taken, n=100)[percent - 1] if len(taken) > 1 else float("nan")


# --- clients that are slow --------------------------------------------------------------------------------------------

_HEAD = b"POST /cds-services/blinatumomab-order-sign HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
BEGINNINGS = {
    "idle keep-alive": get("/cds-services"),
    "partial headers": _HEAD,
    "partial body": _HEAD + b"Content-Length: 5000\r\n\r\n{",
}
"""What a slow client sends before it falls silent."""


@contextmanager
def slow_clients(port: int, how: str, count: int) -> Iterator[list[socket.socket]]:
    """So many connections that have sent the beginning of a request, or a whole one and nothing after it."""
    with ExitStack() as opened:
        lines = []
        for _ in range(count):
            line = opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            line.sendall(BEGINNINGS[how])
            lines.append(line)
        time.sleep(0.5)
        yield lines


SLOW_AT_ONCE = 40


class SlowOnes(threading.Thread):
    """Clients that begin requests and do not go on; whoever is closed is replaced."""

    def __init__(self, port: int):
        super().__init__(daemon=True)
        self._port, self._ended, self.closed = port, threading.Event(), 0

    def run(self) -> None:
        """Until `end`."""
        ways = itertools.cycle(BEGINNINGS.values())
        with ExitStack() as opened:
            lines: list[socket.socket] = []
            while not self._ended.wait(0.5):
                lines = [line for line in lines if not self._is_closed(line)]
                while len(lines) < SLOW_AT_ONCE:
                    line = opened.enter_context(socket.create_connection(("127.0.0.1", self._port), timeout=5))
                    line.sendall(next(ways))
                    line.setblocking(False)
                    lines.append(line)

    def _is_closed(self, line: socket.socket) -> bool:
        try:
            while piece := line.recv(65536):
                if not piece:
                    break
        except BlockingIOError:
            return False
        except OSError:
            pass
        self.closed += 1
        line.close()
        return True

    def end(self) -> None:
        """Close them all."""
        self._ended.set()
        self.join()
