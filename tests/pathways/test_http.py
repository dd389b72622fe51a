"""The transport: bounded, held to its addresses, repeating only what has no effect, and honest about what it does not know."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from millgate.canonical.exchange import Call
from millgate.canonical.noting import noted
from millgate.errors import CallOperator, GatewayError, TryLater
from millgate.pathways.addresses import stays_within
from millgate.pathways.http import Limits, OutcomeUnknown, Transport, retry_after_s
from tests.pathways.source import Source, cut_short, drop, reply, say_nothing, source

NOW = datetime(2026, 3, 1, 7, 0, tzinfo=UTC)


class Rest:
    """Stands in for the clock's passing: remembers the waits that were asked for and takes none."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
async def served() -> AsyncIterator[Source]:
    async with source() as running:
        yield running


@pytest.fixture
def rest() -> Rest:
    return Rest()


@pytest.fixture
async def transport(rest: Rest) -> AsyncIterator[Transport]:
    limits = Limits(read_s=0.3, total_s=20, body_bytes=1000)
    async with Transport(limits, now=lambda: NOW, sleep=rest, jitter=lambda low, high: high) as made:
        yield made


async def ask(
    transport: Transport, served: Source, calls: list[Call], method: str = "GET", path: str = "/r4/t/Patient"
) -> object:
    return await transport.request(method, served.base + path, within=served.base + "/r4/t", calls=calls, resource_type="Patient")


async def test_an_answer_has_status_headers_and_body_and_the_exchange_is_recorded(transport: Transport, served: Source) -> None:
    served.on("/r4/t/Patient", reply(404, b"gone", X_Request_Id="up-1", Set_Cookie="a=b"))
    calls: list[Call] = []
    answer = await transport.request("GET", f"{served.base}/r4/t/Patient?q=%7C%2F", within=f"{served.base}/r4/t", calls=calls)
    assert (answer.status, answer.body, answer.headers["x-request-id"]) == (404, b"gone", "up-1")
    assert served.requests[0].path_qs == "/r4/t/Patient?q=%7C%2F"
    assert [(call.method, call.status, call.upstream_request_id) for call in calls] == [("GET", 404, "up-1")]
    assert served.requests[0].headers["X-Request-Id"] == calls[0].request_id
    await ask(transport, served, calls)
    assert "Cookie" not in served.requests[1].headers
    assert calls[0].request_id != calls[1].request_id


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 520])
async def test_a_get_is_repeated_twice_with_growing_pauses(transport: Transport, served: Source, rest: Rest, status: int) -> None:
    served.on("/r4/t/Patient", reply(status), reply(status), reply(200, b"ok"))
    calls: list[Call] = []
    answer = await transport.request("GET", f"{served.base}/r4/t/Patient", within=served.base, calls=calls)
    assert answer.body == b"ok"
    assert rest.waits == [0.25, 0.5]
    assert [call.status for call in calls] == [status, status, 200]
    served.on("/r4/t/Patient", reply(status))
    assert (await transport.request("GET", f"{served.base}/r4/t/Patient", within=served.base, calls=calls)).status == status
    assert len(served.requests) == 6


@pytest.mark.parametrize("status", [200, 301, 400, 404, 409, 501, 505])
async def test_what_will_be_the_same_again_is_not_repeated(transport: Transport, served: Source, status: int) -> None:
    served.on("/r4/t/Patient", reply(status, b"so"))
    assert (await transport.request("GET", f"{served.base}/r4/t/Patient", within=served.base, calls=[])).status == status
    served.on("/r4/t/Patient", reply(500, b"so it is"))
    url = f"{served.base}/r4/t/Patient"
    answer = await transport.request("GET", url, within=served.base, calls=[], settled=lambda answer: answer.body == b"so it is")
    assert (answer.status, len(served.requests)) == (500, 2)


async def test_retry_after_is_obeyed_within_bounds(transport: Transport, served: Source, rest: Rest) -> None:
    served.on("/r4/t/Patient", reply(429, Retry_After="3"), reply(503, Retry_After="Sun, 01 Mar 2026 07:00:07 GMT"), reply(200))
    await ask(transport, served, [])
    assert rest.waits == [3.0, 7.0]
    served.on("/r4/t/Patient", reply(429, Retry_After="600"))
    answer = await transport.request("GET", f"{served.base}/r4/t/Patient", within=served.base, calls=[])
    assert (answer.status, len(served.requests)) == (429, 4)


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
async def test_a_write_is_never_repeated(transport: Transport, served: Source, method: str) -> None:
    served.on("/r4/t/Patient", reply(503))
    await ask(transport, served, [], method)
    assert len(served.requests) == 1


async def test_a_dropped_get_is_repeated(transport: Transport, served: Source) -> None:
    served.on("/r4/t/Patient", drop, cut_short, reply(200, b"ok"))
    calls: list[Call] = []
    await ask(transport, served, calls)
    assert [call.status for call in calls] == [None, 200, 200]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("responder", [drop, cut_short])
async def test_a_write_without_a_whole_answer_has_an_unknown_outcome(
    transport: Transport, served: Source, method: str, responder: object
) -> None:
    served.on("/r4/t/Patient", responder)  # type: ignore[arg-type]
    with pytest.raises(OutcomeUnknown) as unknown:
        await ask(transport, served, [], method)
    assert unknown.value.outcome_unknown
    assert len(unknown.value.calls) == 1
    assert len(served.requests) == 1


