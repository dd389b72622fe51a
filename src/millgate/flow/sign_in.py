"""A person signs in: the browser goes to the tenant's authorization server and comes back, and a session comes of it.

begin → (browser at the source) → callback → (browser at the application, with a one-time session code) → redeem
An EHR launch begins at `launch` instead. The source's tokens go into the vault and never to the application.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
import structlog

from millgate.access.grants import UserGrant
from millgate.access.parties import Client, Persona, Session
from millgate.access.scopes import ScopeSet, granted
from millgate.canonical.exchange import Call
from millgate.errors import FieldProblem, FixRequest, GatewayError, NeedAccess, NotOffered
from millgate.flow.asking import OFFLINE, scopes_to_ask
from millgate.flow.authenticate import Authenticator, Opened
from millgate.flow.desk import Desk, SignedIn
from millgate.flow.launches import Launches
from millgate.flow.pathway import Pathway
from millgate.flow.sign_out import SignOut

log = structlog.get_logger(__name__)

SIGN_IN_LIFE = timedelta(minutes=10)
CALLBACK = "/authenticate/callback"


class SignIns(Protocol):
    """The store's side of sign-ins under way."""

    async def begin(
        self, *, sign_in_id: str, client_id: str, tenant: str, persona: Persona, plan: bytes, expires_at: datetime
    ) -> str: ...
    async def take(self, state: str) -> Any: ...
    async def knows(self, state: str) -> bool: ...
    async def answer(self, sign_in: Any, outcome: bytes) -> str: ...
    async def redeem(self, code: str, client_id: str) -> Any: ...


class Grants(Protocol):
    """The store's side of people's tokens."""

    async def put(self, session_id: str, tenant: str, grant: UserGrant) -> None: ...


class Sessions(Protocol):
    async def open(self, session: Session) -> str: ...


class _Plan(msgspec.Struct, array_like=True, frozen=True):
    """What a sign-in has to remember while the browser is away."""

    verifier: str
    asked: tuple[str, ...]
    allowed: tuple[str, ...]
    wanted: tuple[str, ...]
    redirect_uri: str
    return_url: str
    return_state: str | None
    binding: bytes | None
    nonce: str | None = None


