"""Looking a name up is part of the call: a resolver that hangs holds nobody beyond the deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from cds_service.outbound import Ask, LateError, Outbound, Reach, UnreachableError
from cds_service.settings import Settings
from cds_service.trust.keys import KeySetError
from cds_service.trust.remote_keys import fetched

BASE = "https://ehr.example.org/fhir"
ASK = Ask(f"{BASE}/Patient/x", within=BASE, max_bytes=1000)


class Hanging:
    """A resolver that answers when it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go = threading.Event()

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        self.go.wait(20)
        raise OSError("nobody knows it")


def seconds_of(outbound: Outbound, ask: Ask, *, patience: float) -> float:
    begun = time.monotonic()
    with pytest.raises(LateError):
        outbound.read(ask, deadline=begun + patience)
    return time.monotonic() - begun


def test_a_resolver_that_hangs_holds_no_call_beyond_its_deadline() -> None:
    hanging = Hanging()
    try:
        assert 0.2 < seconds_of(Outbound(Reach(), resolve=hanging), ASK, patience=0.3) < 1.0
    finally:
        hanging.go.set()


def test_a_resolver_that_hangs_holds_no_caller_whose_keys_are_fetched() -> None:
    hanging = Hanging()
    url, begun = "https://ehr.example.org/keys", time.monotonic()
    try:
        with pytest.raises(KeySetError, match="in time"):
            fetched(url, Outbound(Reach.of(Settings()), resolve=hanging).read, 0.3)
        assert time.monotonic() - begun < 1.0
    finally:
        hanging.go.set()


def test_many_calls_to_one_name_wait_for_one_lookup_and_another_name_for_none_of_them() -> None:
    hanging = Hanging()
    outbound, before = Outbound(Reach(), resolve=hanging), threading.active_count()
    try:
        for _ in range(5):
            seconds_of(outbound, ASK, patience=0.05)
        assert hanging.asked == ["ehr.example.org"]
        assert threading.active_count() == before + 1
        other = "https://other.example.org/fhir"
        seconds_of(outbound, Ask(other, within=other, max_bytes=1000), patience=0.05)
        assert hanging.asked == ["ehr.example.org", "other.example.org"]
    finally:
        hanging.go.set()


def test_a_lookup_that_has_ended_is_not_kept() -> None:
    asked: list[str] = []

    def unknown(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        raise OSError("nobody knows it")

    outbound = Outbound(Reach(), resolve=unknown)
    for _ in range(2):
        with pytest.raises(UnreachableError):
            outbound.read(ASK, deadline=time.monotonic() + 5)
    assert len(asked) == 2
