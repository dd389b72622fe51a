"""Documents as no well-behaved hospital has them: very long, wrong, broken off, elsewhere; and callers who are slow or leave."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest
import pytest_asyncio

from tests.journeys.conftest import Stack
from tests.journeys.faulty import Caller
from tests.journeys.library import PIECE, Library, endless, library, packed, partial, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEGABYTE = 1024 * 1024
MOST = 512 * MEGABYTE  # as `content_limit_bytes` is by default
PDF = {"contentType": "application/pdf", "url": "Binary/b"}
EXECUTABLE = b"<!DOCTYPE html><script>alert(document.cookie)</script>"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shelves(stack: Stack) -> AsyncIterator[Library]:
    """A library that the gateway knows as a tenant."""
    async with library() as made:
        named = ["--url", made.base, "--client-id", "c", "--time-zone", "UTC", "--secret-stdin"]
        await asyncio.to_thread(stack.command, "tenants", "add", "library", *named, stdin="s\n")
        await asyncio.to_thread(stack.client, "reader", "library")
        try:
            yield made
        finally:
            await asyncio.to_thread(stack.command, "tenants", "remove", "library", "--yes")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def caller(stack: Stack, shelves: Library) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as http:
        yield await Caller(http, stack.gateway).open(stack.keys["reader"], tenant="library")


@pytest.fixture
def books(shelves: Library) -> Library:
    """The library, empty."""
    for kept in (shelves.documents, shelves.binaries, shelves.asked):
        kept.clear()
    return shelves


def rows(stack: Stack, action: str, document_id: str) -> list[dict[str, Any]]:
    """The newest rows of the audit chain about a document."""
    found = stack.told("audit", "list", "--tenant", "library")
    return [one for one in found if one["action"] == action and document_id in one["ids"]]


def gateway_of(stack: Stack) -> psutil.Process:
    """The gateway's process: the one that listens at its port."""
    port = urlsplit(stack.gateway).port
    for process in psutil.Process().children(recursive=True):
        if any(one.status == "LISTEN" and one.laddr.port == port for one in process.net_connections("inet")):
            return process
    raise AssertionError("nobody listens at the gateway's port")


async def left_in_peace(books: Library) -> None:
    """Wait until the library answers nobody any more."""
    async with asyncio.timeout(30):
        while books.open:
            await books.ended.wait()
            await asyncio.sleep(0)


async def test_fifty_megabytes_pass_through_in_the_same_memory(books: Library, caller: Caller, stack: Stack) -> None:
    books.keep("d", PDF)
    books.binaries["b"] = endless(50 * 16)
    process = gateway_of(stack)
    assert (await caller.ask("HEAD", "/documents/d/content")).headers["Content-Length"] == str(50 * MEGABYTE)
    before, most, read = process.memory_info().rss, 0, hashlib.sha1(usedforsecurity=False)
    headers = {"Authorization": f"Bearer {caller.token}"}
    async with caller.http.get(caller.address + "/documents/d/content", headers=headers) as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(50 * MEGABYTE))
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert not {"ETag", "Repr-Digest"} & answer.headers.keys()  # nobody knows them yet
        async for piece in answer.content.iter_chunked(MEGABYTE):
            read.update(piece)
            most = max(most, process.memory_info().rss)
    assert read.digest() == hashlib.sha1(PIECE * 800, usedforsecurity=False).digest()
    assert most - before < 16 * MEGABYTE, f"{(most - before) / MEGABYTE:.1f} MiB more"


async def test_a_part_of_what_is_long_is_cut_out_as_it_passes(books: Library, caller: Caller) -> None:
    books.keep("d", PDF)
    books.binaries["b"] = endless(64)
    first = 3 * MEGABYTE + 7
    said = await caller.get("/documents/d/content", headers={"Range": f"bytes={first}-{first + 9}"})
    assert (said.status, said.body) == (206, bytes(range(7, 17)))
    assert said.headers["Content-Range"] == f"bytes {first}-{first + 9}/{64 * len(PIECE)}"
    await left_in_peace(books)  # what lies behind the part is not waited for
    last = await caller.get("/documents/d/content", headers={"Range": "bytes=-3"})
    assert (last.status, last.body) == (206, b"\xfd\xfe\xff")
    behind = await caller.get("/documents/d/content", headers={"Range": f"bytes={64 * len(PIECE)}-"})
    assert (behind.status, behind.code, behind.headers["Content-Range"]) == (
        416,
        "range_not_satisfiable",
        f"bytes */{64 * len(PIECE)}",
    )


