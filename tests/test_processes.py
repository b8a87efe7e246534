"""How the service is run: workers that share the work, are replaced when they fail, and end what they have begun."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import date
from http.client import HTTPConnection, HTTPResponse
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import requests

from cds_service import slow_clients
from cds_service.app import create_app, make_server
from cds_service.commands.serving import usual_workers
from cds_service.guidance import Guidance
from cds_service.hooks.call import HookCall
from cds_service.settings import Settings
from cds_service.store import Store
from cds_service.web.json_body import dump_json
from fhir_fixtures import hook_calls
from tests.bad_days.service import until
from tests.hook_builders import SIGN_URL
from tests.served import Served, refuses, served, slow_fhir

CHILD = "order-sign--child-30kg-flat-28-mcg-mrd-positive"
JSON = {"Content-Type": "application/json"}
WAITS_SECONDS = 4
OPEN = {"fetch_deadline_seconds": 8, "workers": 2}


def whole() -> bytes:
    return dump_json(hook_calls()[CHILD]).encode()


def with_a_hole(fhir: str) -> bytes:
    """A call whose laboratory has to be read there."""
    call: dict[str, Any] = hook_calls()[CHILD]
    kept = {key: value for key, value in call["prefetch"].items() if key != "laboratory"}
    return dump_json({**call, "prefetch": kept, "fhirServer": fhir}).encode()


def post(connection: HTTPConnection, body: bytes) -> HTTPResponse:
    connection.request("POST", SIGN_URL, body, JSON)
    return connection.getresponse()


class Caller(threading.Thread):
    """Somebody who calls and waits for the answer."""

    def __init__(self, service: Served, body: bytes):
        super().__init__(daemon=True)
        self.connection = HTTPConnection("127.0.0.1", service.port, timeout=30)
        self.connection.connect()
        self._body = body
        self.status: int | None = None
        self.cards: list[Any] = []
        self.broken: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            answer = post(self.connection, self._body)
            self.status, self.cards = answer.status, json.loads(answer.read())["cards"]
        except (OSError, ValueError) as trouble:
            self.broken = trouble


# --- ending -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_answers_what_is_in_work_keeps_what_is_to_be_kept_and_takes_nothing_new(
    tmp_path: Path, how: signal.Signals
) -> None:
    database = tmp_path / "store.sqlite3"
    with slow_fhir(WAITS_SECONDS) as fhir, served(tmp_path / "log", "--open", database=database, **OPEN) as service:
        assert requests.post(service.url + SIGN_URL, whole(), headers=JSON, timeout=20).status_code == 200
        waiting = Caller(service, with_a_hole(fhir.url))
        assert fhir.asked.wait(10)
        if how is signal.SIGINT:  # Ctrl-C reaches the workers as well
            os.killpg(service.process.pid, how)
        else:
            service.process.send_signal(how)
        until(lambda: refuses(service.port), 5.0, "new connections are refused")
        assert waiting.is_alive()
        waiting.join(20)
        assert (waiting.status, waiting.broken) == (200, None)
        assert waiting.cards
        assert service.ended() == 0
    with closing(Store(str(database), create=False)) as store:
        assert store.count() == 2


def test_while_it_ends_a_kept_connection_gets_one_more_answer_and_an_unused_one_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slow_clients, "LINGER_SECONDS", 1.5)
    app = create_app(Settings(), advise=lambda call, today: Guidance((), {"cards": []}), open_to_all=True)
    server = make_server(app)
    ending = threading.Event()

    def run() -> None:
        server.run(lambda: not ending.is_set())
        drained.append(server.drain(20))

    drained: list[bool] = []
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    with (
        closing(HTTPConnection("127.0.0.1", server.port, timeout=10)) as kept,
        closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as unused,
        closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as unfinished,
    ):
        unfinished.sendall(b"GET /health HT")
        first = post(kept, whole())
        assert first.read()
        assert first.headers["Connection"] is None
        ending.set()
        server.wake()
        until(lambda: refuses(server.port), 5, "new connections are refused")
        last = post(kept, whole())
        assert (last.status, last.headers["Connection"]) == (200, "close")
        unfinished.sendall(b"TP/1.1\r\nHost: x\r\n\r\n")
        assert unfinished.recv(12) == b"HTTP/1.1 200"
        assert unused.recv(1) == b""
    thread.join(10)
    assert drained == [True]
    server.close()


@pytest.mark.slow
def test_what_takes_longer_than_it_may_is_cut_off_and_told(tmp_path: Path) -> None:
    with (
        slow_fhir(30) as fhir,
        served(tmp_path / "log", "--open", database="none", drain_seconds=5, **OPEN) as service,
    ):
        waiting = Caller(service, with_a_hole(fhir.url))
        assert fhir.asked.wait(10)
        begun = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert service.ended() == 1
        assert time.monotonic() - begun < 6
        assert "cut off" in (tmp_path / "log").read_text()
        waiting.join(5)
        assert waiting.status is None
        assert waiting.broken


@pytest.mark.slow
def test_when_the_first_process_is_killed_its_workers_end_by_themselves(tmp_path: Path) -> None:
    with served(tmp_path / "log", "--open", database="none", **OPEN) as service:
        workers = service.workers()
        assert len(workers) == 2
        service.process.kill()
        until(lambda: refuses(service.port), 10.0, "nobody answers")
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 10.0, "the workers have ended")


# --- sharing ----------------------------------------------------------------------------------------------------------


class Idle:
    """What a server is told of another process that has nothing to do."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def carries(self, load: int) -> None:
        self.told.append(load)

    def least_of_others(self) -> int:
        return 0


