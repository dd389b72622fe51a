"""No call goes inside: not by an address, not by a name, not by what a document of a source says."""

from __future__ import annotations

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from millgate.canonical.exchange import Call
from millgate.errors import GatewayError
from millgate.pathways.guard import Guard, GuardedResolver, PrivateAddress
from millgate.pathways.http import Limits, Transport


class Book(AbstractResolver):
    """A name server of this test's own."""

    def __init__(self, **names: str) -> None:
        self.names = names

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        found = ResolveResult(hostname=host, host=self.names[host], port=port, family=family, proto=0, flags=0)
        return [found]

    async def close(self) -> None:
        return None


BOOK = Book(outside="93.184.216.34", inside="10.0.0.7", metadata="169.254.169.254", rebound="127.0.0.1", localhost="127.0.0.1")


@pytest.mark.parametrize("host", ["outside", "localhost"])
async def test_public_names_and_this_machine_are_resolved(host: str) -> None:
    assert len(await GuardedResolver(Guard(), BOOK).resolve(host)) == 1


@pytest.mark.parametrize("host", ["inside", "metadata", "rebound"])
async def test_names_that_stand_for_a_private_address_are_not(host: str) -> None:
    with pytest.raises(PrivateAddress):
        await GuardedResolver(Guard(), BOOK).resolve(host)
    assert len(await GuardedResolver(Guard(lambda name: name == host), BOOK).resolve(host)) == 1


def test_what_the_documents_of_an_allowed_base_name_is_allowed_too() -> None:
    allowed = {"fhir.internal"}
    guard = Guard(lambda host: host in allowed)
    guard.follow("https://fhir.example/r4/t", ["https://evil.internal/token"])
    assert not guard.allows("evil.internal")
    guard.follow("https://fhir.internal/r4/t", ["https://auth.internal/token", None, "https://["])
    assert guard.allows("auth.internal")
    allowed.clear()  # the tenant is gone, or its permission
    assert not guard.allows("auth.internal")


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.7/token",
        "https://[fd00::1]/token",
        "https://169.254.169.254/token",
        "https://127.1/token",
        "https://2130706433/token",
    ],
)
async def test_a_private_address_is_not_called(url: str) -> None:
    calls: list[Call] = []
    async with Transport() as transport:
        with pytest.raises(GatewayError, match="private one") as caught:
            await transport.request("GET", url, within=url, calls=calls)
    assert caught.value.code == "upstream_error"
    assert calls == []


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """This test's name server in place of the machine's."""
    monkeypatch.setattr("millgate.pathways.guard.DefaultResolver", lambda: BOOK)


@pytest.mark.usefixtures("names")
async def test_a_name_that_was_turned_to_the_inside_is_not_called(unused_tcp_port: int) -> None:
    url = f"https://rebound:{unused_tcp_port}/token"
    calls: list[Call] = []
    async with Transport(Limits(repeats=0)) as transport:
        with pytest.raises(GatewayError, match="private one") as caught:
            await transport.request("POST", url, within=url, calls=calls)
    assert caught.value.code == "upstream_error"
    assert not caught.value.outcome_unknown
    async with Transport(Limits(repeats=0), guard=Guard(lambda host: host == "rebound")) as transport:
        with pytest.raises(GatewayError) as caught:
            await transport.request("GET", url, within=url, calls=[])
    assert caught.value.code == "upstream_unavailable"  # nobody listens there


@pytest.mark.usefixtures("names")
async def test_plain_http_beyond_this_machine_is_for_hosts_that_are_allowed(unused_tcp_port: int) -> None:
    url = f"http://rebound:{unused_tcp_port}/"
    async with Transport(Limits(repeats=0)) as transport:
        with pytest.raises(GatewayError, match="plain http beyond"):
            await transport.request("GET", url, within=url, calls=[])
    async with Transport(Limits(repeats=0), guard=Guard(lambda host: host == "rebound")) as transport:
        with pytest.raises(GatewayError) as caught:
            await transport.request("GET", url, within=url, calls=[])
    assert caught.value.code == "upstream_unavailable"
