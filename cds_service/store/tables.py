"""The tables, as the newest migration leaves them (a test compares the two)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

METADATA = MetaData()


class Moment(TypeDecorator[datetime]):
    """An aware moment, kept in UTC: `timestamptz` on PostgreSQL, text on SQLite."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """With a zone where the database has one."""
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; without its zone for SQLite, which has none."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware, in UTC."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


SITE = Table(
    "site",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("value", String(200), nullable=False),
)
"""What belongs to the installation: the key of the hashes, where the site sets none of its own."""

DECISIONS = Table(
    "decisions",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("hook", String(64), nullable=False),
    Column("service", String(64), nullable=False),
    Column("instance", String(64)),
    Column("patient_key", String(64), nullable=False),
    Column("user_key", String(64)),
    Column("document", JSON, nullable=False),
    Column("client", String(64)),
    Index("decisions_in_time", "at", "id"),
    Index("decisions_by_patient", "patient_key"),
)

CARDS = Table(
    "decision_cards",
    METADATA,
    Column("decision", ForeignKey("decisions.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("uuid", String(64)),
    Column("topic", String(64), nullable=False),
    Column("indicator", String(16), nullable=False),
    Column("summary", String(200), nullable=False),
    Column("suggestions", JSON, nullable=False),
    Column("shown", Boolean, nullable=False),
    Index("decision_cards_by_uuid", "uuid"),
)

FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("service", String(64), nullable=False),
    Column("card", String(80), nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
    Column("received", Moment, nullable=False),
    Column("suggestions", JSON, nullable=False),
    Column("reason_system", String(200)),
    Column("reason_code", String(80)),
    Column("commented", Boolean, nullable=False),
    Column("comment", Text),
    Index("feedback_by_card", "card"),
    Index("feedback_in_time", "received"),
)

CLIENTS = Table(
    "clients",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("issuer", String(256), nullable=False),
    Column("tenant", String(256), nullable=False),
    Column("added", Moment, nullable=False),
    Column("services", JSON, nullable=False),
    Column("fhir_servers", JSON, nullable=False),
    Column("jwks", JSON),
    Column("jku", Text),
    Column("sandbox_key", Boolean, nullable=False),
    Index("clients_by_name", "name", unique=True),
    Index("clients_by_issuer", "issuer", "tenant", unique=True),
)
"""Who may call. An empty `tenant` is none: NULL would not be held unique."""

SPENT_TOKENS = Table(
    "spent_tokens",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("until", Moment, nullable=False),
    Index("spent_tokens_in_time", "until"),
)
"""Tokens that have been used, as a hash of issuer and `jti`; `until` they would be valid."""
