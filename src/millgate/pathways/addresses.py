"""Which addresses may be called: under the one that was given, and in the clear on this machine only. Pure."""

from __future__ import annotations

from urllib.parse import SplitResult, unquote, urlsplit

from millgate.access.addresses import LOOPBACK
from millgate.errors import CallOperator


def check_address(url: str, within: str, *, plaintext: bool = False) -> None:
    """Nothing, if `url` is http or https and stays under `within`; else CallOperator `upstream_error`.

    Plain http is for the loopback interface, unless `plaintext`: bearer tokens must not cross a network in the clear.
    """
    if not stays_within(url, within):
        raise CallOperator("upstream_error", "The source names an address that is not under its own; it was not called.")
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK and not plaintext:
        raise CallOperator("upstream_error", "The source's address is plain http beyond this machine; it was not called.")


def stays_within(url: str, base: str) -> bool:
    """Whether `url` has the scheme, host and port of `base` and a path at or under its path."""
    if any(ord(character) <= 0x20 or ord(character) == 0x7F or character == "\\" for character in url):
        return False
    try:
        parts, root = urlsplit(url), urlsplit(base)
        same_origin = _origin(parts) == _origin(root)
    except ValueError:
        return False
    climbs = any(segment in (".", "..") for segment in unquote(parts.path).replace("\\", "/").split("/"))
    path, prefix = parts.path, root.path.rstrip("/")
    under = path == prefix or path.startswith(prefix + "/")
    clean = parts.scheme in ("http", "https") and parts.username is None and "#" not in url
    return same_origin and under and clean and not climbs


def origin_of(url: str) -> str | None:
    """`scheme://host:port` of an http or https address, or None if it is none. Source: RFC 6454 §4."""
    try:
        scheme, host, port = _origin(urlsplit(url))
    except ValueError:
        return None
    return f"{scheme}://{host}:{port}" if host and scheme in ("http", "https") else None


def hostname_of(url: str) -> str:
    """The host of an address, empty if it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
