"""The schema's history: hand-written SQL in `sql/`, in order by the revisions in `versions/`.

Alembic and SQLAlchemy are imported only when there is something to do: an ordinary start reads one row and is done.
"""

from __future__ import annotations

from pathlib import Path

HEAD = "0006"  # the newest revision; a test holds it equal to Alembic's own view
LOCK = 0x6D696C6C  # advisory lock: one process migrates, the others wait for it
FOLDER = Path(__file__).parent


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at `url` to `revision`; blocks. Safe to call from several processes at once."""
    import psycopg
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK})")
        connection.commit()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        finally:
            connection.rollback()
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({LOCK})")


def apply(cursor: object, file: str) -> None:
    """Run one of the SQL files as it stands; a revision calls this with the driver's own cursor."""
    import psycopg

    if not isinstance(cursor, psycopg.Cursor):
        raise TypeError("a psycopg cursor is needed")
    cursor.execute((FOLDER / "sql" / file).read_bytes())
