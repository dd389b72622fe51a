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


@dataclass(frozen=True, slots=True)
class Code:
    """What one stable error code means to each door: HTTP, command line, HL7 v2 acknowledgement."""

    status: int
    title: str
    retryable: bool = False
    exit_status: int = 1
    acknowledgement: str = "AE"


# Exit statuses follow sysexits.h: 64 usage, 65 data, 69 unavailable, 70 internal, 75 try later, 77 permission, 78 configuration.
CODES: dict[str, Code] = {
    "invalid_request": Code(400, "The request is not valid", exit_status=64),
    "search_not_supported": Code(400, "The source cannot search like this", exit_status=64),
    "invalid_cursor": Code(400, "The cursor is not valid", exit_status=64),
    "invalid_key": Code(401, "The API key is not valid", exit_status=77),
    "invalid_session": Code(401, "The session token is not valid", exit_status=77),
    "session_expired": Code(401, "The session has expired", exit_status=77),
    "scope_missing": Code(403, "The session lacks a scope", exit_status=77),
    "scope_narrowed": Code(403, "The tenant granted less than was asked for", exit_status=77),
    "tenant_not_allowed": Code(403, "This client may not use this tenant", exit_status=77),
    "patient_out_of_context": Code(403, "The session may not see this patient", exit_status=77),
    "not_found": Code(404, "Not found", exit_status=66),
    "method_not_allowed": Code(405, "This path does not take this method", exit_status=64),
    "not_offered_by_tenant": Code(405, "The tenant's server does not offer this", exit_status=69),
    "not_acceptable": Code(406, "No such representation", exit_status=64),
    "slot_taken": Code(409, "The slot has been taken", exit_status=65),
    "version_conflict": Code(409, "The object has changed", exit_status=65),
    "idempotency_key_reused": Code(409, "The idempotency key was used for another request", exit_status=64),
    "operation_in_progress": Code(409, "The same operation is still under way", retryable=True, exit_status=75),
    "too_large": Code(413, "The request is too large", exit_status=65),
    "unsupported_media_type": Code(415, "The media type is not supported", exit_status=65),
    "rejected_by_source": Code(422, "The source rejected the request", exit_status=65),
    "invalid_message": Code(422, "The message cannot be read", exit_status=65, acknowledgement="AR"),
    "invalid_document": Code(422, "The document cannot be read", exit_status=65),
    "locked_at_source": Code(423, "The record is being edited at the source", retryable=True, exit_status=75),
    "dependency_failed": Code(424, "A dependent step failed at the source", exit_status=65),
    "rate_limited": Code(429, "Too many requests to the gateway", retryable=True, exit_status=75),
    "upstream_throttled": Code(429, "The source asks for fewer requests", retryable=True, exit_status=75),
    "internal_error": Code(500, "The gateway failed", exit_status=70),
    "upstream_error": Code(502, "The source answered with an error", exit_status=69),
    "upstream_unavailable": Code(503, "The source cannot be reached", retryable=True, exit_status=75),
    "not_ready": Code(503, "The gateway is not ready", retryable=True, exit_status=75),
    "upstream_timeout": Code(504, "The source did not answer in time", retryable=True, exit_status=75),
    "invalid_setting": Code(500, "A setting is not valid", exit_status=78),
    "store_unavailable": Code(503, "The store cannot be reached", retryable=True, exit_status=75),
}


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one field of the input: `{field, code, detail}`."""

    field: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Upstream:
    """What the source said: its status, its request id, and the outcome's codes. Never patient data."""

    status: int | None = None
    request_id: str | None = None
    outcome: str | None = None


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
