"""What each status of Millennium's FHIR means to the caller: the gateway's error, with what to do about it.

Source: Millennium fact sheet §4.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from millgate.errors import CallOperator, FixRequest, GatewayError, NeedAccess, NotOffered, TryLater
from millgate.pathways.fhir.wire import Outcome, read_outcome, upstream
from millgate.pathways.http import OutcomeUnknown, may_pass

# What was asked of the source: `book` takes a slot, `change` alters an appointment, `create` makes anything else.
Purpose = Literal["search", "read", "create", "book", "change", "discover"]

WRITES: Final = frozenset({"create", "book", "change"})


def refusal(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    purpose: Purpose,
    resource_type: str,
    request_id: str | None = None,
    retry_after: float | None = None,
) -> GatewayError:
    """The error for an answer that is no success; it names the source's codes, and its text only where that is fixed wording."""
    outcome = read_outcome(body)
    error = (_of_write if purpose in WRITES else _of_reading)(status, outcome, purpose, resource_type)
    error = error or _of_any(status, outcome, resource_type)
    error.upstream = upstream(status, request_id, outcome)
    if error.retry_after is None and error.meaning.retryable:
        error.retry_after = retry_after
    return error


def is_bad_record(codes: Iterable[str]) -> bool:
    """Whether a 5xx says that a stored record lacks what the source requires: so it will the next time. Source: fact sheet §4.4."""
    return "fatal/required" in codes


def _of_reading(status: int, outcome: Outcome, purpose: Purpose, resource_type: str) -> GatewayError | None:
    if purpose == "search" and status in (400, 422):
        return FixRequest("search_not_supported", _said(f"The source cannot search {resource_type} like this", outcome))
    if purpose == "read" and status == 400:
        return FixRequest("not_found", _said(f"The source takes this for no id of {resource_type}", outcome))
    if status in (404, 410):
        return FixRequest("not_found", f"The source has no such {resource_type}, or does not show it.")
    if status == 502:
        return TryLater("upstream_unavailable", "The source's edge could not reach it; very large searches end like this, too.")
    if status == 503:
        return TryLater("upstream_unavailable", "The source is not available.")
    if status == 504:
        return TryLater("upstream_timeout", "The source did not answer its own edge in time; a narrower search may pass.")
    if may_pass(status) and status != 429 and not is_bad_record(outcome.codes):
        return TryLater("upstream_unavailable", f"The source failed with status {status}.")
    return None


def _of_write(status: int, outcome: Outcome, purpose: Purpose, resource_type: str) -> GatewayError | None:
    if status >= 500:
        code = "upstream_timeout" if status == 504 else "upstream_unavailable"
        return OutcomeUnknown(code, f"The source failed with status {status}; whether the write took effect is not known.")
    if status == 409 and purpose == "book":
        return FixRequest("slot_taken", "The slot is not free any more.")
    if status == 409:
        return FixRequest("version_conflict", _said(f"The {resource_type} has changed since it was read", outcome))
    if status == 412:
        return FixRequest("version_conflict", f"The source did not accept the version of the {resource_type}.")
    if status in (400, 422):
        return FixRequest("rejected_by_source", _said(f"The source rejected the {resource_type}", outcome))
    if status == 404:
        return FixRequest("not_found", f"The source has no such {resource_type}.")
    if status == 424:
        return FixRequest("dependency_failed", _said("A dependent step failed at the source; nothing was written", outcome))
    return None


def _of_any(status: int, outcome: Outcome, resource_type: str) -> GatewayError:
    if status == 401:
        return CallOperator("upstream_error", "The source refused the gateway's token, also a fresh one.")
    if status == 403:
        return _forbidden(outcome, resource_type)
    if status == 405:
        return NotOffered("not_offered_by_tenant", f"The tenant's server does not offer this on {resource_type}.")
    if status == 423:
        return TryLater("locked_at_source", f"The {resource_type} is being edited at the source.")
    if status == 429:
        return TryLater("upstream_throttled", "The source asks for fewer requests.")
    if status >= 500 and is_bad_record(outcome.codes):
        stored = "a stored record lacks an element that the source itself requires, and that fails the whole page"
        return CallOperator(
            "upstream_error", f"The source cannot build its answer: {stored}. Another page size or filter may pass it."
        )
    if 300 <= status < 400:
        return CallOperator("upstream_error", "The source redirects to another address; it was not followed.")
    return CallOperator("upstream_error", _said(f"The source answered with status {status}", outcome))


def _forbidden(outcome: Outcome, resource_type: str) -> GatewayError:
    """Three things hide behind a 403. Source: Millennium fact sheet §2.3, §2.6, §4.4."""
    if any(code.replace("_", "-") in ("insufficient-scopes", "no-scope-for-resource-path") for code in outcome.codes):
        return NeedAccess(
            "scope_narrowed", f"The tenant did not grant the gateway's token the scope for this on {resource_type}."
        )
    if "Forbidden resource" in outcome.texts:
        listed = "the scope was granted, but the tenant's own list of allowed resources for this app does not hold it"
        return NeedAccess("scope_narrowed", f"The tenant forbids {resource_type}: {listed}. Changes there take about 15 minutes.")
    if "Tenant not valid or accessible" in outcome.texts:
        return CallOperator("upstream_error", "The source does not know the tenant, or has not enabled the gateway's app for it.")
    return CallOperator("upstream_error", _said(f"The source forbids this on {resource_type}", outcome))


def _said(sentence: str, outcome: Outcome) -> str:
    said = "; ".join(outcome.texts)
    return f"{sentence}; it says: {said.rstrip('.')}." if said else f"{sentence}."
