"""Several services on one database, and several workers of one: no state that sticks to a process."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from cds_service.store import Registry, Store
from cds_service.web.json_body import dump_json
from fhir_fixtures import hook_calls
from tests.bad_days.service import until
from tests.hook_builders import SIGN_URL, order_sign
from tests.served import Served, environment, served
from tests.store_builders import said
from tests.trust_builders import PUBLIC, URL, client, token

FORM = re.compile(re.escape(PUBLIC) + r"/questions\?[^\s)\"]+")


def fresh(**claims: Any) -> str:
    now = int(time.time())
    return token(iat=now, exp=now + 300, **claims)


def post(service: Served, body: Any, made: str, path: str = SIGN_URL) -> requests.Response:
    headers = {"Authorization": f"Bearer {made}", "Content-Type": "application/json"}
    return requests.post(service.url + path, dump_json(body).encode(), headers=headers, timeout=20)


def settings(database: str) -> Mapping[str, Any]:
    return {"database": database, "public_url": PUBLIC, "workers": 2}


@pytest.fixture
def three(database: str, tmp_path: Path) -> Iterator[list[Served]]:
    """Three services, each of two workers, that share a database and nothing else."""
    with closing(Store(database)) as store:
        Registry(store).add(client())
    with ExitStack() as running:
        yield [running.enter_context(served(tmp_path / f"log{n}", **settings(database))) for n in range(3)]


def report(database: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "cds_service", "report", "--format", "json"]
    done = subprocess.run(command, env=environment(database=database), capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def overridden(report: Mapping[str, Any]) -> int:
    return sum(card["overridden"] for card in report["cards"])


@pytest.mark.slow
def test_three_services_on_one_database_are_one_service(three: list[Served], database: str) -> None:
    one, two, three_ = three
    # a token that one has taken is refused by the others
    for first, *others in ((one, two, three_), (two, three_, one), (three_, one, two)):
        made = fresh()
        assert post(first, order_sign(), made).status_code == 200
        assert [post(other, order_sign(), made).status_code for other in (*others, first)] == [401, 401, 401]
    # sent to all at once, one of them takes it
    with ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            made = fresh()
            found = list(pool.map(lambda service, made=made: post(service, order_sign(), made).status_code, three * 2))
            assert sorted(found) == [200, 401, 401, 401, 401, 401]

    # feedback that one is given on a card that another showed is told by whoever asks the database
    shown = post(one, hook_calls()["order-sign--child-30kg-flat-28-mcg-mrd-positive"], fresh())
    card = shown.json()["cards"][0]["uuid"]
    entry = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2025-10-01T10:05:31Z"}
    path = f"{SIGN_URL}/feedback"
    assert post(two, {"feedback": [entry]}, fresh(aud=f"{PUBLIC}{path}"), path).status_code == 200
    until(lambda: overridden(report(database)) == 1, 20, "the feedback is in the report")

    # a link to the form that one has signed opens at another
    link = next(link for link in links(one))
    where = urlsplit(link)
    answers = [requests.get(f"{each.url}{where.path}?{where.query}", timeout=10) for each in three]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    forged = requests.get(f"{two.url}{where.path}?{where.query[:-2]}xx", timeout=10)
    assert forged.status_code == 403

    # a client that is taken away is away everywhere
    with closing(Store(database)) as store:
        Registry(store).remove("st-anna")
    assert [post(each, order_sign(), fresh()).status_code for each in three] == [401, 401, 401]


def links(service: Served) -> Iterator[str]:
    """Links to the form on cards of this service."""
    for name, call in hook_calls().items():
        if name.startswith("order-sign--"):
            yield from FORM.findall(post(service, call, fresh()).text)


OTHER = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as found:
    print(found.execute("SELECT count(*) FROM feedback").fetchone()[0])
found.close()
"""


def test_a_second_look_at_a_file_lets_go_of_no_lock_that_the_process_has_on_it(tmp_path: Path) -> None:
    """Closing a file lets go of all locks of the process on it; another process could then delete the log in use."""
    database = str(tmp_path / "store.sqlite3")

    def seen_by_another() -> int:
        done = subprocess.run([sys.executable, "-c", OTHER, database], capture_output=True, check=True, timeout=30)
        return int(done.stdout)

    with closing(Store(database)) as store:
        store.record_feedback([said("one")])
        Store(database).close()
        assert seen_by_another() == 1
        store.record_feedback([said("two")])
        assert seen_by_another() == 2


@pytest.mark.slow
def test_the_workers_of_one_service_share_tokens_feedback_and_links(tmp_path: Path) -> None:
    database = str(tmp_path / "store.sqlite3")
    with closing(Store(database)) as store:
        Registry(store).add(client())
    with served(tmp_path / "log", "--workers", "3", database=database, public_url=PUBLIC) as service:
        assert len(service.workers()) == 3
        with ThreadPoolExecutor(8) as pool:
            for _ in range(5):
                made = fresh()
                found = list(pool.map(lambda _, made=made: post(service, order_sign(), made).status_code, range(8)))
                assert sorted(found) == [200, *[401] * 7]
            path, cards = f"{SIGN_URL}/feedback", [str(uuid.uuid4()) for _ in range(24)]

            def tell(card: str) -> int:
                entry = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2025-10-01T10:05:31Z"}
                return post(service, {"feedback": [entry]}, fresh(aud=f"{URL}/feedback"), path).status_code

            assert set(pool.map(tell, cards * 2)) == {200}
            link = urlsplit(next(links(service)))
            opened = pool.map(
                lambda _: requests.get(f"{service.url}{link.path}?{link.query}", timeout=20).status_code, range(12)
            )
            assert set(opened) == {200}
    with closing(Store(database, create=False)) as store:
        assert sorted(entry.card for entry, _ in store.feedback()) == sorted(cards)
