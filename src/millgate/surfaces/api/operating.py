"""The routes of running it: `/health`, `/ready`, the public keys, `/service_types`, and the operators' (`tenants.py`)."""

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
from millgate.errors import GatewayError
from millgate.flow.read import instant
from millgate.surfaces.api import tenants
from millgate.surfaces.api.door import NO_STORE, Asked, Door, Reply, Seen, plain_reply
from millgate.surfaces.api.openapi import Freshness, ListWarning, OpenToAll, refusals

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
    has_more: Annotated[bool, Meta(description="Always false: they come in one page.")]
    next_cursor: Annotated[str | None, Meta(description="Always null.")]
    freshness: Annotated[Freshness, Meta(description="They are the store's: set by the operator, or learned from what was seen.")]
    warnings: tuple[ListWarning, ...]


class KeySet(msgspec.Struct, frozen=True):
    """Public keys as JWKs (RFC 7517)."""

    keys: Annotated[tuple[dict[str, str], ...], Meta(description="One JWK for each key; no private members.")]


def routes(door: Door) -> list[HTTPRouteHandler]:
    """The operating routes."""
    return [_health(), _ready(door), _key_set(door), _service_types(door), *tenants.routes(door)]


def _health() -> HTTPRouteHandler:
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

    return health


def _ready(door: Door) -> HTTPRouteHandler:
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

    return ready


def _key_set(door: Door) -> HTTPRouteHandler:
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

    return key_set


def _service_types(door: Door) -> HTTPRouteHandler:
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
            fresh = Freshness("store", instant(door.app.now()))
            return Reply(msgspec.json.encode(ServiceTypeList("list", views, False, None, fresh, ())), headers=[NO_STORE])

        return await door.lead(request, Seen("search", "service_type"), work)

    return service_types
