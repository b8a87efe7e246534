"""What the database holds for trust: clients and used tokens, for all processes at once; without it nobody gets in."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from sqlalchemy import text

from cds_service.app import create_app
from cds_service.errors import StoreError
from cds_service.outbound import Outbound, Reach
from cds_service.settings import Settings
from cds_service.store import ClientRecord, Registry, Store, address
from cds_service.trust import gatekeeper
from cds_service.trust.gatekeeper import Gatekeeper
from tests.bad_days.service import free_port
from tests.hook_builders import SIGN_URL, order_sign
from tests.served import served
from tests.store_builders import NOON
from tests.test_trust import echo
from tests.test_trust_keys import Publisher
from tests.trust_builders import EHR, ISSUER, NOW, PUBLIC, URL, client, jwks, token

KEY = "a" * 64


@pytest.fixture
def registry(database: str) -> Iterator[Registry]:
    with closing(Store(database)) as store:
        yield Registry(store)


# --- the registry, on SQLite and PostgreSQL -------------------------------------------------------------------------


def test_a_client_is_read_as_it_was_registered(registry: Registry) -> None:
    whole = client(
        tenant="nörd 'x'",
        services=("a", "b"),
        fhir_servers=(EHR, "https://two.example.org/r4"),
        jku="https://ehr.example.org/keys?a=1",
        sandbox_key=True,
    )
    plain = client("plain", issuer="https://two.example.org", jwks=None, jku="https://two.example.org/keys")
    assert [registry.add(each) for each in (whole, plain)] == [None, None]
    assert registry.clients() == (plain, whole)


@pytest.mark.parametrize(
    ("first", "second", "against"),
    [
        ({}, {"name": "two", "issuer": "other"}, None),
        ({}, {"name": "st-anna", "issuer": "other"}, "st-anna"),
        ({}, {"name": "two"}, "st-anna"),
        ({"tenant": "a"}, {"name": "two", "tenant": "b"}, None),
        ({"tenant": "a"}, {"name": "two", "tenant": "a"}, "st-anna"),
        ({"tenant": "a"}, {"name": "two"}, "st-anna"),
        ({}, {"name": "two", "tenant": "a"}, "st-anna"),
    ],
)
def test_name_and_issuer_are_unique_and_an_issuer_is_by_tenant_or_not(
    registry: Registry, first: dict[str, Any], second: dict[str, Any], against: str | None
) -> None:
    assert registry.add(client(**first)) is None
    assert registry.add(client(**second)) == against
    assert len(registry.clients()) == (2 if against is None else 1)


def test_a_client_is_replaced_whole_and_only_by_its_own_name(registry: Registry) -> None:
    registry.add(client())
    registry.add(client("two", issuer="two"))
    new = client(issuer="https://new.example.org")
    assert registry.add(new, replace=True) is None
    assert registry.clients() == (new, registry.clients()[1])
    assert registry.add(replace(new, issuer="two"), replace=True) == "two"
    assert registry.clients()[0] == new


def test_a_client_that_is_removed_is_gone(registry: Registry) -> None:
    registry.add(client())
    assert (registry.remove("st-anna"), registry.remove("st-anna"), registry.clients()) == (True, False, ())


def test_a_token_is_used_once_by_whoever_comes_first(database: str) -> None:
    known = client()
    with ExitStack() as open_, ThreadPoolExecutor(4) as pool:
        several = [Registry(open_.enter_context(closing(Store(database)))) for _ in range(4)]
        several[0].add(known)
        for attempt in range(10):
            found = list(pool.map(lambda each, key=f"{attempt:064}": each.claim(key, known.id, NOON), several))
            assert sorted(found) == ["fresh", "spent", "spent", "spent"]


def test_a_token_of_a_client_that_was_removed_or_replaced_is_not_used(registry: Registry) -> None:
    known, other = client(), client()
    registry.add(known)
    assert registry.claim(KEY, other.id, NOON) == "removed"
    assert not registry.is_spent(KEY)
    assert (registry.claim(KEY, known.id, NOON), registry.is_spent(KEY)) == ("fresh", True)
    registry.add(other, replace=True)
    assert registry.claim(KEY, known.id, NOON) == "removed"
    assert registry.claim(KEY, other.id, NOON) == "spent"


def test_used_tokens_are_forgotten_when_they_are_invalid_and_not_before(registry: Registry) -> None:
    known = client()
    registry.add(known)
    for number in range(3):
        registry.claim(f"{number:064}", known.id, NOON + timedelta(minutes=number))
    assert registry.forget(NOON + timedelta(minutes=1)) == 1
    assert [registry.is_spent(f"{number:064}") for number in range(3)] == [False, True, True]


def test_what_is_kept_of_a_token_does_not_tell_it(tmp_path: Path) -> None:
    with guarded(tmp_path / "s.sqlite3") as (app, _, registry):
        registry.add(client())
        assert post(app, token(jti="nonce-of-jane-roe"))[0] == 200
    engine = address.engine_at(str(tmp_path / "s.sqlite3"), create=False)
    with engine.begin() as connection:
        (row,) = connection.execute(text("SELECT * FROM spent_tokens")).all()
    engine.dispose()
    assert re.fullmatch("[0-9a-f]{64}", row.key)
    assert b"nonce-of-jane-roe" not in (tmp_path / "s.sqlite3").read_bytes()


# --- admission: changes are seen, failures shut the door ------------------------------------------------------------


@contextmanager
def guarded(database: Path, registry: type[Registry] = Registry) -> Iterator[tuple[FlaskClient, Gatekeeper, Any]]:
    settings = Settings(public_url=PUBLIC)
    with closing(Store(str(database))) as store:
        kept = registry(store)
        keeper = Gatekeeper(kept, Outbound(Reach()).read, settings, now=lambda: NOW)
        yield create_app(settings, advise=echo, admit=keeper.admit).test_client(), keeper, kept


def post(app: FlaskClient, made: str) -> tuple[int, Any]:
    answer = app.post(SIGN_URL, json=order_sign(), headers={"Authorization": f"Bearer {made}"})
    return answer.status_code, answer


def test_a_new_client_is_seen_within_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gatekeeper, "READ_AGAIN_SECONDS", 0.2)
    with guarded(tmp_path / "s.sqlite3") as (app, _, registry):
        assert post(app, token())[0] == 401
        registry.add(client())
        time.sleep(0.25)
        assert post(app, token())[0] == 200


def test_what_is_taken_from_a_client_is_gone_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gatekeeper, "READ_AGAIN_SECONDS", 3600.0)
    with guarded(tmp_path / "s.sqlite3") as (app, _, registry):
        registry.add(client())
        assert post(app, token())[0] == 200
        registry.add(client(services=("blinatumomab-order-select",)), replace=True)
        assert post(app, token())[0] == 401
    with guarded(tmp_path / "t.sqlite3") as (app, _, registry):
        registry.add(client())
        assert post(app, token())[0] == 200
        registry.remove("st-anna")
        assert post(app, token())[0] == 401


def test_a_key_that_was_taken_back_lets_nobody_in_though_the_clients_were_read_before(tmp_path: Path) -> None:
    with guarded(tmp_path / "s.sqlite3") as (app, _, registry):
        registry.add(client())
        assert post(app, token())[0] == 200
        registry.add(client(jwks=jwks("ec-2")), replace=True)
        assert post(app, token())[0] == 401
        assert post(app, token({"kid": "ec-2"}))[0] == 200


def test_a_process_that_has_just_started_has_the_keys_though_their_address_goes_down(tmp_path: Path) -> None:
    """Each worker has its own key sets; one that had no call yet would have none to keep."""
    publisher, settings = Publisher("ec-r1"), Settings(public_url=PUBLIC)
    with closing(Store(str(tmp_path / "s.sqlite3"))) as store:
        Registry(store).add(client(jwks=None, jku=f"{ISSUER}/keys"))
        keeper = Gatekeeper(Registry(store), publisher, settings, now=lambda: NOW)
        keeper.prepare()
        publisher.down = True
        app = create_app(settings, advise=echo, admit=keeper.admit).test_client()
        assert post(app, token({"kid": "ec-r1"}))[0] == 200
        assert publisher.asked == 1


class Failing(Registry):
    """A database that goes away when it is told to."""

    failing = False
    asked = 0

    def clients(self) -> tuple[ClientRecord, ...]:
        self._fail()
        return super().clients()

    def claim(self, key: str, client_id: str, until: datetime) -> Any:
        self._fail()
        return super().claim(key, client_id, until)

    def _fail(self) -> None:
        self.asked += 1
        if self.failing:
            raise StoreError("cannot keep a used token: no route to db.example.org", passing=True)


def test_without_the_database_nobody_gets_in_and_the_caller_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gatekeeper, "PAUSE_SECONDS", 0.3)
    with guarded(tmp_path / "s.sqlite3", Failing) as (app, _, registry), caplog.at_level(logging.INFO):
        registry.add(client())
        assert post(app, token())[0] == 200
        registry.failing = True
        made = token()
        status, answer = post(app, made)
        asked = registry.asked
        assert (status, answer.headers["Retry-After"]) == (503, "5")
        assert "WWW-Authenticate" not in answer.headers
        assert b"db.example.org" not in answer.data
        assert post(app, token())[0] == 503
        assert registry.asked == asked, "a database that has just failed is left in peace"
        assert app.post(SIGN_URL, json=order_sign()).status_code == 401
        assert app.get("/cds-services").status_code == 200
        registry.failing = False
        time.sleep(0.35)
        assert post(app, made)[0] == 200, "the token was not used up"
    assert "refused=registry" in caplog.text
    assert made not in caplog.text


def test_old_tokens_are_forgotten_while_the_service_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gatekeeper, "FORGET_SECONDS", 0.0)
    with guarded(tmp_path / "s.sqlite3") as (app, _, registry):
        registry.add(client())
        (known,) = registry.clients()
        registry.claim(KEY, known.id, datetime.fromtimestamp(NOW - 1, UTC))
        assert post(app, token())[0] == 200
        assert not registry.is_spent(KEY)


def test_old_tokens_go_faster_than_new_ones_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch after batch while there are any; once a minute would let the table of a busy service grow for ever."""
    monkeypatch.setattr(gatekeeper, "FORGET_AGAIN_SECONDS", 0.0, raising=False)
    with guarded(tmp_path / "s.sqlite3") as (app, _, registry):
        registry.add(client())
        (known,) = registry.clients()
        keys = [f"{number:064}" for number in range(1100)]
        for key in keys:
            registry.claim(key, known.id, datetime.fromtimestamp(NOW - 1, UTC))
        for _ in range(3):
            assert post(app, token())[0] == 200
        assert not any(map(registry.is_spent, keys))


