"""${message}"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """What this revision adds."""
    ${upgrades if upgrades else "raise NotImplementedError"}


def downgrade() -> None:
    """And takes away again."""
    ${downgrades if downgrades else "raise NotImplementedError"}
