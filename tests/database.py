"""A database of one's own for a test: cloned from a migrated template, on the embedded PostgreSQL or on `MILLGATE_TEST_DATABASE_URL`.

A folder of tests uses it by `from tests.database import database_server, fresh_database_url  # noqa: F401` in its conftest.py.
The URL's user needs the right to create databases; nothing else on that server is touched.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from millgate.store.cluster import NAME, Cluster
from millgate.store.migrations import upgrade


@dataclass(frozen=True)
class DatabaseServer:
    """A PostgreSQL for this run of the tests, with a migrated template."""

    admin_url: str
    cluster: Cluster | None
    template: str = ""

    def url(self, database: str) -> str:
        """The URL of a database, as the user that the gateway would be."""
        if self.cluster:
            return self.cluster.url_for(database, NAME)
        parts = urlsplit(self.admin_url)
        return urlunsplit(parts._replace(path=f"/{database}"))

    def create(self, template: str = "template0") -> str:
        """A new database; its name."""
        name = f"millgate_test_{token_hex(6)}"
        owner = sql.SQL(" OWNER {}").format(sql.Identifier(NAME)) if self.cluster else sql.SQL("")
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8' STRATEGY FILE_COPY").format(
            sql.Identifier(name), sql.Identifier(template)
        )
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(statement + owner)
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def database_server() -> Iterator[DatabaseServer]:
    """The PostgreSQL of this run: the one of `MILLGATE_TEST_DATABASE_URL`, else an embedded one, gone afterwards."""
    url = os.environ.get("MILLGATE_TEST_DATABASE_URL")
    folder = None if url else Path(tempfile.mkdtemp(prefix="millgate-tests-"))
    cluster = Cluster.start(folder) if folder else None
    if cluster:
        _hurry(cluster)
    plain = DatabaseServer(url or (cluster.superuser_url if cluster else ""), cluster)
    template = plain.create()
    try:
        upgrade(plain.url(template))
        yield DatabaseServer(plain.admin_url, cluster, template)
    finally:
        plain.drop(template)
        if cluster and folder:
            cluster.stop()
            shutil.rmtree(folder, ignore_errors=True)


def _hurry(cluster: Cluster) -> None:
    """What a test writes need not outlive a power cut; databases come and go several times faster."""
    with psycopg.connect(cluster.superuser_url, autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture
def fresh_database_url(database_server: DatabaseServer) -> Iterator[str]:
    """The URL of an empty, migrated database for one test."""
    name = database_server.create(database_server.template)
    try:
        yield database_server.url(name)
    finally:
        database_server.drop(name)


@pytest.fixture
def empty_database_url(database_server: DatabaseServer) -> Iterator[str]:
    """The URL of a database without any tables."""
    name = database_server.create()
    try:
        yield database_server.url(name)
    finally:
        database_server.drop(name)
