"""`kill -9` while feedback pours in: nothing that was acknowledged is lost, and nothing is there twice.

`KILLS=20` says how often (without it, not at all: the gate says 20, the long run 1000, which tells how far it is);
`KILLS_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from cds_service.store import Store
from tests.bad_days.pouring import Poured, check, pouring, send_again
from tests.bad_days.service import free_port, start

KILLS = int(os.environ.get("KILLS", "0"))
SEED = int(os.environ.get("KILLS_SEED", "6"))
CLIENTS = 6
LONGEST_SECONDS = 1.2
"""From the first message to the kill; some kills come before the first is stored."""
LOOK_EVERY = 1 if KILLS <= 100 else 10
"""Kills. What is lost stays lost, and in a long run it takes longer and longer to look at everything."""


@pytest.mark.slow
@pytest.mark.skipif(KILLS == 0, reason="KILLS is not set: KILLS=20 in the gate")
def test_what_was_acknowledged_outlives_kill_9_and_is_there_once(
    database: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    dice, poured, begun = random.Random(SEED), Poured(), time.monotonic()
    port = free_port()
    for kill in range(1, KILLS + 1):
        service = start({"database": database}, log=tmp_path / "log", port=port)
        try:
            send_again(service, poured)
            with pouring(service, poured, clients=CLIENTS, dice=dice):
                time.sleep(dice.uniform(0.0, LONGEST_SECONDS))
                service.kill()
        finally:
            if service.process.poll() is None:
                service.kill()
        if kill % LOOK_EVERY == 0 or kill == KILLS:
            with closing(Store(database, create=False, migrate=False)) as store:
                kept = check(store, poured)
            with capfd.disabled():
                seconds, sure = time.monotonic() - begun, len(poured.acknowledged)
                sys.stdout.write(f"  {kill} of {KILLS} kills: {sure} acknowledged, {kept} kept, {seconds:.0f} s\n")
    assert len(poured.acknowledged) > 10 * KILLS
    last = start({"database": database}, log=tmp_path / "log", port=port)
    try:
        send_again(last, poured)
    finally:
        last.kill()
    assert poured.unsure == []
    with closing(Store(database, create=False, migrate=False)) as store:
        assert check(store, poured) == len(poured.acknowledged)
