"""Objects as JSON bytes: equal objects give equal bytes, and decimals are numbers with all their digits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from millgate.canonical.json import encode
from millgate.objects.shared import Object, Shared


def encode_object(value: Shared) -> bytes:
    """The object (or any part of one) as compact JSON; a missing field has no key."""
    return encode(value)


def encode_list(objects: Iterable[Object], envelope: Mapping[str, Any]) -> bytes:
    """A list as JSON: `object` and `data` first, then the members of the envelope (`has_more`, `next_cursor`, …) in their order."""
    return encode({"object": "list", "data": list(objects), **envelope})
