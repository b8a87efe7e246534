"""A small FHIR R4 server over the synthetic patients: read, search, write into memory. For demos and tests.

No authentication and no persistence: bind it to the loopback. What it can search by stands in `search.PARAMETERS`.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import simplejson

from fhir_fixtures import patients as all_patients
from fhir_fixtures.search import PARAMETERS, SearchError
from fhir_fixtures.store import Json, Store, capability, searchset
from fhir_fixtures.transaction import run, what_is_wrong

Answer = tuple[int, Json, dict[str, str]]


def outcome(status: int, code: str, text: str) -> Answer:
    """An OperationOutcome as the answer."""
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return status, {"resourceType": "OperationOutcome", "issue": [issue]}, {}


def _written(body: bytes, kind: str) -> Json | str:
    """The resource of a write, or what is wrong with it."""
    try:
        resource = simplejson.loads(body, use_decimal=True)
    except ValueError:
        return "the body is not JSON"
    if not isinstance(resource, dict) or resource.get("resourceType") != kind:
        return f"the body is not a {kind}"
    return resource


class _Handler(BaseHTTPRequestHandler):
    """Routes: /metadata, /Type, /Type/id, /Type/_search, and / for a transaction."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for an answer, or the client waits 40 ms for the second
    store: Store
    base: str

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        parts = [part for part in url.path.split("/") if part]
        match parts:
            case ["metadata"]:
                self._send(200, capability(self.base), {})
            case [kind]:
                self._send(*self._search(kind, parse_qsl(url.query, keep_blank_values=True)))
            case [kind, identity]:
                self._send(*self._read(kind, identity))
            case _:
                self._send(*outcome(404, "not-found", "ask for /metadata, /Type?search or /Type/id"))

    def do_POST(self) -> None:
        body = self._body()
        match [part for part in urlsplit(self.path).path.split("/") if part]:
            case []:
                self._send(*self._transaction(body))
            case [kind, "_search"]:
                query = parse_qsl(urlsplit(self.path).query) + parse_qsl(body.decode("utf-8", "replace"))
                self._send(*self._search(kind, query))
            case [kind]:
                self._send(*self._create(kind, body))
            case _:
                self._send(*outcome(404, "not-found", "post to /Type, to /Type/_search, or a transaction to /"))

    def do_PUT(self) -> None:
        body = self._body()
        match [part for part in urlsplit(self.path).path.split("/") if part]:
            case [kind, identity]:
                self._send(*self._update(kind, identity, body))
            case _:
                self._send(*outcome(404, "not-found", "put to /Type/id"))

    def do_DELETE(self) -> None:
        self._send(*outcome(405, "not-supported", "nothing is deleted here; start the server anew"))

    def do_OPTIONS(self) -> None:
        self._send(200, {}, {"Access-Control-Allow-Methods": "GET, POST, PUT", "Access-Control-Allow-Headers": "*"})

    def _read(self, kind: str, identity: str) -> Answer:
        found = self.store.get(kind, identity)
        return (200, found, {}) if found else outcome(404, "not-found", f"no {kind}/{identity} here")

    def _search(self, kind: str, query: list[tuple[str, str]]) -> Answer:
        if kind not in PARAMETERS:
            return outcome(404, "not-supported", f"no type {kind!r} here; these are: {', '.join(PARAMETERS)}")
        try:
            return 200, searchset(self.store, self.base, kind, query), {}
        except SearchError as problem:
            return outcome(400, "not-supported", str(problem))

    def _create(self, kind: str, body: bytes) -> Answer:
        resource = _written(body, kind)
        if isinstance(resource, str):
            return outcome(400, "invalid", resource)
        resource["id"] = str(uuid4())
        self.store.put(resource)
        return 201, resource, {"Location": f"{self.base}/{kind}/{resource['id']}"}

    def _transaction(self, body: bytes) -> Answer:
        bundle = _written(body, "Bundle")
        problem = bundle if isinstance(bundle, str) else what_is_wrong(bundle)
        if isinstance(bundle, str) or problem:
            return outcome(400, "invalid", str(problem))
        return 200, run(self.store, bundle), {}

    def _update(self, kind: str, identity: str, body: bytes) -> Answer:
        resource = _written(body, kind)
        if isinstance(resource, str):
            return outcome(400, "invalid", resource)
        if resource.get("id") != identity:
            return outcome(400, "invalid", f"the id of the body is not {identity!r}")
        new = self.store.put(resource)
        return (201 if new else 200), resource, {"Location": f"{self.base}/{kind}/{identity}"}

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, status: int, document: Json, headers: dict[str, str]) -> None:
        body = simplejson.dumps(document, use_decimal=True, ensure_ascii=False).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/fhir+json; charset=utf-8", **headers}.items():
            self.send_header(name, value)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the callers print what they did."""


class FixtureServer:
    """The server as a context manager: `with FixtureServer() as server: … server.base_url`.

    `patients` are Bundles by name (all synthetic patients when not given); `port=0` takes a free one.
    """

    def __init__(
        self, patients: Mapping[str, Mapping[str, Any]] | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.store = Store(all_patients() if patients is None else patients)
        handler = type("Handler", (_Handler,), {"store": self.store})
        self._server = ThreadingHTTPServer((host, port), handler)
        self._server.daemon_threads = True
        shown = f"[{host}]" if ":" in host else host
        self.base_url = f"http://{shown}:{self._server.server_address[1]}"
        handler.base = self.base_url  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> FixtureServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def serve_forever(self) -> None:
        """Serve in this thread until interrupted."""
        try:
            self._server.serve_forever()
        except KeyboardInterrupt:
            pass
        finally:
            self._server.server_close()


_TEACHES: Final = """\
examples:
  curl 'http://127.0.0.1:8080/Patient?_count=5'
  curl 'http://127.0.0.1:8080/Patient/child-30kg-flat-28-mcg-mrd-positive'
  curl 'http://127.0.0.1:8080/Observation?patient=child-30kg-flat-28-mcg-mrd-positive&category=laboratory&_sort=-date'

searches (values joined by a comma are alternatives; dates take ge, le, gt, lt; _sort by dates, _count pages):
"""


def _teaching() -> str:
    return _TEACHES + "\n".join(f"  {kind}: {', '.join(known)}" for kind, known in PARAMETERS.items())


def main(arguments: list[str] | None = None) -> None:
    """The command `python -m fhir_fixtures.server`."""
    parser = argparse.ArgumentParser(
        prog="python -m fhir_fixtures.server",
        description="Serve the synthetic patients as a FHIR R4 server. Writes stay in memory and are gone when it "
        "stops. It asks nobody who they are: keep it on the loopback.",
        epilog=_teaching(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on; 0 takes a free one (default: 8080)")
    chosen = parser.parse_args(arguments)
    server = FixtureServer(host=chosen.host, port=chosen.port)
    print(f"FHIR R4 at {server.base_url} (Ctrl-C stops it)", flush=True)  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    main()
