"""Handshakes with servers of this test's own: trusted, not trusted, not TLS, not there."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from millgate.pathways.tls import look_at_tls

ENDS = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of its own authority for this machine, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ENDS - timedelta(days=60))
        .not_valid_after(ENDS)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM))
    return file


@pytest.fixture
async def port(certificate: Path) -> AsyncIterator[int]:
    """A TLS server."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_a_trusted_certificate_shows_its_end(certificate: Path, port: int) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    seen = await look_at_tls(f"https://127.0.0.1:{port}/r4/t", context=trusting)
    assert (seen.version, seen.not_after, seen.problem, seen.untrusted) == ("TLSv1.3", ENDS, None, False)


async def test_a_certificate_that_is_not_trusted_is_told_apart(port: int) -> None:
    seen = await look_at_tls(f"https://127.0.0.1:{port}/r4/t")
    assert seen.untrusted
    assert "self-signed" in (seen.problem or "")


async def test_what_speaks_no_tls_or_is_not_there(unused_tcp_port: int) -> None:
    assert (await look_at_tls(f"https://127.0.0.1:{unused_tcp_port}/")).problem == "no connection"
    server = await asyncio.start_server(lambda _, writer: writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "127.0.0.1", 0)
    seen = await look_at_tls(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    server.close()
    assert seen.version is None
    assert seen.problem
    assert not seen.untrusted


async def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        seen = await look_at_tls(f"https://127.0.0.1:{silent.getsockname()[1]}/", timeout_s=0.2)
    assert seen.problem == "no handshake within 0.2 s"
