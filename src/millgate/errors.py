"""Every failure a caller may see: what went wrong, and who has to do what next.

    GatewayError
    ├── TryLater       nothing is wrong with the call; repeat it, after `retry_after` where given
    ├── FixRequest     the caller has to change the call
    ├── FixMessage     a document or message that was handed in cannot be taken as it is
    ├── NeedAccess     a key, a session or a scope is missing
    ├── NotOffered     the tenant's server does not do this
    └── CallOperator   a setting, a registration or the source itself needs a person

`CODES` is the one table that turns a code into an HTTP status, a title, an exit status and whether to repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Code:
    """What one stable error code means to each door: HTTP, command line, HL7 v2 acknowledgement."""

    status: int
    title: str
    advice: str
    retryable: bool = False
    exit_status: int = 1
    acknowledgement: str = "AE"


# Exit statuses follow sysexits.h: 64 usage, 65 data, 69 unavailable, 70 internal, 75 try later, 77 permission, 78 configuration.
CODES: dict[str, Code] = {
    "invalid_request": Code(
        400,
        "The request is not valid",
        "Read `errors`: it names every field that is wrong and what would be accepted.",
        exit_status=64,
    ),
    "search_not_supported": Code(
        400,
        "The source cannot search like this",
        "The detail names the combinations of filters that the source takes for this object.",
        exit_status=64,
    ),
    "invalid_cursor": Code(
        400,
        "The cursor is not valid",
        "Pass `next_cursor` exactly as the last page gave it, to the same list, within 24 hours; otherwise begin again without one.",
        exit_status=64,
    ),
    "invalid_key": Code(
        401,
        "The API key is not valid",
        "Send the API key as `Authorization: Bearer mg_…` to POST /authenticate. `millgate clients create` shows a key once.",
        exit_status=77,
    ),
    "invalid_session": Code(
        401,
        "The session token is not valid",
        "Send the session token as `Authorization: Bearer ms_…`. Tokens come from POST /authenticate.",
        exit_status=77,
    ),
    "session_expired": Code(
        401,
        "The session has expired",
        "Open another session with POST /authenticate.",
        exit_status=77,
    ),
    "scope_missing": Code(
        403,
        "The session lacks a scope",
        "Ask for the scope that the detail names in POST /authenticate; the operator sets the client's ceiling.",
        exit_status=77,
    ),
    "scope_narrowed": Code(
        403,
        "The tenant granted less than was asked for",
        "The tenant's server granted less than was asked for (`denied_scopes`). Its administrator has to allow it to this registration.",
        exit_status=77,
    ),
    "tenant_not_allowed": Code(
        403,
        "This client may not use this tenant",
        "Ask the operator to allow the tenant to this client.",
        exit_status=77,
    ),
    "patient_out_of_context": Code(
        403,
        "The session may not see this patient",
        "The session is bound to one patient; leave `patient_id` out or pass that patient's.",
        exit_status=77,
    ),
    "not_found": Code(
        404,
        "Not found",
        "Check the id: ids mean nothing outside their tenant, and records may be hidden from this registration.",
        exit_status=66,
    ),
    "method_not_allowed": Code(
        405,
        "This path does not take this method",
        "See the methods of this path in the API reference.",
        exit_status=64,
    ),
    "not_offered_by_tenant": Code(
        405,
        "The tenant's server does not offer this",
        "The tenant's server does not do this. `GET /tenants/{name}` shows what it offers.",
        exit_status=69,
    ),
    "not_acceptable": Code(
        406,
        "No such representation",
        "Ask for `application/json` or `application/fhir+json`.",
        exit_status=64,
    ),
    "slot_taken": Code(
        409,
        "The slot has been taken",
        "Somebody else has the slot. List the free slots again and choose another.",
        exit_status=65,
    ),
    "version_conflict": Code(
        409,
        "The object has changed",
        "The object changed since it was read. `current` holds it as it is now; decide again.",
        exit_status=65,
    ),
    "idempotency_key_reused": Code(
        409,
        "The idempotency key was used for another request",
        "This key came with another body before. Use a new key for a new request.",
        exit_status=64,
    ),
    "operation_in_progress": Code(
        409,
        "The same operation is still under way",
        "The first request with this key is still under way. Ask again shortly with the same key and body.",
        retryable=True,
        exit_status=75,
    ),
    "too_large": Code(
        413,
        "The request is too large",
        "Send less, or have the operator raise `body_limit_bytes`.",
        exit_status=65,
    ),
    "unsupported_media_type": Code(
        415,
        "The media type is not supported",
        "Send the body as `application/json`.",
        exit_status=65,
    ),
    "range_not_satisfiable": Code(
        416,
        "The document has no such part",
        "Ask for a range within the document's length, which the header `Content-Range` names, or for the whole.",
        exit_status=64,
    ),
    "rejected_by_source": Code(
        422,
        "The source rejected the request",
        "The source's rules forbid it; `upstream.outcome` holds its reason.",
        exit_status=65,
    ),
    "invalid_message": Code(
        422,
        "The message cannot be read",
        "The message is damaged or incomplete at the place that the detail names.",
        exit_status=65,
        acknowledgement="AR",
    ),
    "invalid_document": Code(
        422,
        "The document cannot be read",
        "The document is damaged or incomplete at the place that the detail names.",
        exit_status=65,
    ),
    "locked_at_source": Code(
        423,
        "The record is being edited at the source",
        "Somebody has the record open in the EHR. Try again in a few minutes.",
        retryable=True,
        exit_status=75,
    ),
    "dependency_failed": Code(
        424,
        "A dependent step failed at the source",
        "A step that this one depends on failed at the source. Look at the object before trying again.",
        exit_status=65,
    ),
    "rate_limited": Code(
        429,
        "Too many requests to the gateway",
        "Slow down, and try again after `retry_after` seconds.",
        retryable=True,
        exit_status=75,
    ),
    "upstream_throttled": Code(
        429,
        "The source asks for fewer requests",
        "The source asks for fewer requests. Try again after `retry_after` seconds.",
        retryable=True,
        exit_status=75,
    ),
    "internal_error": Code(
        500,
        "The gateway failed",
        "This is a fault of the gateway. Report it with the request id.",
        exit_status=70,
    ),
    "upstream_error": Code(
        502,
        "The source answered with an error",
        "The source answered with something that cannot be used. Quote `upstream.request_id` to the vendor.",
        exit_status=69,
    ),
    "upstream_unavailable": Code(
        503,
        "The source cannot be reached",
        "The source could not be reached. Try again later; `millgate doctor` tells more.",
        retryable=True,
        exit_status=75,
    ),
    "not_ready": Code(
        503,
        "The gateway is not ready",
        "The gateway is starting or stopping. Try again in a moment.",
        retryable=True,
        exit_status=75,
    ),
    "upstream_timeout": Code(
        504,
        "The source did not answer in time",
        "The source did not answer in time. Reads may be repeated; repeat a write with the same idempotency key only.",
        retryable=True,
        exit_status=75,
    ),
    "invalid_setting": Code(
        500,
        "A setting is not valid",
        "Correct the setting that the detail names and start again.",
        exit_status=78,
    ),
    "store_unavailable": Code(
        503,
        "The store cannot be reached",
        "The gateway cannot reach its database, and answers nothing that it cannot audit. Try again in a moment.",
        retryable=True,
        exit_status=75,
    ),
}


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one field of the input: `{field, code, detail}`."""

    field: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Upstream:
    """What the source said: its status, its request id, the outcome's codes, and the address of its own error. Never patient data."""

    status: int | None = None
    request_id: str | None = None
    outcome: str | None = None
    error_uri: str | None = None


