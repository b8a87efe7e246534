"""The server: waitress on sockets that may be shared with other processes, slow clients bounded, ended without loss.

One thread reads requests and writes answers; a thread of the app is taken only for a request that is there as a whole.
Knows HTTP, and an app to call; nothing of what is asked.
"""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, Protocol

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask

from cds_service import slow_clients
from cds_service.web.arrival import HAS_LEFT, SINCE
from cds_service.web.problems import outcome
from cds_service.web.wire import FHIR_JSON

BACKLOG = 1024
"""Connections that wait to be accepted."""
SPOOLED = 3
"""The server takes bodies up to this multiple of the app's limit, so that the refusal is the app's, and is read."""
DEFER_SECONDS = 0.005
"""For so long a new connection is left to a process that has less to do; then whoever has more takes it after all."""
_LOOK_SECONDS = 0.5
_REFUSED: Mapping[int, tuple[str, str, str]] = {
    # status: FHIR issue type, what is wrong, what to do
    400: ("structure", "the request cannot be read", "Send a well-formed request."),
    413: ("too-long", "the body is larger than this service reads", "Send a smaller prefetch."),
    431: ("too-long", "the headers are larger than this service reads", "Send fewer and shorter headers."),
    501: ("not-supported", "the transfer encoding is not read here", "Send a Content-Length, or chunks."),
}
_FAILED = ("exception", "this service failed; no advice was computed", "Do not read this as 'no concerns'.")
logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it would write a line for each call that waits a moment
logging.getLogger("waitress").addFilter(slow_clients.Seldom())


def listen(host: str, port: int) -> list[socket.socket]:
    """Listening sockets for every address of this name; port 0 takes a free one. Raises OSError."""
    found: list[socket.socket] = []
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    try:
        for family, _, _, _, address in infos:
            if family in (socket.AF_INET, socket.AF_INET6):
                free = (address[0], found[0].getsockname()[1] if found else address[1], *address[2:])
                found.append(_bound(family, free))
    except OSError:
        for each in found:
            each.close()
        raise
    return found


def _bound(family: int, address: Any) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


class Share(Protocol):
    """How work is shared with other processes that listen on the same sockets."""

    def carries(self, load: int) -> None:
        """Tell them how many calls are here."""

    def least_of_others(self) -> int:
        """How many the one has that has fewest."""


class Alone:
    """For a server that shares with nobody."""

    def carries(self, load: int) -> None:
        """Nobody hears."""

    def least_of_others(self) -> int:
        """More than anybody has."""
        return 2**31


class _Call(WSGITask):  # type: ignore[misc]
    """One call of the app; the last of its connection once the server ends."""

    def build_response_header(self) -> bytes:
        """Status and headers."""
        if not self.channel.server.accepting or self.channel.server.work.is_more_than_others():
            self.set_close_on_finish()  # whoever calls again is taken by the process that has least to do
        found: bytes = super().build_response_header()
        return found

    def get_environment(self) -> dict[str, Any]:
        """Of WSGI, and what only the server can tell."""
        told = {SINCE: self.channel.since, HAS_LEFT: self.channel.has_left}
        return {**super().get_environment(), **told}


