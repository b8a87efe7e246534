"""A call whose caller has given up is not computed: in a rush it would keep those waiting who still wait."""

from __future__ import annotations

import json
import logging
import socket
import struct
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from cds_service.http_server import _Connection
from cds_service.slow_clients import Seldom
from tests.bad_days.service import FEEDBACK_URL, JSON, call, full_call, overridden
from tests.hook_builders import SIGN_URL
from tests.served import Served, served, slow_fhir

pytestmark = pytest.mark.slow
ONE_AT_A_TIME = {"workers": 1, "threads": 1, "fetch_deadline_seconds": 8, "log_format": "json"}
LONG = 4.0
"""Seconds that a call waits: more than anybody's patience counts for, also for whoever comes late."""


@contextmanager
def busy(folder: Path) -> Iterator[Served]:
    """A service whose only thread is busy with the first call, for long."""
    with (
        slow_fhir(LONG) as fhir,
        served(folder / "log", "--open", database=folder / "store.sqlite3", **ONE_AT_A_TIME) as service,
    ):
        first = Caller(service, SIGN_URL, call("patient", fhirServer=fhir.url))
        assert fhir.asked.wait(10)
        yield service
        assert first.status() == 200


class Caller:
    """Somebody who has sent a request and has not looked for the answer yet."""

    def __init__(self, service: Served, path: str, body: dict[str, object]):
        self.instance = str(uuid.uuid4())
        self._connection = HTTPConnection("127.0.0.1", service.port, timeout=20)
        self._connection.request("POST", path, json.dumps({**body, "hookInstance": self.instance}, default=str), JSON)

    def sends_no_more(self) -> None:
        self._connection.sock.shutdown(socket.SHUT_WR)

    def leaves(self) -> None:
        self._connection.close()

    def status(self) -> int:
        found = self._connection.getresponse().status
        self._connection.close()
        return found


def requests(service: Served) -> list[dict[str, Any]]:
    """The line of the log for each request."""
    return [json.loads(line) for line in service.log.read_text().splitlines() if '"event":"request"' in line]


def calls(service: Served) -> dict[str, dict[str, Any]]:
    """hookInstance -> its line of the log."""
    return {line["instance"]: line for line in requests(service) if "instance" in line}


def test_who_leaves_during_a_long_wait_is_not_computed_and_who_stays_is(tmp_path: Path) -> None:
    with busy(tmp_path) as service:
        leaving = [Caller(service, SIGN_URL, full_call()) for _ in range(5)]
        staying = Caller(service, SIGN_URL, full_call())
        for each in leaving:
            each.leaves()
        assert staying.status() == 200
        found = calls(service)
        assert [found[each.instance]["status"] for each in leaving] == [499] * 5
        assert found[staying.instance]["status"] == 200


def test_who_has_nothing_more_to_send_and_says_so_is_answered(tmp_path: Path) -> None:
    """Some clients close their sending side at once. That looks like leaving, so it does not count within a second."""
    with served(tmp_path / "log", "--open", database="none", **ONE_AT_A_TIME) as service:
        caller = Caller(service, SIGN_URL, full_call())
        caller.sends_no_more()
        assert caller.status() == 200


def test_feedback_of_who_does_not_wait_for_the_answer_is_kept_however_late_it_is_read(tmp_path: Path) -> None:
    with busy(tmp_path) as service:
        for number in range(5):
            Caller(service, FEEDBACK_URL, {"feedback": [overridden(f"{number}" * 8)]}).leaves()
        staying = Caller(service, FEEDBACK_URL, {"feedback": [overridden("9" * 8)]})
        assert staying.status() == 200
        assert [line["new"] for line in requests(service) if line["route"] == "feedback"] == [1] * 6


def test_how_long_a_call_waited_for_a_thread_is_told(tmp_path: Path) -> None:
    with busy(tmp_path) as service:
        waiting = Caller(service, SIGN_URL, full_call())
        assert waiting.status() == 200
        line = calls(service)[waiting.instance]
        assert line["queue_ms"] > 500
        assert line["ms"] > line["queue_ms"]


def test_that_the_limit_of_connections_is_reached_is_not_said_for_each_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def said(message: str) -> bool:
        return seldom.filter(logging.LogRecord("waitress", logging.WARNING, "", 0, message, (), None))

    seldom, full = Seldom(), "total open connections reached the connection limit, no longer accepting"
    free = "total open connections dropped below the connection limit, listening again"
    assert [said(each) for each in (full, full, free, full, free, "else", "else")] == [
        *(True, False, True, False, False),
        *(True, True),
    ]
    monkeypatch.setattr("cds_service.slow_clients.FULL_SECONDS", 0.0)
    assert said(full)


def nothing(_caller: socket.socket) -> None:
    """Waits."""


def breaks(caller: socket.socket) -> None:
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    caller.close()


@pytest.mark.parametrize(
    ("does", "left"),
    [
        (nothing, False),
        (lambda caller: caller.sendall(b"POST "), False),
        (lambda caller: caller.shutdown(socket.SHUT_WR), True),
        (lambda caller: caller.close(), True),
        (breaks, True),
    ],
    ids=["waits", "sends the next call", "closes the sending side", "closes the connection", "breaks it off"],
)
def test_who_has_left_is_told_from_who_waits(does: Callable[[socket.socket], None], left: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as opened:
        caller = opened.enter_context(socket.create_connection(listening.getsockname()))
        ours = opened.enter_context(listening.accept()[0])
        does(caller)
        time.sleep(0.05)
        connection = _Connection.__new__(_Connection)
        connection.socket = ours
        assert connection.has_left() is left


def test_a_connection_that_the_server_has_closed_meanwhile_is_one_whose_caller_has_left() -> None:
    connection = _Connection.__new__(_Connection)
    connection.socket = None
    assert connection.has_left()
