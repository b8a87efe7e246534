"""No word of a patient, no token: values marked everywhere in calls, and everything that comes out searched for them.

What comes out: answers that are no guidance, every line of the log at every level, standard output and error of a real
process, the bytes of its database files, its metrics, every form of the report, and the story of each decision.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from cds_service.__main__ import main
from cds_service.app import create_app
from cds_service.decisions import Mask
from cds_service.journal import Journal, site_key
from cds_service.parts import Parts
from cds_service.settings import Settings
from cds_service.store import Store
from cds_service.store.erasing import erase_patient
from cds_service.web.json_body import dump_json
from fhir_fixtures import hook_calls
from tests.bad_days.service import until
from tests.little_service import little_service
from tests.store_builders import decided, said, shown
from tests.test_doors_markup import spoiled, texts

MARK = "Zqm"
BIRTH, WEIGHT = "2016-03-17", "31.4159"
ROOT = Path(__file__).parents[1]
TOKEN = f"{MARK}-access-token"
JWT = f"eyJhbGciOiJFUzM4NCJ9.{MARK}eyJpc3MiOiJ4In0.{MARK}c2ln"
NAMES = ("order-sign--child-30kg-flat-28-mcg-mrd-positive", "order-sign--record-with-unreadable-entries")


def marked(name: str, fhir_server: str) -> dict[str, Any]:
    """A call of which every id, name, number and text is marked, the token and the server too."""
    found: dict[str, Any] = _ids(copy.deepcopy(hook_calls()[name]))
    found = spoiled(found, list(texts(found)), f"{MARK}-text")
    for entry in _resources(found):
        if entry["resourceType"] == "Patient":
            entry["birthDate"] = BIRTH
            entry["name"] = [{"family": f"{MARK}-family", "given": [f"{MARK}-given"]}]
            entry["identifier"] = [{"system": "urn:oid:1", "value": f"{MARK}-mrn"}]
            entry["address"] = [{"line": [f"{MARK}-street"], "postalCode": f"{MARK}-zip"}]
            entry["telecom"] = [{"system": "phone", "value": f"{MARK}-phone"}]
        quantity = entry.get("valueQuantity")
        if isinstance(quantity, dict) and quantity.get("code") == "kg":
            quantity["value"] = float(WEIGHT)
        entry.setdefault("note", [{"text": f"{MARK}-note"}])
    return found | {
        "fhirServer": fhir_server,
        "fhirAuthorization": {"access_token": TOKEN, "token_type": "Bearer", "subject": f"{MARK}-client"},
        "hookInstance": f"{MARK}-instance",
        "extension": {f"{MARK}.key": f"{MARK}-extension"},
    }


def _ids(node: Any) -> Any:
    """Every id and every reference marked, so that they still fit together."""
    if isinstance(node, list):
        return [_ids(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: _ids(value) for key, value in node.items()}
    for key in ("id", "patientId", "encounterId"):
        if isinstance(found.get(key), str):
            found[key] = f"{MARK}-{found[key]}"
    for key in ("reference", "userId"):
        if isinstance(found.get(key), str) and "/" in found[key] and not found[key].startswith("http"):
            kind, _, one = found[key].rpartition("/")
            found[key] = f"{kind}/{MARK}-{one}"
    return found


def _resources(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "resourceType" in node:
            yield node
        for value in node.values():
            yield from _resources(value)
    elif isinstance(node, list):
        for value in node:
            yield from _resources(value)


def leaks(text: str) -> list[str]:
    """What of the marks is in a text, with what stands around it."""
    return re.findall(rf".{{0,60}}(?:{MARK}|{BIRTH}|{re.escape(WEIGHT)}).{{0,40}}", text, re.IGNORECASE | re.DOTALL)


def bad_requests(body: dict[str, Any]) -> dict[str, tuple[str, str, Any]]:
    """Requests that are refused, each with marks where the fault is: method, path, body."""
    sign, feedback = "/cds-services/blinatumomab-order-sign", "/cds-services/blinatumomab-order-sign/feedback"
    other = copy.deepcopy(body)
    other["context"]["draftOrders"]["entry"][0]["resource"]["subject"] = {"reference": f"Patient/{MARK}-other"}
    return {
        "another hook": ("POST", sign, body | {"hook": f"{MARK}-hook"}),
        "context as text": ("POST", sign, body | {"context": f"{MARK}-context"}),
        "another patient": ("POST", sign, other),
        "token of another": (
            "POST",
            sign,
            body | {"fhirAuthorization": {"access_token": TOKEN, "patient": f"{MARK}-p"}},
        ),
        "no patient": ("POST", sign, body | {"prefetch": {}, "fhirServer": f"https://{MARK}.example/fhir"}),
        "key twice": ("POST", sign, f'{{"{MARK}": 1, "{MARK[:-1]}m": 2}}'.encode()),
        "no JSON": ("POST", sign, f'{{"{MARK}": '.encode()),
        "unheard of": ("POST", f"/cds-services/{MARK}", body),
        "nowhere": ("GET", f"/{MARK}?name={MARK}", None),
        "wrong method": ("DELETE", sign, body),
        "feedback": ("POST", feedback, {"feedback": [{"card": f"{MARK}-card", "outcome": f"{MARK}-outcome"}]}),
        "resource": ("GET", f"/fhir/Questionnaire/{MARK}", None),
        "link": ("GET", f"/questions?q={MARK}&until={MARK}&sign={MARK}", None),
    }


def feedback(card: str) -> dict[str, Any]:
    entry = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2025-10-01T10:00:00Z"}
    reason = {"reason": {"code": f"{MARK} was upset", "system": f"urn:{MARK} 1"}, "userComment": f"{MARK}-comment"}
    return {"feedback": [entry | {"overrideReason": reason}, entry | {"card": f"{MARK}-odd-card"}]}


# --- a real process ---------------------------------------------------------------------------------------------------


@contextmanager
def served(database: Path, log: Path) -> Iterator[str]:
    """`blinatumomab-cds serve --open` as a process of its own; its output goes into a file."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "BLINATUMOMAB_CDS_DATABASE": str(database)}
    command = [sys.executable, "-m", "cds_service", "serve", "--open", "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                requests.get(f"{url}/health", timeout=1)
                break
            except requests.RequestException:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.mark.slow
def test_nothing_marked_comes_out_of_a_real_process_but_in_the_cards(tmp_path: Path) -> None:
    database, log = tmp_path / "store.sqlite3", tmp_path / "log"
    outcome = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": f"{MARK}-diagnostics"}]}
    headers = {"Authorization": f"Bearer {JWT}", "X-Request-Id": MARK, "User-Agent": MARK, "Cookie": f"a={MARK}"}
    headers["traceparent"] = f"00-{MARK}-{MARK}-01"
    decisions = []
    said_to_callers: dict[str, str] = {}
    with little_service(discovery=outcome, answer=outcome) as fhir, served(database, log) as url:
        cards = []
        for name in NAMES:
            body = marked(name, fhir.url)
            body["prefetch"].pop("laboratory", None)  # so that something is read there, with the token
            answer = requests.post(
                f"{url}/cds-services/blinatumomab-order-sign",
                data=dump_json(body).encode(),
                headers={**headers, "Content-Type": "application/json"},
                timeout=30,
            )
            assert answer.status_code == 200
            assert leaks(answer.text), "the cards are about the patient, or the marks do not reach what is judged"
            cards += answer.json()["cards"]
            decisions.append(answer.headers["X-Decision-Id"])
            said_to_callers[f"headers of {name}"] = f"{answer.headers} {answer.json()['extension']}"
        assert f"Bearer {TOKEN}" in fhir.tokens
        for name, (method, path, content) in bad_requests(marked(NAMES[0], fhir.url)).items():
            data = content if isinstance(content, bytes) else dump_json(content).encode() if content else None
            answer = requests.request(
                method, f"{url}{path}", data=data, headers={**headers, "Content-Type": "application/json"}, timeout=30
            )
            assert answer.status_code >= 400, name
            said_to_callers[name] = f"{answer.text} {answer.headers}"
        for card in cards:
            answer = requests.post(
                f"{url}/cds-services/blinatumomab-order-sign/feedback",
                json=feedback(card["uuid"]),
                headers=headers,
                timeout=30,
            )
            assert answer.status_code == 200
            said_to_callers[card["uuid"]] = f"{answer.text} {answer.headers}"
        form = requests.post(
            f"{url}/questions", data={"q": "cycle", "cycle": "1", MARK: MARK}, headers=headers, timeout=30
        )
        said_to_callers["form"] = form.text
        for path in ("/health", "/health/live", "/health/ready", "/metrics"):
            answer = requests.get(f"{url}{path}?{MARK}", headers=headers, timeout=30)
            assert answer.status_code == 200
            said_to_callers[path] = f"{answer.text} {answer.headers}"
        time.sleep(1)
    assert {name: leaks(text) for name, text in said_to_callers.items() if leaks(text)} == {}
    lines = log.read_text(encoding="utf-8")
    calls = [line for line in map(json.loads, lines.splitlines()) if line["logger"] == "cds_service.calls"]
    assert [line["decision"] for line in calls if "decision" in line] == decisions
    assert leaks(lines) == []
    with Store(str(database), create=False).reading("count") as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM decisions").scalar_one() == len(NAMES)
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("store.sqlite3*"))
    assert b"LA.PHAR.312" in kept
    assert leaks(kept.decode("latin-1")) == []
    for form_of_report in ("text", "json", "html"):
        report = CliRunner().invoke(
            main, ["report", "--database", str(database), "--format", form_of_report, "--comments"]
        )
        assert report.exit_code == 0, report.output
        assert leaks(report.output) == []
    for decision in decisions:
        for form_of_story in ("text", "json"):
            story = CliRunner().invoke(
                main, ["decision", decision, "--database", str(database), "--format", form_of_story]
            )
            assert story.exit_code == 0, story.output
            assert "LA.PHAR.312" in story.output
            assert leaks(story.output) == []


