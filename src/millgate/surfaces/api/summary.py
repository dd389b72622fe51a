"""`GET /patients/{id}/summary`: the chart on one page, as JSON that streams, as a FHIR document, or as a page to be printed."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Parameter, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Message, Receive, Scope, Send
from msgspec import Meta

from millgate.access.parties import Session
from millgate.access.rules import require
from millgate.canonical import json
from millgate.errors import GatewayError
from millgate.flow import summary_json
from millgate.flow.chosen import ChosenSection, chosen
from millgate.flow.read_request import Answer
from millgate.flow.rendering import instant
from millgate.flow.sections import SECTIONS, Part
from millgate.flow.summary import Summarizer, SummaryRequest, Walk
from millgate.flow.summary_document import document
from millgate.objects.patient import Patient
from millgate.surfaces.api.door import CALLS_OF_A_READ, FHIR, HTML, JSON, NO_STORE, Asked, Door, Reply, Seen, preferred
from millgate.surfaces.api.openapi import Freshness, ListWarning, refusals
from millgate.surfaces.api.problems import Problem, problem_of
from millgate.surfaces.api.query import MOST_SHOWN, PATHWAYS, parse_summary
from millgate.surfaces.api.summary_page import POLICY, page

SHOWN: Final = 50  # objects of a part on the page and in the document, where the caller does not say
MOST_AUDITED: Final = 1_000  # ids in the row of the audit chain; how many more there were is said behind them
REFUSALS: Final = (400, 401, 403, 404, 405, 406, 422, 424, 429, 500, 502, 503, 504)


class SectionCode(msgspec.Struct, frozen=True):
    """What the section is, in LOINC."""

    system: str
    code: str
    display: str


class SummaryPart(msgspec.Struct, frozen=True):
    """One search that the section is made of, and how it ended."""

    title: str
    object: Annotated[str, Meta(description="Name of the objects.")]
    filters: Annotated[dict[str, str], Meta(description="What was asked for besides the patient.")]
    status: Annotated[
        Literal["complete", "nothing_found", "cut_short", "failed", "not_offered"],
        Meta(description="`cut_short`: an error came after some pages; `nothing_found`: the search was answered, and empty."),
    ]
    count: int
    freshness: Freshness | None
    error: Annotated[Problem | None, Meta(description="Why it failed, as the list by itself would say it.")]


class SummarySection(msgspec.Struct, frozen=True):
    """One section."""

    section: Annotated[str, Meta(description="Its name, as `sections` takes it.")]
    title: str
    code: SectionCode
    ips: Annotated[
        Literal["required", "recommended", "optional", "none"],
        Meta(description="What the International Patient Summary says of it; `none`: it has no such section."),
    ]
    data: Annotated[tuple[dict[str, Any], ...], Meta(description="The objects, each as its own list would show it.")]
    status: Annotated[
        Literal["complete", "nothing_found", "partial", "failed", "not_offered"],
        Meta(description="`nothing_found` says that all searches were answered and found nothing, and no more than that."),
    ]
    count: int
    freshness: Freshness | None
    parts: tuple[SummaryPart, ...]
    warnings: tuple[ListWarning, ...]


Summary = msgspec.defstruct(
    "Summary",
    [
        ("object", Literal["summary"]),
        ("tenant", str),
        ("patient_id", str),
        ("generated_at", Annotated[str, Meta(description="When the answer was begun.")]),
        ("freshness", Annotated[Freshness, Meta(description="How old the patient's own data are; each section has its own.")]),
        ("warnings", tuple[ListWarning, ...]),
        ("patient", Annotated[Patient, Meta(description="The patient.")]),
        ("sections", Annotated[tuple[SummarySection, ...], Meta(description="The sections, in the order of the IPS.")]),
        (
            "status",
            Annotated[Literal["complete", "partial"], Meta(description="Whether every section could be read to its end.")],
        ),
    ],
    frozen=True,
    namespace={"__doc__": "A patient's chart on one page."},
)


@dataclass
class SummaryOperation(Operation):
    """The operation, with its parameters and its three representations."""

    def __post_init__(self) -> None:
        """Add them."""
        names = "|".join(SECTIONS)
        text = OpenAPIType.STRING

        def given(name: str, told: str, schema: Schema, where: Literal["query", "path"] = "query") -> Parameter:
            return Parameter(name=name, param_in=where, description=told, schema=schema, required=where == "path")

        self.parameters = [
            given("object_id", "The patient's id.", Schema(type=text, pattern="^[!-.0-~]{1,256}$"), "path"),
            given("sections", "Only these sections (a comma list).", Schema(type=text, pattern=f"^({names})(,({names}))*$")),
            given(
                "limit",
                f"How many objects of each part: the newest, and what is active first. Without it, JSON has all of them, and the page "
                f"and the FHIR document {SHOWN}.",
                Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=MOST_SHOWN),
            ),
            given(
                "max_age",
                "How old the answer may be, in seconds; 0 asks the source now.",
                Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=86_400),
            ),
            given("include", "`fhir` adds the canonical resource to each object.", Schema(type=text, enum=["fhir"])),
            given(
                "pathway",
                "The pathway to read by; without, the tenant's order for each object.",
                Schema(type=text, enum=list(PATHWAYS)),
            ),
        ]
        answer = (self.responses or {}).get("200")
        if isinstance(answer, OpenAPIResponse) and answer.content is not None:
            told = "A document Bundle: a Composition, the patient, and what its sections refer to."
            answer.content[FHIR] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.OBJECT, description=told))
            answer.content[HTML] = OpenAPIMediaType(schema=Schema(type=text, description="A page to be printed."))


def routes(door: Door) -> list[HTTPRouteHandler]:
    """The route of the summary."""

    @get(
        "/patients/{object_id:str}/summary",
        operation_id="get_patient_summary",
        operation_class=SummaryOperation,
        responses={200: ResponseSpec(Summary, generate_examples=False, description="The summary."), **refusals(REFUSALS)},
        tags=["Reading"],
        summary="The chart on one page",
    )
    async def get_summary(request: Request[Any, Any, Any], object_id: FromPath[str]) -> ASGIResponse:
        streams: list[AsyncGenerator[bytes, None]] = []

        async def work(asked: Asked, seen: Seen) -> Reply:
            session = await door.session(asked, seen)
            require(session, "Patient", "r")
            form = preferred(asked.accept, JSON, FHIR, HTML)
            wanted = parse_summary(object_id, request.scope["query_string"], form == FHIR, asked.no_cache)
            seen.ids = seen.patients = (object_id,)
            telling = Telling(door, asked, seen, session, wanted)
            await telling.open()
            if form == JSON and wanted.limit is None:
                streams.append(telling.streamed())
                return Reply(b"", 200, JSON, [NO_STORE])
            return await telling.whole(form)

        opened = await door.lead(request, Seen("read", "summary"), work)
        return Streamed(opened, streams[0] if streams else None)

    return [get_summary]


@dataclass(slots=True)
class Shown:
    """What the audit chain is told of the objects that were shown: the first ids, and how many there were."""

    ids: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, part: Part, ids: Sequence[str]) -> None:
        """These were shown, too."""
        self.count += len(ids)
        self.ids += [f"{part.declaration.resource_type}/{one}" for one in ids[: max(0, MOST_AUDITED - len(self.ids))]]

    def told(self) -> tuple[str, ...]:
        """The ids, and how many more there were."""
        more = self.count - len(self.ids)
        return (*self.ids, f"and {more} more") if more else tuple(self.ids)


class _Named(msgspec.Struct):
    id: str


class Telling:
    """One summary on its way to its caller."""

    def __init__(self, door: Door, asked: Asked, seen: Seen, session: Session, wanted: SummaryRequest) -> None:
        app = door.app
        self._door = door
        self._asked = asked
        self._seen = seen
        self._session = session
        self._wanted = wanted
        self._summarizer = Summarizer(app.reader, seconds=CALLS_OF_A_READ * app.settings.request_seconds, now=app.now)
        self._shown = Shown()
        self._patient: Answer

    async def open(self) -> None:
        """Read the patient. Raises GatewayError where that cannot be read: then there is nothing to lay out."""
        self._patient = await self._summarizer.patient(self._session, self._wanted)
        self._seen.calls, self._seen.origin = self._patient.calls, self._patient.origin

    async def whole(self, form: str) -> Reply:
        """The answer that shows what is chosen of each section."""
        now, tenant = instant(self._now()), await self._door.app.authenticator.tenant_of(self._session)
        sections = await self._chosen()
        patient = json.decode(self._patient.body)
        warnings = (
            ["The source cannot be reached; the patient's data are older than was asked for."] if self._patient.stale else []
        )
        if form == HTML:
            made = page(patient, sections, tenant=tenant.name, now=now, warnings=warnings)
            headers = [NO_STORE, ("content-security-policy", POLICY), ("referrer-policy", "no-referrer")]
            return Reply(made.encode("utf-8", "replace"), 200, HTML, headers)
        if form == FHIR:
            made_of = document(patient["fhir"], sections, base=tenant.fhir_base, identifier=str(uuid.uuid4()), now=now)
            return Reply(json.encode(made_of), 200, FHIR, [NO_STORE])
        pieces = [summary_json.limited(one, self._problem) for one in sections]
        body = self._head() + b",".join(pieces) + summary_json.tail([one.status for one in sections])
        return Reply(body, 200, JSON, [NO_STORE])

    async def _chosen(self) -> list[ChosenSection]:
        limit = self._wanted.limit or SHOWN
        before = list(self._seen.calls)
        async with self._begin() as walk:
            try:
                found = [await chosen(walk, section, limit) for section in self._wanted.sections]
            finally:
                self._seen.calls = [*before, *walk.calls]
        for part in (part for section in found for part in section.parts):
            self._shown.add(part.part, [str(one.get("id")) for one in part.objects])
        self._seen.ids = (*self._seen.ids, *self._shown.told())
        return found

    async def streamed(self) -> AsyncGenerator[bytes, None]:
        """All objects of all sections, piece by piece; a second row of the audit chain, before the last piece, says what was shown.

        Whoever hangs up is in that row, too, with what was read until then.
        """
        seen, code = self._closing(), "caller_gone"
        statuses: list[str] = []
        last = b""
        try:
            yield self._head()
            async with self._begin() as walk:
                try:
                    for number, section in enumerate(self._wanted.sections):
                        yield b"," if number else b""
                        async with aclosing(summary_json.streamed(walk, section, self._problem, self._see)) as pieces:
                            async for piece in pieces:
                                yield piece
                        statuses.append(summary_json.status_of(walk, section))
                finally:
                    seen.calls = walk.calls
            last, code = summary_json.tail(statuses), ""
        finally:
            seen.ids = self._shown.told()
            await self._door.seen_through(self._door.audit(self._asked, seen, 499 if code else 200, code or None))
        yield last

    def _closing(self) -> Seen:
        begun = self._seen
        return Seen(
            "read", "summary", client_id=begun.client_id, session=begun.session, tenant=begun.tenant, patients=begun.patients
        )

    def _begin(self) -> Walk:
        return self._summarizer.begin(self._session, self._wanted, self._still)

    async def _still(self) -> object:
        """Raises where the session is over meanwhile."""
        return await self._door.app.authenticator.session_of(self._asked.bearer)

    def _see(self, part: Part, items: Sequence[msgspec.Raw]) -> None:
        self._shown.add(part, [msgspec.json.decode(one, type=_Named).id for one in items])

    def _problem(self, error: GatewayError) -> Problem:
        return problem_of(error, self._asked.request_id)

    def _head(self) -> bytes:
        return summary_json.head(self._session.tenant, self._wanted.patient_id, self._patient, self._now())

    def _now(self) -> datetime:
        return self._door.app.now()


class Streamed(ASGIResponse):
    """What the door answered; if it let the caller in, its head with the pieces behind it."""

    __slots__ = ("_opened", "_pieces")

    def __init__(self, opened: ASGIResponse, pieces: AsyncGenerator[bytes, None] | None) -> None:
        self._opened = opened
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it until it ends, or the caller is gone."""
        answer: list[Any] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._opened(scope, receive, keep)
        head = answer[0]
        if self._pieces is None or head["status"] != 200:
            for message in answer:
                await send(message)
            return
        headers = [(name, value) for name, value in head["headers"] if name != b"content-length"]
        async with aclosing(self._pieces) as pieces:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await ASGIStreamingResponse(iterator=pieces).send_body(send, receive)
