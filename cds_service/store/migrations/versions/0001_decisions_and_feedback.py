"""Decisions with their cards, and the feedback on them.

A migration says everything itself: it must mean the same when `tables` has moved on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_MOMENT = sa.DateTime().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    """The first tables."""
    op.create_table(
        "site",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.String(200), nullable=False),
    )
    _decisions()
    _cards()
    _feedback()


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("hook", sa.String(64), nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("instance", sa.String(64)),
        sa.Column("patient_key", sa.String(64), nullable=False),
        sa.Column("user_key", sa.String(64)),
        sa.Column("document", sa.JSON, nullable=False),
    )
    op.create_index("decisions_in_time", "decisions", ["at", "id"])
    op.create_index("decisions_by_patient", "decisions", ["patient_key"])


def _cards() -> None:
    op.create_table(
        "decision_cards",
        sa.Column("decision", sa.String(36), sa.ForeignKey("decisions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("uuid", sa.String(64)),
        sa.Column("topic", sa.String(64), nullable=False),
        sa.Column("indicator", sa.String(16), nullable=False),
        sa.Column("summary", sa.String(200), nullable=False),
        sa.Column("suggestions", sa.JSON, nullable=False),
        sa.Column("shown", sa.Boolean, nullable=False),
    )
    op.create_index("decision_cards_by_uuid", "decision_cards", ["uuid"])


def _feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("card", sa.String(80), nullable=False),
        sa.Column("accepted", sa.Boolean, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("received", _MOMENT, nullable=False),
        sa.Column("suggestions", sa.JSON, nullable=False),
        sa.Column("reason_system", sa.String(200)),
        sa.Column("reason_code", sa.String(80)),
        sa.Column("commented", sa.Boolean, nullable=False),
        sa.Column("comment", sa.Text),
    )
    op.create_index("feedback_by_card", "feedback", ["card"])
    op.create_index("feedback_in_time", "feedback", ["received"])


def downgrade() -> None:
    """Back to nothing."""
    for table in ("feedback", "decision_cards", "decisions", "site"):
        op.drop_table(table)
