"""The tables of a person signing in."""

from __future__ import annotations

from alembic import op

from millgate.store.migrations import apply

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Forward only."""
    apply(op.get_bind().connection.cursor(), "0004_sign_in.sql")