def test_a_process_with_more_to_do_than_another_sends_connections_on_with_their_answer() -> None:
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def waits(_call: HookCall, _today: date) -> Guidance:
        begun.release()
        go_on.wait(20)
        return Guidance((), {"cards": []})

    share = Idle()
    server = make_server(create_app(Settings(), advise=waits, open_to_all=True), share=share)
    ended = threading.Event()
    thread = threading.Thread(target=server.run, args=(lambda: not ended.is_set(),), daemon=True)
    thread.start()
    with ExitStack() as opened, ThreadPoolExecutor(4) as pool:
        lines = [opened.enter_context(closing(HTTPConnection("127.0.0.1", server.port, timeout=20))) for _ in range(3)]
        answers = [pool.submit(post, line, whole()) for line in lines]
        assert all(begun.acquire(timeout=10) for _ in lines), "a new connection waits for a moment, and is taken"
        assert max(share.told) == 3
        go_on.set()
        closed = [answer.result().headers["Connection"] for answer in answers]
        assert "close" in closed
        until(lambda: share.told[-1] == 0, 10, "nothing is left to do")
        with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as alone:
            assert post(alone, whole()).headers["Connection"] is None
    ended.set()
    server.wake()
    thread.join(10)
    server.close()


@pytest.mark.slow
def test_the_work_of_a_client_with_few_connections_goes_to_all_workers(tmp_path: Path) -> None:
    with ExitStack() as opened:
        service = opened.enter_context(served(tmp_path / "log", "--open", database="none", **OPEN))
        lines = [opened.enter_context(closing(HTTPConnection("127.0.0.1", service.port, timeout=20))) for _ in range(6)]

        def calls(line: HTTPConnection) -> set[int]:
            found = set()
            for _ in range(15):
                assert post(line, whole()).read()
                if line.sock is not None:  # else the call was the last of its connection
                    found.add(service.worker_at(line.sock))
            return found

        with ThreadPoolExecutor(6) as pool:
            taken = [worker for workers in pool.map(calls, lines) for worker in workers]
        assert set(taken) == set(service.workers())


# --- failing ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_worker_that_is_killed_breaks_its_own_call_only_and_is_replaced(tmp_path: Path) -> None:
    with slow_fhir(4) as fhir, served(tmp_path / "log", "--open", database="none", **OPEN) as service:
        before = service.workers()
        waiting = Caller(service, with_a_hole(fhir.url))
        assert fhir.asked.wait(10)
        victim = service.worker_at(waiting.connection.sock)
        os.kill(victim, signal.SIGKILL)
        statuses = [requests.post(service.url + SIGN_URL, whole(), headers=JSON, timeout=10) for _ in range(10)]
        assert {answer.status_code for answer in statuses} == {200}
        waiting.join(10)
        assert waiting.broken
        assert waiting.status is None
        until(lambda: len(service.workers()) == 2, 10.0, "the worker is replaced")
        assert victim not in service.workers()
        assert set(service.workers()) & set(before)
    assert f"process {victim}, ended by signal 9: it is replaced" in service.log.read_text()


