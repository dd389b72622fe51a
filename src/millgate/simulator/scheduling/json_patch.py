"""JSON Patch documents (RFC 6902) as the tenant takes them: only listed operations on listed paths, each at most once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from millgate.simulator.answers import bad_request

MOST_OPERATIONS = 20
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a patch."""

    op: str
    path: str
    value: Any = None

    @property
    def key(self) -> str:
        return f"{self.op} {self.path}"


def decode_json(body: bytes) -> Any:
    """The JSON in a request body; Refused with 400 if there is none."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise bad_request("the body is not valid JSON") from error


def read_patch(body: bytes) -> list[Operation]:
    """The operations in a request body; Refused with 400 if it is no JSON Patch."""
    document = decode_json(body)
    if not isinstance(document, list) or not 0 < len(document) <= MOST_OPERATIONS:
        raise bad_request("the body must be a list of JSON Patch operations")
    return [_read_operation(item) for item in document]


def _read_operation(item: Any) -> Operation:
    if not isinstance(item, dict):
        raise bad_request("every operation must be an object")
    op, path = item.get("op"), item.get("path")
    if op not in ("add", "remove", "replace", "move", "copy", "test") or not isinstance(path, str) or not path.startswith("/"):
        raise bad_request("every operation must have an op and a path")
    if op in ("add", "replace", "test") and "value" not in item:
        raise bad_request(f"{op} {path} must have a value")
    return Operation(op, path, item.get("value"))
