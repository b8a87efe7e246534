"""A call whose caller has given up is not computed: in a rush it would keep those waiting who still wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cds_service.app import create_app, running
from cds_service.guidance import Guidance
from cds_service.hooks.call import HookCall
from cds_service.settings import Settings
from cds_service.web.json_body import dump_json
from tests.bad_days.service import JSON, full_call, until
from tests.hook_builders import SIGN_URL

_ESTABLISHED, _CLOSE_WAIT = "01", "08"
"""Of /proc/net/tcp."""


class Busy:
    """A service that computes one call at a time, and the next when it may."""

    def __init__(self) -> None:
        self.computed: list[str] = []
        self._may = threading.Semaphore(0)
        self.url = ""

    def advise(self, call: HookCall, _today: date) -> Guidance:
        self.computed.append(call.instance)
        assert self._may.acquire(timeout=20)
        return Guidance((), {"cards": []})

    def goes_on(self) -> None:
        """It may compute what is left."""
        self._may.release(100)

    def calls(self, name: str) -> HTTPConnection:
        """Somebody calls, and does not look for the answer yet."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        connection.request("POST", SIGN_URL, dump_json({**full_call(), "hookInstance": name}).encode(), JSON)
        return connection


@pytest.fixture
def busy() -> Iterator[Busy]:
    service = Busy()
    with running(create_app(Settings(), advise=service.advise, open_to_all=True), threads=1) as service.url:
        yield service
        service.goes_on()


def connections(busy: Busy) -> int:
    """Those that the service has not closed, whether or not the caller has."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    port = f":{urlsplit(busy.url).port:04X}"
    return sum(here.endswith(port) and state in (_ESTABLISHED, _CLOSE_WAIT) for _, here, _, state, *_ in lines)


def status(connection: HTTPConnection) -> int:
    with closing(connection):
        return connection.getresponse().status


def test_who_leaves_before_the_turn_comes_is_not_computed_and_who_waits_is(busy: Busy) -> None:
    first = busy.calls("first")
    until(lambda: busy.computed == ["first"], 5, "the first is computed")
    staying = busy.calls("waits")
    leaving = [busy.calls(f"gives up {number}") for number in range(20)]
    last = busy.calls("waits behind them")
    for connection in leaving:
        connection.close()
    until(lambda: connections(busy) == 3, 5, "the service has seen that they left")
    busy.goes_on()
    assert [status(each) for each in (first, staying, last)] == [200, 200, 200]
    assert busy.computed == ["first", "waits", "waits behind them"]


def test_who_leaves_while_the_call_is_computed_keeps_nobody_from_an_answer(busy: Busy) -> None:
    leaving = busy.calls("gives up")
    until(lambda: busy.computed == ["gives up"], 5, "it is computed")
    leaving.close()
    staying = busy.calls("waits")
    busy.goes_on()
    assert status(staying) == 200


def test_a_second_call_on_a_connection_is_answered_after_the_first(busy: Busy) -> None:
    """Sent before the first is answered: read ahead, as far as one call."""
    connection = busy.calls("first")
    until(lambda: busy.computed == ["first"], 5, "the first is computed")
    body = dump_json({**full_call(), "hookInstance": "second"}).encode()
    head = f"POST {SIGN_URL} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    connection.sock.sendall(head.encode() + b"\r\n\r\n" + body)
    busy.goes_on()
    answered = b""
    with closing(connection):
        while answered.count(b"HTTP/1.1 200 OK") < 2:
            piece = connection.sock.recv(65_536)
            assert piece, "both are answered"
            answered += piece
    assert busy.computed == ["first", "second"]
