"""Keys, records, audit, tenants, clients, sessions, idempotency."""

from __future__ import annotations

from alembic import op

from millgate.store.migrations import apply

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Forward only: a store with an audit chain is never taken back."""
    apply(op.get_bind().connection.cursor(), "0001_store.sql")
