"""How fast is an order-sign with a full prefetch of about 30 kB, next to a view that only parses and answers?

    .venv/bin/python bench/respond.py [--seconds 5]

One worker process of our server each, over loopback. The bare view parses the same body with the same parser and
returns the same bytes. The two are called in turns of a quarter of a second, and compared turn by turn: what else
the machine does befalls both. Prints requests per second, p50 with one client, p99 with eight, and the ratio of the
p50s, which is the bar: at most 5.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Flask, Response, request

from cds_service.app import create_app, make_server, settle, warm_up
from cds_service.parts import load_parts
from cds_service.settings import Settings
from cds_service.web.json_body import dump_json, parse_json
from fhir_fixtures import hook_calls

BAR = 5.0
PATIENT = "order-sign--child-30kg-flat-28-mcg-mrd-positive"
PATH = "/cds-services/blinatumomab-order-sign"
BODY_BYTES = 30_000
TURN_SECONDS = 0.25


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
    settle()
    port.send((server.port, time.perf_counter() - started))
    server.run(lambda: True)


def serve_bare(port: multiprocessing.connection.Connection, answer: bytes) -> None:
    """A Flask view on the same server that parses the body with the same parser and returns the same bytes."""
    app = Flask("bare")
    app.config["MAX_CONTENT_LENGTH"] = Settings().max_body_bytes

    @app.post(PATH)
    def view() -> Response:
        parse_json(request.get_data())
        return Response(answer, mimetype="application/json")

    server = make_server(app)
    port.send((server.port, 0.0))
    server.run(lambda: True)


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


@contextmanager
def process(target: Callable[..., None], *arguments: bytes) -> Iterator[tuple[int, float]]:
    """A server in a process of its own while the block runs; gives its port and its start-up in seconds."""
    here, there = multiprocessing.Pipe()
    server = multiprocessing.Process(target=target, args=(there, *arguments), daemon=True)
    server.start()
    try:
        yield here.recv()
    finally:
        server.terminate()
        server.join()


def in_turns(ports: list[int], data: bytes, *, clients: int, seconds: float) -> list[list[list[float]]]:
    """The timings of each server, turn by turn, called in turns until each had so many seconds."""
    turns = max(1, round(seconds / TURN_SECONDS))
    found = [[timings(port, data, clients=clients, seconds=TURN_SECONDS) for port in ports] for _ in range(turns)]
    return [list(each) for each in zip(*found, strict=True)]


def answer_of(data: bytes) -> bytes:
    """The bytes our service answers, for the bare view to return."""
    client = create_app(Settings(), open_to_all=True).test_client()
    return client.post(PATH, data=data, content_type="application/json").data


def main() -> int:
    """Measure both, print the table; 1 when the bar is missed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=5.0, help="how long to call each server (default 5)")
    seconds = options.parse_args().seconds
    data = body()
    answer = answer_of(data)
    print(f"request {len(data)} bytes, response {len(answer)} bytes")
    with process(serve_bare, answer) as bare, process(serve_ours) as ours:
        ports, start_up = [bare[0], ours[0]], [bare[1], ours[1]]
        in_turns(ports, data, clients=1, seconds=TURN_SECONDS)
        one = in_turns(ports, data, clients=1, seconds=seconds)
        many = in_turns(ports, data, clients=8, seconds=seconds)
    p50s = [[statistics.median(turn) * 1000 for turn in turns] for turns in one]
    p50 = [statistics.median(each) for each in p50s]
    ratio = statistics.median(ours / bare for bare, ours in zip(*p50s, strict=True))
    print(f"{'':<22}{'req/s c=8':>9}{'p50 ms c=1':>12}{'p99 ms c=8':>12}{'start-up s':>12}")
    for row, name in enumerate(("bare view", "blinatumomab-cds")):
        together = [each for turn in many[row] for each in turn]
        p99 = statistics.quantiles(together, n=100)[98] * 1000
        print(f"{name:<22}{len(together) / seconds:>9.0f}{p50[row]:>12.2f}{p99:>12.2f}{start_up[row]:>12.2f}")
    print(f"ratio of p50, median over the turns: {ratio:.2f} (bar: {BAR:g})")
    return 0 if ratio <= BAR else 1


if __name__ == "__main__":
    raise SystemExit(main())
