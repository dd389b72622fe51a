"""A real browser, headless: Debian's chromium, driven by playwright. And an application of one page, for it to come back to."""

from __future__ import annotations

import os
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from playwright.async_api import Page, async_playwright

from tests.journeys.people import BACK

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)
PATIENCE_MS = 20_000


def chromium() -> str | None:
    """Where chromium is, or None. `MILLGATE_CHROMIUM` names another one."""
    return os.environ.get("MILLGATE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@asynccontextmanager
async def page() -> AsyncIterator[Page]:
    """A fresh browser's page; the application's host is this process."""
    async with AsyncExitStack() as closing:
        port = await closing.enter_async_context(_application())
        playwright = await closing.enter_async_context(async_playwright())
        host = urlsplit(BACK).hostname
        browser = await playwright.chromium.launch(
            executable_path=chromium(), args=[*FLAGS, f"--host-resolver-rules=MAP {host} 127.0.0.1:{port}"]
        )
        closing.push_async_callback(browser.close)
        context = await browser.new_context(ignore_https_errors=True)
        context.set_default_timeout(PATIENCE_MS)
        yield await context.new_page()


@asynccontextmanager
async def _application() -> AsyncIterator[int]:
    """The application that browsers come back to, by https: the port of its one page."""

    async def greet(_: web.Request) -> web.Response:
        return web.Response(text="<title>Application</title><h1>Welcome back</h1>", content_type="text/html")

    application = web.Application()
    application.router.add_get(urlsplit(BACK).path, greet)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=_certificate(str(urlsplit(BACK).hostname)))
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _certificate(host: str) -> ssl.SSLContext:
    """A certificate that nobody vouches for, made for this test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
    signed = made.not_valid_after(now + timedelta(hours=1)).sign(key, hashes.SHA256())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "application.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(private + signed.public_bytes(Encoding.PEM))
        context.load_cert_chain(file)
    return context
