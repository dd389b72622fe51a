"""Nothing readable at rest: no patient and no secret is found by a byte search over the data directory.

This is always the embedded PostgreSQL, since the files have to be at hand.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from millgate.access.parties import Registration, Session, Tenant
from millgate.canonical.exchange import Call
from millgate.errors import GatewayError
from millgate.store import Entry, Store, master_key
from tests.store.conftest import Clock
from tests.store.patients import observation, patient

PATIENTS = 12


def hidden() -> list[bytes]:
    """What nobody may find: identifying values, clinical text, logical ids."""
    found: list[str] = ["Zanzibarine", "Glucose", "Quillfeather", "Ximenes", "feathers.example", "2345-7"]
    for number in range(PATIENTS):
        one = patient(number)
        found += [one["id"], one["identifier"][0]["value"], one["birthDate"], one["telecom"][0]["value"]]
        found += [one["telecom"][0]["value"].replace("-", ""), f"obs-{number}", one["name"][0]["family"].lower()]
    return [text.encode() for text in found]


def files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes().rstrip(b"\0")  # a new log segment is 16 MB of nothing


async def use_everything(store: Store, clock: Clock) -> list[bytes]:
    """Go through every part of the store with patients in hand; the secrets that came up."""
    page = [patient(number) for number in range(PATIENTS)] + [observation(number) for number in range(PATIENTS)]
    await store.tenants.add(Tenant("t", "https://fhir.example/t", None, clock()))
    secret = b"client-secret-Xylophonist-9981"
    await store.tenants.register(Registration("t", "system", "app", "client_secret_basic", "v2", secret))
    await store.records.save("t", "fhir_r4", page, received_at=clock())
    await store.records.save("t", "fhir_r4", [patient(1, gender="unknown"), observation(2, 7)], received_at=clock.move(hours=2))
    await store.records.load("t", "fhir_r4", "Patient", page[3]["id"])
    assert len(await store.records.find("t", "family", "quillfeatheraac")) == 1
    client, key = await store.clients.create("App", tenants=["t"], scopes=["patient/*.rs"])
    session = Session(
        "session_1", client.id, "t", "patient", (), (), page[4]["id"], "obs-5", clock(), clock() + timedelta(hours=1)
    )
    token = await store.sessions.open(session)
    held = {"client_id": client.id, "tenant": "t", "key": "key-for-Quillfeather"}
    await store.idempotency.begin(**held, body_hash=b"MRN-7780001")
    await store.idempotency.finish(**held, answer=b'{"name": "Quillfeather"}')
    calls = (Call("GET", "Patient", 200, "r-1", None),)
    for number in range(PATIENTS):
        ids = (f"obs-{number}",)
        entry = Entry(
            at=clock(),
            request_id=f"r{number}",
            action="read",
            status=200,
            tenant="t",
            user="Quillfeather",
            target_ids=ids,
            patients=(page[number]["id"],),
            calls=calls,
        )
        await store.audit.append(entry)
    assert len(await store.audit.list(tenant="t", patient=page[3]["id"])) == 1
    await fail_in_every_way(store)
    return [secret, key[3:].encode(), token[3:].encode(), store.vault._master.key]


async def fail_in_every_way(store: Store) -> None:
    """Errors of the database whose messages, details and parameters name a patient: none may reach the server's log."""
    family = patient(1)["name"][0]["family"]
    for statement in (
        b"SELECT %s::integer",
        b"SELECT * FROM nowhere WHERE name = %s",
        b"INSERT INTO client (id, name, key_hash, tenants, scopes, created_at) VALUES ('x', %s, NULL, '{}', '{}', now())",
        b"INSERT INTO vault_key (tenant, state, wrapped, created_at) VALUES ('x', %s, '', now())",
    ):
        with pytest.raises(GatewayError, match="refused") as caught:
            await store.database.execute(statement, [family])
        assert family not in "".join(traceback.format_exception(caught.value))


async def test_byte_search_finds_no_patient_and_no_secret(tmp_path: Path, clock: Clock) -> None:
    data_dir = tmp_path / "data"
    store = await Store.open(
        database_url=None, data_dir=data_dir, master_key=master_key(data_dir=data_dir, create=True), now=clock
    )
    try:
        assert store.cluster is not None
        secrets = await use_everything(store, clock)
        with psycopg.connect(store.cluster.superuser_url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        searched = 0
        for path, content in files(data_dir):
            searched += len(content)
            found = [word for word in hidden() + secrets if any(form in content for form in forms_of(word))]
            assert found == [], path.name
        assert searched > 10_000_000
    finally:
        await store.close()
    assert [path.name for path, content in files(data_dir) if b"Quillfeather" in content] == []


def forms_of(word: bytes) -> list[bytes]:
    """The word as it is, and in hexadecimal as PostgreSQL would write bytes."""
    return [word, word.hex().encode()] if len(word) > 5 else [word]
