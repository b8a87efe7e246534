"""Metrics are right, across processes too, and read by whom they are for; health, and the ids of an answer."""

from __future__ import annotations

import copy
import fcntl
import json
import multiprocessing
import os
import re
import shutil
import signal
import socket
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from cds_service import metrics
from cds_service.app import create_app, running
from cds_service.errors import StoreError
from cds_service.guidance import Guidance
from cds_service.journal import PAUSE_SECONDS, WAITING_FEEDBACK, Journal
from cds_service.metrics import MetricsPort
from cds_service.metrics.counted import STAGES
from cds_service.parts import Parts
from cds_service.probing import FAILING, OK, Probe
from cds_service.settings import Settings
from cds_service.silence import HOOKS, TOPICS
from cds_service.store import Decision, Store
from cds_service.web.json_body import dump_json
from fhir_fixtures import hook_calls
from tests.bad_days.service import running as service
from tests.bad_days.service import until
from tests.hook_builders import SIGN_URL, changed, order_sign
from tests.little_service import little_service

CHILD = "order-sign--child-30kg-flat-28-mcg-mrd-positive"
UNKNOWN = "order-sign--record-every-search-empty"
JSON = "application/json"
Sample = tuple[str, frozenset[tuple[str, str]]]


def samples(page: str) -> dict[Sample, float]:
    """The values of a page, by name and labels."""
    found = {}
    for line in page.splitlines():
        if line and not line.startswith("#"):
            name, labels, value = re.fullmatch(r"(\w+?)(?:\{(.*)\})? (\S+)", line).groups()  # type: ignore[union-attr]
            pairs = frozenset(re.findall(r'(\w+)="([^"]*)"', labels or ""))
            found[name.removeprefix("blinatumomab_cds_"), pairs] = float(value)
    return found


def total(page: str, name: str, **labels: str) -> float:
    """The sum of the series of this name that have these labels."""
    return sum(
        value for (found, pairs), value in samples(page).items() if found == name and labels.items() <= set(pairs)
    )


def app_of(parts: Parts, journal: Journal | None = None, **settings: Any) -> Flask:
    return create_app(
        Settings(**settings), parts=parts, open_to_all=True, journal=journal, today=lambda: date(2025, 10, 1)
    )


def post(client: FlaskClient, body: Any) -> int:
    return client.post(SIGN_URL, data=dump_json(body), content_type=JSON).status_code


def page_of(client: FlaskClient) -> str:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return answer.get_data(as_text=True)


# --- what is counted --------------------------------------------------------------------------------------------------


def test_rate_errors_latency_cards_and_unknowns_are_counted(parts: Parts) -> None:
    client = app_of(parts).test_client()
    assert [post(client, hook_calls()[name]) for name in (CHILD, CHILD, UNKNOWN)] == [200] * 3
    assert post(client, {"hook": "order-sign"}) == 400
    assert client.post("/cds-services/jane-roe", json={}).status_code == 404
    page = page_of(client)
    assert total(page, "requests_total", hook="order-sign", status="200") == 3
    assert total(page, "requests_total", hook="order-sign", status="400") == 1
    assert total(page, "requests_total", route="services", hook="none", status="404") == 1
    assert total(page, "request_seconds_count", hook="order-sign") == 4
    stages = {dict(pairs)["stage"] for name, pairs in samples(page) if name == "stage_seconds_count"}
    assert stages == {"queue", "read", "wait", "gather", "facts", "assess", "present", "write"}
    for stage in stages:
        refused = 1 if stage == "queue" else 0  # it had to wait for a thread as well
        assert total(page, "stage_seconds_count", hook="order-sign", stage=stage) == 3 + refused
        assert total(page, "stage_seconds_sum", hook="order-sign", stage=stage) > 0
    assert total(page, "cards_total", hook="order-sign", topic="dose", indicator="critical", fate="shown") == 2
    assert total(page, "unknowns_total", criterion="I.A.1", cause="not-on-file") == 1
    assert total(page, "policy_info", policy="LA.PHAR.312") == len(parts.knowledge.policies)
    assert total(page, "label_info") == len(parts.knowledge.labels)
    assert total(page, "build_info") == total(page, "open") == 1
    assert "jane-roe" not in page


