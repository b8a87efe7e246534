"""How fast is an order-sign with a full prefetch of about 30 kB, next to a view that only parses and answers?

    .venv/bin/python bench/respond.py [--seconds 5]

One waitress worker process each, one after the other, over loopback. The bare view parses the same body with the same
parser and returns the same bytes. Prints requests per second, p50 with one client, p99 with eight, and the ratio of
the p50s, which is the bar: at most 5.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable

from flask import Flask, Response, request

from cds_service.app import create_app, make_server, warm_up
from cds_service.parts import load_parts
from cds_service.settings import Settings
from cds_service.web.json_body import dump_json, parse_json
from fhir_fixtures import hook_calls

BAR = 5.0
PATIENT = "order-sign--child-30kg-flat-28-mcg-mrd-positive"
PATH = "/cds-services/blinatumomab-order-sign"
BODY_BYTES = 30_000


def body() -> bytes:
    """The first fixture's order-sign call, filled up with ordinary laboratory results to about 30 kB."""
    call = hook_calls()[PATIENT]
    entries = call["prefetch"]["laboratory"].setdefault("entry", [])
    number = 0
    while len(dump_json(call)) < BODY_BYTES:
        number += 1
        entries.append({"resource": _potassium(number, call["context"]["patientId"])})
    return dump_json(call).encode()


def _potassium(number: int, patient: str) -> dict[str, object]:
    return {
        "resourceType": "Observation",
        "id": f"bench-{number}",
        "status": "final",
        "category": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3", "display": "Potassium"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": "2025-09-30T08:00:00Z",
        "valueQuantity": {"value": 4, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
    }


def serve_ours(port: multiprocessing.connection.Connection) -> None:
    """The service, warmed up, in its own process."""
    settings = Settings()
    started = time.perf_counter()
    parts = load_parts(settings)
    warm_up(parts)
    server = make_server(create_app(settings, parts=parts, open_to_all=True))
    port.send((server.effective_port, time.perf_counter() - started))
    server.run()


def serve_bare(port: multiprocessing.connection.Connection, answer: bytes) -> None:
    """A Flask view on the same server that parses the body with the same parser and returns the same bytes."""
    app = Flask("bare")
    app.config["MAX_CONTENT_LENGTH"] = Settings().max_body_bytes

    @app.post(PATH)
    def view() -> Response:
        parse_json(request.get_data())
        return Response(answer, mimetype="application/json")

    server = make_server(app)
    port.send((server.effective_port, 0.0))
    server.run()


def timings(port: int, data: bytes, *, clients: int, seconds: float) -> list[float]:
    """Seconds of each call by so many clients at once, each on a kept connection."""
    found: list[float] = []
    until = time.perf_counter() + seconds

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        while time.perf_counter() < until:
            begun = time.perf_counter()
            connection.request("POST", PATH, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            found.append(time.perf_counter() - begun)
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def measure(name: str, target: Callable[..., None], *arguments: bytes, seconds: float) -> float:
    """Start one server, call it, print its row; returns the p50 of one client in milliseconds."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(target=target, args=(there, *arguments), daemon=True)
    process.start()
    port, start_up = here.recv()
    data = body()
    timings(port, data, clients=1, seconds=0.5)
    one = timings(port, data, clients=1, seconds=seconds)
    many = timings(port, data, clients=8, seconds=seconds)
    process.terminate()
    process.join()
    p50 = statistics.median(one) * 1000
    p99 = statistics.quantiles(many, n=100)[98] * 1000
    print(f"{name:<22}{len(many) / seconds:>9.0f}{p50:>12.2f}{p99:>12.2f}{start_up:>12.2f}")
    return p50


def answer_of(data: bytes) -> bytes:
    """The bytes our service answers, for the bare view to return."""
    client = create_app(Settings()).test_client()
    return client.post(PATH, data=data, content_type="application/json").data


def main() -> int:
    """Measure both, print the table; 1 when the bar is missed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=5.0, help="how long to call each server (default 5)")
    seconds = options.parse_args().seconds
    data = body()
    answer = answer_of(data)
    print(f"request {len(data)} bytes, response {len(answer)} bytes")
    print(f"{'':<22}{'req/s c=8':>9}{'p50 ms c=1':>12}{'p99 ms c=8':>12}{'start-up s':>12}")
    bare = measure("bare view", serve_bare, answer, seconds=seconds)
    ours = measure("blinatumomab-cds", serve_ours, seconds=seconds)
    print(f"ratio of p50: {ours / bare:.2f} (bar: {BAR})")
    return 0 if ours / bare <= BAR else 1


if __name__ == "__main__":
    raise SystemExit(main())