class _Outcome(msgspec.Struct, array_like=True, frozen=True):
    """What the session will hold."""

    scopes: tuple[str, ...]
    denied_scopes: tuple[str, ...]
    patient_id: str | None
    encounter_id: str | None
    user: str | None
    need_patient_banner: bool | None


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to send the browser; `binding` is for a cookie where the browser itself came to begin."""

    session_id: str
    authorization_url: str = field(repr=False)
    expires_in: int
    state: str = field(repr=False)
    binding: str | None = field(default=None, repr=False)
    client_id: str = ""
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Returned:
    """Where the browser goes on to, and what the audit chain has to know: whose sign-in it was, and how it ended."""

    url: str = field(repr=False)
    session_id: str
    client_id: str
    tenant: str
    persona: Persona
    user: str | None = None
    code: str | None = None  # the error's, where it failed
    calls: Sequence[Call] = ()


class SignInFlow:
    """Leads people's sign-ins from begin to session."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        pathway: Pathway,
        desk: Desk,
        sign_ins: SignIns,
        grants: Grants,
        sessions: Sessions,
        launches: Launches,
        sign_out: SignOut,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        session_seconds: int,
        public_url: Callable[[], str],
    ) -> None:
        self._authenticator = authenticator
        self._pathway = pathway
        self._desk = desk
        self._sign_ins = sign_ins
        self._grants = grants
        self._sessions = sessions
        self._launches = launches
        self._sign_out = sign_out
        self._now = now
        self._new_id = new_id
        self._life = timedelta(seconds=session_seconds)
        self._public_url = public_url

    async def begin(
        self,
        client: Client,
        *,
        tenant: str,
        persona: Persona,
        scopes: Sequence[str] | None,
        return_url: str | None,
        return_state: str | None,
        launch: str | None = None,
        bound: bool = False,
    ) -> Begun:
        """Where to send the person's browser. Raises NeedAccess or FixRequest as the contract's table says."""
        if tenant not in client.tenants:
            raise NeedAccess(
                "tenant_not_allowed", f"This client may not use the tenant {tenant!r}; ask the operator to allow it."
            )
        back = _return_url(client, return_url)
        place, registration = await self._authenticator.parties_of(tenant, persona)
        discovery = await self._pathway.discover(place.fhir_base)
        endpoint = discovery.authorization_endpoint
        if endpoint is None:
            raise NotOffered(
                "not_offered_by_tenant", "The tenant's server names no authorization endpoint, so nobody can sign in."
            )
        wanted, allowed, asked = scopes_to_ask(client, registration, persona, scopes, discovery.scopes_supported, launch)
        verifier, nonce, binding = (
            secrets.token_urlsafe(48),
            secrets.token_urlsafe(24),
            secrets.token_urlsafe(32) if bound else None,
        )
        redirect_uri = registration.redirect_uri or self._public_url().rstrip("/") + CALLBACK
        plan = _Plan(
            verifier,
            asked,
            allowed.strings(),
            wanted.strings(),
            redirect_uri,
            back,
            return_state,
            sha256(binding.encode()).digest() if binding else None,
            nonce,
        )
        session_id = self._new_id()
        state = await self._sign_ins.begin(
            sign_in_id=session_id,
            client_id=client.id,
            tenant=tenant,
            persona=persona,
            plan=msgspec.msgpack.encode(plan),
            expires_at=self._now() + SIGN_IN_LIFE,
        )
        url = self._desk.authorization_url(
            endpoint,
            client_id=registration.client_id,
            redirect_uri=redirect_uri,
            scopes=asked,
            state=state,
            verifier=verifier,
            audience=place.fhir_base,
            launch=launch,
            nonce=nonce,
        )
        return Begun(session_id, url, int(SIGN_IN_LIFE.total_seconds()), state, binding, client.id, tenant)

    async def launch(self, iss: str, launch: str, client_id: str | None) -> Begun:
        """An EHR opens the application: the same sign-in, with the EHR's launch context. An unknown `iss` is refused."""
        tenant, persona = await self._launches.place(iss)
        client = await self._launches.client(tenant, client_id)
        back = client.return_urls[0]  # nobody is there to say which one: the first that was registered
        return await self.begin(
            client, tenant=tenant, persona=persona, scopes=None, return_url=back, return_state=None, launch=launch, bound=True
        )

    async def callback(
        self, *, state: str, code: str | None, error: str | None, error_uri: str | None, iss: str | None, binding: str | None
    ) -> Returned:
        """Where the browser goes on to: the application, with a one-time session code, or with an error.

        Raises FixRequest("invalid_request") for a state that is unknown, used or too old: then there is nowhere to send it.
        """
        under_way = await self._sign_ins.take(state)
        if under_way is None:
            raise FixRequest(
                "invalid_request",
                "This sign-in is unknown, has been used, or took longer than ten minutes; begin again at the application.",
                errors=[FieldProblem("state", "unknown", "must be that of a sign-in under way")],
            )
        plan = msgspec.msgpack.decode(under_way.plan, type=_Plan)
        if plan.binding is not None and not _bound(binding, plan.binding):
            raise FixRequest(
                "invalid_request",
                "This browser did not begin this sign-in; open the application from the chart again.",
                errors=[FieldProblem("state", "not_bound", "must be of a sign-in that this browser began")],
            )
        whose = (under_way.id, under_way.client_id, under_way.tenant, under_way.persona)
        try:
            session_code, signed_in = await self._exchange(under_way, plan, code, error, error_uri, iss)
        except GatewayError as refused:
            log.warning("sign-in failed", tenant=under_way.tenant, code=refused.code)
            told = {"error": refused.code, "error_description": refused.detail, "session_id": under_way.id}
            calls = [call for call in refused.calls if isinstance(call, Call)]
            return Returned(_with_query(plan.return_url, told, plan.return_state), *whose, code=refused.code, calls=calls)
        url = _with_query(plan.return_url, {"session_code": session_code}, plan.return_state)
        return Returned(url, *whose, user=signed_in.user, calls=signed_in.calls)

    async def knows(self, state: str) -> bool:
        """Whether a sign-in with this state is under way."""
        return await self._sign_ins.knows(state)

    async def redeem(self, client: Client, session_code: str) -> Opened:
        """The session that a sign-in came to. Raises NeedAccess("invalid_session") for a code that is not this client's, or used."""
        redeemed = await self._sign_ins.redeem(session_code, client.id) if session_code.startswith("sc_") else None
        if redeemed is None or redeemed.tenant not in client.tenants:
            raise NeedAccess(
                "invalid_session",
                "The session code is unknown, has been used, is older than two minutes, or is another client's.",
            )
        kept = msgspec.msgpack.decode(redeemed.outcome, type=_Outcome)
        now = self._now()
        session = Session(
            id=redeemed.id,
            client_id=client.id,
            tenant=redeemed.tenant,
            persona=redeemed.persona,
            scopes=kept.scopes,
            denied_scopes=kept.denied_scopes,
            patient_id=kept.patient_id,
            encounter_id=kept.encounter_id,
            created_at=now,
            expires_at=now + self._life,
            user=kept.user,
            need_patient_banner=kept.need_patient_banner,
        )
        return Opened(session, await self._sessions.open(session))

    async def _exchange(
        self, under_way: Any, plan: _Plan, code: str | None, error: str | None, error_uri: str | None, iss: str | None
    ) -> tuple[str, SignedIn]:
        """The session code of a sign-in whose browser came back, and what the source said of it."""
        place, registration = await self._authenticator.parties_of(under_way.tenant, under_way.persona)
        discovery = await self._pathway.discover(place.fhir_base)
        _check_issuer(iss, discovery.issuer, expected=discovery.names_issuer)
        if error is not None:
            raise self._desk.denial(error, error_uri)
        if not code:
            raise FixRequest("invalid_request", "The source sent the browser back with neither a code nor an error.")
        if discovery.token_endpoint is None:
            raise NotOffered("not_offered_by_tenant", "The tenant's server names no token endpoint.")
        signed_in = await self._desk.exchange(
            registration,
            endpoint=discovery.token_endpoint,
            code=code,
            redirect_uri=plan.redirect_uri,
            verifier=plan.verifier,
            asked=plan.asked,
            issuer=discovery.issuer,
            fhir_base=place.fhir_base,
            nonce=plan.nonce,
        )
        try:
            outcome = _outcome(under_way.persona, place.fhir_base, plan, signed_in)
        except GatewayError as refused:  # what nobody will use is not left lying about at the source
            given_back = await self._sign_out.refuse(under_way.tenant, under_way.persona, signed_in.grant)
            refused.calls = (*signed_in.calls, *given_back)
            raise
        await self._grants.put(under_way.id, under_way.tenant, signed_in.grant)
        return await self._sign_ins.answer(under_way, msgspec.msgpack.encode(outcome)), signed_in


