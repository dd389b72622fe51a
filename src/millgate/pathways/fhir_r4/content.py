"""The bytes of documents: a Binary read as its own media type, or as FHIR JSON where the source gives no other, or a generated CCD.

Source: Millennium fact sheet §3.2 (Binary), §7.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from millgate.access.connection import Connection
from millgate.canonical.attachments import essence, media_type
from millgate.canonical.exchange import Arriving, Call, Part, Wanted
from millgate.errors import CallOperator
from millgate.pathways.addresses import stays_within
from millgate.pathways.fhir.server import Request, Server
from millgate.pathways.fhir_r4.binary_json import BinaryJson
from millgate.pathways.fhir_r4.encode.appointment import FHIR_JSON
from millgate.pathways.streams import Patience, Streamed

NOT_ACCEPTABLE: Final = 406
NOT_SATISFIABLE: Final = 416
IDLE_S: Final = 30.0
_PACKED: Final = frozenset({FHIR_JSON, "application/json+fhir"})  # a Binary resource around the bytes
_MARKUP: Final = frozenset({"text/html", "application/xhtml+xml"})
_PART: Final = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")
_STRONG: Final = re.compile(r'"[\x21\x23-\x7e]{1,128}"')


def address_of(link: str, fhir_base: str) -> str:
    """Where a document's link leads. CallOperator `upstream_error` if that is not a Binary under the tenant's own base."""
    address = link if "://" in link else f"{fhir_base}/{link}"
    binaries = f"{fhir_base}/Binary"
    if not stays_within(address, binaries) or not urlsplit(address).path.removeprefix(urlsplit(binaries).path).strip("/"):
        raise CallOperator(
            "upstream_error", "The document's link leads to something else than a Binary of this tenant; it was not followed."
        )
    return address


@asynccontextmanager
async def open_content(server: Server, connection: Connection, wanted: Wanted, calls: list[Call]) -> AsyncIterator[Arriving]:
    """The bytes behind a link, on their way; leaving the block lets the source go. Raises GatewayError, also while they come."""
    address = address_of(wanted.link, connection.tenant.fhir_base)
    patience = Patience(wanted.head_s, IDLE_S, wanted.total_s, wanted.most_bytes * 2)  # base64 is longer than what it stands for
    kinds = [wanted.content_type] if wanted.content_type and essence(wanted.content_type) != FHIR_JSON else []
    part = wanted.part
    attempts = [(kind, part) for kind in [*kinds, FHIR_JSON]]
    if part is not None:  # should the source find the part not to be had, it is for the gateway to say so, of the whole
        attempts.append((attempts[0][0], None))
    while attempts:
        kind, part = attempts.pop(0)
        headers = {"Accept": kind} | ({"Range": part} if part is not None and kind != FHIR_JSON else {})
        taken = frozenset({NOT_ACCEPTABLE, NOT_SATISFIABLE} if attempts else ())
        request = Request("GET", address, "Binary", "read", headers=headers)
        async with server.stream(connection, request, calls, patience, taken=taken) as answer:
            if answer.status == NOT_ACCEPTABLE:
                continue
            if answer.status == NOT_SATISFIABLE:
                attempts = attempts[-1:]
                continue
            async with aclosing(_arriving(answer, wanted, asked_part="Range" in headers)) as found:
                yield await anext(found)
            return


async def _arriving(answer: Streamed, wanted: Wanted, *, asked_part: bool) -> AsyncGenerator[Arriving, None]:
    told = media_type(answer.headers.get("content-type"))
    if essence(told) in _PACKED and essence(wanted.content_type) not in _PACKED:
        decoder = BinaryJson()
        async with aclosing(_unpacked(answer, decoder, wanted.most_bytes)) as pieces:
            first = await anext(pieces, b"")  # what it is stands before its bytes
            yield Arriving(_agreed(decoder.content_type, wanted), None, None, None, _behind(first, pieces))
        return
    etag = answer.headers.get("etag", "")
    async with aclosing(_bounded(answer, wanted.most_bytes)) as pieces:
        yield Arriving(
            _agreed(told, wanted),
            answer.length,
            _part_of(answer, asked_part=asked_part),
            etag if _STRONG.fullmatch(etag) else None,
            pieces,
        )


async def _unpacked(answer: Streamed, decoder: BinaryJson, most: int) -> AsyncGenerator[bytes, None]:
    async with aclosing(answer.pieces()) as pieces:
        made = 0
        async for piece in pieces:
            some = decoder.feed(piece)
            made += len(some)
            if made > most:
                raise _too_long(most)
            if some:
                yield some
    decoder.close()


async def _bounded(answer: Streamed, most: int) -> AsyncGenerator[bytes, None]:
    if (answer.length or 0) > most:
        raise _too_long(most)
    async with aclosing(answer.pieces()) as pieces:
        made = 0
        async for piece in pieces:
            made += len(piece)
            if made > most:
                raise _too_long(most)
            yield piece


async def _behind(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in pieces:
        yield piece


def _agreed(told: str | None, wanted: Wanted) -> str | None:
    """What the bytes are: by the source's answer, else by its record. A page for people where none was asked for is no document."""
    if essence(told) in _MARKUP and wanted.content_type is not None and essence(wanted.content_type) not in _MARKUP:
        raise CallOperator("upstream_error", "The source answered with a page for people in place of the document.")
    return wanted.content_type if told is None or essence(told) == "application/octet-stream" else told


def _part_of(answer: Streamed, *, asked_part: bool) -> Part | None:
    """Which part this is; None for the whole."""
    if answer.status == 200:
        return None
    if answer.status != 206 or not asked_part:
        raise CallOperator("upstream_error", f"The source answered with status {answer.status} where a document was asked for.")
    found = _PART.fullmatch(answer.headers.get("content-range", "").strip())
    part = Part(int(found[1]), int(found[2]), int(found[3])) if found is not None else None
    if part is None or not part.first <= part.last < part.total or answer.length not in (None, part.last - part.first + 1):
        raise CallOperator("upstream_error", "The source answered with a part of the document, and does not say which one.")
    return part


def _too_long(most: int) -> CallOperator:
    return CallOperator(
        "upstream_error",
        f"The document is longer than {most} bytes, which is the most that is passed on (`content_limit_bytes`).",
    )
