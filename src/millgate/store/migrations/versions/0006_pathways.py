"""Registrations by pathway, and the order in which pathways are asked."""

from __future__ import annotations

from alembic import op

from millgate.store.migrations import apply

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Forward only."""
    apply(op.get_bind().connection.cursor(), "0006_pathways.sql")
