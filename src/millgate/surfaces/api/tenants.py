"""`/tenants` for operators: what the gateway is connected to, how it treats each source, and what was asked of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from msgspec import Meta

from millgate.access.budget import Peak, SharedHour, together
from millgate.access.parties import Tenant
from millgate.errors import FixRequest, GatewayError
from millgate.flow.read import instant
from millgate.surfaces.api.door import NO_STORE, Asked, Door, Reply, Seen
from millgate.surfaces.api.openapi import refusals

HOURS_SHOWN = 24


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


class PeakView(msgspec.Struct, frozen=True):
    """The most that several processes did together: known is what one did by itself, and the sum of each one's most."""

    at_least: int
    at_most: int


class SharedHourView(msgspec.Struct, frozen=True):
    """What all processes that share the store asked of the source in one hour, as they wrote it down."""

    begins_at: str
    calls: int
    throttled: int
    at_once: PeakView
    per_s: PeakView
    processes: int
    endpoints: Annotated[dict[str, int], Meta(description="Calls by class of endpoint.")]


class LimitView(msgspec.Struct, frozen=True):
    """What the operator allows to ask of the source at most, for all processes together; null is no bound."""

    rate_per_s: float | None
    at_once: int | None
    night: Annotated[str | None, Meta(description="When batch may run: HH:MM-HH:MM.")]
    time_zone: Annotated[str | None, Meta(description="Whose clock the night goes by.")]
    set_at: str
    processes: Annotated[int, Meta(description="Among how many processes it is divided now, this one included.")]


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
    limit: Annotated[LimitView | None, Meta(description="The operator's limit; none where nothing is bounded.")]
    hours: Annotated[
        tuple[SharedHourView, ...],
        Meta(description="What all processes asked in the last 24 hours; they write it down every 15 seconds."),
    ]


def routes(door: Door) -> list[HTTPRouteHandler]:
    """The operators' routes."""
    return [_list_tenants(door), _get_tenant(door)]


def _list_tenants(door: Door) -> HTTPRouteHandler:
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

    return list_tenants


def _get_tenant(door: Door) -> HTTPRouteHandler:
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
    async def show_tenant(request: Request[Any, Any, Any], tenant_name: FromPath[str]) -> ASGIResponse:
        async def work(asked: Asked, seen: Seen) -> Reply:
            await door.operator(asked, seen)
            tenant = await door.app.store.tenants.get(tenant_name)
            if tenant is None:
                raise FixRequest("not_found", "There is no tenant of this name; GET /tenants lists them.")
            seen.tenant = tenant.name
            facts, server = await _facts(door, tenant), await _server(door, tenant.fhir_base)
            asked_of, limit = await _hours(door, tenant), await _limit(door, tenant)
            detail = TenantDetail(**facts, **server, source=_source(door, tenant.fhir_base), limit=limit, hours=asked_of)
            return Reply(msgspec.json.encode(detail), headers=[NO_STORE])

        return await door.lead(request, Seen("operate", "tenant"), work)

    return show_tenant


async def _facts(door: Door, tenant: Tenant) -> dict[str, Any]:
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


async def _limit(door: Door, tenant: Tenant) -> LimitView | None:
    kept = await door.app.store.budgets.ceiling(tenant.name)
    if kept is None:
        return None
    night = kept.ceiling.night
    return LimitView(
        rate_per_s=kept.ceiling.rate_per_s,
        at_once=kept.ceiling.concurrency,
        night=f"{night.start:%H:%M}-{night.end:%H:%M}" if night else None,
        time_zone=night.time_zone if night else None,
        set_at=instant(kept.set_at),
        processes=door.app.bookkeeper.processes(tenant.fhir_base),
    )


async def _hours(door: Door, tenant: Tenant) -> tuple[SharedHourView, ...]:
    since = door.app.now() - timedelta(hours=HOURS_SHOWN)
    return tuple(_hour(one) for one in together(await door.app.store.budgets.hours(tenant.fhir_base, since)))


def _hour(one: SharedHour) -> SharedHourView:
    return SharedHourView(
        begins_at=instant(one.begins_at),
        calls=one.calls,
        throttled=one.throttled,
        at_once=_peak(one.at_once),
        per_s=_peak(one.per_s),
        processes=one.processes,
        endpoints=dict(one.endpoints),
    )


def _peak(peak: Peak) -> PeakView:
    return PeakView(peak.at_least, peak.at_most)
