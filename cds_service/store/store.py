"""The store: write decisions and feedback, read them again, let them go. Whatever fails is a StoreError."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite

from cds_service.errors import StoreError
from cds_service.store import address, rows, schema
from cds_service.store.records import Decision, FeedbackEntry, Recorded
from cds_service.store.tables import CARDS, DECISIONS, FEEDBACK, SITE
from cds_service.store.trouble import told

_INSERT: Mapping[str, Callable[[Any], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_AT_ONCE = 500
"""Rows for each statement: below the number of parameters that either database takes."""


class Store:
    """A database that is opened when it is first needed. Safe to use from several threads and processes at once."""

    def __init__(self, database: str, *, create: bool = True, migrate: bool = True, look: bool = True):
        """`database` is a path or URL. Raises StoreError when a file of that name cannot be had.

        `look` False: only its use tells whether it can be had, and may do so again later.
        """
        self._engine = address.engine_at(database, create=create, look=look)
        self._hurried = self._engine.execution_options(hurried=True)
        self._only_reads = self._engine.execution_options(only_reads=True)
        self._migrate, self._lock = migrate, Lock()
        self._prepared: address.Identity = None
        """The database that was found in order, until something fails."""
        self.is_file = self._engine.dialect.name == "sqlite"
        self.place = address.place(self._engine)
        """For people: the file, or the server's URL without its password."""

    @classmethod
    def in_default_folder(cls, file: str, *, migrate: bool = True) -> Store:
        """A store in a file whose folder is made if need be. Raises StoreError."""
        folder = Path(file).expanduser().parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as mistake:
            why = f"{mistake.strerror}; set {address.SETTING} to a file in a folder that this user may write"
            raise StoreError(f"the default folder {folder} of the database cannot be made: {why}") from mistake
        return cls(file, migrate=migrate)

    def prepare(self) -> str | None:
        """Connect, check the schema and bring it up to date; what was older before, or None. Raises StoreError."""
        if self._is_prepared():
            return None
        if not self._lock.acquire(timeout=address.LOCK_SECONDS):
            raise StoreError(f"cannot open the database {self.place}: others are waiting for it", passing=True)
        try:
            if self._is_prepared():
                return None
            with told(f"open the database {self.place}"):
                before = self._brought_up_to_date()
            self._prepared = address.identity(self._engine)
            return before
        finally:
            self._lock.release()

    @contextmanager
    def examining(self) -> Iterator[Connection]:
        """A transaction that only reads a schema that may be older, if it is to be migrated. Raises StoreError."""
        with told(f"open the database {self.place}"), self._only_reads.begin() as connection:
            schema.is_older(connection, migrate=self._migrate)
            yield connection

    def _brought_up_to_date(self) -> str | None:
        """Looked at first, which needs no lock."""
        with self._only_reads.begin() as connection:
            if schema.is_up_to_date(connection):
                return None
        with self._engine.begin() as connection, address.patiently(connection):
            return schema.bring_up_to_date(connection, migrate=self._migrate)

    def _is_prepared(self) -> bool:
        return self._prepared is not None and self._prepared == address.identity(self._engine)

    def close(self) -> None:
        """Let every connection go."""
        self._engine.dispose()

    # --- writing -----------------------------------------------------------------------------------------

    def record_decisions(self, decisions: Sequence[Decision]) -> None:
        """Keep these decisions, all or none. Durable when it returns. Raises StoreError."""
        cards = [row for decision in decisions for row in rows.of_cards(decision)]
        with self.writing("keep decisions") as connection:
            if decisions:
                connection.execute(insert(DECISIONS), [rows.of_decision(decision) for decision in decisions])
            if cards:
                connection.execute(insert(CARDS), cards)

    def record_feedback(
        self, entries: Sequence[FeedbackEntry], *, wanted: Callable[[], bool] = lambda: True
    ) -> Recorded:
        """Keep these entries, all or none, each once however often it comes. Durable when it returns.

        Nothing is kept when it is no longer `wanted` in the end, as the client has been told so.
        Raises StoreError; then nothing was kept, or what was kept will be recognised when it is sent again.
        """
        by_id = {entry.id: rows.of_feedback(entry) for entry in entries}
        ordered = [by_id[key] for key in sorted(by_id)]  # one order for all writers, so that none waits in a ring
        new = 0
        with self.writing("keep feedback") as connection:
            for start in range(0, len(ordered), _AT_ONCE):
                new += self.insert_new(connection, FEEDBACK, ordered[start : start + _AT_ONCE])
            known = self._known_cards(connection, sorted({entry.card for entry in entries}))
            if not wanted():
                raise StoreError("cannot keep feedback: it took too long", passing=True)
        return Recorded(len(entries), new, sum(entry.card not in known for entry in entries))

    def purge(self, before: datetime) -> int:
        """Delete the decisions made and the feedback received before this moment; how many. Raises StoreError."""
        gone = 0
        for table, moment in ((DECISIONS, DECISIONS.c.at), (FEEDBACK, FEEDBACK.c.received)):
            some = select(table.c.id).where(moment < before).limit(_AT_ONCE)
            deleted = _AT_ONCE
            while deleted == _AT_ONCE:  # in pieces, so that nobody waits long for the lock
                with self.writing("delete what is old") as connection:
                    deleted = connection.execute(delete(table).where(table.c.id.in_(some))).rowcount
                gone += deleted
        return gone

    def install_key(self) -> bytes:
        """The random key of this installation, made on first use and the same for all who share the database."""
        wanted = select(SITE.c.value).where(SITE.c.name == "key")
        with self.reading("read the key of the installation") as connection:
            value = connection.execute(wanted).scalar_one_or_none()
        if value is not None:
            return bytes.fromhex(value)
        with self.writing("make the key of the installation") as connection:
            self.insert_new(connection, SITE, [{"name": "key", "value": secrets.token_hex(32)}])
            value = connection.execute(wanted).scalar_one()
        return bytes.fromhex(value)

    # --- reading -----------------------------------------------------------------------------------------

    def count(self, since: datetime | None = None, until: datetime | None = None) -> int:
        """How many decisions there are. Raises StoreError."""
        with self.reading("count decisions") as connection:
            query = select(func.count()).select_from(DECISIONS).where(*rows.between(DECISIONS.c.at, since, until))
            return int(connection.execute(query).scalar_one())

    def decisions(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[Decision]:
        """Every decision made from `since` to before `until`, oldest first; read piece by piece. Raises StoreError."""
        after = None
        while True:
            with self.reading("read decisions") as connection:
                found = rows.some_decisions(connection, since, until, after=after, limit=_AT_ONCE)
            yield from found
            if len(found) < _AT_ONCE:
                return
            after = (found[-1].at, found[-1].id)

    def decision(self, decision_id: str) -> Decision | None:
        """The decision of this id, if it is still there. Raises StoreError."""
        with self.reading("read a decision") as connection:
            return next(iter(rows.decisions_of(connection, [DECISIONS.c.id == decision_id])), None)

    def decision_of_card(self, card: str) -> Decision | None:
        """The latest decision that had the card of this uuid. Raises StoreError."""
        having = select(CARDS.c.decision).where(CARDS.c.uuid == card)
        with self.reading("read a decision") as connection:
            return next(iter(rows.decisions_of(connection, [DECISIONS.c.id.in_(having)], limit=1000)[-1:]), None)

    def feedback(self, since: datetime | None = None) -> list[tuple[FeedbackEntry, bool]]:
        """All feedback received from `since` on, oldest first, and whether its card is on record. Raises StoreError."""
        with self.reading("read feedback") as connection:
            return rows.feedback_of(connection, rows.between(FEEDBACK.c.received, since, None))

    def feedback_on(self, cards: Sequence[str]) -> list[tuple[FeedbackEntry, bool]]:
        """All feedback on these cards, oldest first, and whether they are on record as shown. Raises StoreError."""
        with self.reading("read feedback") as connection:
            return rows.feedback_of(connection, [FEEDBACK.c.card.in_(list(cards))])

    def ping(self) -> None:
        """Is it there, with the schema that this version needs? Raises StoreError."""
        with self.reading("reach the database") as connection:
            connection.execute(text("SELECT 1"))

    def try_to_write(self) -> None:
        """Begin to write, and write nothing. Raises StoreError."""
        with self.writing("write to the database"):
            pass

    # --- for the parts of the store ----------------------------------------------------------------------

    def insert_new(self, connection: Connection, table: Any, new: Sequence[dict[str, Any]]) -> int:
        """Insert the rows whose key is not there yet; how many."""
        kind = _INSERT[connection.dialect.name]
        key = next(iter(table.primary_key))
        statement = kind(table).values(list(new)).on_conflict_do_nothing(index_elements=[key]).returning(key)
        return len(connection.execute(statement).all())

    def _known_cards(self, connection: Connection, cards: Sequence[str]) -> set[str]:
        known: set[str] = set()
        for start in range(0, len(cards), _AT_ONCE):
            some = CARDS.c.uuid.in_(cards[start : start + _AT_ONCE])
            found = connection.execute(select(CARDS.c.uuid).where(some, CARDS.c.shown)).scalars()
            known.update(uuid for uuid in found if uuid)
        return known

    @contextmanager
    def writing(self, doing: str, *, hurried: bool = False) -> Iterator[Connection]:
        """A transaction that changes something; errors are told as "cannot <doing>". Raises StoreError.

        One that is `hurried` does not wait for the disk: it outlives the process, perhaps not a crash of the machine.
        """
        with self._used(doing), (self._hurried if hurried else self._engine).begin() as connection:
            if hurried and not self.is_file:
                connection.execute(text("SET LOCAL synchronous_commit TO OFF"))
            yield connection

    @contextmanager
    def reading(self, doing: str) -> Iterator[Connection]:
        """A transaction that changes nothing. Raises StoreError."""
        with self._used(doing), self._only_reads.begin() as connection:
            yield connection

    @contextmanager
    def outside(self, doing: str) -> Iterator[Connection]:
        """A connection without a transaction, for what the database does only there. Raises StoreError."""
        with self._used(doing), self._engine.connect().execution_options(no_begin=True) as connection:
            yield connection

    @contextmanager
    def _used(self, doing: str) -> Iterator[None]:
        """After a failure the next use looks at the database anew: its file or its tables may be others by then."""
        try:
            self.prepare()
            with told(doing):
                yield
        except StoreError:
            self._prepared = None
            if self.is_file:
                self._engine.dispose()  # a file that could not be written when it was opened is only read until closed
            raise