def test_every_label_is_a_word_of_ours_so_that_series_are_bounded(parts: Parts) -> None:
    client = app_of(parts).test_client()
    for name in sorted(hook_calls())[::12]:
        body = hook_calls()[name]
        client.post(f"/cds-services/blinatumomab-{body['hook']}", data=dump_json(body), content_type=JSON)
    for odd in ("/nowhere/at-all", "/questions?q=jane", "/fhir/Questionnaire/jane"):
        client.get(odd)
    labels: dict[str, set[str]] = {}
    for _, pairs in samples(page_of(client)):
        for name, value in pairs:
            labels.setdefault(name, set()).add(value)
    assert labels["hook"] <= {*HOOKS, "none"}
    assert labels["topic"] <= set(TOPICS)
    paragraphs = {paragraph.id for policy in parts.knowledge.policies for paragraph in policy.paragraph}
    assert labels["criterion"] <= paragraphs
    assert labels["cause"] <= {"not-on-file", "not-read", "sources-disagree", "not-usable"}
    assert labels["route"] <= {"services", "questions", "definitions", "none", "policy_pages"}
    assert set(labels) <= {
        *("hook", "topic", "criterion", "cause", "route", "status", "stage", "indicator", "fate", "le"),
        *("version", "policy", "label", "edition", "outcome", "reason"),
    }


def test_reads_of_the_clients_server_are_counted_by_what_came_of_them(parts: Parts) -> None:
    with little_service(discovery={"resourceType": "OperationOutcome", "issue": []}, discovery_status=429) as fhir:
        app = create_app(Settings(), parts=parts, open_to_all=True, read_loopback=True)
        client = app.test_client()
        body = copy.deepcopy(hook_calls()[CHILD]) | {"fhirServer": fhir.url}
        body["prefetch"].pop("laboratory")
        assert post(client, body) == 200
    page = page_of(client)
    assert total(page, "upstream_requests_total", outcome="429") == total(page, "upstream_requests_total") >= 1
    assert total(page, "upstream_request_seconds_count") == total(page, "upstream_requests_total")
    assert total(page, "upstream_reads_total", outcome="overloaded") == 1


def test_feedback_and_decisions_are_counted_by_what_became_of_them(parts: Parts, tmp_path: Path) -> None:
    journal = Journal(Store(str(tmp_path / "s.sqlite3")), Settings(), parts)
    client = app_of(parts, journal).test_client()
    assert post(client, hook_calls()[CHILD]) == 200
    entry = {"card": "7e410571-664a-54ea-a12c-b53332555279", "outcomeTimestamp": "2025-10-01T10:05:31Z"}
    overridden, accepted = (
        entry | {"outcome": "overridden"},
        entry | {"outcome": "accepted", "acceptedSuggestions": [{"id": "x"}]},
    )
    for entries in ([overridden, accepted], [overridden]):
        assert client.post(f"{SIGN_URL}/feedback", json={"feedback": entries}).status_code == 200
    until(lambda: total(page_of(client), "decisions_total", fate="kept") == 1, 10, "the decision is written")
    journal.close()
    page = page_of(client)
    assert total(page, "feedback_entries_total", outcome="overridden") == 2
    assert total(page, "feedback_entries_total", outcome="accepted") == 1
    assert total(page, "feedback_repeated_total") == 1
    assert total(page, "feedback_unmatched_total") == 3
    assert total(page, "database_up") == 1
    assert total(page, "decisions_waiting") == 0


