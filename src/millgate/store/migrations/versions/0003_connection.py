"""Snapshots of what tenants' servers say, credentials that were replaced, events."""

from __future__ import annotations

from alembic import op

from millgate.store.migrations import apply

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Forward only."""
    apply(op.get_bind().connection.cursor(), "0003_connection.sql")
