"""Reference ranges by age and sex, and how a value stands to them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from millgate.simulator.hospital.tables import rows


@dataclass(frozen=True, slots=True)
class Range:
    """A range; either end may be open, and a range may be words only."""

    low: Decimal | None
    high: Decimal | None
    text: str


@cache
def _ranges(key: str) -> tuple[dict[str, str], ...]:
    return tuple(row for row in rows("reference_ranges") if row["analyte"] == key)


def range_for(key: str, sex: str, age: float) -> Range | None:
    """The range that holds for a person of that sex and age in years."""
    for row in _ranges(key):
        if row["sex"] in ("", sex) and float(row["age_from"]) <= age < float(row["age_to"]):
            low, high = row["low"], row["high"]
            return Range(Decimal(low) if low else None, Decimal(high) if high else None, row["text"])
    return None


def judge(value: Decimal, found: Range | None, row: dict[str, str]) -> str:
    """LL, L, N, H or HH; nothing without a range. Critical limits are columns of the analyte's row."""
    if found is None or (found.low is None and found.high is None):
        return ""
    if found.low is not None and value < found.low:
        critical = row.get("critical_low")
        return "LL" if critical and value <= Decimal(critical) else "L"
    if found.high is not None and value > found.high:
        critical = row.get("critical_high")
        return "HH" if critical and value >= Decimal(critical) else "H"
    return "N"
