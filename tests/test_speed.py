"""What one order-sign with a full prefetch may cost: no file, no network, and a bounded amount of work.

That is on the thread of the request. The record of the decision is written by a thread of its own, after the answer.

Work is counted in calls of Python functions, which come out the same on a busy machine and on an idle one; how long
they take is for `bench/` to say.
"""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from cds_service.guidance import advise
from cds_service.hooks.call import HookCall
from cds_service.hooks.services import service_for, services
from cds_service.parts import Parts
from cds_service.web.json_body import dump_json, parse_json
from fhir_fixtures import hook_calls

DAY = date(2025, 10, 1)
ORDINARY = "order-sign--child-30kg-flat-28-mcg-mrd-positive"
CALLS_AT_MOST = 12_000
CALLS_PER_RESULT_AT_MOST = 60

WATCHED = """
import sys
import threading
from cds_service.app import create_app, warm_up
from cds_service.journal import Journal
from cds_service.parts import load_parts
from cds_service.settings import Settings
from cds_service.store import Store
from cds_service.web.json_body import dump_json
from fhir_fixtures import hook_calls

settings = Settings()
parts = load_parts(settings)
warm_up(parts)
store = Store(sys.argv[1])
journal = Journal(store, settings, parts)
journal.start()
client = create_app(settings, parts=parts, open_to_all=True, journal=journal).test_client()
bodies = [dump_json(call).encode() for name, call in hook_calls().items() if name.startswith("order-sign")]
client.get("/health")
seen = []
request_thread = threading.get_ident()

def watch(event, arguments):
    if threading.get_ident() != request_thread:
        return
    if watching and event.partition(".")[0] in ("open", "socket", "import", "subprocess", "os", "sqlite3", "urllib"):
        seen.append(f"{event} {arguments}")

watching = False
sys.addaudithook(watch)
watching = True
OPEN_A_FILE
for body in bodies:
    answer = client.post("/cds-services/blinatumomab-order-sign", data=body, content_type="application/json")
    assert answer.status_code == 200
watching = False
journal.close()
assert store.count() + journal.dropped > 0.9 * len(bodies), "the decisions were not kept"
print(len(bodies), "answered;", "; ".join(seen[:5]) or "nothing touched")
"""


@pytest.mark.slow
def test_no_order_sign_reads_a_file_or_opens_a_connection_after_the_warm_up_at_start(tmp_path: Path) -> None:
    assert watched("", tmp_path).endswith("answered; nothing touched")


@pytest.mark.slow
def test_a_file_read_while_answering_would_be_seen(tmp_path: Path) -> None:
    assert "answered; open" in watched("open(sys.executable, 'rb').close()", tmp_path)


def watched(also: str, folder: Path) -> str:
    """What a fresh process reports that answers every order-sign of the fixtures."""
    script = WATCHED.replace("OPEN_A_FILE", also)
    command = [sys.executable, "-c", script, str(folder / "store.sqlite3")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_one_order_sign_takes_no_more_than_so_much_work(parts: Parts) -> None:
    assert work(parts, hook_calls()[ORDINARY]) <= CALLS_AT_MOST


def test_a_longer_record_costs_in_proportion_and_no_more(parts: Parts) -> None:
    results = 400
    short, long = hook_calls()[ORDINARY], with_results(hook_calls()[ORDINARY], results)
    assert work(parts, long) - work(parts, short) <= results * CALLS_PER_RESULT_AT_MOST


def with_results(call: Mapping[str, Any], count: int) -> dict[str, Any]:
    """The call with so many ordinary laboratory results more."""
    longer = copy.deepcopy(dict(call))
    longer["prefetch"]["laboratory"]["entry"] += [
        {
            "resource": {
                "resourceType": "Observation",
                "id": f"potassium-{number}",
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3", "display": "Potassium"}]},
                "subject": {"reference": f"Patient/{call['context']['patientId']}"},
                "effectiveDateTime": f"2025-09-{number % 28 + 1:02}T08:00:00Z",
                "valueQuantity": {
                    "value": 4,
                    "unit": "mmol/L",
                    "system": "http://unitsofmeasure.org",
                    "code": "mmol/L",
                },
            }
        }
        for number in range(count)
    ]
    return longer


def work(parts: Parts, call: Mapping[str, Any]) -> int:
    """Python functions called from the bytes of a call to the bytes of its answer, once everything is warm."""
    body = dump_json(call).encode()
    answer(parts, body)
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        answer(parts, body)
    finally:
        sys.setprofile(before)
    return count


def answer(parts: Parts, body: bytes) -> str:
    """The answer of the order-sign service, without the server."""
    service = service_for("order-sign", services(parts.settings.canonical_base))
    assert service is not None
    return dump_json(advise(HookCall.parse(parse_json(body), service=service), parts, today=DAY).response)
