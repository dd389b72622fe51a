"""Which standard systems a field prefers when one coding of several is lifted, as a table."""

from __future__ import annotations

from collections.abc import Mapping

from millgate.terminology.systems import system_by_short_name
from millgate.terminology.tables import rows


def _load() -> dict[tuple[str, str], dict[str, int]]:
    orders: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows("lifting.csv"):
        system = system_by_short_name(row["system"])
        if system is None:
            raise ValueError(f"lifting.csv names the unknown system {row['system']}")
        orders.setdefault((row["object"], row["field"]), {})[system.uri] = int(row["order"])
    return orders


_ORDERS = _load()


def lifting_order(object_name: str, field: str) -> Mapping[str, int]:
    """The field's own standard systems, each canonical URI with its rank from 1; empty where the field has no order of its own."""
    return _ORDERS.get((object_name, field), {})