async def test_what_does_not_say_its_length_comes_whole(books: Library, caller: Caller) -> None:
    books.keep("d", PDF)
    books.binaries["b"] = endless(32, says_length=False)
    said = await caller.get("/documents/d/content", headers={"Range": "bytes=0-4"})
    assert (said.status, said.body == PIECE * 32, said.headers["Accept-Ranges"]) == (200, True, "none")


async def test_parts_come_from_the_source_that_gives_them(books: Library, caller: Caller) -> None:
    books.keep("d", PDF)
    books.binaries["b"] = partial(PIECE * 40, "application/pdf")
    said = await caller.get("/documents/d/content", headers={"Range": "bytes=256-260"})
    assert (said.status, said.body, said.headers["Content-Range"]) == (206, b"\0\1\2\3\4", f"bytes 256-260/{len(PIECE) * 40}")
    assert said.headers["ETag"] == '"v1"'
    assert books.asked == [("b", "application/pdf", "bytes=256-260")]
    behind = await caller.get("/documents/d/content", headers={"Range": "bytes=99999999-"})
    assert (behind.status, behind.headers["Content-Range"]) == (416, f"bytes */{len(PIECE) * 40}")
    headers = {"Range": "bytes=0-0", "If-Range": '"v1"'}
    assert (await caller.get("/documents/d/content", headers=headers)).status == 206
    whole_again = await caller.get("/documents/d/content", headers={**headers, "If-Range": '"v0"'})
    assert (whole_again.status, len(whole_again.body)) == (200, len(PIECE) * 40)


async def test_a_source_that_knows_only_binaries_in_json(books: Library, caller: Caller) -> None:
    books.keep("d", {"contentType": "text/html", "url": f"{books.base}/Binary/b"}, PDF)
    books.binaries["b"] = packed(b"<p>short</p>", "text/html")
    said = await caller.get("/documents/d/content")
    assert (said.status, said.body, said.headers["Content-Type"]) == (200, b"<p>short</p>", "text/html")
    books.binaries["b"] = packed(PIECE * 64, "application/pdf")
    assert (await caller.get("/documents/d/content/1")).body == PIECE * 64
    assert [accept for _, accept, _ in books.asked] == [
        "text/html",
        "application/fhir+json",
        "application/pdf",
        "application/fhir+json",
    ]


async def test_content_in_the_record_itself_takes_no_binary(books: Library, caller: Caller, stack: Stack) -> None:
    data = base64.b64encode(b"in the record").decode()
    books.keep("d", {"contentType": "text/plain", "data": data, "hash": base64.b64encode(sha1(b"in the record")).decode()})
    said = await caller.get("/documents/d/content?inline=1")
    assert (said.status, said.body) == (200, b"in the record")
    assert said.headers["Content-Disposition"] == 'inline; filename="d.txt"'
    assert said.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(b'in the record').digest()).decode()}:"
    narrow = await Caller(caller.http, caller.address).open(
        stack.keys["reader"], tenant="library", scopes=["system/DocumentReference.r"]
    )
    assert (await narrow.get("/documents/d/content")).status == 200
    books.keep("e", PDF)
    refused = await narrow.get("/documents/e/content")
    assert (refused.status, refused.code) == (403, "scope_missing")
    assert "system/Binary.r" in refused.json["detail"]


def sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


async def test_nobody_gets_the_whole_of_what_has_another_hash(books: Library, caller: Caller, stack: Stack) -> None:
    named = base64.b64encode(sha1(b"another")).decode()
    books.keep("short", {**PDF, "hash": named})
    books.binaries["b"] = whole(b"%PDF", "application/pdf")
    said = await caller.get("/documents/short/content")
    assert (said.status, said.code) == (502, "upstream_error")
    assert "SHA-1" in said.json["detail"]
    books.keep("long", {**PDF, "url": "Binary/long", "hash": named})
    books.binaries["long"] = endless(64)
    with pytest.raises(aiohttp.ClientPayloadError):
        await caller.get("/documents/long/content")
    (row,) = rows(stack, "content.sent", "long")
    assert row["code"] == "upstream_error"
    books.keep("right", {**PDF, "url": "Binary/long", "hash": sha1(PIECE * 64).hex()})
    assert (await caller.get("/documents/right/content")).body == PIECE * 64


