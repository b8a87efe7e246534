"""Registered clients, and the tokens of theirs that have been used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_MOMENT = sa.DateTime().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    """Two tables; what is there stays as it is."""
    op.create_table(
        "clients",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("issuer", sa.String(256), nullable=False),
        sa.Column("tenant", sa.String(256), nullable=False),
        sa.Column("added", _MOMENT, nullable=False),
        sa.Column("services", sa.JSON, nullable=False),
        sa.Column("fhir_servers", sa.JSON, nullable=False),
        sa.Column("jwks", sa.JSON),
        sa.Column("jku", sa.Text),
        sa.Column("sandbox_key", sa.Boolean, nullable=False),
    )
    op.create_index("clients_by_name", "clients", ["name"], unique=True)
    op.create_index("clients_by_issuer", "clients", ["issuer", "tenant"], unique=True)
    op.create_table(
        "spent_tokens",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("until", _MOMENT, nullable=False),
    )
    op.create_index("spent_tokens_in_time", "spent_tokens", ["until"])


def downgrade() -> None:
    """Back to 0001: nobody is registered any more."""
    op.drop_table("spent_tokens")
    op.drop_table("clients")
