"""What the simulated tenant says over HTTP: FHIR bodies, OperationOutcomes, and the edge's own words, which are not FHIR.

Where no public source gives the exact body, the shape of the nearest known one is used: most 409, 412, 422, 423 and 424 bodies are
OperationOutcomes with `details.text`, like the captured 400 and 404.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

FHIR_JSON = "application/fhir+json"
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"

_encoder = msgspec.json.Encoder(decimal_format="number")


def encode(value: Any) -> bytes:
    """JSON bytes of a value; decimals stay JSON numbers with every digit they came with."""
    return _encoder.encode(value)


@dataclass(slots=True)
class Answer:
    """One HTTP answer before the headers that every answer carries. `records` names the resources that the body shows."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    records: Sequence[tuple[str, str]] = ()


class Refused(Exception):
    """Raised anywhere below the dispatcher: the answer to give instead of a result."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def fhir(status: int, resource: Any, headers: Mapping[str, str] | None = None, records: Sequence[tuple[str, str]] = ()) -> Answer:
    return Answer(status, encode(resource), FHIR_JSON, dict(headers or {}), records)


def outcome(
    status: int,
    code: str,
    text: str | None = None,
    *,
    severity: str = "error",
    location: str | None = None,
    diagnostics: str | None = None,
) -> Answer:
    """An answer whose body is an OperationOutcome with one issue."""
    issue: dict[str, Any] = {"severity": severity, "code": code}
    if text is not None:
        issue["details"] = {"text": text}
    if diagnostics is not None:
        issue["diagnostics"] = diagnostics
    if location is not None:
        issue["location"] = [location]
    return fhir(status, {"resourceType": "OperationOutcome", "issue": [issue]})


def bad_request(text: str) -> Refused:
    return Refused(outcome(400, "invalid", text))


def not_found() -> Refused:
    return Refused(outcome(404, "not-found", "Not Found"))


def not_acceptable() -> Refused:
    return Refused(Answer(406))


def unprocessable(text: str, code: str = "business-rule") -> Refused:
    return Refused(outcome(422, code, text))


def conflict(text: str) -> Refused:
    return Refused(outcome(409, "conflict", text))


def unknown_tenant() -> Refused:
    return Refused(Answer(403, b"Tenant not valid or accessible", TEXT))


def gateway(status: int, code: str, error: str | None = None, subcode: str | None = None) -> Refused:
    """A refusal by the edge in front of the FHIR server: JSON, but not FHIR."""
    parts = {"code": code, "error": error, "subcode": subcode}
    message = ", ".join(f'{name}="{value}"' for name, value in parts.items() if value)
    answer = Answer(status, encode({"code": status, "message": message}), JSON)
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="fhir-ehr.cerner.com"' + (f', error="{error}"' if error else "")
    return Refused(answer)
