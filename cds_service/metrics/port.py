"""`/metrics` on a port of its own, for a network that clients do not reach. Gives the page, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from threading import Thread
from typing import Any

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PATH = "/metrics"
_PATIENCE_SECONDS = 5.0


class MetricsPort:
    """Listens from the moment it is made until it is closed, in a thread."""

    def __init__(self, host: str, port: int, page: Callable[[], bytes]):
        """Raises OSError where the address cannot be had."""
        server = _Server6 if ":" in host else _Server
        self._server = server((host, port), _handler(page))
        self.port = int(self._server.server_address[1])
        self._thread = Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_PATIENCE_SECONDS)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 16

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that goes away is no news."""


class _Server6(_Server):
    address_family = AF_INET6


def _handler(page: Callable[[], bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE_SECONDS

        def do_GET(self) -> None:
            found = self.path.partition("?")[0] == PATH
            body = page() if found else b"see /metrics\n"
            self.send_response_only(200 if found else 404)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Not logged: it comes every few seconds."""

    return Handler
