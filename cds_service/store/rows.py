"""Records to rows and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, select, tuple_

from cds_service.store.records import CardShown, Decision, FeedbackEntry, SuggestionShown
from cds_service.store.tables import CARDS, DECISIONS, FEEDBACK

Conditions = Sequence[ColumnElement[bool]]
_FEEDBACK_COLUMNS = (
    "service",
    "card",
    "accepted",
    "at",
    "received",
    "reason_system",
    "reason_code",
    "commented",
    "comment",
)
_DECISION_COLUMNS = ("id", "at", "hook", "service", "instance", "patient_key", "user_key", "client")


def of_decision(decision: Decision) -> dict[str, Any]:
    """The row of `decisions`."""
    return {name: getattr(decision, name) for name in _DECISION_COLUMNS} | {"document": dict(decision.document)}


def of_cards(decision: Decision) -> Iterator[dict[str, Any]]:
    """The rows of `decision_cards`."""
    for place, card in enumerate(decision.cards):
        yield {
            "decision": decision.id,
            "place": place,
            "uuid": card.uuid,
            "topic": card.topic,
            "indicator": card.indicator,
            "summary": card.summary,
            "suggestions": [{"uuid": item.uuid, "label": item.label} for item in card.suggestions],
            "shown": card.shown,
        }


def of_feedback(entry: FeedbackEntry) -> dict[str, Any]:
    """The row of `feedback`."""
    members = {name: getattr(entry, name) for name in _FEEDBACK_COLUMNS}
    return members | {"id": entry.id, "suggestions": list(entry.suggestions)}


def between(column: Any, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    """From `since` on, before `until`."""
    return [
        *([column >= since] if since is not None else []),
        *([column < until] if until is not None else []),
    ]


def some_decisions(
    connection: Connection,
    since: datetime | None,
    until: datetime | None,
    *,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Decision]:
    """The next decisions in time, after the one at this moment with this id."""
    conditions = between(DECISIONS.c.at, since, until)
    if after is not None:
        at, decision_id = after
        place = tuple_(DECISIONS.c.at, DECISIONS.c.id)
        conditions.append(place > tuple_(at, decision_id, types=[DECISIONS.c.at.type, DECISIONS.c.id.type]))
    return decisions_of(connection, conditions, limit=limit)


def decisions_of(connection: Connection, conditions: Conditions, *, limit: int = 1) -> list[Decision]:
    """Decisions with their cards, oldest first."""
    query = select(DECISIONS).where(*conditions).order_by(DECISIONS.c.at, DECISIONS.c.id).limit(limit)
    found = connection.execute(query).all()
    cards: dict[str, list[CardShown]] = {row.id: [] for row in found}
    wanted = select(CARDS).where(CARDS.c.decision.in_(list(cards))).order_by(CARDS.c.decision, CARDS.c.place)
    for row in connection.execute(wanted):
        cards[row.decision].append(_card(row))
    return [_decision(row, tuple(cards[row.id])) for row in found]


def feedback_of(connection: Connection, conditions: Conditions) -> list[tuple[FeedbackEntry, bool]]:
    """Feedback, oldest first, and whether a decision has its card and showed it."""
    shown = select(CARDS.c.uuid).where(CARDS.c.uuid == FEEDBACK.c.card, CARDS.c.shown)
    known = exists(shown).label("known")
    query = select(FEEDBACK, known).where(*conditions).order_by(FEEDBACK.c.received, FEEDBACK.c.id)
    return [(_feedback(row), bool(row.known)) for row in connection.execute(query)]


def _decision(row: Row[Any], cards: tuple[CardShown, ...]) -> Decision:
    return Decision(
        **{name: getattr(row, name) for name in _DECISION_COLUMNS},
        cards=cards,
        document=row.document,
    )


def _card(row: Row[Any]) -> CardShown:
    suggestions = tuple(SuggestionShown(item["uuid"], item["label"]) for item in row.suggestions)
    return CardShown(row.uuid, row.topic, row.indicator, row.summary, suggestions, row.shown)


def _feedback(row: Row[Any]) -> FeedbackEntry:
    members = {name: getattr(row, name) for name in _FEEDBACK_COLUMNS}
    return FeedbackEntry(**members, suggestions=tuple(row.suggestions))