async def test_silence_is_a_timeout_that_is_not_repeated(transport: Transport, served: Source) -> None:
    served.on("/r4/t/Patient", say_nothing)
    with pytest.raises(TryLater) as late:
        await ask(transport, served, [])
    assert (late.value.code, late.value.outcome_unknown, len(served.requests)) == ("upstream_timeout", False, 1)
    with pytest.raises(OutcomeUnknown, match="upstream_timeout"):
        await ask(transport, served, [], "POST")


async def test_a_write_that_never_connected_had_no_effect(transport: Transport) -> None:
    calls: list[Call] = []
    for method, attempts in (("POST", 1), ("GET", 3)):
        calls.clear()
        with pytest.raises(TryLater) as refused:
            await transport.request(method, "http://127.0.0.1:9/x", within="http://127.0.0.1:9", calls=calls, body=b"{}")
        assert (refused.value.code, refused.value.outcome_unknown) == ("upstream_unavailable", False)
        assert (len(calls), len(refused.value.calls)) == (attempts, attempts)


async def test_a_body_beyond_the_limit_is_refused_also_if_it_only_grows_when_unpacked(
    transport: Transport, served: Source
) -> None:
    served.on("/r4/t/Patient", reply(200, b"x" * 1001), reply(200, zlib.compress(b"x" * 1_000_000), Content_Encoding="deflate"))
    for _ in range(2):
        with pytest.raises(CallOperator, match="more than 1000 bytes"):
            await ask(transport, served, [])


async def test_redirects_are_not_followed(transport: Transport, served: Source) -> None:
    served.on("/r4/t/Patient", reply(302, Location=f"{served.base}/r4/t/Other"))
    answer = await transport.request("GET", f"{served.base}/r4/t/Patient", within=served.base, calls=[])
    assert (answer.status, len(served.requests)) == (302, 1)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/r4/other/Patient",
        "http://127.0.0.1:2/r4/t/Patient",
        "https://127.0.0.1:1/r4/t/Patient",
        "http://evil.example/r4/t/Patient",
        "http://127.0.0.1:1@evil.example/r4/t/Patient",
        "http://u:p@127.0.0.1:1/r4/t/Patient",
        "http://127.0.0.1:1/r4/t/../other/Patient",
        "http://127.0.0.1:1/r4/t/%2e%2e/other",
        "http://127.0.0.1:1/r4/t/..%2fother",
        "http://127.0.0.1:1/r4/tx/Patient",
        "http://127.0.0.1:1/r4/t/Patient#x",
        "http://127.0.0.1:1/r4/t/a\r\nHost: evil",
        "http://127.0.0.1:1\\r4/t/Patient",
        "file:///etc/passwd",
        "//127.0.0.1:1/r4/t/Patient",
        "",
    ],
)
async def test_addresses_elsewhere_are_not_called(transport: Transport, url: str) -> None:
    calls: list[Call] = []
    with pytest.raises(CallOperator, match="upstream_error"):
        await transport.request("GET", url, within="http://127.0.0.1:1/r4/t", calls=calls)
    assert calls == []


async def test_plain_http_stays_on_this_machine(transport: Transport) -> None:
    with pytest.raises(CallOperator, match="plain http"):
        await transport.request("GET", "http://ehr.example/r4/t", within="http://ehr.example/r4/t", calls=[])


@given(st.text(max_size=40))
def test_whatever_follows_the_base_never_leaves_it(tail: str) -> None:
    url = f"https://ehr.example/r4/t{tail}"
    if stays_within(url, "https://ehr.example/r4/t"):
        assert tail == "" or tail[0] in "/?"
        assert "/../" not in f"{url}/"


@given(st.text(max_size=30))
def test_any_retry_after_is_seconds_or_none(value: str) -> None:
    found = retry_after_s({"retry-after": value}, NOW)
    assert found is None or found >= 0


async def test_no_error_names_the_query(transport: Transport, served: Source, caplog: pytest.LogCaptureFixture) -> None:
    served.on("/r4/t/Patient", drop)
    caplog.set_level("DEBUG")
    with pytest.raises(GatewayError) as failed:
        await ask(transport, served, [], path="/r4/t/Patient?family=Quixote")
    assert "Quixote" not in f"{failed.value!r} {failed.value.detail} {caplog.text}"


async def test_what_is_cut_off_is_noted_all_the_same(transport: Transport, served: Source) -> None:
    asked = asyncio.Event()

    async def keep_silent(request: web.Request) -> web.StreamResponse:
        asked.set()
        return await say_nothing(request)

    served.on("/r4/t/Patient", keep_silent)
    url = f"{served.base}/r4/t/Patient"
    with noted() as calls:
        direct = asyncio.ensure_future(transport.request("GET", url, within=served.base, calls=[], resource_type="Patient"))
        await asked.wait()
        direct.cancel()
        await asyncio.gather(direct, return_exceptions=True)
    assert [(call.method, call.resource_type, call.status) for call in calls] == [("GET", "Patient", None)]
    assert served.requests[0].headers["X-Request-Id"] == calls[0].request_id
    served.on("/r4/t/Patient", reply(200))
    await ask(transport, served, [])
    assert len(calls) == 1
