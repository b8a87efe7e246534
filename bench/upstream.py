"""A small FHIR server for the long run: it knows nobody, and says so after 40 ms."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from typing import Any

UPSTREAM_SECONDS = 0.04


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class Upstream(BaseHTTPRequestHandler):
    """A FHIR server that knows nobody, after a while."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        time.sleep(UPSTREAM_SECONDS)
        answer = b'{"resourceType":"Bundle","type":"searchset","entry":[]}'
        self.send_response(200)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def answer_calls(server: Server) -> None:
    """Until it is terminated; Ctrl-C is for whoever began it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    server.serve_forever()


@contextmanager
def upstream() -> Iterator[str]:
    """The FHIR server while it runs: its base. A process of its own: the calls here shall not hold up its answers."""
    with Server(("127.0.0.1", 0), Upstream) as server:
        process = get_context("fork").Process(target=answer_calls, args=(server,), daemon=True)
        process.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/r4"
        finally:
            process.terminate()
            process.join()