def test_a_used_token_is_kept_longer_than_it_is_valid_for_clocks_differ(tmp_path: Path) -> None:
    with guarded(tmp_path / "s.sqlite3") as (app, _, registry):
        registry.add(client())
        made = token(exp=NOW + 100)
        assert post(app, made)[0] == 200
        registry.forget(datetime.fromtimestamp(NOW + 100 + 30 + 60, UTC))
        assert post(app, made)[0] == 401


def test_explaining_a_token_does_not_use_it_up(tmp_path: Path) -> None:
    with guarded(tmp_path / "s.sqlite3") as (app, keeper, registry):
        registry.add(client())
        made = token()
        for _ in range(2):
            _, judged = keeper.explain(made, [gatekeeper.Door("blinatumomab-order-sign", URL)])
            assert all(each.passed for each in judged)
        assert post(app, made)[0] == 200
        _, judged = keeper.explain(made, [gatekeeper.Door("blinatumomab-order-sign", URL)])
        assert [each.code for each in judged if not each.passed] == ["replay"]


# --- the service as it is started -----------------------------------------------------------------------------------


def environment(database: str, **settings: str) -> dict[str, str]:
    given = {"DATABASE": database, "PUBLIC_URL": PUBLIC, **settings}
    return {**os.environ, **{f"BLINATUMOMAB_CDS_{name}": value for name, value in given.items()}}


