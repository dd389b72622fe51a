"""The one way through every HTTP door: who asks, may they, do it, audit it, and only then answer."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, InternalServerException
from litestar.response.base import ASGIResponse
from litestar.types import HTTPResponseStartEvent, Receive, Scope, Send

from millgate import deadline
from millgate.access.parties import Client, Session
from millgate.app import App
from millgate.canonical.exchange import Call
from millgate.canonical.noting import noted
from millgate.errors import CODES, FieldProblem, FixRequest, GatewayError, NeedAccess
from millgate.flow.ranges import Unsatisfiable
from millgate.flow.write import Replayed
from millgate.store.audit import Entry
from millgate.surfaces.api.hung_up import CallerGone, let_go_if_gone
from millgate.surfaces.api.problems import MEDIA_TYPE as PROBLEM
from millgate.surfaces.api.problems import gateway_error_of, problem_headers, problem_of

log = structlog.get_logger(__name__)

JSON = "application/json"
FHIR = "application/fhir+json"
HTML = "text/html"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._~:/+=-]{1,128}")
_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")
_PURPOSE = re.compile(r"[A-Za-z0-9_-]{1,64}")  # a code such as TREAT, never a sentence
# What an answer with patients' data may be kept by: the caller's own cache, which asks again before it repeats it.
PRIVATE = ("cache-control", "private, no-cache")
NO_STORE = ("cache-control", "no-store")
_ALWAYS = (("x-content-type-options", "nosniff"),)
_NOSNIFF = (b"x-content-type-options", b"nosniff")


@dataclass(slots=True)
class Asked:
    """What a request's headers say; read once."""

    request_id: str
    bearer: str
    accept: str
    content_type: str
    if_none_match: str
    if_match: str | None
    no_cache: bool
    idempotency_key: str | None
    purpose: str | None


@dataclass(slots=True)
class Seen:
    """What the audit chain is told of one access."""

    action: str
    object: str | None
    client_id: str | None = None
    session: Session | None = None
    tenant: str | None = None
    ids: Sequence[str] = ()
    patients: Sequence[str] = ()
    calls: Sequence[Call] = ()
    origin: str | None = None
    pathway: str | None = None
    # Of a sign-in, which is no session yet; and why it failed, where the answer itself is none of an error's.
    session_id: str | None = None
    persona: str | None = None
    user: str | None = None
    code: str | None = None


@dataclass(slots=True)
class Reply:
    """An answer before it is sent."""

    body: bytes
    status: int = 200
    media_type: str = JSON
    headers: list[tuple[str, str]] = field(default_factory=list)


_BODILESS = frozenset({204, 304})
READING = frozenset({"search", "read", "content"})
Done = TypeVar("Done")
# How many calls to the source, each as long as one may take, a read has time for: a token, a page or record, and what belongs to it.
CALLS_OF_A_READ = 3
Work = Callable[[Asked, Seen], Awaitable[Reply]]


def read_headers(scope: Any) -> Asked:
    """The headers that the gateway heeds; a request id is made where none (or an unusable one) came."""
    found: dict[bytes, str] = {name: value.decode("latin-1") for name, value in scope["headers"]}
    given = found.get(b"x-request-id", "")
    scheme, _, bearer = found.get(b"authorization", "").partition(" ")
    purpose = found.get(b"x-purpose-of-use", "")
    return Asked(
        # A name, no secret: it need not be unguessable.
        request_id=given if _REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}",
        bearer=bearer.strip() if scheme.lower() == "bearer" else "",
        accept=found.get(b"accept", ""),
        content_type=found.get(b"content-type", "").partition(";")[0].strip().lower(),
        if_none_match=found.get(b"if-none-match", ""),
        if_match=found.get(b"if-match"),
        no_cache="no-cache" in found.get(b"cache-control", "").lower(),
        idempotency_key=found.get(b"idempotency-key"),
        purpose=purpose if _PURPOSE.fullmatch(purpose) else None,
    )


@lru_cache(maxsize=256)
def wants_fhir(accept: str) -> bool:
    """Whether FHIR is preferred to JSON, by the weights that `Accept` gives them; JSON where it is all the same. Source: RFC 9110 §12.5.1.

    Raises FixRequest("not_acceptable") where neither is taken.
    """
    return preferred(accept, JSON, FHIR) == FHIR


@lru_cache(maxsize=256)
def preferred(accept: str, *offered: str) -> str:
    """The media type of those offered that `Accept` weighs most; of equal ones the one that it names, else the first offered.

    Raises FixRequest("not_acceptable") where none is taken. Source: RFC 9110 §12.5.1.
    """
    weights = _weights(accept) if accept.strip() else {"*/*": 1.0}
    best = max(offered, key=lambda one: (_weight(weights, one), one in weights and one != offered[0]))
    if _weight(weights, best) <= 0:
        raise FixRequest("not_acceptable", f"Send {' or '.join(f'`Accept: {one}`' for one in offered)}.")
    return best


