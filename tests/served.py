"""`serve` as processes of its own for the tests of how it is run: started with any options, watched, ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

from tests.bad_days.service import answers, environment, free_port, until

STARTS_WITHIN_SECONDS = 90.0
SERVE = (sys.executable, "-m", "cds_service", "serve")


@dataclass
class Served:
    """A running service."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def workers(self) -> list[int]:
        """The processes that it has started and that have not ended."""
        first = self.process.pid
        try:
            children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        except FileNotFoundError:
            return []
        return [int(each) for each in children if Path(f"/proc/{each}/stat").read_text().split(") ")[1][0] != "Z"]

    def worker_at(self, client: socket.socket) -> int:
        """The process that holds the other end of this connection."""
        inode = _inode(self.port, client.getsockname()[1])
        for pid in self.workers():
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(FileNotFoundError):  # another connection of the worker's, closed meanwhile
                    if os.readlink(link) == f"socket:[{inode}]":
                        return pid
        raise AssertionError("no worker holds it")

    def ended(self, seconds: float = 30.0) -> int:
        """Its exit status, once it has ended."""
        return self.process.wait(seconds)


@contextmanager
def served(log: Path, *options: str, at: int | None = None, **settings: Any) -> Iterator[Served]:
    """`serve` with these options and settings, once it answers; killed with all its processes afterwards.

    On port `at`, else on a free one.
    """
    port = at or free_port()
    with log.open("wb") as written:
        process = subprocess.Popen(
            [*SERVE, "--port", str(port), *options],
            env=environment(**settings),
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    found = Served(process, port, log)
    try:
        until(lambda: answers(found.url, process, log), STARTS_WITHIN_SECONDS, "the service answers")
        yield found
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def refuses(port: int) -> bool:
    """Is a new connection to this port refused?"""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def _inode(port: int, client: int) -> str:
    """Of the server's end of the connection between these ports of loopback."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{port:04X}") and fields[2].endswith(f":{client:04X}"):
            return fields[9]
    raise AssertionError("there is no such connection")


@dataclass
class SlowFhir:
    """A FHIR server that is asked, and answers after a while."""

    url: str
    asked: Event


@contextmanager
def slow_fhir(seconds: float) -> Iterator[SlowFhir]:
    """Run it on loopback. It has no records of anybody."""
    asked = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            time.sleep(seconds)
            body = b'{"resourceType":"Bundle","type":"searchset","entry":[]}'
            self.send_response(200)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield SlowFhir(f"http://127.0.0.1:{server.server_address[1]}/r4", asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
