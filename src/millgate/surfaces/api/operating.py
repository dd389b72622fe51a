"""`/health`, `/ready`, `/service_types`, and `/tenants` for operators."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.response.base import ASGIResponse
from msgspec import Meta

from millgate import __version__
from millgate.access.rules import require
from millgate.errors import FixRequest, GatewayError
from millgate.flow.read import instant
from millgate.surfaces.api.door import Asked, Door, Reply, Seen, plain_reply
from millgate.surfaces.api.openapi import OpenToAll, refusals

NO_STORE = ("cache-control", "no-store")
KEYS_MAY_BE_KEPT = ("cache-control", "public, max-age=300")  # shorter than any sensible overlap of old and new keys


class Health(msgspec.Struct, frozen=True):
    """The process is up."""

    status: Literal["ok"]
    version: str


class Readiness(msgspec.Struct, frozen=True):
    """Whether requests can be answered now."""

    ready: bool
    checks: Annotated[dict[str, str], Meta(description="What was looked at, and what was found.")]


class ServiceTypeView(msgspec.Struct, frozen=True):
    """A bookable appointment type."""

    system: str
    code: str
    display: str | None
    origin: Annotated[str, Meta(description="`operator` set it, or it was `seen` on an appointment, schedule or slot.")]


class ServiceTypeList(msgspec.Struct, frozen=True):
    """All bookable appointment types that are known of the tenant."""

    object: Literal["list"]
    data: tuple[ServiceTypeView, ...]
    has_more: bool


class KeySet(msgspec.Struct, frozen=True):
    """Public keys as JWKs (RFC 7517)."""

    keys: Annotated[tuple[dict[str, str], ...], Meta(description="One JWK for each key; no private members.")]


class TenantView(msgspec.Struct, frozen=True):
    """A tenant, and what this process has seen of it."""

    object: Literal["tenant"]
    name: str
    fhir_base: str
    time_zone: str | None
    created_at: str
    personas: Annotated[tuple[str, ...], Meta(description="For which personas the gateway is registered.")]
    service_types: Annotated[int, Meta(description="How many bookable types are known.")]


class TenantList(msgspec.Struct, frozen=True):
    """All tenants that the operator may see."""

    object: Literal["list"]
    data: tuple[TenantView, ...]
    has_more: bool


class ThrottleView(msgspec.Struct, frozen=True):
    """What this process has learned of one class of the source's endpoints."""

    endpoint: Annotated[str, Meta(description="fhir, authorization or discovery.")]
    limit: Annotated[int, Meta(description="Calls at once that it allows itself now.")]
    rate_per_s: Annotated[float | None, Meta(description="Calls a second that it allows itself; none while nothing was refused.")]
    in_flight: Annotated[int, Meta(description="Calls under way.")]
    waiting: Annotated[int, Meta(description="Calls that wait for their turn.")]
    calls: Annotated[int, Meta(description="Calls made since the process began.")]
    throttled: Annotated[int, Meta(description="Of these, refused for being one too many (429).")]


class HourView(msgspec.Struct, frozen=True):
    """What this process asked of the source in one hour."""

    begins_at: str
    calls: int
    throttled: int
    most_at_once: int
    most_per_s: int


class SourceView(msgspec.Struct, frozen=True):
    """How this process treats the tenant's source now, and what it has asked of it."""

    breaker: Annotated[str, Meta(description="closed: calls go out; open: they fail at once; half-open: one finds out.")]
    retry_after: Annotated[float | None, Meta(description="Seconds until an open breaker tries again.")]
    paused_until: Annotated[str | None, Meta(description="Until when the source asked for a pause.")]
    throttles: tuple[ThrottleView, ...]
    hours: Annotated[tuple[HourView, ...], Meta(description="By the hour, the newest last.")]


class TenantDetail(msgspec.Struct, frozen=True):
    """A tenant, and whether its server can be spoken to now."""

    object: Literal["tenant"]
    name: str
    fhir_base: str
    time_zone: str | None
    created_at: str
    personas: tuple[str, ...]
    service_types: int
    reachable: Annotated[bool, Meta(description="Whether discovery succeeded now.")]
    problem: Annotated[str | None, Meta(description="The error code, where it did not.")]
    token_endpoint: str | None
    scopes_supported: Annotated[int | None, Meta(description="How many scopes its server advertises.")]
    resources: Annotated[dict[str, tuple[str, ...]], Meta(description="Interactions that its server offers, by resource type.")]
    source: Annotated[SourceView, Meta(description="How this gateway process treats the source now.")]


