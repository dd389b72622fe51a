"""The tables of procrastinate 3.10, as that version ships them."""

from __future__ import annotations

from alembic import op

from millgate.store.migrations import apply

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Forward only."""
    apply(op.get_bind().connection.cursor(), "0002_procrastinate.sql")
