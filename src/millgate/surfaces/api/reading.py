"""`GET /<objects>` and `GET /<objects>/{id}`: two routes for each object, made from its declaration."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, get, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from millgate.access.rules import require
from millgate.flow.read import Answer
from millgate.objects import OBJECTS, Declaration
from millgate.surfaces.api.door import FHIR, JSON, PRIVATE, Asked, Door, Reply, Seen, wants_fhir
from millgate.surfaces.api.openapi import list_operation, list_struct, one_operation, refusals
from millgate.surfaces.api.query import parse_list, parse_one

UNCHANGED = ResponseSpec(None, description="Nothing has changed since the answer that `If-None-Match` names.")
READ_REFUSALS = (400, 401, 403, 404, 405, 406, 422, 424, 429, 500, 502, 503, 504)


def routes(door: Door) -> list[HTTPRouteHandler]:
    """The reading routes of every object."""
    return [
        made
        for declaration in OBJECTS.values()
        for routes_of in (_list_routes, _one_routes)
        for made in routes_of(door, declaration)
    ]


def _list_routes(door: Door, declaration: Declaration) -> tuple[HTTPRouteHandler, HTTPRouteHandler]:
    name = declaration.name

    async def list_objects(request: Request[Any, Any, Any]) -> ASGIResponse:
        async def work(asked: Asked, seen: Seen) -> Reply:
            session = await door.session(asked, seen)
            fhir = wants_fhir(asked.accept)
            wanted = parse_list(name, request.scope["query_string"], fhir, asked.no_cache)
            seen.patients = wanted.filters.get("patient_id", ())
            answer = await door.app.reader.page(session, wanted)
            return _reply(answer, asked, seen, fhir, door.app.now())

        return await door.lead(request, Seen("search", name), work)

    path = f"/{declaration.plural}"
    listing = get(
        path,
        name=f"list {name}",
        operation_id=f"list_{declaration.plural}",
        operation_class=list_operation(declaration),
        responses={200: _answer(list_struct(declaration), "The page."), 304: UNCHANGED, **refusals(READ_REFUSALS)},
        tags=["Reading"],
        summary=f"List {declaration.plural.replace('_', ' ')}",
    )(list_objects)
    return listing, _head(path, list_objects)


def _one_routes(door: Door, declaration: Declaration) -> tuple[HTTPRouteHandler, HTTPRouteHandler]:
    name = declaration.name

    async def get_object(request: Request[Any, Any, Any], object_id: FromPath[str]) -> ASGIResponse:
        async def work(asked: Asked, seen: Seen) -> Reply:
            session = await door.session(asked, seen)
            require(session, declaration.resource_type, "r")
            fhir = wants_fhir(asked.accept)
            wanted = parse_one(name, object_id, request.scope["query_string"], fhir, asked.no_cache)
            seen.ids = (object_id,)
            answer = await door.app.reader.one(session, wanted)
            return _reply(answer, asked, seen, fhir, door.app.now())

        return await door.lead(request, Seen("read", name), work)

    path = f"/{declaration.plural}/{{object_id:str}}"
    getting = get(
        path,
        name=f"get {name}",
        operation_id=f"get_{name}",
        operation_class=one_operation(declaration),
        responses={200: _answer(declaration.struct, "The object."), 304: UNCHANGED, **refusals(READ_REFUSALS)},
        tags=["Reading"],
        summary=f"Get one {name.replace('_', ' ')}",
    )(get_object)
    return getting, _head(path, get_object)


def _head(path: str, answer: Callable[..., Awaitable[ASGIResponse]]) -> HTTPRouteHandler:
    """HEAD as GET: the same is done and audited, and the server leaves the body out. Source: RFC 9110 §9.3.2."""
    return route(path, http_method=HttpMethod.HEAD, include_in_schema=False)(answer)


def _answer(shape: type[msgspec.Struct], told: str) -> ResponseSpec:
    return ResponseSpec(shape, generate_examples=False, description=told)


def _reply(answer: Answer, asked: Asked, seen: Seen, fhir: bool, now: datetime) -> Reply:
    """The answer with its ETag; one from the cache says its age, which objects and FHIR have no member for. Source: RFC 9111 §5.1."""
    seen.ids, seen.patients, seen.calls, seen.origin = answer.ids, answer.patients, answer.calls, answer.origin
    seen.pathway = answer.pathway
    headers = [("etag", answer.etag), PRIVATE, ("vary", "accept, authorization")]
    if answer.stale:  # single objects and FHIR bundles have no place for a warning
        headers.append(("warning", '110 - "Response is Stale"'))
    if answer.origin == "cache":
        headers.append(("age", str(max(0, int((now - answer.as_of).total_seconds())))))
    if asked.if_none_match and matches(asked.if_none_match, answer.etag):
        return Reply(b"", 304, JSON, headers)
    return Reply(answer.body, 200, FHIR if fhir else JSON, headers)


def matches(header: str, etag: str) -> bool:
    """Weak comparison. Source: RFC 9110 §13.1.2."""
    if header.strip() == "*":
        return True
    wanted = etag.removeprefix("W/")
    return any(candidate.strip().removeprefix("W/") == wanted for candidate in header.split(","))
