"""The client whose call a decision is about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """One column, empty for decisions of before."""
    op.add_column("decisions", sa.Column("client", sa.String(64), nullable=True))


def downgrade() -> None:
    """Back to 0002: it is forgotten whose calls they were."""
    op.drop_column("decisions", "client")
