"""Decisions, feedback and databases for the tests of what is kept."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cds_service.store import CardShown, Decision, FeedbackEntry, SuggestionShown

NOON = datetime(2025, 10, 1, 12, tzinfo=UTC)
REASONS = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"


def postgresql_server() -> str:
    """The URL of the PostgreSQL server that tests may use; skips where there is none, and fails where one is due."""
    if server := os.environ.get("POSTGRESQL_URL"):
        return server
    reason = "POSTGRESQL_URL is not set: run this by tests/servers/postgres"
    if os.environ.get("REQUIRE_SERVERS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """A database of its own on a PostgreSQL server, dropped afterwards."""
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield f"{server.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def shown(uuid: str | None = "card-1", topic: str = "dose", **members: Any) -> CardShown:
    members = {"indicator": "info", "summary": "words"} | members
    return CardShown(uuid=uuid, topic=topic, **members)


def decided(id: str = "d-1", *cards: CardShown, minutes: float = 0, **members: Any) -> Decision:
    """A decision so many minutes after noon, with one dose card unless told otherwise."""
    members = {
        "hook": "order-sign",
        "service": "blinatumomab-order-sign",
        "instance": None,
        "patient_key": "p",
        "user_key": "u",
        "document": {"orders": []},
    } | members
    return Decision(id=id, at=NOON + timedelta(minutes=minutes), cards=cards or (shown(),), **members)


def said(card: str = "card-1", accepted: bool = False, *, minutes: float = 1, **members: Any) -> FeedbackEntry:
    """Feedback so many minutes after noon."""
    moment = NOON + timedelta(minutes=minutes)
    members = {"service": "blinatumomab-order-sign", "at": moment, "received": moment} | members
    return FeedbackEntry(card=card, accepted=accepted, **members)


def suggestion(uuid: str = "s-1", label: str = "Change the dose") -> SuggestionShown:
    return SuggestionShown(uuid, label)