def routes(door: Door) -> list[HTTPRouteHandler]:
    """The operating routes."""

    @get(
        "/health",
        operation_id="health",
        tags=["Running it"],
        summary="Whether the process is up",
        operation_class=OpenToAll,
        responses={200: ResponseSpec(Health, generate_examples=False, description="It is."), **refusals((405, 500))},
    )
    async def health(request: Request[Any, Any, Any]) -> ASGIResponse:
        return plain_reply(request, Reply(msgspec.json.encode(Health("ok", __version__)), headers=[NO_STORE]))

    @get(
        "/ready",
        operation_id="ready",
        tags=["Running it"],
        summary="Whether requests can be answered now",
        operation_class=OpenToAll,
        responses={200: ResponseSpec(Readiness, generate_examples=False, description="They can."), **refusals((405, 500, 503))},
    )
    async def ready(request: Request[Any, Any, Any]) -> ASGIResponse:
        if not await door.app.store.ready():
            return plain_reply(
                request, GatewayError("not_ready", "The store does not answer; the gateway answers nothing without it.")
            )
        checks = {"store": "ok"}
        return plain_reply(request, Reply(msgspec.json.encode(Readiness(True, checks)), headers=[NO_STORE]))

    @get(
        "/.well-known/jwks.json",
        operation_id="key_set",
        tags=["Running it"],
        summary="The gateway's public keys, for registrations with tenants",
        operation_class=OpenToAll,
        responses={
            200: ResponseSpec(KeySet, generate_examples=False, description="All keys in use, and those just replaced."),
            **refusals((405, 500, 503)),
        },
    )
    async def key_set(request: Request[Any, Any, Any]) -> ASGIResponse:
        return plain_reply(request, Reply(await door.app.published.key_set(), headers=[KEYS_MAY_BE_KEPT]))

    @get(
        "/service_types",
        operation_id="list_service_types",
        tags=["Reading"],
        summary="The tenant's bookable appointment types",
        responses={
            200: ResponseSpec(ServiceTypeList, generate_examples=False, description="All that are known."),
            **refusals((401, 403, 405, 500, 503)),
        },
    )
    async def service_types(request: Request[Any, Any, Any]) -> ASGIResponse:
        async def work(asked: Asked, seen: Seen) -> Reply:
            session = await door.session(asked, seen)
            require(session, "Slot", "s")
            known = await door.app.bookable.of(session.tenant)
            views = tuple(ServiceTypeView(one.system, one.code, one.display, one.origin) for one in known)
            return Reply(msgspec.json.encode(ServiceTypeList("list", views, False)), headers=[NO_STORE])

        return await door.lead(request, Seen("search", "service_type"), work)

    @get(
        "/tenants",
        operation_id="list_tenants",
        tags=["Running it"],
        summary="All tenants (operators)",
        security=[{"key": []}],
        responses={
            200: ResponseSpec(TenantList, generate_examples=False, description="The tenants."),
            **refusals((401, 403, 405, 500, 503)),
        },
    )
    async def list_tenants(request: Request[Any, Any, Any]) -> ASGIResponse:
        async def work(asked: Asked, seen: Seen) -> Reply:
            await door.operator(asked, seen)
            views = [TenantView(**await _facts(door, tenant)) for tenant in await door.app.store.tenants.list()]
            return Reply(msgspec.json.encode(TenantList("list", tuple(views), False)), headers=[NO_STORE])

        return await door.lead(request, Seen("operate", "tenant"), work)

    @get(
        "/tenants/{tenant_name:str}",
        operation_id="get_tenant",
        tags=["Running it"],
        summary="One tenant and its server (operators)",
        security=[{"key": []}],
        responses={
            200: ResponseSpec(TenantDetail, generate_examples=False, description="The tenant."),
            **refusals((401, 403, 404, 405, 500, 503)),
        },
    )
    async def show_tenant(request: Request[Any, Any, Any], tenant_name: str) -> ASGIResponse:
        async def work(asked: Asked, seen: Seen) -> Reply:
            await door.operator(asked, seen)
            tenant = await door.app.store.tenants.get(tenant_name)
            if tenant is None:
                raise FixRequest("not_found", "There is no tenant of this name; GET /tenants lists them.")
            seen.tenant = tenant.name
            facts, server = await _facts(door, tenant), await _server(door, tenant.fhir_base)
            detail = TenantDetail(**facts, **server, source=_source(door, tenant.fhir_base))
            return Reply(msgspec.json.encode(detail), headers=[NO_STORE])

        return await door.lead(request, Seen("operate", "tenant"), work)

    return [health, ready, key_set, service_types, list_tenants, show_tenant]


async def _facts(door: Door, tenant: Any) -> dict[str, Any]:
    return {
        "object": "tenant",
        "name": tenant.name,
        "fhir_base": tenant.fhir_base,
        "time_zone": tenant.time_zone,
        "created_at": instant(tenant.created_at),
        "personas": tuple(sorted(await door.app.store.tenants.personas(tenant.name))),
        "service_types": len(await door.app.bookable.of(tenant.name)),
    }


async def _server(door: Door, fhir_base: str) -> dict[str, Any]:
    """What the tenant's server says of itself now, or why it says nothing."""
    try:
        found = await door.app.pathway.discover(fhir_base)
    except GatewayError as error:
        return {"reachable": False, "problem": error.code, "token_endpoint": None, "scopes_supported": None, "resources": {}}
    return {
        "reachable": True,
        "problem": None,
        "token_endpoint": found.token_endpoint,
        "scopes_supported": len(found.scopes_supported),
        "resources": {name: tuple(sorted(offered)) for name, offered in sorted(found.interactions.items())},
    }


def _source(door: Door, fhir_base: str) -> SourceView:
    """What this process has learned of the source, and what it has asked of it."""
    state = door.app.sources.state(fhir_base)
    throttles = tuple(
        ThrottleView(
            endpoint=one.endpoint,
            limit=one.limit,
            rate_per_s=None if one.rate_per_s is None else round(one.rate_per_s, 2),
            in_flight=one.in_flight,
            waiting=sum(one.waiting.values()),
            calls=one.calls,
            throttled=one.throttled,
        )
        for one in state.throttles
    )
    hours = tuple(
        HourView(instant(one.begins_at), one.calls, one.throttled, one.most_at_once, one.most_per_s) for one in state.hours
    )
    paused = None if state.paused_until is None else instant(state.paused_until)
    return SourceView(state.breaker, state.retry_after_s, paused, throttles, hours)
