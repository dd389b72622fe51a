"""The bytes of a document: its record is read first, always, and says whose it is; then they pass through, never held as a whole.

What is short (`memory_bytes`) is held, so that its hash is proved before the first byte goes out, and any part of it can be had. What is
longer passes through piece by piece: memory stays the same whatever its size. Nothing is written to disk.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from millgate.access.connection import Connection
from millgate.access.parties import Session
from millgate.access.rules import allow_patient, held_patient, require
from millgate.canonical.attachments import Content, contents_of, essence
from millgate.canonical.exchange import Arriving, Call, Part, Resource, Wanted
from millgate.canonical.patients import patients_of
from millgate.errors import CallOperator, FixRequest, GatewayError, NeedAccess, TryLater
from millgate.flow.authenticate import Authenticator
from millgate.flow.confinement import visible
from millgate.flow.document_text import CONVERTIBLE, LONGEST, as_text, not_text, too_long
from millgate.flow.pathway import ContentPathway
from millgate.flow.ranges import Wish, still, wish_of
from millgate.objects import Declaration

GENERATED: Final = "$autogen-ccd-if"
# How many long documents pass through at once: each has a place at its source's throttle, which others need, too.
MOST_AT_ONCE: Final = 64
MOST_OF_TENANT: Final = 6
MOST_OF_CLIENT: Final = 4  # with one tenant
AT_ONCE_INTO_TEXT: Final = 2
WRONG: Final = "entered-in-error"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds until the source begins (with a document it has; with one that it makes), seconds for all of it, bytes."""

    head_s: float = 30.0
    generate_s: float = 120.0
    total_s: float = 600.0
    memory_bytes: int = 1024 * 1024
    most_bytes: int = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ContentRequest:
    """Which content of which object, and how: by its place (0 is the first) or its media type; as text; a part of it."""

    declaration: Declaration
    id: str
    index: int | None = None
    content_type: str | None = None
    as_text: bool = False
    range: str | None = None
    if_range: str | None = None


@dataclass(frozen=True, slots=True)
class GeneratedRequest:
    """A summary of a patient's chart that the source makes when it is asked for, with what it takes to make it narrower."""

    patient_id: str
    narrowed: tuple[tuple[str, str], ...] = ()
    as_text: bool = False
    range: str | None = None
    if_range: str | None = None


@dataclass(slots=True)
class Delivery:
    """What goes out: what it is, how much of it, and the pieces. `length` is that of `pieces` all together, None if nobody knows.

    `sha256` and `etag` are those of the whole, where it was held. `ranges`: whether parts can be had.
    """

    content_type: str
    pieces: AsyncGenerator[bytes, None] = field(repr=False)
    length: int | None = None
    part: Part | None = None
    etag: str | None = None
    sha256: bytes | None = None
    ranges: bool = False
    warnings: tuple[str, ...] = ()
    patients: Sequence[str] = ()
    calls: Sequence[Call] = ()


class Places:
    """Who has a long document under way; beyond the most, whoever comes is asked to come later."""

    def __init__(self) -> None:
        self._taken: Counter[tuple[str, str]] = Counter()  # by tenant and client

    def take(self, session: Session, stack: AsyncExitStack) -> None:
        """A place until `stack` is closed. Raises TryLater("rate_limited")."""
        whose = (session.tenant, session.client_id)
        of_tenant = sum(taken for (tenant, _), taken in self._taken.items() if tenant == session.tenant)
        if self._taken[whose] >= MOST_OF_CLIENT or of_tenant >= MOST_OF_TENANT or self._taken.total() >= MOST_AT_ONCE:
            told = f"A client has {MOST_OF_CLIENT} long documents of a tenant under way at once at the most, all together"
            raise TryLater("rate_limited", f"{told} {MOST_OF_TENANT} of one, {MOST_AT_ONCE} of all.", retry_after=5.0)
        self._taken[whose] += 1
        stack.callback(self._leave, whose)

    def _leave(self, whose: tuple[str, str]) -> None:
        self._taken[whose] -= 1
        self._taken += Counter()  # those at zero go


