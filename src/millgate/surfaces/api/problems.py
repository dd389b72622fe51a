"""Errors as RFC 9457 problem details: the one shape of every answer that is not what was asked for."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
from litestar.exceptions import HTTPException
from msgspec import Meta

from millgate.errors import CODES, GatewayError
from millgate.flow.write import Conflict

MEDIA_TYPE = "application/problem+json"


class ProblemField(msgspec.Struct, frozen=True):
    """One thing wrong with one field of the input."""

    field: Annotated[str, Meta(description="Where: a parameter, a header, or a path into the body.")]
    code: Annotated[str, Meta(description="What kind of problem.")]
    detail: Annotated[str, Meta(description="What would be accepted.")]


class ProblemUpstream(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the source said."""

    status: Annotated[int | None, Meta(description="Its HTTP status.")] = None
    request_id: Annotated[str | None, Meta(description="Its own request or correlation id: quote it to the vendor.")] = None
    outcome: Annotated[str | None, Meta(description="Its outcome's codes.")] = None
    error_uri: Annotated[str | None, Meta(description="Where its authorization server names the error: for the vendor.")] = None


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An RFC 9457 problem. Source: docs/reference/errors.md."""

    type: Annotated[str, Meta(description="A page that explains this code.")]
    title: Annotated[str, Meta(description="What the code means, in a few words.")]
    status: Annotated[int, Meta(description="The HTTP status.")]
    detail: Annotated[str, Meta(description="What happened, and what to do next.")]
    code: Annotated[str, Meta(description="Stable, snake_case: branch on this.")]
    request_id: Annotated[str, Meta(description="This request's id, as in the X-Request-Id header.")]
    # Always there: a caller should not have to know that missing means false.
    retryable: Annotated[bool | msgspec.UnsetType, Meta(description="Whether the same request may succeed later.")] = (
        msgspec.UNSET
    )
    retry_after: Annotated[int | None, Meta(description="Seconds to wait before that.")] = None
    errors: Annotated[tuple[ProblemField, ...], Meta(description="All problems with the input, at once.")] = ()
    upstream: Annotated[ProblemUpstream | None, Meta(description="What the source said.")] = None
    current: Annotated[msgspec.Raw | msgspec.UnsetType, Meta(description="The object as it is now, after a conflict.")] = (
        msgspec.UNSET
    )


def problem_of(error: GatewayError, request_id: str) -> Problem:
    """The problem that tells of `error`."""
    meaning = error.meaning
    upstream = error.upstream
    return Problem(
        type=f"/docs/errors/{error.code}",
        title=meaning.title,
        status=meaning.status,
        detail=error.detail,
        code=error.code,
        request_id=request_id,
        retryable=meaning.retryable,
        retry_after=None if error.retry_after is None else max(0, math.ceil(error.retry_after)),
        errors=tuple(ProblemField(p.field, p.code, p.detail) for p in error.errors),
        upstream=None
        if upstream is None
        else ProblemUpstream(upstream.status, upstream.request_id, upstream.outcome, upstream.error_uri),
        current=msgspec.Raw(error.current) if isinstance(error, Conflict) else msgspec.UNSET,
    )


def problem_headers(problem: Problem) -> list[tuple[str, str]]:
    """`Retry-After` and `WWW-Authenticate` where they belong; an error is never kept by a cache."""
    headers = [("cache-control", "no-store")]
    if problem.retry_after is not None:
        headers.append(("retry-after", str(problem.retry_after)))
    if problem.status == 401:
        headers.append(("www-authenticate", 'Bearer realm="millgate", error="invalid_token"'))
    return headers


# What the framework itself refuses, in this house's codes.
_FRAMEWORK_CODES = {
    400: ("invalid_request", "The request could not be read; see the reference at /docs."),
    404: ("not_found", "There is nothing at this path; see the reference at /docs."),
    405: ("method_not_allowed", "This path does not take this method; see the reference at /docs."),
    406: ("not_acceptable", "Send `Accept: application/json` or `application/fhir+json`."),
    413: ("too_large", "The request body is larger than this gateway takes."),
    415: ("unsupported_media_type", "Send the body as application/json."),
}


def gateway_error_of(error: HTTPException) -> GatewayError:
    """The framework's refusal as one of this house's errors; anything unknown is `internal_error`."""
    code, detail = _FRAMEWORK_CODES.get(error.status_code, ("internal_error", "The gateway failed; quote the request id."))
    return GatewayError(code, detail)


def error_page(code: str) -> str | None:
    """The page at `/docs/errors/{code}`, or None for a code that does not exist."""
    meaning = CODES.get(code)
    if meaning is None:
        return None
    again = (
        "The same request may succeed later."
        if meaning.retryable
        else "The same request will fail again unless something changes."
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>'
        f"{code}</title></head><body><h1>{meaning.title}</h1><p>Code <code>{code}</code>, HTTP status {meaning.status}, "
        f"command line exit status {meaning.exit_status}.</p><p>{meaning.advice}</p><p>{again}</p>"
        '<p><a href="/docs">API reference</a></p></body></html>'
    )
