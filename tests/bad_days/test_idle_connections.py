"""A firewall forgets connections that lie idle, and tells nobody: what is sent on one of them is never answered."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest

from cds_service.outbound import Ask, LateError, Outbound, Reach, client
from tests.bad_days.hostile import HANG, Asked, Step, hostile_server
from tests.bad_days.hostile import answer as an_answer


def forgetful(asked: Asked) -> Iterable[Step]:
    """Answers the first request of each connection only."""
    return [an_answer({"resourceType": "Patient"})] if asked.turn == 1 else [HANG]


@pytest.mark.parametrize(("idle_seconds", "answers"), [(0.2, True), (60.0, False)])
def test_a_connection_that_lay_idle_is_made_anew(
    idle_seconds: float, answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "IDLE_SECONDS", idle_seconds)
    outbound = Outbound(Reach(loopback=True))
    with hostile_server() as server:
        server.behaviour = forgetful
        ask = Ask(f"{server.base}/Patient/x", within=server.base, max_bytes=1000)
        assert outbound.read(ask, deadline=time.monotonic() + 5).status == 200
        time.sleep(0.3)
        if answers:
            assert outbound.read(ask, deadline=time.monotonic() + 5).status == 200
        else:
            with pytest.raises(LateError):
                outbound.read(ask, deadline=time.monotonic() + 0.3)
