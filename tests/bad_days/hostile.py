"""A FHIR server that misbehaves, on real sockets. A behaviour is data: the steps it takes for a request.

A step is bytes to send, or one of the steps below. Between bad days it serves the synthetic patients properly.
"""

from __future__ import annotations

import itertools
import json
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cds_service.web.json_body import dump_json
from fhir_fixtures import patients
from fhir_fixtures.store import Store, searchset


@dataclass(frozen=True)
class Wait:
    """Do nothing for so long (seconds), or until the client has gone."""

    seconds: float


@dataclass(frozen=True)
class Drip:
    """Send these bytes one by one, so many seconds apart."""

    data: bytes
    every: float = 0.02


@dataclass(frozen=True)
class Reset:
    """Break the connection off with RST, as a crashed server or a firewall does."""


@dataclass(frozen=True)
class Close:
    """Close the connection."""


Step = bytes | Wait | Drip | Reset | Close
HANG = Wait(60.0)
MEDIA = "application/fhir+json"


@dataclass(frozen=True)
class Asked:
    """A request: path with query below the base, the body of a POST appended to the query, and its headers."""

    base: str
    path: str
    headers: dict[str, str]
    turn: int = 1
    """Which request of its connection this is."""

    @property
    def resource_type(self) -> str:
        """What is asked for."""
        return urlsplit(self.path).path.strip("/").split("/")[0]


Behaviour = Callable[[Asked], Iterable[Step]]
_RECORDS = Store(patients())


def answer(body: bytes | str | Any, *, status: str = "200 OK", media: str = MEDIA, **headers: str) -> bytes:
    """A whole HTTP answer; what is no text is written as JSON."""
    text = body if isinstance(body, bytes | str) else dump_json(body)
    data = text.encode() if isinstance(text, str) else text
    return head(status, media, Content_Length=str(len(data)), **headers) + data


def head(status: str = "200 OK", media: str = MEDIA, **headers: str) -> bytes:
    """Status line and headers."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def record(asked: Asked) -> tuple[str, Any]:
    """What a good server says: status and document."""
    kind, *rest = urlsplit(asked.path).path.strip("/").split("/")
    if rest and rest[0] != "_search":
        found = _RECORDS.get(kind, rest[0])
        return ("200 OK", found) if found else ("404 Not Found", {"resourceType": "OperationOutcome", "issue": []})
    return "200 OK", searchset(_RECORDS, asked.base, kind, parse_qsl(urlsplit(asked.path).query))


def healthy(asked: Asked) -> Iterator[Step]:
    """The synthetic patients, properly."""
    status, document = record(asked)
    yield answer(document, status=status)


class HostileServer:
    """Listens on loopback, does what `behaviour` says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = healthy
        self.asked: list[Asked] = []
        self.mistakes: list[str] = []
        self._server: _Listening | None = None
        self.port = 0
        self.come_up()

    @property
    def base(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/fhir"

    def come_up(self) -> None:
        """Listen, on the same port as ever."""
        self._server = _Listening(self, self.port)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def go_down(self) -> None:
        """Stop listening, and reset every connection: the next one is refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.break_off()
            self._server = None

    @contextmanager
    def being(self, behaviour: Behaviour) -> Iterator[None]:
        """Behave like this for a while, then well again."""
        self.behaviour = behaviour
        try:
            yield
        finally:
            self.behaviour = healthy

    @contextmanager
    def being_down(self) -> Iterator[None]:
        """Be gone for a while."""
        self.go_down()
        try:
            yield
        finally:
            self.come_up()


class _Listening(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, owner: HostileServer, port: int) -> None:
        self.owner = owner
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Conversation)

    def break_off(self) -> None:
        for each in list(self.open):
            _reset(each)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A mistake in a behaviour would pass for a bad server."""
        trouble = sys.exc_info()[1]
        if not isinstance(trouble, OSError):  # a client that has had enough
            self.owner.mistakes.append(repr(trouble))


class _Conversation(socketserver.StreamRequestHandler):
    server: _Listening

    def handle(self) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.open.add(self.connection)
        try:
            with suppress(OSError):
                for turn in itertools.count(1):
                    asked = self._request(turn)
                    if asked is None or not self._act(asked):
                        break
        finally:
            self.server.open.discard(self.connection)

    def _request(self, turn: int) -> Asked | None:
        """The next request, or None when the client is done."""
        first = self.rfile.readline().decode("latin-1").split(" ")
        if len(first) != 3:
            return None
        headers = {}
        while line := self.rfile.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0))).decode("latin-1")
        path = first[1].removeprefix("/fhir")
        if body:
            path += f"{'&' if '?' in path else '?'}{body}"
        return Asked(self.server.owner.base, path, headers, turn)

    def _act(self, asked: Asked) -> bool:
        """Take the steps; False when the connection is over."""
        owner = self.server.owner
        owner.asked.append(asked)
        for step in owner.behaviour(asked):
            match step:
                case bytes():
                    self.connection.sendall(step)
                case Wait(seconds):
                    if self._gone_within(seconds):
                        return False
                case Drip(data, every):
                    for place in range(len(data)):
                        self.connection.sendall(data[place : place + 1])
                        if self._gone_within(every):
                            return False
                case Reset():
                    _reset(self.connection)
                    return False
                case Close():
                    return False
        return True

    def _gone_within(self, seconds: float) -> bool:
        """Wait; has the client closed meanwhile?"""
        self.connection.settimeout(seconds)
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return False
        finally:
            self.connection.settimeout(None)


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)
    with suppress(OSError):
        connection.close()


@contextmanager
def hostile_server() -> Iterator[HostileServer]:
    """One while the block runs."""
    server = HostileServer()
    try:
        yield server
        assert server.mistakes == [], server.mistakes[:3]
    finally:
        server.go_down()


def pretty(document: Any) -> str:
    """JSON over many lines, as some servers write it."""
    return json.dumps(json.loads(dump_json(document)), indent=2)
