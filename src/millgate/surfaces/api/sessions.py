"""`POST /authenticate`, `GET /session`, `DELETE /session`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.response.base import ASGIResponse
from msgspec import Meta

from millgate.access.parties import Session
from millgate.flow.read import instant
from millgate.surfaces.api.door import Asked, Door, Reply, Seen, read_body
from millgate.surfaces.api.openapi import AnswersNothing, body_operation, refusals

NO_STORE = ("cache-control", "no-store")


class AuthenticateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which tenant, as whom, with which rights."""

    tenant: Annotated[str, Meta(description="Short name of the tenant.", min_length=1, max_length=200)]
    persona: Annotated[Literal["system"], Meta(description="`system`: no user takes part.")] = "system"
    scopes: Annotated[
        Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=1024)], ...], Meta(min_length=1, max_length=500)] | None,
        Meta(description="SMART scopes, v1 or v2; left out: all that client and tenant allow."),
    ] = None


class SessionView(msgspec.Struct, frozen=True):
    """A session."""

    session_id: Annotated[str, Meta(description="The session's id, as in the audit chain.")]
    tenant: Annotated[str, Meta(description="Short name of the tenant.")]
    persona: Annotated[str, Meta(description="system, provider or patient.")]
    scopes: Annotated[tuple[str, ...], Meta(description="The scopes granted.")]
    denied_scopes: Annotated[tuple[str, ...], Meta(description="What was asked for and not granted.")]
    patient_id: Annotated[str | None, Meta(description="The patient in context.")]
    encounter_id: Annotated[str | None, Meta(description="The encounter in context.")]
    expires_in: Annotated[int, Meta(description="Seconds left.")]
    expires_at: Annotated[str, Meta(description="When the session ends.")]


class OpenedView(msgspec.Struct, frozen=True):
    """A session that was just opened, with its token."""

    session_token: Annotated[str, Meta(description="Send it as `Authorization: Bearer ms_…`. Shown this once.")]
    token_type: Annotated[Literal["Bearer"], Meta(description="Always Bearer.")]
    session_id: Annotated[str, Meta(description="The session's id, as in the audit chain.")]
    tenant: Annotated[str, Meta(description="Short name of the tenant.")]
    persona: Annotated[str, Meta(description="system, provider or patient.")]
    scopes: Annotated[tuple[str, ...], Meta(description="The scopes granted.")]
    denied_scopes: Annotated[tuple[str, ...], Meta(description="What was asked for and not granted.")]
    patient_id: Annotated[str | None, Meta(description="The patient in context.")]
    encounter_id: Annotated[str | None, Meta(description="The encounter in context.")]
    expires_in: Annotated[int, Meta(description="Seconds left.")]
    expires_at: Annotated[str, Meta(description="When the session ends.")]


def routes(door: Door) -> list[HTTPRouteHandler]:
    """The session routes."""

    @post(
        "/authenticate",
        status_code=201,
        operation_id="authenticate",
        tags=["Session"],
        summary="Open a session with an API key",
        security=[{"key": []}],
        operation_class=body_operation(AuthenticateRequest),
        responses={
            201: _spec(OpenedView, "The session."),
            **refusals((400, 401, 403, 405, 413, 415, 422, 429, 500, 502, 503, 504)),
        },
    )
    async def authenticate(request: Request[Any, Any, Any]) -> ASGIResponse:
        async def work(asked: Asked, seen: Seen) -> Reply:
            client = await door.client(asked, seen)
            wanted = await read_body(request, asked, AuthenticateRequest)
            seen.tenant = wanted.tenant if wanted.tenant in client.tenants else None
            opened = await door.app.authenticator.open(client, tenant=wanted.tenant, persona=wanted.persona, scopes=wanted.scopes)
            seen.session = opened.session
            shown = _view(opened.session, door)
            view = OpenedView(session_token=opened.token, token_type="Bearer", **shown)  # noqa: S106 - a token type, not a token
            return Reply(msgspec.json.encode(view), 201, headers=[NO_STORE])

        return await door.lead(request, Seen("authenticate", "session"), work)

    @get(
        "/session",
        operation_id="get_session",
        tags=["Session"],
        summary="Show the session",
        responses={200: _spec(SessionView, "The session."), **refusals((401, 405, 500, 503))},
    )
    async def show_session(request: Request[Any, Any, Any]) -> ASGIResponse:
        async def work(asked: Asked, seen: Seen) -> Reply:
            session = await door.session(asked, seen)
            return Reply(msgspec.json.encode(SessionView(**_view(session, door))), headers=[NO_STORE])

        return await door.lead(request, Seen("read", "session"), work)

    @delete(
        "/session",
        status_code=200,  # the framework refuses a response object under 204; the handler answers with 204 itself
        operation_id="end_session",
        operation_class=AnswersNothing,
        tags=["Session"],
        summary="End the session",
        responses={204: ResponseSpec(None, description="The session has ended."), **refusals((401, 405, 500, 503))},
    )
    async def end_session(request: Request[Any, Any, Any]) -> ASGIResponse:
        async def work(asked: Asked, seen: Seen) -> Reply:
            session = await door.session(asked, seen)
            await door.app.authenticator.end(asked.bearer, session)
            return Reply(b"", 204, headers=[NO_STORE])

        return await door.lead(request, Seen("end", "session"), work)

    return [authenticate, show_session, end_session]


def _view(session: Session, door: Door) -> dict[str, Any]:
    return {
        "session_id": session.id,
        "tenant": session.tenant,
        "persona": session.persona,
        "scopes": session.scopes,
        "denied_scopes": session.denied_scopes,
        "patient_id": session.patient_id,
        "encounter_id": session.encounter_id,
        "expires_in": max(0, int((session.expires_at - door.app.now()).total_seconds())),
        "expires_at": instant(session.expires_at),
    }


def _spec(view: type[msgspec.Struct], told: str) -> ResponseSpec:
    return ResponseSpec(view, generate_examples=False, description=told)
