"""Which addresses a tenant may have: https anywhere public; anything private, or in the clear, only where the operator says so.

A gateway that calls whatever it is told to can be made to call its own neighbours, such as a cloud's metadata service. So private,
link-local, shared and reserved ranges are refused unless they were allowed. Loopback is allowed under its own names only.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_NAT64: Final = IPv6Network("64:ff9b::/96")
HINT: Final = "say --allow-private-address if it is meant"


def base_of(url: str) -> str:
    """A FHIR base in the one form that is kept: without trailing slashes, scheme and host in lower case.

    Raises ValueError with a reason where it is none. The path stays as it is: tenant ids are opaque, and may begin with `-`.
    """
    if any(ord(character) <= 0x20 or ord(character) >= 0x7F or character == "\\" for character in url):
        raise ValueError("holds a character that belongs into no address")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("must be the http(s) address of a FHIR base")
    if parts.query or parts.fragment or parts.username is not None or "?" in url or "#" in url:
        raise ValueError("must be a bare address, without a query, a fragment or a user")
    if any(segment in (".", "..") for segment in parts.path.split("/")):
        raise ValueError("must not climb with . or ..")
    return parts._replace(netloc=_netloc(parts)).geturl().rstrip("/")


def _netloc(parts: SplitResult) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    default = {"http": 80, "https": 443}[parts.scheme]
    return host if parts.port in (None, default) else f"{host}:{parts.port}"


def is_private(address: str) -> bool:
    """Whether an IP address is not a public one: loopback, private, link-local, shared, multicast, reserved. A name is not."""
    try:
        found: IPv4Address | IPv6Address = ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        # `127.1` and `2130706433` are 127.0.0.1 to a socket, and no name to a resolver: nobody has to write an address like that.
        return address.replace(".", "").isdigit()
    if isinstance(found, IPv6Address):
        translated = IPv4Address(int(found) & 0xFFFFFFFF) if found in _NAT64 else None
        found = translated or found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None) or found
    return not found.is_global or found.is_multicast


def objection(url: str, resolved: Iterable[str] = ()) -> str | None:
    """Why this address may not be called unless the operator allows it, or None. `resolved`: the addresses that its host stands for."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in LOOPBACK:
        return None
    if is_private(host):
        return f"{host} is a private address; {HINT}"
    inside = sorted({address for address in resolved if is_private(address)})
    if inside:
        return f"{host} stands for the private address {inside[0]}; {HINT}"
    if parts.scheme == "http":
        return f"plain http beyond this machine would carry tokens and charts in the clear; {HINT}"
    return None