class _Refusal(ErrorTask):  # type: ignore[misc]
    """What the server says itself, of requests that never reach the app: an OperationOutcome, as the app would."""

    def execute(self) -> None:
        """Write it, and end the connection."""
        error = self.request.error
        code, message, mend = _REFUSED.get(error.code, _FAILED)
        body = json.dumps(outcome(code, message, mend=mend)).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers += [
            ("Content-Type", FHIR_JSON),
            ("X-Content-Type-Options", "nosniff"),
            ("Cache-Control", "no-store"),
        ]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Work:
    """How many calls are here, waiting or in work; the other processes are told."""

    def __init__(self, share: Share):
        self._share, self._lock, self._calls = share, Lock(), 0

    def add(self, calls: int) -> None:
        """So many more, or fewer."""
        with self._lock:
            self._calls += calls
            self._share.carries(self._calls)

    def is_more_than_others(self) -> bool:
        """By so much that a call is better off elsewhere?"""
        return self._calls - self._share.least_of_others() >= max(2, self._calls // 4)

    def is_more_than_least(self) -> bool:
        """Has anybody less?"""
        return self._calls > self._share.least_of_others()


class _Connection(slow_clients.PacedChannel):
    task_class = _Call
    error_task_class = _Refusal
    since = 0.0
    """When the request whose turn it is was there as a whole."""

    def has_left(self) -> bool:
        """Has the client closed the connection, or its sending side? Looks, and takes nothing from it."""
        line = self.socket  # the server takes it away when it closes the connection
        try:
            return line is None or not line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def service(self) -> None:
        """One call, by a thread of the app."""
        try:
            super().service()
        finally:
            self.server.work.add(-1)


class _Door(TcpWSGIServer):  # type: ignore[misc]
    """One listening socket, and the connections that came by it."""

    channel_class = _Connection
    work: _Work
    deferred: float | None = None
    """Since when a new connection is left to processes that have less to do."""

    def add_task(self, task: _Connection) -> None:
        """A call is there as a whole."""
        task.since = time.perf_counter()
        self.work.add(1)
        super().add_task(task)

    def readable(self) -> bool:
        """Is somebody to be let in?"""
        waits = self.deferred is not None and time.monotonic() - self.deferred < DEFER_SECONDS
        return bool(super().readable()) and not waits

    def handle_accept(self) -> None:
        """Let somebody in; who has more to do than another lets that one go first, for a moment."""
        if self.accepting and self.deferred is None and self.work.is_more_than_least():
            self.deferred = time.monotonic()
            return
        self.deferred = None
        super().handle_accept()

    def forget_deferred(self, turn_begun: float) -> None:
        """The one who was left to the others is not here any more: it would have come in during this turn."""
        if self.deferred is not None and self.deferred + DEFER_SECONDS <= turn_begun:
            self.deferred = None

    def close_door(self) -> None:
        """Take the connections that have been made, and no more."""
        before, self.accepting = -1, False
        while before != len(self._map):
            before = len(self._map)
            self.handle_accept()
        self.del_channel()
        self.socket.close()


class Server:
    """Serves one app on these sockets, with so many threads. Ends when it is told to."""

    def __init__(self, app: Any, sockets: Sequence[socket.socket], *, threads: int, max_body_bytes: int, share: Share):
        """The app refuses bodies above `max_body_bytes`; those much larger are refused here, before they are read."""
        self._map: dict[int, Any] = {}
        self._tasks = ThreadedTaskDispatcher()
        self._tasks.set_thread_count(threads)
        options = Adjustments(
            sockets=list(sockets),
            ident=None,
            backlog=BACKLOG,
            max_request_body_size=SPOOLED * max_body_bytes,
            clear_untrusted_proxy_headers=True,
            **slow_clients.limits(),
        )
        options.socket_options = slow_clients.socket_options()
        self._work = _Work(share)
        self._doors = [self._door(app, each, options) for each in sockets]
        self.port: int = self._doors[0].effective_port

    def _door(self, app: Any, listening: socket.socket, options: Adjustments) -> _Door:
        where = (listening.family, listening.type, listening.proto, listening.getsockname())
        made = _Door(
            app, self._map, True, listening, dispatcher=self._tasks, adj=options, sockinfo=where, bind_socket=False
        )
        made.work = self._work
        return made

    def run(self, goes_on: Callable[[], bool]) -> None:
        """Answer while `goes_on`, which is asked at least every second."""
        while goes_on():
            self._turn()

    def wake(self) -> None:
        """Let `goes_on` be asked at once. From any thread, or from a signal handler."""
        self._doors[0].pull_trigger()

    def drain(self, seconds: float, goes_on: Callable[[], object] = lambda: None) -> bool:
        """Refuse new connections, answer what has been asked, for so long; True when everything was answered."""
        begun = time.monotonic()
        for door in self._doors:
            door.close_door()
        while (left := self._connections()) and time.monotonic() - begun < seconds:
            goes_on()
            for connection in left:
                connection.part(begun)
            self._turn(0.05)
        return not left

    def close(self) -> None:
        """Let everything go; threads that are in work have some seconds."""
        self._tasks.shutdown()
        wasyncore.close_all(self._map, ignore_all=True)

    def _turn(self, seconds: float = _LOOK_SECONDS) -> None:
        if any(door.deferred is not None for door in self._doors):
            seconds = DEFER_SECONDS
        begun = time.monotonic()
        wasyncore.loop(timeout=seconds, use_poll=True, map=self._map, count=1)
        for door in self._doors:
            door.forget_deferred(begun)

    def _connections(self) -> list[_Connection]:
        return [each for each in self._map.values() if isinstance(each, _Connection)]