async def test_a_source_that_breaks_off_leaves_no_document_that_looks_whole(books: Library, caller: Caller, stack: Stack) -> None:
    books.keep("broken", PDF)
    for says_length in (True, False):
        books.binaries["b"] = endless(64, says_length=says_length, breaks_off=True)
        with pytest.raises(aiohttp.ClientPayloadError):
            await caller.get("/documents/broken/content")
    assert [one["code"] for one in rows(stack, "content.sent", "broken")] == ["upstream_unavailable"] * 2


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/Binary/b",
        "http://127.0.0.1:1/r4/t/Binary/b",
        "Binary/../Patient/1",
        "Binary/%2e%2e/Patient/1",
        "Patient/1",
        "Binary/",
        "Binary/b#x",
        "file:///etc/passwd",
        "//elsewhere.example/Binary/b",
        "https: //elsewhere.example/Binary/b",
    ],
)
async def test_links_lead_nowhere_else(books: Library, caller: Caller, url: str) -> None:
    books.keep("d", {**PDF, "url": url})
    books.binaries["b"] = whole(b"%PDF", "application/pdf")
    said = await caller.get("/documents/d/content")
    assert (said.status, said.code, books.asked) == (502, "upstream_error", [])


async def test_a_summary_is_of_the_patient_of_its_document(books: Library, caller: Caller) -> None:
    books.binaries["$autogen-ccd-if"] = whole(b"<ClinicalDocument/>", "application/xml")
    link = {"contentType": "application/xml", "url": f"{books.base}/Binary/$autogen-ccd-if?patient="}
    books.keep("own", {**link, "url": link["url"] + "1"})
    books.keep("other", {**link, "url": link["url"] + "2"})
    said = await caller.get("/documents/own/content", headers={"Range": "bytes=0-3"})
    assert (said.status, said.body, said.headers["Accept-Ranges"]) == (200, b"<ClinicalDocument/>", "none")
    assert (await caller.get("/documents/other/content")).status == 502
    assert books.asked == [("$autogen-ccd-if", "application/xml", None)]