def _weights(accept: str) -> dict[str, float]:
    """Each media range of `Accept` with its weight; a weight that cannot be read counts as 1, as if none were given."""
    weights: dict[str, float] = {}
    for part in accept.split(","):
        media_range, *parameters = [piece.strip().lower() for piece in part.split(";")]
        given = [value for name, _, value in (piece.partition("=") for piece in parameters) if name.strip() == "q"]
        weight = float(given[0]) if given and _WEIGHT.fullmatch(given[0].strip()) else 1.0
        weights[media_range] = max(weight, weights.get(media_range, 0.0))
    return weights


def _weight(weights: Mapping[str, float], media_type: str) -> float:
    """The weight of the most specific range that a media type is in. Problems are JSON to whoever asks for nothing else."""
    family = media_type.partition("/")[0] + "/*"
    ranges = (media_type, *(("application/problem+json",) if media_type == JSON else ()), family, "*/*")
    return next((weights[one] for one in ranges if one in weights), 0.0)


class Door:
    """Leads each request through: the work, the audit row committed, then the answer."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def session(self, asked: Asked, seen: Seen) -> Session:
        """The caller's session, which the audit row will name."""
        if not asked.bearer:
            raise NeedAccess("invalid_session", "Send the session token of POST /authenticate as `Authorization: Bearer ms_…`.")
        session = await self.app.authenticator.session_of(asked.bearer)
        seen.session, seen.client_id, seen.tenant = session, session.client_id, session.tenant
        return session

    async def client(self, asked: Asked, seen: Seen) -> Client:
        """The API client that holds the key."""
        client = await self.app.authenticator.client_of(asked.bearer)
        seen.client_id = client.id
        return client

    async def operator(self, asked: Asked, seen: Seen) -> Client:
        """The API client, if it is an operator's."""
        client = await self.client(asked, seen)
        if "operator" not in client.scopes:
            raise NeedAccess("scope_missing", "This takes the API key of an operator (`millgate clients create --operator`).")
        return client

    async def lead(self, request: Request[Any, Any, Any], seen: Seen, work: Work) -> ASGIResponse:
        """Do the work and answer; an answer that cannot be audited is not given.

        What changes something is seen through to its audit row, though the caller hangs up or the server stops meanwhile.
        """
        if seen.action in READING:
            settings = self.app.settings
            more_s = settings.generate_seconds if seen.action == "content" else 0.0  # the source may have to make it first
            with deadline.bounded(CALLS_OF_A_READ * settings.request_seconds + more_s, "interactive"), noted() as calls:
                return await self._lead(request, seen, work, calls)
        return await self.seen_through(self._lead(request, seen, work, ()))

    async def seen_through(self, work: Coroutine[Any, Any, Done]) -> Done:
        """What came of it; it is done to its end, though the caller hangs up or the server stops meanwhile."""
        task: asyncio.Task[Done] = asyncio.ensure_future(work)
        self.app.at_the_door.add(task)
        task.add_done_callback(self.app.at_the_door.discard)
        return await asyncio.shield(task)

    async def _lead(self, request: Request[Any, Any, Any], seen: Seen, work: Work, made: Sequence[Call]) -> ASGIResponse:
        """`made`: the calls to the source that were made for this request, those that were cut off too."""
        asked = read_headers(request.scope)
        code = None
        try:
            doing = work(asked, seen)
            reply = await (let_go_if_gone(request.receive, doing) if seen.action in READING else doing)
        except CallerGone:
            code = "caller_gone"
            seen.calls = seen.calls or tuple(made)
            reply = Reply(b"", 499, JSON, [])  # goes nowhere; the number is what logs elsewhere call it
        except GatewayError as error:
            code = error.code
            seen.calls = seen.calls or [call for call in error.calls if isinstance(call, Call)]
            reply = _refusal(error, asked.request_id)
        except HTTPException as error:  # the framework's refusal while the body is read: it is too large
            refused = gateway_error_of(error)
            code = refused.code
            reply = _refusal(refused, asked.request_id)
        except Exception:
            log.exception("request failed", request_id=asked.request_id, action=seen.action, object=seen.object)
            code = "internal_error"
            reply = _refusal(_internal(), asked.request_id)
        try:
            await self.audit(asked, seen, reply.status, code)
        except GatewayError as error:
            reply = _refusal(error, asked.request_id)
        return _Sent(reply, asked.request_id)

    async def audit(self, asked: Asked, seen: Seen, status: int, code: str | None) -> None:
        """Commit the row of an access. `lead` does so for each request; what goes on after it, such as a stream, tells how it ended."""
        if code in ("invalid_session", "invalid_key") and seen.action != "authenticate":
            return  # nobody was let in and nothing was looked at: the log's matter
        session = seen.session
        await self.app.store.audit.append(
            Entry(
                at=self.app.now(),
                request_id=asked.request_id,
                client_id=seen.client_id,
                session_id=session.id if session else seen.session_id,
                tenant=seen.tenant,
                persona=session.persona if session else seen.persona,
                user=session.user if session else seen.user,
                action=seen.action,
                object=seen.object,
                target_ids=tuple(seen.ids),
                patients=tuple(seen.patients),
                purpose=asked.purpose,
                status=status,
                code=code or seen.code,
                calls=tuple(seen.calls),
                freshness=seen.origin,
                pathway=seen.pathway,
            )
        )


