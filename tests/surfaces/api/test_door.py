"""What comes in at the door, before anything is done with it."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Litestar, Request, post
from litestar.response.base import ASGIResponse

from millgate.errors import FixRequest, GatewayError
from millgate.flow.appointment_request import AppointmentRequest
from millgate.surfaces.api.door import Reply, plain_reply, read_body, read_headers, wants_fhir


async def test_a_caller_that_hangs_up_within_the_body_is_not_the_gateways_fault() -> None:
    refused: list[GatewayError] = []

    @post("/")
    async def take(request: Request[Any, Any, Any]) -> ASGIResponse:
        try:
            await read_body(request, read_headers(request.scope), AppointmentRequest)
        except GatewayError as error:
            refused.append(error)
        return ASGIResponse()

    messages: list[dict[str, Any]] = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        return None

    headers = [(b"content-type", b"application/json"), (b"content-length", b"100")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "headers": headers,
    }
    await Litestar([take])({**scope, "http_version": "1.1", "scheme": "http", "extensions": {}, "asgi": {}}, receive, send)  # type: ignore[arg-type]
    assert [(one.code, one.detail) for one in refused] == [("invalid_request", "The body broke off before its end.")]


async def sent(reply: Reply) -> list[Any]:
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    request: Any = Request({"type": "http", "headers": [(b"x-request-id", b"r-1")]})  # type: ignore[arg-type,typeddict-item]
    await plain_reply(request, reply)(request.scope, request.receive, send)
    return messages


async def test_an_answer_says_its_length_its_kind_and_its_request_and_that_nothing_is_to_be_guessed() -> None:
    head, body = await sent(Reply(b"{}", 200, headers=[("etag", 'W/"1"')]))
    assert (head["status"], body["body"], body["more_body"]) == (200, b"{}", False)
    assert dict(head["headers"]) == {
        b"content-type": b"application/json",
        b"content-length": b"2",
        b"etag": b'W/"1"',
        b"x-content-type-options": b"nosniff",
        b"x-request-id": b"r-1",
    }


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_says_nothing_of_one(status: int) -> None:
    head, body = await sent(Reply(b"", status))
    assert not {b"content-type", b"content-length"} & set(dict(head["headers"]))
    assert body["body"] == b""


async def test_text_says_how_it_is_written() -> None:
    head, _ = await sent(Reply(b"", 200, "text/html"))
    assert dict(head["headers"])[b"content-type"] == b"text/html; charset=utf-8"


def test_a_request_without_a_usable_id_has_one_made() -> None:
    made = {read_headers({"headers": [(b"x-request-id", given)]}).request_id for given in (b"", b"a b", b"\xff", b"x" * 129)}
    assert len(made) == 4
    assert {len(one) for one in made} == {32}


@pytest.mark.parametrize(
    ("accept", "fhir"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/*", False),
        ("application/problem+json", False),
        ("application/fhir+json", True),
        ("Application/FHIR+JSON", True),
        ("application/fhir+json, */*", True),
        ("application/json, application/fhir+json", True),
        ("application/json;q=0.9, application/fhir+json;q=0.8", False),
        ("application/json;q=0.8, application/fhir+json; q=0.9", True),
        ("application/fhir+json;q=0.1, */*", False),
        ("application/fhir+json;q=0, */*", False),
        ("application/json;q=0, */*", True),
        ("application/json;q=0.5, application/*;q=0.8", True),
        ("text/html, application/fhir+json;fhirVersion=4.0;q=0.7", True),
        ("application/json;q=lots", False),
    ],
)
def test_the_form_is_the_one_with_the_greater_weight(accept: str, fhir: bool) -> None:
    assert wants_fhir(accept) is fhir


@pytest.mark.parametrize(
    "accept", ["text/html", "application/fhir+json;q=0", "*/*;q=0", "application/json;q=0.0, text/*", "nonsense", ",;q=1"]
)
def test_neither_form_is_not_acceptable(accept: str) -> None:
    with pytest.raises(FixRequest, match="not_acceptable"):
        wants_fhir(accept)
