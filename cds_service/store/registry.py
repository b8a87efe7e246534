"""Registered clients, and the tokens of theirs that have been used: shared by all processes that share the database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, delete, insert, inspect, or_, select, true

from cds_service.store.records import ClientRecord
from cds_service.store.store import Store
from cds_service.store.tables import CLIENTS, SPENT_TOKENS

Claimed = Literal["fresh", "spent", "removed"]
_PLAIN = ("id", "name", "issuer", "added", "jku", "sandbox_key")
_AT_ONCE = 500


class Registry:
    """The part of a store that says who may call. Everything that fails is a StoreError."""

    def __init__(self, store: Store):
        self._store = store

    # --- clients -----------------------------------------------------------------------------------------

    def clients(self) -> tuple[ClientRecord, ...]:
        """All of them, by name."""
        with self._store.reading("read the clients") as connection:
            return _all(connection)

    def examined(self) -> tuple[ClientRecord, ...]:
        """The clients before the schema is migrated: the table is the same since 0002, and none are before that."""
        with self._store.examining() as connection:
            return _all(connection) if inspect(connection).has_table(CLIENTS.name) else ()

    def add(self, record: ClientRecord, *, replace: bool = False) -> str | None:
        """Register; None, or which client stands against it by its name or its issuer and tenant.

        With `replace`, the client of the same name goes. An issuer is either registered by tenant or without: mixed,
        it would be open who a token without tenant is.
        """
        with self._store.writing("register a client") as connection:
            against = _against(connection, record, replace=replace)
            if against is None:
                connection.execute(delete(CLIENTS).where(CLIENTS.c.name == record.name))
                connection.execute(insert(CLIENTS), [_row(record)])
            return against

    def remove(self, name: str) -> bool:
        """Take a client away, for all processes at once; was there one?"""
        with self._store.writing("remove a client") as connection:
            return connection.execute(delete(CLIENTS).where(CLIENTS.c.name == name)).rowcount > 0

    # --- tokens ------------------------------------------------------------------------------------------

    def claim(self, key: str, client_id: str, until: datetime) -> Claimed:
        """Use a token, once and for all processes: `fresh` for the first who asks, and while its client is registered.

        `until` is the moment after which the token is invalid anyway. Does not wait for the disk, since guidance waits
        for this: what a crash of the machine could undo is the memory of tokens that live for minutes.
        """
        with self._store.writing("keep a used token", hurried=True) as connection:
            if connection.execute(select(CLIENTS.c.id).where(CLIENTS.c.id == client_id)).first() is None:
                return "removed"
            new = self._store.insert_new(connection, SPENT_TOKENS, [{"key": key, "until": until}])
        return "fresh" if new else "spent"

    def is_spent(self, key: str) -> bool:
        """Has this token been used? Uses nothing."""
        with self._store.reading("look for a used token") as connection:
            return connection.execute(select(SPENT_TOKENS.c.key).where(SPENT_TOKENS.c.key == key)).first() is not None

    def forget(self, before: datetime) -> int:
        """Delete some of the tokens that were invalid by this moment; how many."""
        some = select(SPENT_TOKENS.c.key).where(SPENT_TOKENS.c.until < before).limit(_AT_ONCE)
        with self._store.writing("forget old tokens", hurried=True) as connection:
            return connection.execute(delete(SPENT_TOKENS).where(SPENT_TOKENS.c.key.in_(some))).rowcount


def _all(connection: Connection) -> tuple[ClientRecord, ...]:
    return tuple(_record(row) for row in connection.execute(select(CLIENTS).order_by(CLIENTS.c.name)))


def _against(connection: Connection, record: ClientRecord, *, replace: bool) -> str | None:
    issuer, tenant, name = CLIENTS.c.issuer, CLIENTS.c.tenant, CLIENTS.c.name
    taken = tenant.in_(["", record.tenant]) if record.tenant else true()
    same = and_(issuer == record.issuer, taken, name != record.name)
    query = select(name).where(same if replace else or_(name == record.name, same)).order_by(name)
    return connection.execute(query).scalars().first()


def _row(record: ClientRecord) -> Mapping[str, Any]:
    return {name: getattr(record, name) for name in _PLAIN} | {
        "tenant": record.tenant or "",
        "services": list(record.services),
        "fhir_servers": list(record.fhir_servers),
        "jwks": dict(record.jwks) if record.jwks is not None else None,
    }


def _record(row: Row[Any]) -> ClientRecord:
    return ClientRecord(
        **{name: getattr(row, name) for name in _PLAIN},
        tenant=row.tenant or None,
        services=tuple(row.services),
        fhir_servers=tuple(row.fhir_servers),
        jwks=row.jwks,
    )