# --- every level of the log, in one process ---------------------------------------------------------------------------


def test_no_line_of_the_log_at_any_level_holds_a_mark(
    parts: Parts, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store = Store(str(tmp_path / "store.sqlite3"))
    journal = Journal(store, Settings(), parts)
    with little_service(discovery={"resourceType": "Observation", "id": f"{MARK}-o"}) as fhir:
        app = create_app(Settings(), parts=parts, open_to_all=True, read_loopback=True, journal=journal)
        client = app.test_client()
        headers = {"Authorization": f"Bearer {JWT}"}
        for name in NAMES:
            body = marked(name, fhir.url)
            body["prefetch"].pop("laboratory", None)
            client.post(
                "/cds-services/blinatumomab-order-sign",
                data=dump_json(body),
                headers=headers,
                content_type="application/json",
            )
        for method, path, content in bad_requests(marked(NAMES[0], fhir.url)).values():
            data = content if isinstance(content, bytes) else dump_json(content) if content else None
            client.open(path, method=method, data=data, headers=headers, content_type="application/json")
        client.post("/cds-services/blinatumomab-order-sign/feedback", json=feedback("c-1"), headers=headers)
    journal.close()
    assert any(record.name == "cds_service.calls" for record in caplog.records)
    assert leaks(caplog.text) == []


def test_a_bug_is_logged_by_its_place_and_never_by_its_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def fails(*_: object) -> Any:
        try:
            raise KeyError(f"{MARK}-key")
        except KeyError as cause:
            raise ValueError(f"{MARK}-value") from cause

    client = create_app(Settings(), advise=fails, open_to_all=True).test_client()
    answer = client.post(
        "/cds-services/blinatumomab-order-sign",
        data=dump_json(marked(NAMES[0], "https://x.example")),
        content_type="application/json",
    )
    assert answer.status_code == 500
    assert "bug: ValueError at tests.test_privacy" in caplog.text
    assert leaks(caplog.text + answer.text) == []


def test_no_line_of_the_log_can_be_forged(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body = hook_calls()[NAMES[0]] | {"hookInstance": "x\n2026-01-01 cds_service.calls route=services status=200"}
    client = create_app(Settings(), parts=parts, open_to_all=True).test_client()
    client.post("/cds-services/blinatumomab-order-sign", data=dump_json(body), content_type="application/json")
    assert all("\n" not in record.getMessage() for record in caplog.records if record.name.startswith("cds_service"))


# --- letting go -------------------------------------------------------------------------------------------------------


def patient_key(store: Store, patient: str) -> str:
    return Mask(site_key(Settings(), store)).hashed("patient", patient)


@pytest.fixture
def two_patients(tmp_path: Path) -> Path:
    """A database with three decisions and their feedback, about two patients."""
    file = tmp_path / "store.sqlite3"
    store = Store(str(file))
    for name, patient in (("a-1", "p-1"), ("a-2", "p-1"), ("b-1", "p-2")):
        store.record_decisions([decided(name, shown(f"card-{name}"), patient_key=patient_key(store, patient))])
        store.record_feedback([said(f"card-{name}", comment=f"about {patient}")])
    store.record_feedback([said("card-of-nobody")])
    store.close()
    return file


@pytest.mark.parametrize("written", ["p-1", "Patient/p-1", "https://ehr.example.org/fhir/Patient/p-1", " p-1 ", "-"])
def test_erase_takes_one_patient_with_the_feedback_and_leaves_the_others(two_patients: Path, written: str) -> None:
    store = Store(str(two_patients), create=False)
    gone_key = patient_key(store, "p-1")
    found = CliRunner().invoke(
        main, ["database", "erase", "--database", str(two_patients), "--patient", written], input="p-1\n"
    )
    assert found.exit_code == 0, found.output
    assert "2 decisions and 2 of feedback erased" in " ".join(found.output.split())
    assert "p-1" not in found.output.replace(str(two_patients), "")
    assert [one.id for one in store.decisions()] == ["b-1"]
    assert sorted(entry.card for entry, _ in store.feedback()) == ["card-b-1", "card-of-nobody"]
    store.close()
    left = b"".join(file.read_bytes() for file in two_patients.parent.glob("store.sqlite3*"))
    assert gone_key.encode() not in left
    assert b"about p-1" not in left
    assert b"about p-2" in left


def test_erase_with_another_secret_finds_nobody_and_says_so(
    two_patients: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLINATUMOMAB_CDS_SITE_SECRET", "another secret of the site")
    found = CliRunner().invoke(main, ["database", "erase", "--database", str(two_patients), "--patient", "p-1"])
    assert "0 decisions" in found.output
    assert "Nothing was on record under this id with the present site_secret" in found.output


@pytest.mark.parametrize("written", ["", "  ", "Patient/"])
def test_erase_wants_an_id(two_patients: Path, written: str) -> None:
    found = CliRunner().invoke(main, ["database", "erase", "--database", str(two_patients), "--patient", written])
    assert found.exit_code == 2 or "0 decisions" in found.output


def test_erase_is_the_same_on_every_database(database: str) -> None:
    store = Store(database)
    store.record_decisions(
        [decided("a", shown("card-a"), patient_key="k-1"), decided("b", shown("card-b"), patient_key="k-2")]
    )
    store.record_feedback([said("card-a"), said("card-b")])
    gone = erase_patient(store, ["k-1", "k-0"])
    assert (gone.decisions, gone.feedback) == (1, 1)
    assert [one.id for one in store.decisions()] == ["b"]
    store.close()


def test_purge_leaves_nothing_of_what_was_too_old_in_the_file(two_patients: Path) -> None:
    store = Store(str(two_patients), create=False)
    key = patient_key(store, "p-1")
    store.record_decisions([decided("new", shown("card-new"), patient_key="k-new", minutes=_minutes_until_now())])
    found = CliRunner().invoke(main, ["database", "purge", "--database", str(two_patients), "--days", "30"])
    assert found.exit_code == 0
    assert [one.id for one in store.decisions()] == ["new"]
    store.close()
    left = b"".join(file.read_bytes() for file in two_patients.parent.glob("store.sqlite3*"))
    assert key.encode() not in left
    assert b"about p-" not in left


class ForgetsOnce(Store):
    """Deleting meets something unforeseen at the first try."""

    tries = 0

    def purge(self, before: datetime) -> int:
        """As `Store.purge`, from the second time on."""
        self.tries += 1
        if self.tries == 1:
            raise RuntimeError("unforeseen")
        return super().purge(before)


def test_deleting_what_is_too_old_is_tried_again_soon_whatever_was_in_the_way(
    tmp_path: Path, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cds_service.journal.RETRY_SECONDS", 0.05)
    store = ForgetsOnce(str(tmp_path / "store.sqlite3"))
    store.record_decisions([decided("old", shown("card-old"), patient_key="k", minutes=-60 * 24 * 4000)])
    journal = Journal(store, parts.settings, parts)
    journal.start()
    until(lambda: store.count() == 0, 10, "what was too old is gone")
    time.sleep(0.5)
    journal.close()
    assert store.tries == 2, "once it went well, not before the next day"


def _minutes_until_now() -> float:
    return (datetime.now(UTC) - datetime(2025, 10, 1, 12, tzinfo=UTC)) / timedelta(minutes=1)


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_names_every_column_that_is_kept_and_every_fact_of_a_log_line() -> None:
    from cds_service.store.tables import METADATA

    page = (ROOT / "docs/privacy.md").read_text(encoding="utf-8")
    for table in METADATA.tables.values():
        for column in table.columns:
            assert f"`{table.name}.{column.name}`" in page or f"`{table.name}`" in page, f"{table.name}.{column.name}"
    source = "".join(
        file.read_text(encoding="utf-8") for file in sorted((ROOT / "cds_service").rglob("*.py")) if "web" in file.parts
    )
    for fact in set(re.findall(r"\bnote\(\s*((?:\w+=.*?,?\s*)+)\)", source)):
        for name in re.findall(r"(\w+)=", fact):
            assert f"`{name}`" in page, name


def test_the_days_of_the_page_are_those_of_the_settings() -> None:
    page = (ROOT / "docs/privacy.md").read_text(encoding="utf-8")
    assert f"{Settings().decision_retention_days} days" in page
    assert Settings().feedback_comments is False
