"""No call goes to a private address that the operator did not allow, whatever a name or a document of a source says.

A name is judged by what it stands for at the moment of connecting, so that one which was public when the tenant was added cannot be
turned to the inside later (DNS rebinding).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

from millgate.access.addresses import LOOPBACK, is_private
from millgate.errors import CallOperator


class PrivateAddress(OSError):
    """A name stands for a private address, and nobody allowed that."""


class Guard:
    """Which hosts may be private: those that `allowed` names, and those that their own documents lead to."""

    def __init__(self, allowed: Callable[[str], bool] = lambda host: False) -> None:
        self._allowed = allowed
        self._named_by: dict[str, str] = {}

    def allows(self, host: str) -> bool:
        """Whether the operator allows this host to be a private address, or to be spoken to in the clear."""
        return self._allowed(host) or self._allowed(self._named_by.get(host, ""))

    def follow(self, fhir_base: str, addresses: Iterable[str | None]) -> None:
        """The documents of this base name these addresses; where the base may be private, they may."""
        base = urlsplit(fhir_base).hostname or ""
        if not self._allowed(base):
            return
        for address in addresses:
            host = _host(address)
            if host and host not in LOOPBACK:
                self._named_by[host] = base

    def check(self, url: str) -> None:
        """Nothing, if the host is a name, a public address or an allowed one; else CallOperator `upstream_error`."""
        host = urlsplit(url).hostname or ""
        if host not in LOOPBACK and is_private(host) and not self.allows(host):
            raise refused()


class GuardedResolver(AbstractResolver):
    """Resolves names, and refuses those that stand for a private address."""

    def __init__(self, guard: Guard, inner: AbstractResolver | None = None) -> None:
        self._guard = guard
        self._inner = inner or DefaultResolver()

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        """The addresses of the name. Raises PrivateAddress."""
        found = await self._inner.resolve(host, port, family)
        if host not in LOOPBACK and any(is_private(one["host"]) for one in found) and not self._guard.allows(host):
            raise PrivateAddress("a private address")
        return found

    async def close(self) -> None:
        """Release the resolver underneath."""
        await self._inner.close()


def refused() -> CallOperator:
    """What a call to such an address ends with."""
    return CallOperator(
        "upstream_error",
        "The source's address is a private one; it was not called. `millgate tenants add --allow-private-address` allows it.",
    )


def _host(address: str | None) -> str | None:
    try:
        return urlsplit(address or "").hostname
    except ValueError:
        return None
