"""Between the sockets and the simulator: reads a request, lets the fault dial act, writes the answer with the headers of all answers."""

from __future__ import annotations

import asyncio
import ipaddress
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from time import perf_counter
from urllib.parse import unquote

from aiohttp import web

from millgate.simulator.answers import Answer, encode
from millgate.simulator.app import Simulator
from millgate.simulator.call import FHIR_SURFACES, Call, overridden_method
from millgate.simulator.changed_statement import changed
from millgate.simulator.dstu2.surface import OPEN, SECURE, spoken
from millgate.simulator.faults import Struck, Target, as_page, as_plain_text, status_answer

_EXPOSED = "ETag, Content-Location, Location, X-Request-Id, WWW-Authenticate, Date"
_METHODS = "DELETE, GET, POST, PUT, PATCH, OPTIONS, HEAD"


class Lost(Exception):
    """The fault dial cut the connection: there is no answer."""


class Wire:
    """The one handler of the HTTP server."""

    def __init__(self, simulator: Simulator, clock: Callable[[], float], public_url: str | None) -> None:
        self._simulator = simulator
        self._clock = clock
        self._public_url = public_url

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        started = perf_counter()
        try:
            call = await self._read(request)
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413)
        self._simulator.locate(call)
        if call.surface == "control":
            local = _is_loopback(request.remote)
            answer = (
                self._simulator.control(call)
                if local
                else Answer(403, encode({"error": "only from this machine"}), "application/json")
            )
            return _response(answer, {}, head=False)
        struck = self._simulator.faults.strike(_target(call))
        try:
            if struck.latency_s > 0:
                await asyncio.sleep(struck.latency_s)
                if call.method == "GET" and (request.transport is None or request.transport.is_closing()):
                    raise Lost  # the caller has hung up meanwhile; a write takes effect all the same
            answer = _in_release(call, await self._answer(call, struck))
        except Lost:
            self._note(call, 0, struck)
            return self._hang_up(request)
        self._note(call, answer.status, struck)
        headers = self._headers(call, perf_counter() - started)
        if struck.kind() == "drip" and struck.setting is not None and answer.body and call.method != "HEAD":
            return await self._drip(request, answer, headers, struck.setting.rule.bytes_per_s)
        if struck.kind() == "truncate" and answer.body:
            return await self._cut_short(request, answer, headers)
        return _response(answer, headers, head=call.method == "HEAD")

    async def _read(self, request: web.BaseRequest) -> Call:
        raw_path, _, raw_query = request.raw_path.partition("?")
        if raw_path.startswith("http://"):  # absolute form, as proxies send it
            raw_path = "/" + raw_path.split("/", 3)[-1]
        body = await request.read() if request.can_read_body else b""
        origin = self._public_url or f"http://{request.headers.get('Host', 'localhost')}"
        return Call(
            method=overridden_method(request.method, raw_query, request.headers),
            path=raw_path,
            segments=tuple(unquote(part) for part in raw_path.strip("/").split("/")) if raw_path != "/" else (),
            raw_query=raw_query,
            headers=request.headers,
            body=body,
            origin=origin,
            now=datetime.fromtimestamp(self._clock(), UTC),
        )

    async def _answer(self, call: Call, struck: Struck) -> Answer:
        """The answer after everything that the dial does to it; Lost if the dial cuts the connection."""
        kind, rule = struck.kind(), struck.setting.rule if struck.setting is not None else None
        if kind == "drop_before" or (kind == "outage" and rule is not None and rule.refuse):
            raise Lost
        if kind == "outage":
            return Answer(503, b"")
        refused = self._simulator.refusal_at_edge(call)
        if refused is not None:
            return refused
        if kind == "revoke_tokens" and rule is not None:
            self._simulator.revoke(rule)
        if kind == "status" and rule is not None and not rule.after_effect:
            return status_answer(rule, call.now)
        answer = self._changed(call, self._effect(call))
        if kind == "drop_after":
            raise Lost
        if kind == "status" and rule is not None:
            return status_answer(rule, call.now)
        broken = self._simulator.faults.broken(_target(call), answer.records)
        if broken is not None:
            return broken
        if kind == "html":
            return as_page()
        return as_plain_text(answer) if kind == "plain_text" else answer

    def _effect(self, call: Call) -> Answer:
        """What the simulator itself answers. HEAD is a GET whose body stays behind; OPTIONS on FHIR is a CORS preflight."""
        if call.method == "OPTIONS" and call.surface in FHIR_SURFACES:
            return Answer(200)
        if call.method != "HEAD":
            return self._simulator.answer(call)
        call.method = "GET"
        try:
            return self._simulator.answer(call)
        finally:
            call.method = "HEAD"

    def _changed(self, call: Call, answer: Answer) -> Answer:
        """The answer after the rules that change what is given out: shorter tokens, another statement of the tenant's."""
        faults = self._simulator.faults
        if call.surface == "authorization" and call.path.endswith("/token"):
            rule = faults.token_life(_target(call))
            if rule is not None:
                return self._simulator.token_lives.shorten(answer, rule.life_s, rule.calls, announce=rule.announce)
        if call.path.endswith(("/metadata", "/.well-known/smart-configuration")):
            return changed(answer, faults.statement_changes(call.tenant, call.surface))
        return answer

    def _headers(self, call: Call, elapsed_s: float) -> dict[str, str]:
        """The headers of every answer; the date is that of the server's clock, which the dial may have set wrong."""
        headers = _common_headers(call, elapsed_s)
        skew_s = self._simulator.faults.skew_s()
        if skew_s:
            at = datetime.fromtimestamp(self._clock(), UTC).replace(microsecond=0)
            headers["Date"] = format_datetime(at, usegmt=True)
        return headers

    def _note(self, call: Call, status: int, struck: Struck) -> None:
        self._simulator.journal.add(
            at=call.now,
            method=call.method,
            path=call.template,
            status=status,
            request_id=call.request_id,
            surface=call.surface,
            tenant=call.tenant,
            resource_type=call.resource_type,
            client=call.client,
            parameters=call.parameters(),
            fault=struck.setting.id if struck.setting is not None else None,
        )

    def _hang_up(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)  # goes nowhere: the connection is gone

    async def _drip(
        self, request: web.BaseRequest, answer: Answer, headers: dict[str, str], bytes_per_s: float
    ) -> web.StreamResponse:
        """Send the body no faster than so many bytes a second."""
        response = web.StreamResponse(status=answer.status, headers={**headers, **answer.headers})
        response.headers["Content-Type"] = answer.content_type or "application/octet-stream"
        response.content_length = len(answer.body)
        await response.prepare(request)
        size = max(1, int(bytes_per_s / 10))
        for start in range(0, len(answer.body), size):
            await response.write(answer.body[start : start + size])
            await asyncio.sleep(size / bytes_per_s)
        await response.write_eof()
        return response

    async def _cut_short(self, request: web.BaseRequest, answer: Answer, headers: dict[str, str]) -> web.StreamResponse:
        """Promise the whole body, send half of it, and close."""
        response = web.StreamResponse(status=answer.status, headers={**headers, **answer.headers})
        response.content_type = answer.content_type or "application/octet-stream"
        response.content_length = len(answer.body)
        response.force_close()
        await response.prepare(request)
        await response.write(answer.body[: len(answer.body) // 2])
        if request.transport is not None:
            request.transport.close()
        return response


def _in_release(call: Call, answer: Answer) -> Answer:
    """The answer in the media type of the release that is spoken: what the dial and the edge answer, too."""
    return spoken(answer) if call.surface in (SECURE, OPEN) else answer


def _target(call: Call) -> Target:
    return Target(call.method, call.path, call.surface, call.tenant, call.resource_type)


def _common_headers(call: Call, elapsed_s: float) -> dict[str, str]:
    if call.surface not in FHIR_SURFACES:
        return {}
    headers = {
        "X-Request-Id": call.request_id,
        "opc-request-id": f"/{uuid.uuid4().hex.upper()}/{uuid.uuid4().hex.upper()}",
        "Cache-Control": "no-cache",
        "Vary": "Origin",
        "Server-Response-Time": f"{elapsed_s * 1000:.3f}",
        "X-Runtime": f"{elapsed_s:.6f}",
        "Strict-Transport-Security": "max-age=631152000",
    }
    if call.header("Origin"):
        headers |= {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": _EXPOSED, "Access-Control-Max-Age": "0"}
        headers["Access-Control-Allow-Methods"] = _METHODS
        if asked := call.header("Access-Control-Request-Headers"):
            headers["Access-Control-Allow-Headers"] = asked
    return headers


def _response(answer: Answer, headers: dict[str, str], *, head: bool) -> web.Response:
    headers = {**headers, **answer.headers}
    if answer.content_type is not None:
        headers["Content-Type"] = answer.content_type
    if not answer.body and answer.status != 204:
        headers["Content-Length"] = "0"
    return web.Response(status=answer.status, body=b"" if head else answer.body or None, headers=headers)


def _is_loopback(address: str | None) -> bool:
    try:
        return address is not None and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