class Contents:
    """The contents of documents, of one tenant at a time, for one session at a time."""

    def __init__(self, *, authenticator: Authenticator, pathway: ContentPathway, bounds: Bounds) -> None:
        self._authenticator = authenticator
        self._pathway = pathway
        self._bounds = bounds
        self._places = Places()
        self._into_text = asyncio.Semaphore(AT_ONCE_INTO_TEXT)

    async def open(self, session: Session, request: ContentRequest, stack: AsyncExitStack, calls: list[Call]) -> Delivery:
        """The content of an object; closing `stack` lets its source go. Raises GatewayError as the contract's error table says."""
        declaration = request.declaration
        held = held_patient(session, require(session, declaration.resource_type, "r"))
        connection = await self._authenticator.connection_of(session)
        found = await self._pathway.read(connection, declaration.resource_type, request.id)
        calls += found.calls
        _check_patient(held, found.resource, declaration)
        content = _chosen(contents_of(found.resource), request)
        if content.data is None:
            binary = held_patient(session, require(session, "Binary", "r"))
            _check_patient(binary, found.resource, declaration)
        made = await self._delivered(session, connection, content, found.resource, request, stack, calls)
        made.patients = patients_of(found.resource)
        made.warnings += _warnings(found.resource)
        return made

    async def generate(self, session: Session, request: GeneratedRequest, stack: AsyncExitStack, calls: list[Call]) -> Delivery:
        """A summary that the source makes now. Slow, and another one each time: never kept, and no part of it can be had."""
        for resource_type in ("DocumentReference", "Binary"):
            allow_patient(session, request.patient_id, require(session, resource_type, "r"))
        connection = await self._authenticator.connection_of(session)
        query = urlencode([("patient", request.patient_id), *request.narrowed])
        content = Content("application/xml", url=f"Binary/{GENERATED}?{query}")
        made = await self._delivered(session, connection, content, None, request, stack, calls)
        made.patients = (request.patient_id,)
        return made

    async def _delivered(
        self,
        session: Session,
        connection: Connection,
        content: Content,
        resource: Resource | None,
        request: ContentRequest | GeneratedRequest,
        stack: AsyncExitStack,
        calls: list[Call],
    ) -> Delivery:
        wish = None if request.as_text else wish_of(request.range)
        arriving, generated = await self._begun(connection, content, resource, request, stack, calls)
        content_type = arriving.content_type or "application/octet-stream"
        if request.as_text and essence(content_type) not in CONVERTIBLE:
            raise not_text(content_type)
        if arriving.part is not None:
            self._places.take(session, stack)
            pieces = await stack.enter_async_context(aclosing(_through(arriving.pieces)))
            length = arriving.part.last - arriving.part.first + 1
            return Delivery(content_type, pieces, length, arriving.part, arriving.etag, ranges=True, calls=calls)
        most = LONGEST if request.as_text else self._bounds.memory_bytes
        beginning, whole = await _beginning(arriving.pieces, most)
        if whole:
            return await self._of_held(beginning, content_type, content, request, wish, stack, calls, ranges=not generated)
        if request.as_text:
            raise too_long()
        self._places.take(session, stack)
        expected = _expected(content)
        pieces = _all(beginning, arriving.pieces, expected)
        made = Delivery(content_type, pieces, arriving.length, etag=arriving.etag, calls=calls)
        made.ranges = arriving.length is not None and not generated
        if made.ranges and arriving.length is not None and wish is not None and still(request.if_range, arriving.etag):
            made.part = wish.of(arriving.length)
            made.length = made.part.last - made.part.first + 1
            made.pieces = _cut(_all(beginning, arriving.pieces, None), made.part)
        await stack.enter_async_context(aclosing(made.pieces))
        return made

    async def _begun(
        self,
        connection: Connection,
        content: Content,
        resource: Resource | None,
        request: ContentRequest | GeneratedRequest,
        stack: AsyncExitStack,
        calls: list[Call],
    ) -> tuple[Arriving, bool]:
        """The bytes as they begin to come, and whether they were made for this call."""
        if content.data is not None:
            data = _inline(content.data, self._bounds.most_bytes)
            return Arriving(content.content_type, len(data), None, None, _one(data)), False
        if content.url is None:
            raise FixRequest("not_found", "The source's record has no content here, nor a link to any.")
        link = await self._own(connection, content.url)
        generated = urlsplit(link).path.endswith(f"Binary/{GENERATED}")
        if generated and resource is not None:
            _check_generated(link, resource)
        bounds = self._bounds
        passed_on = None if generated or request.as_text or request.if_range or wish_of(request.range) is None else request.range
        head_s = bounds.generate_s if generated else bounds.head_s
        wanted = Wanted(link, content.content_type, passed_on, head_s, bounds.total_s, bounds.most_bytes)
        return await stack.enter_async_context(self._pathway.content(connection, wanted, calls)), generated

    async def _own(self, connection: Connection, link: str) -> str:
        """The link under the base that this persona's calls go to: records shown to patients name the tenant's own base."""
        if connection.registration.persona == "system":
            return link
        own = await self._authenticator.own_base_of(connection.tenant.name)
        base = connection.tenant.fhir_base
        return base + link.removeprefix(own) if own is not None and own != base and link.startswith(f"{own}/") else link

    async def _of_held(
        self,
        data: bytes,
        content_type: str,
        content: Content,
        request: ContentRequest | GeneratedRequest,
        wish: Wish | None,
        stack: AsyncExitStack,
        calls: list[Call],
        *,
        ranges: bool,
    ) -> Delivery:
        expected = _expected(content)
        if expected is not None and hashlib.sha1(data, usedforsecurity=False).digest() != expected:
            raise _other_hash()
        if request.as_text:
            async with self._into_text:
                text = await asyncio.to_thread(as_text, data, content_type)
            data, content_type = text.encode("utf-8", errors="replace"), "text/plain; charset=utf-8"
        sha256 = hashlib.sha256(data).digest()
        made = Delivery(content_type, _one(data), len(data), etag=f'"{sha256.hex()[:40]}"', sha256=sha256, calls=calls)
        made.ranges = ranges and not request.as_text
        if made.ranges and wish is not None and still(request.if_range, made.etag):
            made.part = wish.of(len(data))
            made.pieces = _one(data[made.part.first : made.part.last + 1])
            made.length = made.part.last - made.part.first + 1
        if content.sha1 is not None and expected is None:
            made.warnings = ("The record's hash of this content cannot be read; it was not proved.",)
        await stack.enter_async_context(aclosing(made.pieces))
        return made


