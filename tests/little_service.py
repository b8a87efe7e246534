"""A little HTTP service for tests: answers what it is told, and remembers what it was sent."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Little:
    """What it answers to GET and to POST, and what came."""

    url: str = ""
    discovery: Any = None
    answer: Any = None
    """A document, or bytes sent as they are."""
    status: int = 200
    discovery_status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)


@contextmanager
def little_service(**told: Any) -> Iterator[Little]:
    """Run it on loopback; change what it answers by its attributes."""
    little = Little(**told)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet for an answer, or the client waits 40 ms for the second

        def do_GET(self) -> None:
            self._answer(little.discovery_status, little.discovery)

        def do_POST(self) -> None:
            little.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(little.seconds)
            self._answer(little.status, little.answer)

        def _answer(self, status: int, document: Any) -> None:
            little.paths.append(self.path)
            little.tokens.append(self.headers.get("Authorization"))
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Type": little.content_type, **little.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    little.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield little
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