def test_feedback_that_cannot_be_stored_and_decisions_that_are_lost_are_counted(parts: Parts, tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite3"
    journal = Journal(Store(str(file)), Settings(), parts)
    client = app_of(parts, journal).test_client()
    assert post(client, hook_calls()[CHILD]) == 200
    until(lambda: total(page_of(client), "decisions_total", fate="kept") == 1, 10, "the decision is written")
    with closing(Store(str(file))) as other, other.writing("hold the lock"):
        entry = {"card": "x", "outcome": "overridden", "outcomeTimestamp": "2025-10-01T10:05:31Z"}
        assert client.post(f"{SIGN_URL}/feedback", json={"feedback": [entry]}).status_code == 503
        assert total(page_of(client), "database_up") == 0, "feedback was refused"
        assert client.get("/health/ready").get_json()["database"] == "ok"
        assert total(page_of(client), "database_up") == 1
        assert post(client, hook_calls()[CHILD]) == 200
        until(lambda: total(page_of(client), "decisions_total", fate="dropped") == 1, 20, "the decision is dropped")
        assert total(page_of(client), "database_up") == 0, "a decision was dropped"
    assert total(page_of(client), "feedback_refused_total") == 1
    time.sleep(PAUSE_SECONDS)
    assert client.post(f"{SIGN_URL}/feedback", json={"feedback": [entry]}).status_code == 200
    assert total(page_of(client), "database_up") == 1, "feedback was stored"
    journal.close()


class Breaks:
    """Counts nothing: breaks whenever it is told anything."""

    def journal_kept(self, kept: Sequence[Decision], waiting: int) -> None:
        raise ValueError("jane-roe")

    def journal_dropped(self, count: int, waiting: int, *, failing: bool) -> None:
        raise ValueError("jane-roe")

    def journal_waits(self, waiting: int) -> None:
        """On the path of the request."""


def test_decisions_are_written_on_after_counting_or_deleting_broke(
    parts: Parts, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(decision_retention_days=10**6)  # no date lies so far back
    journal = Journal(Store(str(tmp_path / "s.sqlite3")), settings, parts)
    client = app_of(parts, journal).test_client()
    journal.watch = Breaks()
    with closing(Store(str(tmp_path / "s.sqlite3"))) as store:
        for times in (1, 2):
            assert post(client, hook_calls()[CHILD]) == 200
            until(lambda: len(list(store.decisions())) == times, 10, "the decision is written")  # noqa: B023
    journal.close()
    assert "OverflowError" in caplog.text
    assert caplog.text.count("ValueError") == 2
    assert "jane-roe" not in caplog.text


@contextmanager
def no_more_threads() -> Iterator[None]:
    """Whoever starts a thread is refused: no memory is enough for its stack."""
    size = threading.stack_size(1 << 46)
    try:
        yield
    finally:
        threading.stack_size(size)


def test_a_thread_that_cannot_be_had_is_asked_for_again_by_the_next(parts: Parts, tmp_path: Path) -> None:
    journal = Journal(Store(str(tmp_path / "s.sqlite3")), Settings(), parts)
    client = app_of(parts, journal).test_client()
    probe = Probe(lambda: None)
    assert post(app_of(parts).test_client(), hook_calls()[CHILD]) == 200, "what every process starts once is there"
    with no_more_threads():
        assert post(client, hook_calls()[CHILD]) == 200
        for _ in range(WAITING_FEEDBACK):
            with pytest.raises(RuntimeError):
                journal.keep_feedback("x", ())
        with pytest.raises(RuntimeError):
            probe.state()
    assert journal.keep_feedback("x", ()).entries == 0
    assert probe.state() == OK
    assert post(client, hook_calls()[CHILD]) == 200
    until(lambda: total(page_of(client), "decisions_total", fate="kept") == 2, 10, "both decisions are written")
    journal.close()


def test_the_page_on_http_names_every_metric_with_its_labels_and_every_member_of_ready(parts: Parts) -> None:
    docs = (Path(__file__).parents[1] / "docs/http.md").read_text(encoding="utf-8")
    client = app_of(parts).test_client()
    for name in re.findall(r"^# TYPE blinatumomab_cds_(\w+) ", page_of(client), re.MULTILINE):
        assert f"`{name}`" in docs, name
    for stage in STAGES:
        assert f"`{stage}`" in docs
    for member in client.get("/health/ready").get_json():
        assert f"`{member}`" in docs, member


# --- who may read it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "remote", "headers", "status"),
    [
        ({}, "127.0.0.1", {}, 200),
        ({}, "::1", {}, 200),
        ({"public_url": "http://localhost:8080"}, "127.0.0.1", {}, 200),
        ({}, "10.1.2.3", {}, 404),
        ({}, "", {}, 404),
        ({}, "127.0.0.1", {"X-Forwarded-For": "10.1.2.3"}, 404),
        ({}, "127.0.0.1", {"Forwarded": "for=10.1.2.3"}, 404),
        ({"public_url": "https://cds.example.org"}, "127.0.0.1", {}, 404),
        ({"metrics_address": "127.0.0.1:9464"}, "127.0.0.1", {}, 404),
    ],
)
def test_only_this_machine_reads_it_and_nobody_where_a_proxy_is_or_it_has_its_own_port(
    parts: Parts, settings: dict[str, Any], remote: str, headers: Mapping[str, str], status: int
) -> None:
    client = app_of(parts, **settings).test_client()
    answer = client.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": remote})
    nothing = client.get("/nothing")
    assert answer.status_code == status
    assert (answer.get_data() == nothing.get_data()) is (status == 404)


def test_a_port_of_its_own_gives_the_page_and_nothing_else() -> None:
    port = MetricsPort("127.0.0.1", 0, lambda: b"a_total 1\n")
    try:
        base = f"http://127.0.0.1:{port.port}"
        assert requests.get(f"{base}/metrics", timeout=5).text == "a_total 1\n"
        for path in ("/", "/cds-services", "/metrics/x", "/health"):
            assert requests.get(base + path, timeout=5).status_code == 404
        assert requests.post(f"{base}/metrics", timeout=5).status_code == 501
        with socket.create_connection(("127.0.0.1", port.port), timeout=5):  # says nothing, keeps nobody waiting
            assert requests.get(f"{base}/metrics", timeout=5).status_code == 200
    finally:
        port.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{base}/metrics", timeout=2)


# --- several processes ------------------------------------------------------------------------------------------------


def counting(orders: Any) -> None:
    """One process of several: counts what it is told through HTTP, until it is killed."""
    guidance = Guidance((), {"cards": []})
    app = create_app(Settings(database="none"), advise=lambda *_: guidance, open_to_all=True)
    with running(app) as base:
        orders.send(base)
        orders.recv()


def test_counts_of_several_processes_are_added_up_and_outlive_them() -> None:
    fork = multiprocessing.get_context("spawn")
    body = dump_json(order_sign()).encode()
    with metrics.share_files() as folder:
        started, pipes = [], []
        for _ in range(3):
            here, there = fork.Pipe()
            process = fork.Process(target=counting, args=(there,))
            process.start()
            pipes.append(here)
            started.append((process, here.recv()))

        def call(base: str, times: int) -> None:
            for _ in range(times):
                assert (
                    requests.post(base + SIGN_URL, body, headers={"Content-Type": JSON}, timeout=20).status_code == 200
                )

        for (_, base), times in zip(started, (1, 2, 4), strict=True):
            call(base, times)
        for _, base in started:
            page = requests.get(f"{base}/metrics", timeout=20).text
            assert total(page, "requests_total", hook="order-sign") == 7, "whichever process is asked"
        assert total(page, "open") == 1
        killed, _ = started.pop(0)
        killed.kill()
        killed.join()
        metrics.child_exited(killed.pid or 0)
        metrics.child_exited(killed.pid or 0)
        assert not list(folder.glob(f"*_{killed.pid}.db"))
        call(started[0][1], 5)
        page = metrics.page(None).decode()
        assert total(page, "requests_total", hook="order-sign") == 12
        assert total(page, "request_seconds_count", hook="order-sign") == 12
        assert total(page, "request_seconds_bucket", hook="order-sign", le="+Inf") == 12
        for process, _ in started:
            process.kill()
            process.join()
            metrics.child_exited(process.pid or 0)
        left = ["counter_0.db", "gauge_mostrecent_0.db", "histogram_0.db"]
        assert sorted(file.name for file in folder.glob("*.db")) == left
        assert total(metrics.page(None).decode(), "requests_total", hook="order-sign") == 12
        assert total(metrics.page(None).decode(), "open") == 1
    assert not folder.exists()
    assert metrics.files.VARIABLE not in os.environ


def saying(number: int) -> None:
    """Tells of the database, and ends."""
    metrics.Metrics().database_up.set(number)


def test_of_what_ended_processes_said_last_the_latest_holds_in_whatever_order_they_are_folded() -> None:
    spawn = multiprocessing.get_context("spawn")
    with metrics.share_files():
        ended = []
        for number in (1, 0):
            process = spawn.Process(target=saying, args=(number,))
            process.start()
            process.join()
            ended.append(process.pid or 0)
        for pid in reversed(ended):
            metrics.child_exited(pid)
        page = metrics.page(None).decode()
        assert [value for (name, _), value in samples(page).items() if name == "database_up"] == [0]


def test_a_page_that_is_never_done_holds_up_nobody_and_the_next_end_of_a_process_makes_good() -> None:
    with metrics.share_files() as folder:
        process = multiprocessing.get_context("spawn").Process(target=saying, args=(1,))
        process.start()
        process.join()
        with (folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            begun = time.monotonic()
            metrics.child_exited(process.pid or 0)
            assert time.monotonic() - begun < 5
            assert list(folder.glob(f"*_{process.pid}.db"))
        metrics.child_exited(1)
        assert not list(folder.glob(f"*_{process.pid}.db"))


def sharing(orders: Any) -> None:
    """Shares files until it is killed, in itself and in a process that it forked."""
    with metrics.share_files() as folder:
        forked = os.fork()
        if forked:
            orders.send((str(folder), forked))
        time.sleep(60)


def test_what_a_killed_service_leaves_goes_with_the_next_start_and_not_before_its_last_process() -> None:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=sharing, args=(there,))
    process.start()
    left, forked = here.recv()
    process.kill()
    process.join()
    with metrics.share_files() as folder:
        assert Path(left).exists(), "a worker of it still runs"
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv(metrics.files.VARIABLE)
            with metrics.share_files() as beside:
                assert folder.exists(), "one that runs is left alone"
                assert beside != folder
            os.kill(forked, signal.SIGKILL)
            until(
                lambda: not Path(f"/proc/{forked}").exists() or "Z" in Path(f"/proc/{forked}/stat").read_text(),
                10,
                "it ends",
            )
            with metrics.share_files():
                assert not Path(left).exists()
                assert folder.exists()


@pytest.mark.parametrize(("age_seconds", "stays"), [(3500, True), (3700, False)])
def test_what_was_left_while_it_was_made_or_deleted_goes_when_nobody_can_be_at_it_any_more(
    age_seconds: int, stays: bool
) -> None:
    with metrics.share_files() as folder:
        left = Path(tempfile.mkdtemp(prefix="blinatumomab-cds-metrics-", dir=folder.parent))
    moment = time.time() - age_seconds
    os.utime(left, (moment, moment))
    try:
        with metrics.share_files():
            assert left.exists() == stays
    finally:
        shutil.rmtree(left, ignore_errors=True)


@pytest.mark.slow
def test_the_workers_of_serve_count_as_one_and_a_killed_one_loses_nothing(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        own_port = free.getsockname()[1]
    settings = {
        "database": str(tmp_path / "s.sqlite3"),
        "workers": 3,
        "metrics_address": f"127.0.0.1:{own_port}",
        "silent": "order-sign:coverage",
    }
    log = tmp_path / "log"

    def page() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{own_port}/metrics", timeout=10) as answer:
            found: bytes = answer.read()
        return found.decode()

    with service(settings, log=log) as found:
        for _ in range(24):
            assert found.post(hook_calls()[CHILD]).status_code == 200
        assert total(page(), "requests_total", hook="order-sign", status="200") == 24
        assert total(page(), "cards_total", topic="coverage", fate="withheld") == 24
        assert total(page(), "cards_total", topic="coverage", fate="shown") == 0
        assert requests.get(f"{found.base}/metrics", timeout=10).status_code == 404
        workers = [int(pid) for pid in re.findall(r"worker \d is process (\d+)", found.logged())]
        os.kill(workers[-1], signal.SIGKILL)
        until(lambda: len(re.findall(r"worker \d is process", found.logged())) == 4, 30, "the worker is replaced")
        for _ in range(12):
            assert found.post(hook_calls()[CHILD]).status_code == 200
        until(lambda: total(page(), "requests_total", hook="order-sign", status="200") == 36, 10, "all are counted")
        until(lambda: total(page(), "decisions_total", fate="kept") >= 35, 10, "decisions are written")
        assert requests.get(f"{found.base}/health/ready", timeout=10).json()["silent"] == {"order-sign": ["coverage"]}
        lines = [json.loads(line) for line in found.logged().splitlines()]
    assert any("SILENT" in line.get("message", "") and "order-sign: coverage" in line["message"] for line in lines)
    calls = [line for line in lines if line["logger"] == "cds_service.calls" and line["route"] == "services"]
    assert len(calls) == 36
    assert len({line["decision"] for line in calls}) == len({line["request"] for line in calls}) == 36


# --- health -----------------------------------------------------------------------------------------------------------


def test_ready_tells_editions_database_and_silence_and_live_only_that_it_lives(parts: Parts, tmp_path: Path) -> None:
    journal = Journal(Store(str(tmp_path / "s.sqlite3")), Settings(), parts)
    client = app_of(parts, journal, silent="order-select").test_client()
    ready = client.get("/health/ready").get_json()
    assert (ready["status"], ready["database"], ready["silent"]) == ("ready", "ok", {"order-select": ["*"]})
    assert [policy["version"] for policy in ready["policies"]] == [
        p.version.isoformat() for p in parts.knowledge.policies
    ]
    assert ready["labels"][0]["edition"] == parts.knowledge.labels[0].edition
    assert ready["open"] is True
    assert "synthetic" in ready["warning"]
    assert client.get("/health/live").get_json() == {"status": "alive", "version": ready["version"]}
    assert client.get("/health").get_json()["status"] == "ok"
    journal.close()
    assert app_of(parts).test_client().get("/health/ready").get_json()["database"] == "none"


def test_a_database_that_is_gone_is_told_and_the_service_stays_ready(parts: Parts, tmp_path: Path) -> None:
    file = tmp_path / "folder" / "s.sqlite3"
    file.parent.mkdir()
    journal = Journal(Store(str(file)), Settings(), parts)
    client = app_of(parts, journal).test_client()
    journal.close()
    file.parent.rename(tmp_path / "elsewhere")
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert (answer.get_json()["status"], answer.get_json()["database"]) == ("degraded", "failing")
    assert total(page_of(client), "database_up") == 0
    assert post(client, hook_calls()[CHILD]) == 200
    journal.close()


def test_a_database_that_hangs_keeps_nobody_waiting_and_is_asked_by_one_only() -> None:
    asked: list[float] = []

    def hangs() -> None:
        asked.append(time.monotonic())
        time.sleep(1.5)
        raise StoreError("late")

    heard: list[bool] = []
    probe = Probe(hangs, heard.append, fresh=0.2, patience=0.3)
    begun = time.monotonic()
    assert [probe.state() for _ in range(5)] == [FAILING] * 5
    assert time.monotonic() - begun < 1.0
    assert len(asked) == 1
    until(lambda: heard == [False], 5, "the probe ends")


def test_a_look_that_breaks_is_failing_and_does_not_end_the_looking() -> None:
    outcomes = iter([ValueError("a bug"), None])

    def breaks_once() -> None:
        if trouble := next(outcomes):
            raise trouble

    probe = Probe(breaks_once, fresh=0.0)
    assert [probe.state(), probe.state()] == [FAILING, OK]


def test_a_state_is_looked_up_again_only_when_it_is_no_longer_fresh() -> None:
    asked: list[int] = []
    probe = Probe(lambda: asked.append(1), fresh=0.3)
    assert [probe.state() for _ in range(4)] == [OK] * 4
    assert len(asked) == 1
    time.sleep(0.35)
    assert probe.state() == OK
    assert len(asked) == 2


def test_health_and_metrics_write_no_line_of_the_log(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    client = app_of(parts).test_client()
    with caplog.at_level("INFO"):
        for path in ("/health", "/health/live", "/health/ready", "/metrics"):
            assert client.get(path).status_code == 200
    assert not caplog.records


# --- the ids of an answer ---------------------------------------------------------------------------------------------


def test_an_answer_names_its_decision_and_its_request(parts: Parts, tmp_path: Path) -> None:
    journal = Journal(Store(str(tmp_path / "s.sqlite3")), Settings(), parts)
    client = app_of(parts, journal, cors_origins=("https://ehr.example.org",)).test_client()
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01", "Origin": "https://ehr.example.org"}
    answer = client.post(SIGN_URL, data=dump_json(hook_calls()[CHILD]), content_type=JSON, headers=headers)
    decision = answer.headers["X-Decision-Id"]
    assert answer.get_json()["extension"] == {"org.example.blinatumomab-cds.decision": decision}
    assert answer.headers["X-Request-Id"] == trace
    assert {"X-Decision-Id", "X-Request-Id"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    journal.close()
    with closing(Store(str(tmp_path / "s.sqlite3"))) as store:
        assert [found.id for found in store.decisions()] == [decision]


def test_the_answer_with_its_extension_keeps_the_rules_and_the_schema(parts: Parts, tmp_path: Path) -> None:
    from cds_service.hooks.rule_check import answer_breaches
    from cds_service.hooks.schemas import RESPONSE, all_errors

    journal = Journal(Store(str(tmp_path / "s.sqlite3")), Settings(), parts)
    body = (
        app_of(parts, journal)
        .test_client()
        .post(SIGN_URL, data=dump_json(hook_calls()[CHILD]), content_type=JSON)
        .get_json()
    )
    journal.close()
    assert body["extension"]
    assert not list(all_errors(RESPONSE, body))
    assert not list(answer_breaches(body))


@pytest.mark.parametrize("body", [order_sign(), changed(order_sign(), "hook", "order-select")])
def test_where_nothing_is_kept_there_is_no_decision_to_name(parts: Parts, body: Any) -> None:
    answer = app_of(parts).test_client().post(SIGN_URL, data=dump_json(body), content_type=JSON)
    assert "X-Decision-Id" not in answer.headers
    assert "extension" not in answer.get_json()
    assert len(answer.headers["X-Request-Id"]) == 32
