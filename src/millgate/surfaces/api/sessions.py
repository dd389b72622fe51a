"""`POST /authenticate`, `GET /session`, `DELETE /session`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.response.base import ASGIResponse
from msgspec import Meta

from millgate.access.parties import Client, Session
from millgate.errors import FieldProblem, FixRequest
from millgate.flow.read import instant
from millgate.surfaces.api import gate
from millgate.surfaces.api.door import NO_STORE, Asked, Door, Reply, Seen, read_body, read_headers
from millgate.surfaces.api.openapi import AnswersNothing, body_operation, refusals


class AuthenticateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which tenant, as whom, with which rights; or the session code that a sign-in came to."""

    tenant: Annotated[
        Annotated[str, Meta(min_length=1, max_length=200)] | None, Meta(description="Short name of the tenant.")
    ] = None
    persona: Annotated[
        Literal["system", "provider", "patient"],
        Meta(description="`system`: no person takes part. `provider`, `patient`: a person signs in at the tenant's own page."),
    ] = "system"
    scopes: Annotated[
        Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=1024)], ...], Meta(min_length=1, max_length=500)] | None,
        Meta(description="SMART scopes, v1 or v2; left out: all that client and tenant allow."),
    ] = None
    return_url: Annotated[
        Annotated[str, Meta(min_length=1, max_length=2000)] | None,
        Meta(description="Where the browser goes after a sign-in: one of the client's registered return URLs, to the letter."),
    ] = None
    state: Annotated[
        Annotated[str, Meta(min_length=1, max_length=1000)] | None,
        Meta(description="Given back as `state` at the return URL: bind it to the browser that began."),
    ] = None
    session_code: Annotated[
        Annotated[str, Meta(min_length=1, max_length=200)] | None,
        Meta(description="The one-time code of the return URL; alone, without the other fields."),
    ] = None


class SignInView(msgspec.Struct, frozen=True):
    """A sign-in that was begun: send the person's browser to the address."""

    session_id: Annotated[str, Meta(description="The id that the session will have.")]
    authorization_url: Annotated[str, Meta(description="The tenant's own sign-in page; open it in the person's browser.")]
    expires_in: Annotated[int, Meta(description="Seconds within which the person has to come back.")]


class SessionView(msgspec.Struct, frozen=True):
    """A session."""

    session_id: Annotated[str, Meta(description="The session's id, as in the audit chain.")]
    tenant: Annotated[str, Meta(description="Short name of the tenant.")]
    persona: Annotated[str, Meta(description="system, provider or patient.")]
    scopes: Annotated[tuple[str, ...], Meta(description="The scopes granted.")]
    denied_scopes: Annotated[tuple[str, ...], Meta(description="What was asked for and not granted.")]
    patient_id: Annotated[str | None, Meta(description="The patient in context.")]
    encounter_id: Annotated[str | None, Meta(description="The encounter in context.")]
    user: Annotated[str | None, Meta(description="Who signed in: Practitioner/…, Patient/… or Person/….")]
    need_patient_banner: Annotated[bool | None, Meta(description="Whether the application has to show whose chart it is.")]
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
    user: Annotated[str | None, Meta(description="Who signed in: Practitioner/…, Patient/… or Person/….")]
    need_patient_banner: Annotated[bool | None, Meta(description="Whether the application has to show whose chart it is.")]
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
            202: _spec(SignInView, "A sign-in was begun: send the person's browser to `authorization_url`."),
            **refusals((400, 401, 403, 405, 413, 415, 422, 429, 500, 502, 503, 504)),
        },
    )
    async def authenticate(request: Request[Any, Any, Any]) -> ASGIResponse:
        bearer = read_headers(request.scope).bearer

        async def work(asked: Asked, seen: Seen) -> Reply:
            return await _authenticated(
                door, await door.client(asked, seen), await read_body(request, asked, AuthenticateRequest), seen
            )

        async def honest() -> bool:
            return await door.app.authenticator.knows(bearer)

        names = gate.key_names(request, bearer)
        return await gate.lead(door, request, Seen("authenticate", "session"), work, counted=names, every=False, honest=honest)

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
            door.app.reader.end(session)
            if session.persona != "system":
                seen.calls = await door.app.sign_out.end(session)
            return Reply(b"", 204, headers=[NO_STORE])

        return await door.lead(request, Seen("end", "session"), work)

    return [authenticate, show_session, end_session]


async def _authenticated(door: Door, client: Client, wanted: AuthenticateRequest, seen: Seen) -> Reply:
    """201 with a session that was opened or redeemed, or 202 with a sign-in that was begun."""
    _check(wanted)
    if wanted.session_code is not None:
        opened = await door.app.sign_in.redeem(client, wanted.session_code)
    else:
        seen.tenant = wanted.tenant if wanted.tenant in client.tenants else None
        if wanted.persona != "system":
            return await _begin(door, client, wanted, seen)
        opened = await door.app.authenticator.open(client, tenant=wanted.tenant or "", persona="system", scopes=wanted.scopes)
    seen.session, seen.tenant = opened.session, opened.session.tenant
    view = OpenedView(session_token=opened.token, token_type="Bearer", **_view(opened.session, door))  # noqa: S106 - a token type
    return Reply(msgspec.json.encode(view), 201, headers=[NO_STORE])


async def _begin(door: Door, client: Client, wanted: AuthenticateRequest, seen: Seen) -> Reply:
    """202 with the address that the person's browser has to go to."""
    begun = await door.app.sign_in.begin(
        client,
        tenant=wanted.tenant or "",
        persona=wanted.persona,
        scopes=wanted.scopes,
        return_url=wanted.return_url,
        return_state=wanted.state,
    )
    seen.session_id, seen.persona = begun.session_id, wanted.persona
    view = SignInView(begun.session_id, begun.authorization_url, begun.expires_in)
    return Reply(msgspec.json.encode(view), 202, headers=[NO_STORE])


def _check(wanted: AuthenticateRequest) -> None:
    """Either a tenant or a session code; what goes with a sign-in only, with a sign-in only."""
    given = {name for name in ("tenant", "scopes", "return_url", "state") if getattr(wanted, name) is not None}
    problems = []
    if wanted.session_code is not None:
        problems = [FieldProblem(name, "not_allowed", "does not go with session_code") for name in sorted(given)]
    else:
        if wanted.tenant is None:
            problems.append(FieldProblem("tenant", "required", "name the tenant, or send the session_code of a sign-in"))
        if wanted.persona == "system":
            told = "goes with the provider and patient personas only"
            problems += [FieldProblem(name, "not_allowed", told) for name in sorted(given & {"return_url", "state"})]
    if problems:
        raise FixRequest("invalid_request", "The body is not valid; see `errors`.", errors=problems)


def _view(session: Session, door: Door) -> dict[str, Any]:
    return {
        "session_id": session.id,
        "tenant": session.tenant,
        "persona": session.persona,
        "scopes": session.scopes,
        "denied_scopes": session.denied_scopes,
        "patient_id": session.patient_id,
        "encounter_id": session.encounter_id,
        "user": session.user,
        "need_patient_banner": session.need_patient_banner,
        "expires_in": max(0, int((session.expires_at - door.app.now()).total_seconds())),
        "expires_at": instant(session.expires_at),
    }


def _spec(view: type[msgspec.Struct], told: str) -> ResponseSpec:
    return ResponseSpec(view, generate_examples=False, description=told)