@contextmanager
def worker(database: str) -> Iterator[str]:
    """`serve`, in processes of its own, ended in order."""
    port = free_port()
    with served(Path(database).with_suffix(f".{port}.log"), at=port, database=database, public_url=PUBLIC) as service:
        yield service.url
        service.process.terminate()
        assert service.ended() == 0


@pytest.mark.slow
def test_two_worker_processes_that_share_a_database_take_a_token_once(tmp_path: Path) -> None:
    database = str(tmp_path / "s.sqlite3")
    with closing(Store(database)) as store:
        Registry(store).add(client())
    with worker(database) as one, worker(database) as two, ThreadPoolExecutor(2) as pool:
        now = int(time.time())

        def call(url: str, made: str) -> int:
            headers = {"Authorization": f"Bearer {made}"}
            return requests.post(url + SIGN_URL, json=order_sign(), headers=headers, timeout=20).status_code

        for _ in range(10):
            made = token(iat=now, exp=now + 300)
            assert sorted(pool.map(call, (one, two), (made, made))) == [200, 401]
        assert (call(one, made), call(two, made)) == (401, 401)
        assert requests.get(f"{one}/health", timeout=5).json()["open"] is False
        with closing(Store(database)) as store:
            Registry(store).remove("st-anna")
        assert [call(url, token(iat=now, exp=now + 300)) for url in (one, two)] == [401, 401]
    logs = "".join(file.read_text() for file in tmp_path.glob("*.log"))
    assert '"refused":"replay","client":"st-anna"' in logs
    assert "eyJ" not in logs