@pytest.mark.slow
def test_slow_clients_keep_nobody_waiting_at_any_worker(tmp_path: Path) -> None:
    head = f"POST {SIGN_URL} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()
    with ExitStack() as opened, ThreadPoolExecutor(8) as pool:
        service = opened.enter_context(served(tmp_path / "log", "--open", database="none", **OPEN))
        for part in (b"", b"P", head, head + b"Content-Length: 5000\r\n\r\n{"):
            for _ in range(40):
                line = opened.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=5))
                line.sendall(part)

        def call(_: int) -> tuple[int, float]:
            begun = time.monotonic()
            answer = requests.post(service.url + SIGN_URL, whole(), headers=JSON, timeout=20)
            return answer.status_code, time.monotonic() - begun

        found = list(pool.map(call, range(24)))
    assert {status for status, _ in found} == {200}
    assert max(seconds for _, seconds in found) < 5


# --- the workers themselves -------------------------------------------------------------------------------------------

SCRIPT = """
import logging, os, signal, sys, time
from cds_service import workers
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
workers.LOOK_SECONDS = 0.05

def works(life):
    while life.goes_on():
        time.sleep(0.01)

WORK

def told(*words):
    print(*words, flush=True)

ended = workers.Workers(
    work=lambda life: not work(life), count=2, drain_seconds=2, child_started=lambda number: told("started", number),
    child_exited=lambda pid: told("exited"),
).run()
sys.exit(0 if ended else 1)
"""

BEHAVIOURS = {
    # what a worker does, whether the first process is told to end, its status, what is said
    "ends when told": ("work = works", True, 0, ("started 0", "started 1", "exited")),
    "never begins": ("def work(life): sys.exit(3)", False, 1, ("with status 1: it is replaced", "giving up")),
    "fails at first": (
        """
def work(life):
    flag = sys.argv[1] + str(life.number)
    if not os.path.exists(flag):
        open(flag, "w").close()
        raise ValueError("a secret")
    works(life)
""",
        True,
        0,
        ("gives up: ValueError", "it is replaced", "started 0"),
    ),
    "hangs": (
        """
def work(life):
    life.goes_on()
    flag = sys.argv[1] + str(life.number)
    if not os.path.exists(flag):
        open(flag, "w").close()
        workers.SILENT_LOOKS = 5
        time.sleep(60)
    works(life)
workers.SILENT_LOOKS = 20
""",
        True,
        0,
        ("shows no sign of life", "ended by signal 9: it is replaced"),
    ),
    "does not end": ("def work(life): works(life) or time.sleep(60)", True, 1, ("had not ended what they had begun",)),
}


@pytest.mark.slow
@pytest.mark.parametrize(("work", "told", "status", "said"), BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_workers_are_started_replaced_and_ended(
    tmp_path: Path, work: str, told: bool, status: int, said: tuple[str, ...]
) -> None:
    command = [sys.executable, "-c", SCRIPT.replace("WORK", work), str(tmp_path / "flag")]
    out = tmp_path / "out"
    with out.open("wb") as written:
        process = subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT)
    try:
        if told:
            expected = [words for words in said if words not in ("exited", "had not ended what they had begun")]
            until(lambda: all(words in out.read_text() for words in (*expected, "started 1")), 20, "it is said")
            time.sleep(0.3)
            process.terminate()
        assert process.wait(40) == status, out.read_text()
    finally:
        process.kill()
    assert [words for words in said if words not in out.read_text()] == []
    assert "a secret" not in out.read_text().replace("ValueError: a secret", "")  # of a traceback of plain logging


@pytest.mark.parametrize(("processors", "expected"), [(1, 2), (2, 4), (4, 8), (5, 8), (64, 8)])
def test_two_workers_for_each_processor_and_no_more_than_eight(processors: int, expected: int) -> None:
    assert usual_workers(processors) == expected


@pytest.mark.slow
def test_told_twice_it_waits_for_nobody(tmp_path: Path) -> None:
    script = SCRIPT.replace("WORK", "def work(life): works(life) or time.sleep(60)").replace(
        "drain_seconds=2", "drain_seconds=60"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    lines = iter(process.stdout.readline, b"")
    assert sum(line.startswith(b"started") for line in islice(lines, 4)) == 2
    process.terminate()
    time.sleep(0.5)
    assert process.poll() is None
    process.terminate()
    assert process.wait(10) == 1
    process.stdout.close()
