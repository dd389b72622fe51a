"""The tables of what may be asked of sources, and what was."""

from __future__ import annotations

from alembic import op

from millgate.store.migrations import apply

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Forward only."""
    apply(op.get_bind().connection.cursor(), "0005_budget.sql")