def run(*arguments: str, database: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cds_service", *arguments]
    given = environment(database, **settings)
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)


def test_serve_tells_everything_that_keeps_it_from_telling_clients_apart(tmp_path: Path) -> None:
    nothing = run("serve", "--port", "0", database=str(tmp_path / "s.sqlite3"), PUBLIC_URL="")
    assert nothing.returncode == 2
    assert "PUBLIC_URL is not set" in nothing.stderr
    assert "client add" in nothing.stderr
    assert "--open" in nothing.stderr
    assert not (tmp_path / "s.sqlite3").exists(), "a refusal makes no database"

    unkept = run("serve", "--port", "0", database="none", PUBLIC_URL="")
    assert unkept.returncode == 2
    assert "PUBLIC_URL is not set" in unkept.stderr
    assert "DATABASE is none" in unkept.stderr


def test_serve_tells_what_is_wrong_with_its_clients(tmp_path: Path) -> None:
    database = str(tmp_path / "s.sqlite3")
    with closing(Store(database)) as store:
        registry = Registry(store)
        assert run("serve", "--port", "0", database=database).returncode == 2
        registry.clients()
        assert "no client is registered" in run("serve", "--port", "0", database=database).stderr
        registry.add(client(fhir_servers=("http://ehr.example.org/r4",), services=("gone",)))
        registry.add(client("two", issuer="two", jku="http://two.example.org/keys"))
    told = run("serve", "--port", "0", database=database)
    assert told.returncode == 2
    for words in ("client st-anna: there is no service 'gone'", "the FHIR server 'http://", "client two: the jku"):
        assert words in told.stderr


def test_open_warns_at_start_and_on_health(tmp_path: Path) -> None:
    app = create_app(Settings(), advise=echo, open_to_all=True).test_client()
    told = app.get("/health").get_json()
    assert told["open"] is True
    assert "anyone" in told["warning"]
    assert json.dumps(told)


def test_a_hurried_commit_leaves_the_others_as_durable_as_they_were(tmp_path: Path) -> None:
    """The pool has one connection that both take in turn; 1 is NORMAL, 2 is FULL."""
    with closing(Store(str(tmp_path / "s.sqlite3"))) as store:
        for hurried, level in ((True, 1), (False, 2), (True, 1), (False, 2)):
            with store.writing("look", hurried=hurried) as connection:
                assert connection.execute(text("PRAGMA synchronous")).scalar_one() == level
