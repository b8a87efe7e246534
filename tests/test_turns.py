"""Calls take turns: one computes, in the order of coming, and one that takes long keeps nobody else from it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from cds_service.turns import Turns
from tests.bad_days.service import until

NEVER_LONG, SOON_LONG = 60.0, 0.05


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


class Call:
    """A call that computes until it is told to end, in a thread of its own."""

    def __init__(self, pool: ThreadPoolExecutor, turns: Turns, order: list[str] | None = None, name: str = ""):
        self.computes, self._ended = threading.Event(), threading.Event()
        self._turns, self._order, self._name = turns, order, name
        self._done: Future[None] = pool.submit(self._run)

    def _run(self) -> None:
        with self._turns.taken():
            if self._order is not None:
                self._order.append(self._name)
            self.computes.set()
            assert self._ended.wait(20)

    def ends(self) -> None:
        self._ended.set()
        self._done.result(20)


def waits(call: Call) -> bool:
    """Has it not begun, after a moment in which it could have?"""
    return not call.computes.wait(0.1)


def test_one_computes_at_a_time_and_the_next_when_it_ends(pool: ThreadPoolExecutor) -> None:
    turns = Turns(NEVER_LONG)
    first = Call(pool, turns)
    assert first.computes.wait(5)
    second = Call(pool, turns)
    assert waits(second)
    first.ends()
    assert second.computes.wait(5)
    second.ends()


def test_they_compute_in_the_order_in_which_they_came(pool: ThreadPoolExecutor) -> None:
    turns, order = Turns(NEVER_LONG), list[str]()
    calls = []
    for name in "abcdef":
        calls.append(Call(pool, turns, order, name))
        assert waits(calls[-1]) is (name != "a")
    for call in calls:
        call.ends()
    assert order == list("abcdef")


def test_a_call_that_takes_long_goes_on_beside_one_other_and_no_more(pool: ThreadPoolExecutor) -> None:
    turns = Turns(SOON_LONG)
    long = Call(pool, turns)
    assert long.computes.wait(5)
    second = Call(pool, turns)
    assert second.computes.wait(5)
    third = Call(pool, turns)
    assert waits(third)
    second.ends()
    assert third.computes.wait(5)
    long.ends()
    third.ends()


def test_a_hundred_short_calls_are_not_held_up_by_a_long_one_and_never_more_than_one_is_beside_it(
    pool: ThreadPoolExecutor,
) -> None:
    turns, counting, beside, most = Turns(SOON_LONG), threading.Lock(), 0, 0

    def short(_: int) -> None:
        nonlocal beside, most
        with turns.taken():
            with counting:
                beside += 1
                most = max(most, beside)
            time.sleep(0.001)
            with counting:
                beside -= 1

    long = Call(pool, turns)
    assert long.computes.wait(5)
    assert len(list(pool.map(short, range(100), timeout=20))) == 100
    assert most == 1
    long.ends()


def test_who_waits_for_somebody_else_lets_others_compute_and_takes_the_next_turn(pool: ThreadPoolExecutor) -> None:
    turns, order, read = Turns(NEVER_LONG), list[str](), threading.Event()

    def reads() -> None:
        with turns.taken():
            order.append("reads")
            with turns.given_away():
                assert read.wait(20)
            order.append("goes on")

    reading = pool.submit(reads)
    until(lambda: order == ["reads"], 5, "it reads")
    other = Call(pool, turns, order, "another")
    assert other.computes.wait(5)
    read.set()
    time.sleep(0.1)
    assert order == ["reads", "another"]
    other.ends()
    reading.result(20)
    assert order == ["reads", "another", "goes on"]


@pytest.mark.parametrize("while_it", ["computes", "waits for somebody else"])
def test_a_call_that_fails_leaves_its_turn_to_the_next(pool: ThreadPoolExecutor, while_it: str) -> None:
    turns = Turns(NEVER_LONG)

    def fails() -> None:
        with turns.taken():
            if while_it == "computes":
                raise RuntimeError(while_it)
            with turns.given_away():
                raise RuntimeError(while_it)

    for _ in range(3):
        with pytest.raises(RuntimeError, match=while_it):
            pool.submit(fails).result(20)
    other = Call(pool, turns)
    assert other.computes.wait(5)
    other.ends()