@pytest.mark.parametrize(
    "content_type", ["text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "text/rtf", "text/javascript"]
)
async def test_what_a_browser_would_run_is_never_inline(books: Library, caller: Caller, content_type: str) -> None:
    books.keep("d", {**PDF, "contentType": content_type})
    books.binaries["b"] = whole(EXECUTABLE, content_type)
    said = await caller.get("/documents/d/content?inline=1")
    assert (said.status, said.headers["Content-Type"]) == (200, content_type)
    assert said.headers["Content-Disposition"].startswith("attachment; ")
    assert said.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


async def test_a_page_that_is_called_a_text_stays_a_text(books: Library, caller: Caller) -> None:
    books.keep("d", {**PDF, "contentType": "text/plain"})
    books.binaries["b"] = whole(EXECUTABLE, "text/plain")
    said = await caller.get("/documents/d/content?inline=1")
    assert (said.headers["Content-Type"], said.headers["X-Content-Type-Options"]) == ("text/plain", "nosniff")
    assert said.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert (await caller.get("/documents/d/content?as=text")).body == EXECUTABLE  # words, under the type of words


async def test_a_page_in_place_of_the_document_is_none(books: Library, caller: Caller) -> None:
    async def portal(request: Any) -> Any:
        return await whole(EXECUTABLE, "text/html")(request.clone(headers={"Accept": "text/html"}))

    books.keep("d", {**PDF, "contentType": "application/pdf"})
    books.binaries["b"] = portal
    assert (await caller.get("/documents/d/content")).status == 502


async def test_media_types_and_ids_cannot_add_headers(books: Library, caller: Caller) -> None:
    books.keep('a"b\r\nX: y', {"contentType": "text/html\r\nX-Bad: 1", "data": "AAAA"})
    said = await caller.get("/documents/a%22b%0D%0AX%3A%20y/content")
    assert said.status == 400
    books.keep('a"b;c', {"contentType": "text/html\r\nX-Bad: 1", "data": "AAAA"})
    said = await caller.get("/documents/a%22b;c/content")
    assert (said.status, said.headers["Content-Type"]) == (200, "application/octet-stream")
    assert said.headers["Content-Disposition"] == 'attachment; filename="a_b_c.bin"'
    assert "X-Bad" not in said.headers


async def test_what_was_entered_in_error_says_so(books: Library, caller: Caller) -> None:
    books.keep("d", PDF, status="entered-in-error")
    books.binaries["b"] = whole(b"%PDF", "application/pdf")
    said = await caller.get("/documents/d/content")
    assert (said.status, said.body) == (200, b"%PDF")
    assert "entered in error" in said.headers["Warning"]


async def test_which_content(books: Library, caller: Caller) -> None:
    books.keep("d", PDF, {"contentType": "text/plain", "data": "aGk="}, {"title": "nothing"})
    books.binaries["b"] = whole(b"%PDF", "application/pdf")
    for path, told in {
        "": (200, b"%PDF"),
        "/0": (200, b"%PDF"),
        "/1": (200, b"hi"),
        "?type=text/plain": (200, b"hi"),
        "?as=text": (200, b"hi"),
    }.items():
        said = await caller.get(f"/documents/d/content{path}")
        assert (said.status, said.body) == told
    for path, code in {"/2": "not_found", "/3": "not_found", "?type=image/png": "not_found", "/x": "invalid_request"}.items():
        assert (await caller.get(f"/documents/d/content{path}")).code == code
    for path in ("?type=x", "?as=pdf", "?inline=2", "?no=1", "/1?type=text/plain", "?type=a/b&type=a/b"):
        assert (await caller.get(f"/documents/d/content{path}")).code == "invalid_request"
    assert (await caller.get("/documents/d/content/0?as=text")).code == "unsupported_media_type"


async def test_what_has_not_changed_is_not_sent_again(books: Library, caller: Caller) -> None:
    books.keep("d", PDF)
    books.binaries["b"] = whole(b"%PDF-1.4", "application/pdf")
    etag = (await caller.get("/documents/d/content")).headers["ETag"]
    said = await caller.get("/documents/d/content", headers={"If-None-Match": etag})
    assert (said.status, said.body, said.headers["ETag"]) == (304, b"", etag)
    headers = {"Range": "bytes=1-3", "If-Range": etag}
    assert (await caller.get("/documents/d/content", headers=headers)).body == b"PDF"
    books.binaries["b"] = whole(b"%PDF-1.5", "application/pdf")
    assert (await caller.get("/documents/d/content", headers=headers)).body == b"%PDF-1.5"


async def test_what_is_longer_than_the_most_is_refused(books: Library, caller: Caller) -> None:
    books.keep("d", PDF)
    books.binaries["b"] = endless(MOST // len(PIECE) + 1)
    said = await caller.get("/documents/d/content")
    assert (said.status, said.code) == (502, "upstream_error")
    assert "content_limit_bytes" in said.json["detail"]
    await left_in_peace(books)


async def test_who_leaves_lets_the_source_go(books: Library, caller: Caller, stack: Stack) -> None:
    books.keep("left", PDF)
    books.binaries["b"] = endless(MOST // len(PIECE) - 1)
    headers = {"Authorization": f"Bearer {caller.token}"}
    async with aiohttp.ClientSession() as http:
        answer = await http.get(caller.address + "/documents/left/content", headers=headers)
        assert len(await answer.content.readexactly(1000)) == 1000
        assert books.open == 1
        answer.close()
    await left_in_peace(books)
    sent: list[dict[str, Any]] = []
    async with asyncio.timeout(30):
        while not sent:  # the row is written when the source has been let go
            sent = await asyncio.to_thread(rows, stack, "content.sent", "left")
    assert sent[0]["code"] == "caller_gone"
    assert [one["status"] for one in rows(stack, "content", "left")] == [200]


async def test_long_documents_leave_places_for_others(books: Library, caller: Caller) -> None:
    books.keep("long", PDF)
    books.keep("short", {**PDF, "url": "Binary/s"})
    books.binaries["b"], books.binaries["s"] = endless(50 * 16), whole(b"%PDF", "application/pdf")
    headers = {"Authorization": f"Bearer {caller.token}"}
    under_way = [await caller.http.get(caller.address + "/documents/long/content", headers=headers) for _ in range(4)]
    assert [one.status for one in under_way] == [200] * 4
    refused = await caller.get("/documents/long/content")
    assert (refused.status, refused.code, refused.headers["Retry-After"]) == (429, "rate_limited", "5")
    assert (await caller.get("/documents/short/content")).body == b"%PDF"
    for one in under_way:
        one.close()
    await left_in_peace(books)
    async with asyncio.timeout(30):
        while (await caller.ask("HEAD", "/documents/long/content")).status != 200:
            pass


async def test_a_slow_caller_holds_the_source_back_and_nobody_else(books: Library, caller: Caller, stack: Stack) -> None:
    books.keep("slow", PDF)
    books.keep("quick", {**PDF, "url": "Binary/q"})
    books.binaries["b"], books.binaries["q"] = endless(50 * 16), whole(b"%PDF", "application/pdf")
    process = gateway_of(stack)
    before = process.memory_info().rss
    headers = {"Authorization": f"Bearer {caller.token}"}
    async with caller.http.get(caller.address + "/documents/slow/content", headers=headers) as answer:
        await answer.content.readexactly(10)
        for _ in range(20):
            assert (await caller.get("/documents/quick/content")).body == b"%PDF"
        assert books.open == 1  # it is still at it: fifty megabytes fit into no buffer between
        assert process.memory_info().rss - before < 16 * MEGABYTE
        assert len(await answer.content.read()) == 50 * MEGABYTE - 10
