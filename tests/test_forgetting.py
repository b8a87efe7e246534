"""Pieces of wording that calls leave in memory: bounded in size, and gone after minutes, used again or not."""

from __future__ import annotations

import functools
import gc
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cds_service import forgetting
from cds_service.app import create_app, running
from cds_service.outbound import Ask, Outbound, Reach
from cds_service.parts import Parts
from cds_service.settings import Settings
from cds_service.web.json_body import dump_json
from tests.little_service import little_service
from tests.test_privacy import MARK, NAMES, marked


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    forgetting.forget()
    yield
    forgetting.forget()


def in_memory() -> list[str]:
    """Every text that any list of kept results holds, of ours or of a library, with a mark in it."""
    found: list[str] = []
    waiting: list[Any] = [each for each in gc.get_objects() if isinstance(each, functools._lru_cache_wrapper)]
    seen = {id(each) for each in waiting}
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            found += [node] if MARK in node else []
        elif isinstance(node, functools._lru_cache_wrapper) or not (callable(node) or _is_knowledge(node)):
            new = [each for each in gc.get_referents(node) if id(each) not in seen]
            seen.update(map(id, new))
            waiting += new
    return found


def _is_knowledge(node: Any) -> bool:
    """What was loaded at the start, and is no record: large, and named by many keys."""
    return isinstance(node, type(gc)) or type(node).__module__.startswith("cds_service.knowledge")


def call(parts: Parts) -> None:
    client = create_app(Settings(), parts=parts, open_to_all=True).test_client()
    for name in NAMES:
        body = dump_json(marked(name, f"https://{MARK}.example.org/fhir"))
        answer = client.post("/cds-services/blinatumomab-order-sign", data=body, content_type="application/json")
        assert answer.status_code == 200


def test_calls_leave_words_in_memory_and_all_of_them_can_be_forgotten(parts: Parts) -> None:
    call(parts)
    assert in_memory(), "nothing is kept, so there is nothing to prove here"
    forgetting.forget()
    assert in_memory() == []


def test_words_are_gone_after_their_time_though_nobody_calls_again(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "SECONDS", 0.2)
    call(parts)
    until = time.monotonic() + 10
    while in_memory() and time.monotonic() < until:
        time.sleep(0.1)
    assert in_memory() == []


def test_one_thread_waits_however_many_calls_come(parts: Parts) -> None:
    before = threading.active_count()
    for _ in range(20):
        forgetting.took(1000)
    assert threading.active_count() == before + 1


def test_words_are_forgotten_once_so_many_bytes_have_come() -> None:
    kept = functools.lru_cache(str.upper)
    forgetting.CACHES.append(kept)
    try:
        kept("a")
        forgetting.took(forgetting.MOST_BYTES)
        assert kept.cache_info().currsize == 1
        forgetting.took(1)
        assert kept.cache_info().currsize == 0
    finally:
        forgetting.CACHES.remove(kept)


def test_bodies_of_calls_and_answers_of_fhir_servers_count(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    monkeypatch.setattr(forgetting, "took", counted.append)
    with running(create_app(Settings(), parts=parts, open_to_all=True)) as url:
        import requests

        requests.post(f"{url}/cds-services/blinatumomab-order-sign", json={"a": 1}, timeout=10)
    with little_service(discovery={"resourceType": "Patient"}) as fhir:
        ask = Ask(f"{fhir.url}/cds-services", within=fhir.url, max_bytes=1000)
        answer = Outbound(Reach(loopback=True)).read(ask, deadline=time.monotonic() + 5)
    assert counted == [len(b'{"a": 1}'), len(answer.body)]
