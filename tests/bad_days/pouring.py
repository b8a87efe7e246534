"""Feedback as clients pour it in: several entries in a message, each repeated until it is acknowledged."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

from cds_service.store import Store
from tests.bad_days.service import Service

MOST_ENTRIES = 5


@dataclass
class Poured:
    """What was sent, and what of it was acknowledged; messages are tuples of cards."""

    acknowledged: set[str] = field(default_factory=set)
    unsure: list[tuple[str, ...]] = field(default_factory=list)
    """Sent, and not acknowledged: a client sends these again."""
    wrong: list[str] = field(default_factory=list)
    """Answers that nobody should get."""
    refused: int = 0


@contextmanager
def pouring(service: Service, poured: Poured, *, clients: int, dice: random.Random) -> Iterator[None]:
    """Clients send without a pause while the block runs; afterwards all have ended."""
    stop = threading.Event()
    seeds = [dice.random() for _ in range(clients)]
    threads = [
        threading.Thread(target=_pour, args=(service, poured, stop, random.Random(seed)), daemon=True) for seed in seeds
    ]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        stop.set()
        for each in threads:
            each.join(60)
            assert not each.is_alive(), "a client still waits for its answer"


def _pour(service: Service, poured: Poured, stop: threading.Event, dice: random.Random) -> None:
    while not stop.is_set():
        if not send(service, poured, message(dice)):
            stop.wait(0.01)


def message(dice: random.Random) -> tuple[str, ...]:
    """The cards of one message."""
    return tuple(str(uuid.UUID(int=dice.getrandbits(128), version=4)) for _ in range(dice.randint(1, MOST_ENTRIES)))


def send(service: Service, poured: Poured, cards: tuple[str, ...]) -> bool:
    """Send one message, now and then twice; was it acknowledged?"""
    try:
        answer = service.feedback(*cards)
    except requests.RequestException:
        poured.unsure.append(cards)
        return False
    if answer.status_code == 200:
        poured.acknowledged.update(cards)
        return True
    if answer.status_code == 503:
        poured.refused += 1
    else:
        poured.wrong.append(f"{answer.status_code}: {answer.text}")
    poured.unsure.append(cards)
    return False


def send_again(service: Service, poured: Poured) -> None:
    """What a client does after a restart: everything that was not acknowledged, once more."""
    again, poured.unsure = poured.unsure, []
    for cards in again:
        send(service, poured, cards)


def check(store: Store, poured: Poured) -> int:
    """What was acknowledged is there, once; how many entries there are."""
    kept = [entry.card for entry, _ in store.feedback()]
    assert poured.wrong == []
    assert len(kept) == len(set(kept)), "an entry is there twice"
    assert poured.acknowledged <= set(kept), "an acknowledged entry is lost"
    return len(kept)