def _check_patient(held: str | None, resource: Resource, declaration: Declaration) -> None:
    if not visible(held, [resource], scoped=declaration.patient_scoped)[0]:
        raise NeedAccess("patient_out_of_context", "The session is held to one patient, and this is not that patient's alone.")


def _check_generated(link: str, resource: Resource) -> None:
    """A summary is of the patient whose document it is, whatever its link says."""
    named = [value.removeprefix("Patient/") for name, value in parse_qsl(urlsplit(link).query) if name == "patient"]
    if tuple(named) != patients_of(resource):
        raise CallOperator("upstream_error", "The document's link is to a summary of another patient; it was not followed.")


def _chosen(contents: tuple[Content, ...], request: ContentRequest) -> Content:
    """The content that is asked for: by its place, by its media type; else the first, or the first that has words."""
    if request.index is not None:
        if request.index >= len(contents):
            raise FixRequest("not_found", f"There are {len(contents)} contents, counted from 0.")
        return contents[request.index]
    fit = [one for one in contents if one.data is not None or one.url is not None]
    if request.content_type is not None:
        found = [one for one in fit if one.kind == essence(request.content_type)]
        if not found:
            told = ", ".join(dict.fromkeys(one.kind or "of no known type" for one in fit)) or "none"
            raise FixRequest("not_found", f"There is no content of this media type; there is {told}.")
        return found[0]
    if not fit:
        raise FixRequest("not_found", "The source's record has no content, nor a link to any.")
    worded = [one for one in fit if one.kind in CONVERTIBLE] if request.as_text else []
    return (worded or fit)[0]


def _warnings(resource: Resource) -> tuple[str, ...]:
    wrong = WRONG in (resource.get("status"), resource.get("docStatus"))
    return ("The source says that this was entered in error.",) if wrong else ()


def _expected(content: Content) -> bytes | None:
    """The SHA-1 that the record names, in base64 as FHIR has it, or in hexadecimal as some write it; None without a readable one."""
    text = (content.sha1 or "").strip()
    try:
        return bytes.fromhex(text) if len(text) == 40 else _twenty(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        return None


def _twenty(digest: bytes) -> bytes | None:
    return digest if len(digest) == 20 else None


def _other_hash() -> CallOperator:
    return CallOperator("upstream_error", "The content is not the one whose SHA-1 its record names; it was not passed on.")


def _inline(data: str, most: int) -> bytes:
    try:
        made = base64.b64decode("".join(data.split()), validate=True)
    except (ValueError, binascii.Error) as error:
        raise CallOperator("upstream_error", "The record's own content is no base64.") from error
    if len(made) > most:
        raise CallOperator("upstream_error", f"The document is longer than {most} bytes, which is the most that is passed on.")
    return made


async def _beginning(pieces: AsyncIterator[bytes], most: int) -> tuple[bytes, bool]:
    """What comes first, up to a little more than `most` bytes, and whether that is all."""
    read = bytearray()
    async for piece in pieces:
        read += piece
        if len(read) > most:
            return bytes(read), False
    return bytes(read), True


async def _one(data: bytes) -> AsyncGenerator[bytes, None]:
    if data:
        yield data


async def _through(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    async for piece in pieces:
        yield piece


async def _all(beginning: bytes, rest: AsyncIterator[bytes], expected: bytes | None) -> AsyncGenerator[bytes, None]:
    """All pieces. Where a hash is expected, the last one goes out only once it is proved: nobody has the whole of a wrong document."""
    digest: Any = hashlib.sha1(usedforsecurity=False)
    kept = beginning
    async for piece in rest:
        if expected is not None:
            digest.update(kept)
        yield kept
        kept = piece
    if expected is not None:
        digest.update(kept)
        if digest.digest() != expected:
            raise _other_hash()
    yield kept


async def _cut(pieces: AsyncGenerator[bytes, None], part: Part) -> AsyncGenerator[bytes, None]:
    """A part of what comes; what is before it is let go, and what is behind it is not waited for."""
    at = 0
    async with aclosing(pieces):
        async for piece in pieces:
            some = piece[max(0, part.first - at) : max(0, part.last + 1 - at)]
            at += len(piece)
            if some:
                yield some
            if at > part.last:
                return
    raise _cut_short()


def _cut_short() -> GatewayError:
    return TryLater("upstream_unavailable", "The source's document ended before its length.")
