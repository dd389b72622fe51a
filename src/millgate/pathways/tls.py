"""How a server's TLS looks from here: the version that was agreed on, and until when its certificate is good.

Source: RFC 8446, RFC 5280; Millennium fact sheet §2.6 (TLS 1.2 or 1.3).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Seen:
    """What was agreed on, or why nothing was. `untrusted`: the server was reached, and its certificate not accepted."""

    host: str
    version: str | None = None
    not_after: datetime | None = None
    problem: str | None = None
    untrusted: bool = False


async def look_at_tls(url: str, *, timeout_s: float = 10.0, context: ssl.SSLContext | None = None) -> Seen:
    """One handshake with the server of an https address, with the machine's trust store; nothing is sent."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    context = context or ssl.create_default_context()
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        return Seen(host, problem=error.verify_message, untrusted=True)
    except ssl.SSLError as error:
        return Seen(host, problem=(error.reason or "no handshake").lower().replace("_", " "))
    except TimeoutError:
        return Seen(host, problem=f"no handshake within {timeout_s:g} s")
    except (OSError, UnicodeError):
        return Seen(host, problem="no connection")
    try:
        version = writer.get_extra_info("ssl_object").version()
        certificate = writer.get_extra_info("peercert") or {}
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
    not_after = certificate.get("notAfter")
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(not_after), UTC) if isinstance(not_after, str) else None
    return Seen(host, version, ends)
