"""The database on its bad days: guidance is given, feedback is refused in words, and what is acknowledged is stored.

Once the database is back, feedback is taken again without a restart.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cds_service.store import Store
from tests.bad_days.service import Service, gives_guidance, namespace, refused_feedback, running, until, within

REFUSED_WITHIN_SECONDS = 20.0
"""A lock of others is waited for, which is some seconds; what hangs would hang for a minute."""
BACK_WITHIN_SECONDS = 30.0

pytestmark = pytest.mark.slow
starts_alone = pytest.mark.skipif(
    os.environ.get("BAD_DAYS") != "all", reason="starts a service of its own: BAD_DAYS=all, as in the gate"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("database")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    with running({"database": folder / "store.sqlite3"}, log=folder / "log") as found:
        yield found


@pytest.fixture
def database(service: Service, folder: Path) -> Path:
    """Of the service, which is well: also after what the test before did to it."""
    takes_feedback_again(service)
    return folder / "store.sqlite3"


def takes_feedback(service: Service) -> bool:
    return service.feedback(str(uuid.uuid4())).status_code == 200


def takes_feedback_again(service: Service) -> None:
    """By all its processes. After a failure the next ones are refused at once for a moment."""
    until(lambda: all(takes_feedback(service) for _ in range(6)), BACK_WITHIN_SECONDS, "feedback is taken again")


def stored(database: Path) -> set[str]:
    """The cards of which feedback is in the file."""
    with closing(Store(str(database), create=False, migrate=False)) as store:
        cards = [entry.card for entry, _ in store.feedback()]
    assert len(cards) == len(set(cards))
    return set(cards)


def gives_guidance_and_refuses_feedback(service: Service) -> str:
    """Twice, as nothing may pile up; the card whose feedback was refused."""
    card = str(uuid.uuid4())
    for _ in range(2):
        begun = time.monotonic()
        assert refused_feedback(service.feedback(card, str(uuid.uuid4())))
        assert time.monotonic() - begun < REFUSED_WITHIN_SECONDS
        assert gives_guidance(service)
    return card


# --- gone ------------------------------------------------------------------------------------------------------------


def test_feedback_is_not_acknowledged_into_a_file_that_was_removed(
    service: Service, database: Path, folder: Path
) -> None:
    aside = folder / "aside"
    aside.mkdir()
    for each in folder.glob("store.sqlite3*"):
        each.rename(aside / each.name)
    refused = gives_guidance_and_refuses_feedback(service)
    assert not database.exists(), "a new, empty one would hide that the old one is missed"
    for each in aside.iterdir():
        each.rename(folder / each.name)
    takes_feedback_again(service)
    assert refused not in stored(database)


def test_a_backup_put_in_its_place_is_used_from_then_on(service: Service, database: Path, folder: Path) -> None:
    before = stored(database)
    backup = folder / "backup"
    with closing(sqlite3.connect(database)) as live, closing(sqlite3.connect(backup)) as copy:
        live.backup(copy)
    for each in folder.glob("store.sqlite3-*"):
        each.unlink()
    backup.replace(database)
    cards = [str(uuid.uuid4()) for _ in range(20)]
    acknowledged = {card for card in cards if service.feedback(card).status_code == 200}
    takes_feedback_again(service)
    assert acknowledged | before <= stored(database)
    assert gives_guidance(service)


def test_an_empty_file_in_its_place_gets_its_tables(service: Service, database: Path, folder: Path) -> None:
    for each in folder.glob("store.sqlite3*"):
        each.unlink()
    database.touch(0o600)
    takes_feedback_again(service)
    assert len(stored(database)) >= 6
    assert gives_guidance(service)


# --- full ------------------------------------------------------------------------------------------------------------


@contextmanager
def no_room(service: Service) -> Iterator[None]:
    """No process of the service can write a byte into any file, its log included."""
    everyone = service.processes()
    for pid in everyone:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        for pid in everyone:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_no_file_can_grow(service: Service, database: Path) -> None:
    with no_room(service):
        refused = gives_guidance_and_refuses_feedback(service)
    takes_feedback_again(service)
    assert refused not in stored(database)


@starts_alone
def test_a_disk_that_is_full(folder: Path) -> None:
    """A small file system of its own, with the database and nothing else on it."""
    disk = folder / "disk"
    disk.mkdir()
    mounted = [*namespace(), "sh", "-c", 'mount -t tmpfs -o size=2m none "$0" && exec "$@"', str(disk)]
    with running({"database": disk / "store.sqlite3"}, inside=mounted, log=folder / "log-disk") as service:
        seen = Path(f"/proc/{service.process.pid}/root{disk}")
        assert takes_feedback(service)
        filler = seen / "filler"
        fill(filler)
        refused: list[str] = []

        def is_full() -> bool:
            """The write-ahead log may still have room for a few, and has again whenever it is begun anew."""
            card = str(uuid.uuid4())
            answer = service.feedback(card, str(uuid.uuid4()))
            if answer.status_code != 200 and refused_feedback(answer):
                refused.append(card)
            return bool(refused)

        until(is_full, BACK_WITHIN_SECONDS, "the disk is full")
        assert gives_guidance(service)
        filler.unlink()
        takes_feedback_again(service)
        copied = folder / "copied"
        copied.mkdir()
        for each in seen.glob("store.sqlite3*"):
            shutil.copy(each, copied)
        assert refused[0] not in stored(copied / "store.sqlite3")


def fill(filler: Path) -> None:
    """Write until nothing more fits."""
    with filler.open("wb", buffering=0) as growing:
        for size in (65_536, 1):
            while True:
                try:
                    growing.write(b"x" * size)
                except OSError as mistake:
                    if mistake.errno == errno.ENOSPC:
                        break
                    raise


# --- locked, read-only -----------------------------------------------------------------------------------------------


@starts_alone
def test_locked_by_another_while_the_service_starts(folder: Path) -> None:
    database = folder / "locked.sqlite3"
    with closing(Store(str(database))) as store:
        store.prepare()
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with running({"database": database}, log=folder / "log-locked") as service:
            refused = gives_guidance_and_refuses_feedback(service)
            other.execute("ROLLBACK")
            takes_feedback_again(service)
            assert refused not in stored(database)


@starts_alone
def test_read_only_while_the_service_starts_and_writable_later(folder: Path) -> None:
    disk = folder / "read-only"
    disk.mkdir()
    with closing(Store(str(disk / "store.sqlite3"))) as store:
        store.prepare()
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    mounted = [*namespace(), "sh", "-c", script, str(disk)]
    with running({"database": disk / "store.sqlite3"}, inside=mounted, log=folder / "log-read-only") as service:
        refused = gives_guidance_and_refuses_feedback(service)
        assert "WARNING" in service.logged() or "warning" in service.logged()
        again = ["mount", "-o", "remount,bind,rw", str(disk)]
        subprocess.run([*within(service.process.pid), *again], check=True)
        takes_feedback_again(service)
        assert refused not in stored(disk / "store.sqlite3")


# --- logs ------------------------------------------------------------------------------------------------------------


@starts_alone
def test_a_full_disk_for_the_log_stops_nothing(folder: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with running({"database": folder / "silent.sqlite3"}, output=full) as service:
            for _ in range(5):
                assert gives_guidance(service)
                assert takes_feedback(service)
    finally:
        os.close(full)
    assert len(stored(folder / "silent.sqlite3")) == 5
