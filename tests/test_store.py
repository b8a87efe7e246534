"""The store, on SQLite and PostgreSQL: what is kept is durable, kept once, whole or not at all, and let go in time."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from cds_service.errors import StoreError
from cds_service.store import Store, address, schema
from cds_service.store.tables import METADATA
from tests.store_builders import NOON, decided, postgresql_server, said, shown, suggestion

SECRET = "Jane Roe"


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    made = Store(database)
    made.prepare()
    yield made
    made.close()


@contextmanager
def asked(database: str) -> Iterator[Connection]:
    """A connection past the store."""
    engine = address.engine_at(database, create=False)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@contextmanager
def several(database: str, count: int) -> Iterator[list[Store]]:
    """Stores as so many processes have them."""
    stores = [Store(database) for _ in range(count)]
    yield stores
    for store in stores:
        store.close()


# --- kept as given ------------------------------------------------------------------------------------------


def test_a_decision_is_read_as_it_was_kept(store: Store) -> None:
    whole = decided(
        "d-1",
        shown("c-1", suggestions=(suggestion("s-1", "Change the dose to # mcg/day"),)),
        shown(None, "record", indicator="critical", shown=False),
        instance="i",
        document={"orders": [{"flags": ["é", "≥ 3"], "n": 1.5, "none": None}]},
    )
    store.record_decisions([whole])
    assert store.decision("d-1") == whole
    assert list(store.decisions()) == [whole]
    assert store.decision("nobody") is None


def test_feedback_is_read_as_it_was_kept_and_says_whether_its_card_is_on_record(store: Store) -> None:
    store.record_decisions([decided("d-1", shown("known"))])
    known = said(
        "known",
        accepted=True,
        suggestions=("s-1", "s-2"),
        reason_system="s",
        reason_code="c",
        commented=True,
        comment="é",
    )
    unknown = said("unknown", minutes=2)
    store.record_feedback([unknown, known])
    assert store.feedback() == [(known, True), (unknown, False)]


@pytest.mark.parametrize(
    "zone", [UTC, timezone(timedelta(hours=-7)), timezone(timedelta(hours=5, minutes=45))], ids=str
)
def test_moments_are_the_same_in_every_zone(store: Store, zone: timezone) -> None:
    moment = (NOON + timedelta(microseconds=1)).astimezone(zone)
    store.record_decisions([replace(decided(), at=moment)])
    (found,) = store.decisions()
    assert found.at == moment
    assert found.at.utcoffset() == timedelta(0)
    assert [d.id for d in store.decisions(since=moment)] == ["d-1"]
    assert store.count(since=moment + timedelta(microseconds=1)) == 0
    assert store.count(until=moment) == 0


def test_many_decisions_are_read_piece_by_piece_each_once_and_in_order(store: Store) -> None:
    many = [decided(f"d-{n:04}", shown(f"c-{n}"), minutes=n // 7) for n in range(1203)]
    store.record_decisions(many)
    assert [d.id for d in store.decisions()] == [d.id for d in many]
    middle = NOON + timedelta(minutes=50)
    assert [d.id for d in store.decisions(middle, middle + timedelta(minutes=1))] == [
        f"d-{n:04}" for n in range(350, 357)
    ]


# --- once, whole or not at all ----------------------------------------------------------------------------------


def test_the_same_feedback_is_kept_once_within_a_message_and_across_messages(store: Store) -> None:
    entry = said(suggestions=("s-1", "s-2"))
    again = replace(entry, suggestions=("s-2", "s-1"), received=NOON + timedelta(days=1), comment="late")
    assert store.record_feedback([entry, entry, again]).new == 1
    assert store.record_feedback([again]).new == 0
    assert store.feedback() == [(store.feedback()[0][0], False)]


@pytest.mark.parametrize(
    "other",
    [
        {"card": "card-2"},
        {"accepted": True},
        {"at": NOON},
        {"suggestions": ("s-1",)},
        {"reason_code": "c"},
        {"reason_system": "s"},
        {"service": "blinatumomab-order-select"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_feedback_that_says_something_else_is_kept_beside(store: Store, other: dict[str, object]) -> None:
    assert store.record_feedback([said(), replace(said(), **other)]).new == 2


def test_a_thousand_entries_at_once_are_counted(store: Store) -> None:
    store.record_decisions([decided("d", *(shown(f"c-{n}") for n in range(400)))])
    recorded = store.record_feedback([said(f"c-{n % 900}", accepted=n % 2 == 0) for n in range(1000)])
    assert (recorded.entries, recorded.new, recorded.unmatched) == (1000, 900, 500)


def test_a_batch_of_decisions_with_one_that_cannot_be_kept_leaves_nothing(store: Store) -> None:
    with pytest.raises(StoreError):
        store.record_decisions([decided("d-1"), decided("d-2"), decided("d-1")])
    assert store.count() == 0


def test_feedback_with_one_entry_that_cannot_be_kept_leaves_nothing_and_is_not_quoted(store: Store) -> None:
    broken = replace(said("c-2"), reason_code=None, service=None)  # type: ignore[arg-type]
    with pytest.raises(StoreError) as caught:
        store.record_feedback([replace(said("c-1"), comment=SECRET), replace(broken, comment=SECRET)])
    assert store.feedback() == []
    assert SECRET not in str(caught.value)


def test_writers_side_by_side_lose_and_double_nothing(database: str) -> None:
    batches = [[said(f"c-{n}") for n in range(start, start + 12)] for start in range(0, 60, 4)]
    with several(database, 3) as stores, ThreadPoolExecutor(6) as pool:
        kept = pool.map(lambda job: stores[job[0] % 3].record_feedback(job[1]).new, enumerate(batches))
        assert sum(kept) == 68
        assert sorted(entry.card for entry, _ in stores[0].feedback()) == sorted(f"c-{n}" for n in range(68))


# --- let go -------------------------------------------------------------------------------------------------------


def test_what_is_too_old_goes_with_its_cards_and_the_rest_stays(store: Store, database: str) -> None:
    store.record_decisions([decided("old", shown("c-1"), minutes=-1), decided("young", shown("c-2"))])
    store.record_feedback([said("c-1", minutes=-1), said("c-2", minutes=0)])
    assert store.purge(NOON) == 2
    assert [d.id for d in store.decisions()] == ["young"]
    assert store.feedback() == [(said("c-2", minutes=0), True)]
    with asked(database) as connection:
        assert connection.execute(text("SELECT count(*) FROM decision_cards")).scalar_one() == 1


def test_more_than_one_piece_is_let_go(store: Store) -> None:
    store.record_decisions([decided(f"d-{n}") for n in range(1100)])
    assert store.purge(NOON + timedelta(minutes=1)) == 1100
    assert store.count() == 0


# --- the key -----------------------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_the_same_for_all(database: str) -> None:
    with several(database, 4) as stores, ThreadPoolExecutor(4) as pool:
        keys = set(pool.map(lambda store: store.install_key(), stores))
    assert len(keys) == 1
    assert len(keys.pop()) == 32


def test_another_installation_has_another_key(tmp_path: Path) -> None:
    with closing(Store(str(tmp_path / "a"))) as first, closing(Store(str(tmp_path / "b"))) as second:
        assert first.install_key() != second.install_key()


# --- the schema --------------------------------------------------------------------------------------------------


def test_the_migrations_lead_to_the_tables_of_this_version(store: Store, database: str) -> None:
    with asked(database) as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), METADATA) == []
        indexes = {i["name"] for t in METADATA.tables for i in inspect(connection).get_indexes(t)}
    assert indexes == {index.name for table in METADATA.tables.values() for index in table.indexes}


def test_an_empty_database_is_brought_up_to_date_once(database: str) -> None:
    with several(database, 2) as (store, again):
        assert store.prepare() == "none"
        assert store.prepare() is None
        assert again.prepare() is None


def test_several_that_start_at_once_migrate_once(database: str) -> None:
    with several(database, 4) as stores, ThreadPoolExecutor(4) as pool:
        assert sorted(str(found) for found in pool.map(Store.prepare, stores)) == ["None"] * 3 + ["none"]


def test_an_older_schema_is_only_told_where_migrating_is_off(database: str) -> None:
    refused = pytest.raises(StoreError, match="blinatumomab-cds database upgrade")
    with closing(Store(database, migrate=False)) as store, refused as caught:
        store.prepare()
    assert not caught.value.passing


def test_a_newer_schema_is_refused_and_left_alone(store: Store, database: str) -> None:
    with asked(database) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from-the-future'"))
    with closing(Store(database)) as later, pytest.raises(StoreError, match="newer"):
        later.prepare()
    with asked(database) as connection:
        assert schema.revision(connection) == "from-the-future"


# --- durable ------------------------------------------------------------------------------------------------------


def test_a_file_is_written_ahead_synced_in_full_and_private(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite3"
    with closing(Store(str(file))) as store:
        store.prepare()
    with asked(str(file)) as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous")]
    assert found == ["wal", 2]
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.server
def test_postgresql_confirms_only_what_is_on_disk() -> None:
    with asked(postgresql_server()) as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on"


# --- trouble -----------------------------------------------------------------------------------------------------

TROUBLE = {
    "a folder that is not there": (
        "{tmp}/nowhere/x.sqlite3",
        "does not exist; create it, or change BLINATUMOMAB_CDS_DA",
    ),
    "a folder": ("{tmp}", "is a folder; BLINATUMOMAB_CDS_DATABASE has to name a file"),
    "a file for a folder": ("{tmp}/not-a-database/x.sqlite3", "does not exist"),
    "a place nobody can write": ("/proc/x.sqlite3", "BLINATUMOMAB_CDS_DATABASE"),
    "a file of something else": ("{tmp}/not-a-database", "file is not a database"),
    "memory": ("sqlite://", "must name a file"),
    "memory by its name": (":memory:", "must name a file"),
    "another kind": ("mysql://u:pw@h/d", "'mysql' is not supported"),
    "no URL": ("postgresql://h:port/d", "neither a path nor a URL"),
    "a server that is not there": ("postgresql://u:pw@127.0.0.1:1/d", "refused"),
}


@pytest.mark.parametrize("case", TROUBLE)
def test_trouble_at_start_says_what_to_mend_and_no_password(case: str, tmp_path: Path) -> None:
    where, words = TROUBLE[case]
    (tmp_path / "not-a-database").write_text("x" * 4096)
    if where.startswith("postgresql://u"):
        pytest.importorskip("psycopg")
    with pytest.raises(StoreError) as caught, closing(Store(where.format(tmp=tmp_path))) as store:
        store.prepare()
    assert words in caught.value.message
    assert "pw" not in caught.value.message


def test_what_only_reads_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no database at"):
        Store(str(tmp_path / "x"), create=False)
    assert not (tmp_path / "x").exists()


def test_a_read_only_folder_is_told(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("the superuser may write anywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="not writable"):
        Store(str(tmp_path / "x"))


@pytest.mark.slow
def test_a_file_that_others_lock_is_an_error_that_passes(tmp_path: Path) -> None:
    file = str(tmp_path / "x")
    store = Store(file)
    store.prepare()
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    begun = datetime.now(UTC)
    with pytest.raises(StoreError, match="locked") as caught:
        store.record_feedback([said()])
    assert caught.value.passing
    assert (datetime.now(UTC) - begun).total_seconds() < address.LOCK_SECONDS + 2
    assert store.feedback() == []  # reading goes on meanwhile
    other.execute("ROLLBACK")
    other.close()
    assert store.record_feedback([said()]).new == 1
    store.close()
