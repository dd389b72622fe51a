"""Connecting, its clear errors, and migrations that run once."""

from __future__ import annotations

import asyncio
import importlib.resources
from pathlib import Path

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from millgate.errors import GatewayError
from millgate.store.database import Database, current_revision
from millgate.store.migrations import FOLDER, HEAD, upgrade
from tests.database import DatabaseServer
from tests.store.processes import other

MIGRATE = """
import sys
from millgate.store.migrations import upgrade
print("ready", flush=True)
sys.stdin.readline()
upgrade(sys.argv[1])
print("done", flush=True)
"""


async def test_migrates_an_empty_database_and_then_leaves_it_alone(empty_database_url: str) -> None:
    database = await Database.open(empty_database_url)
    await database.migrate()
    await database.migrate()
    async with database.connection() as connection:
        assert await current_revision(connection) == HEAD
    tables = {row[0] for row in await database.fetch(b"SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    await database.close()
    assert {"record", "record_term", "audit", "vault_key", "session", "idempotency", "procrastinate_jobs"} <= tables


def test_processes_that_start_at_once_migrate_once(empty_database_url: str) -> None:
    with other(MIGRATE, empty_database_url) as one, other(MIGRATE, empty_database_url) as two:
        for process in (one, two):
            assert process.line() == "ready"
        for process in (one, two):
            assert process.process.stdin is not None
            process.process.stdin.write("go\n")
            process.process.stdin.flush()
        assert [one.line(), two.line()] == ["done", "done"]
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT array_agg(version_num) FROM alembic_version").fetchone() == ([HEAD],)


def test_newest_revision_is_the_one_that_a_start_looks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_procrastinate_schema_is_the_installed_versions() -> None:
    """When this fails, procrastinate was upgraded: add a revision with its own migration scripts."""
    installed = importlib.resources.files("procrastinate") / "sql" / "schema.sql"
    assert (FOLDER / "sql" / "0002_procrastinate.sql").read_text() == installed.read_text()


async def test_failed_migration_leaves_nothing(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE session (in_the_way integer)")
    with pytest.raises(psycopg.errors.DuplicateTable):
        await asyncio.to_thread(upgrade, empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT to_regclass('vault_key'), to_regclass('record')").fetchone() == (None, None)


@pytest.mark.parametrize(
    ("url", "code"),
    [("nonsense", "invalid_setting"), ("postgresql://someone:secret-word@127.0.0.1:9/nothing", "store_unavailable")],
)
async def test_bad_address_is_told_without_the_password(url: str, code: str) -> None:
    with pytest.raises(GatewayError) as caught:
        await Database.open(url)
    assert caught.value.code == code
    assert "secret-word" not in str(caught.value)


async def test_missing_database_is_a_wrong_setting(database_server: DatabaseServer) -> None:
    with pytest.raises(GatewayError) as caught:
        await Database.open(database_server.url("millgate_is_not_here"))
    assert caught.value.code == "invalid_setting"


async def test_transaction_is_rolled_back_on_an_error(fresh_database_url: str) -> None:
    database = await Database.open(fresh_database_url)

    async def fail() -> None:
        async with database.transaction() as connection:
            await connection.execute(b"INSERT INTO tenant VALUES ('a', 'https://a', NULL, now())")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await fail()
    assert await database.fetch(b"SELECT name FROM tenant") == []
    await database.close()


def test_migrations_are_part_of_the_package() -> None:
    statements = {path.stem for path in Path(FOLDER, "sql").iterdir()}
    assert {"0001_store", "0002_procrastinate", "0003_connection", "0004_sign_in", "0005_budget", "0006_pathways"} <= statements
    assert statements == {path.stem for path in Path(FOLDER, "versions").glob("0*.py")}