def _internal() -> GatewayError:
    return GatewayError("internal_error", CODES["internal_error"].advice)


def _refusal(error: GatewayError, request_id: str) -> Reply:
    problem = problem_of(error, request_id)
    headers = problem_headers(problem)
    if isinstance(error, Replayed):
        headers.append(("idempotency-replayed", "true"))
    if isinstance(error, Unsatisfiable):
        headers.append(("content-range", f"bytes */{error.length}"))
    return Reply(msgspec.json.encode(problem), problem.status, PROBLEM, headers)


class _Sent(ASGIResponse):
    """An answer whose head is ready to be sent: what the framework's own class does besides, no answer of a door needs."""

    __slots__ = ("head",)

    def __init__(self, reply: Reply, request_id: str) -> None:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in dict(reply.headers).items()]
        headers += (_NOSNIFF, (b"x-request-id", request_id.encode("latin-1")))
        self.body = b"" if reply.status in _BODILESS else reply.body
        if reply.status not in _BODILESS:
            charset = "; charset=utf-8" if reply.media_type.startswith("text/") else ""
            headers.append((b"content-type", (reply.media_type + charset).encode("latin-1")))
            headers.append((b"content-length", b"%d" % len(reply.body)))
        self.head: HTTPResponseStartEvent = {"type": "http.response.start", "status": reply.status, "headers": headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. The server leaves the body out where a HEAD asked. Source: RFC 9110 §9.3.2."""
        await send(self.head)
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


Body = TypeVar("Body", bound=msgspec.Struct)


async def read_body(request: Request[Any, Any, Any], asked: Asked, form: type[Body]) -> Body:
    """The JSON body as `form`. Raises FixRequest("unsupported_media_type" | "invalid_request") with all its problems."""
    if asked.content_type not in ("", JSON) and not asked.content_type.endswith("+json"):
        raise FixRequest("unsupported_media_type", f"Send the body as {JSON}.")
    try:
        raw = await request.body()
    except InternalServerException as error:  # so the framework calls a caller that hangs up; no fault of the gateway's
        raise FixRequest("invalid_request", "The body broke off before its end.") from error
    return parse_body(raw, form)


def parse_body(raw: bytes, form: type[Body]) -> Body:
    """Bytes as `form`, each field checked by itself so that all problems are told at once."""
    try:
        given = msgspec.json.decode(raw or b"{}")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FixRequest("invalid_request", "The body is not valid JSON.") from error
    if not isinstance(given, dict):
        raise FixRequest("invalid_request", "The body must be a JSON object.")
    fields = {one.name: one for one in msgspec.structs.fields(form)}
    problems = [
        FieldProblem(str(name)[:64], "unknown", f"no such field; known are {', '.join(fields)}")
        for name in given
        if name not in fields
    ]
    for name, one in fields.items():
        if name not in given:
            if one.required:
                problems.append(FieldProblem(name, "required", "is missing"))
            continue
        try:
            msgspec.convert(given[name], one.type)
        except (msgspec.ValidationError, RecursionError) as error:
            problems.append(FieldProblem(name, "invalid", f"{str(error)[:1].lower()}{str(error)[1:]}"))
    if problems:
        raise FixRequest("invalid_request", "The body is not valid; see `errors`.", errors=problems)
    return msgspec.convert(given, form)


def plain_reply(request: Request[Any, Any, Any], outcome: Reply | GatewayError) -> ASGIResponse:
    """An answer of a door that nobody has to be let in through, and that shows nothing of a patient."""
    asked = read_headers(request.scope)
    return _Sent(_refusal(outcome, asked.request_id) if isinstance(outcome, GatewayError) else outcome, asked.request_id)


def refusal_response(
    request: Request[Any, Any, Any], error: GatewayError, more: Mapping[str, str] | None = None
) -> Response[bytes]:
    """A refusal that came before any door: no such path, a method that is not taken, a body that is too large."""
    asked = read_headers(request.scope)
    reply = _refusal(error, asked.request_id)
    headers = {**dict(reply.headers), **(more or {}), **dict(_ALWAYS), "x-request-id": asked.request_id}
    return Response(reply.body, status_code=reply.status, media_type=reply.media_type, headers=headers)