def _outcome(persona: Persona, fhir_base: str, plan: _Plan, signed_in: SignedIn) -> _Outcome:
    """What the session will hold. NeedAccess where the token is another tenant's, holds nothing, or names no patient for a patient."""
    if signed_in.tenant_id is not None and not fhir_base.endswith("/" + signed_in.tenant_id):
        raise NeedAccess("invalid_session", "The sign-in is refused: its token is for another tenant than was asked.")
    held = granted(ScopeSet.parse(plan.allowed), signed_in.grant.scopes).scopes
    if not held.atoms:
        raise NeedAccess("scope_narrowed", "The source granted none of the scopes asked for, or the person allowed none.")
    if persona == "patient" and signed_in.patient_id is None:
        raise NeedAccess("patient_out_of_context", "The source named no patient for this sign-in, so no record can be shown.")
    # Of the words only this one is told when it is denied: without it the session cannot go on when the person has left.
    lasting = OFFLINE in plan.wanted and (OFFLINE not in signed_in.grant.scopes or signed_in.grant.refresh_token is None)
    denied = ScopeSet.parse(scope for scope in plan.wanted if scope != OFFLINE).minus(held)
    return _Outcome(
        held.strings(),
        (*denied.strings(), *((OFFLINE,) if lasting else ())),
        signed_in.patient_id,
        signed_in.encounter_id,
        signed_in.user,
        signed_in.need_patient_banner,
    )


def _check_issuer(iss: str | None, issuer: str | None, *, expected: bool) -> None:
    """Nothing, if the authorization server that was asked answers, as far as an answer tells. Source: RFC 9207 §2.4."""
    if iss is None and expected:
        raise NeedAccess(
            "invalid_session",
            "The sign-in is refused: the answer does not say which authorization server gives it, though the tenant's does.",
        )
    if iss is not None and (issuer is None or iss.rstrip("/") != issuer.rstrip("/")):
        raise NeedAccess("invalid_session", "The sign-in is refused: another authorization server answered than was asked.")


def _return_url(client: Client, return_url: str | None) -> str:
    """The registered return URL that is meant, compared exactly."""
    if return_url is None and len(client.return_urls) == 1:
        return client.return_urls[0]
    if return_url is not None and return_url in client.return_urls:
        return return_url
    told = "must be one of the client's return URLs, to the letter (`millgate clients create --return-url`)"
    raise FixRequest(
        "invalid_request", "The browser has nowhere to go back to.", errors=[FieldProblem("return_url", "not_registered", told)]
    )


def _with_query(url: str, more: dict[str, str], state: str | None) -> str:
    parts = urlsplit(url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *more.items(), *([("state", state)] if state is not None else [])]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _bound(given: str | None, expected: bytes) -> bool:
    return given is not None and compare_digest(sha256(given.encode("utf-8", "replace")).digest(), expected)
