"""Decisions, feedback and databases for the tests of what is kept."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from cds_service.store import CardShown, Decision, FeedbackEntry, SuggestionShown

NOON = datetime(2025, 10, 1, 12, tzinfo=UTC)
REASONS = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"


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
