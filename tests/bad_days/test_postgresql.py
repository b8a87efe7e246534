"""PostgreSQL on its bad days: away at start, cut off, silent, its sessions ended while feedback pours in."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cds_service.errors import StoreError
from cds_service.store import Store
from tests.bad_days.pouring import Poured, check, pouring, send_again
from tests.bad_days.relay import Relay, relay
from tests.bad_days.service import Service, running
from tests.bad_days.test_database import (
    REFUSED_WITHIN_SECONDS,
    gives_guidance_and_refuses_feedback,
    takes_feedback_again,
)
from tests.store_builders import new_database, postgresql_server

pytestmark = [pytest.mark.slow, pytest.mark.server]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A new, empty database."""
    with new_database(postgresql_server()) as found:
        yield found


@pytest.fixture(scope="module")
def line(url: str) -> Iterator[Relay]:
    """Between the service and the database."""
    parts = urlsplit(url)
    with relay(str(parts.hostname), int(parts.port or 5432)) as found:
        yield found


@pytest.fixture(scope="module")
def service(url: str, line: Relay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Started while the database is away."""
    line.cut()
    parts = urlsplit(url)
    at = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{line.port}").geturl()
    log: Path = tmp_path_factory.mktemp("postgresql") / "log"
    with running({"database": at}, log=log) as found:
        yield found
        assert str(parts.password) not in found.logged()


def stored(url: str) -> list[str]:
    with closing(Store(url, create=False, migrate=False)) as store:
        return [entry.card for entry, _ in store.feedback()]


def test_away_while_the_service_starts(service: Service, url: str, line: Relay) -> None:
    refused = gives_guidance_and_refuses_feedback(service)
    line.open()
    takes_feedback_again(service)
    assert refused not in stored(url)


@pytest.mark.parametrize(("harm", "heal"), [(Relay.cut, Relay.open), (Relay.fall_silent, Relay.speak)])
def test_cut_off_or_silent_while_it_runs(
    service: Service, url: str, line: Relay, harm: Callable[[Relay], None], heal: Callable[[Relay], None]
) -> None:
    takes_feedback_again(service)
    harm(line)
    refused = gives_guidance_and_refuses_feedback(service)
    heal(line)
    takes_feedback_again(service)
    assert refused not in stored(url)
    assert service.holds()["threads"] < 200


def test_nobody_who_uses_the_store_waits_for_a_silent_server_for_ever(url: str) -> None:
    parts = urlsplit(url)
    with relay(str(parts.hostname), int(parts.port or 5432)) as line:
        at = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{line.port}").geturl()
        with closing(Store(at)) as store:
            store.ping()
            line.fall_silent()
            begun = time.monotonic()
            with pytest.raises(StoreError) as caught:
                store.ping()
            assert time.monotonic() - begun < REFUSED_WITHIN_SECONDS
            assert caught.value.passing
            line.speak()
            store.ping()


def test_sessions_ended_while_feedback_pours_in(service: Service, url: str) -> None:
    import psycopg

    takes_feedback_again(service)
    poured = Poured()
    with psycopg.connect(url, autocommit=True) as other, pouring(service, poured, clients=4, dice=random.Random(6)):
        end = time.monotonic() + 4
        while time.monotonic() < end:
            time.sleep(0.25)
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    takes_feedback_again(service)
    send_again(service, poured)
    assert len(poured.acknowledged) > 20
    with closing(Store(url, create=False, migrate=False)) as store:
        check(store, poured)