class GatewayError(Exception):
    """A failure with a stable `code` of `CODES` and a `detail` that says what to do; carries no patient data."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldProblem] = (),
        upstream: Upstream | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        if code not in CODES:
            raise ValueError(f"unknown error code {code}")
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.upstream = upstream
        self.retry_after = retry_after
        # Set where a request may have reached the source though no answer came: a write must look for its effect before it repeats.
        self.outcome_unknown = False
        # The exchanges with the source that led here (`canonical.exchange.Call`), for the audit chain.
        self.calls: tuple[object, ...] = ()

    @property
    def meaning(self) -> Code:
        """The row of `CODES` for this error."""
        return CODES[self.code]

    def again(self) -> Self:
        """The same failure as an object of its own, for another who waited for the same thing: each adds to it what is its own."""
        other = type(self).__new__(type(self), *self.args)
        other.__dict__.update(self.__dict__)
        return other


class TryLater(GatewayError):
    """Nothing is wrong with the call; it may be repeated."""


class FixRequest(GatewayError):
    """The caller has to change the call."""


class FixMessage(GatewayError):
    """A document or message cannot be taken as it is."""


class NeedAccess(GatewayError):
    """A key, a session or a scope is missing."""


class NotOffered(GatewayError):
    """The tenant's server does not do this."""


class CallOperator(GatewayError):
    """A setting, a registration or the source itself needs a person."""
