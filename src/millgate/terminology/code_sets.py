"""Millennium's proprietary code sets, as they stand in a coding's system."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_CODE_SET = re.compile(r"https?://fhir(?:\.(ca|au))?\.cerner\.com/([^/]+)/codeSet/(\d+)")


@dataclass(frozen=True, slots=True)
class CodeSet:
    """One code set of one tenant: `region` is `us`, `ca` or `au`; numbers mean the same everywhere, codes do not."""

    tenant: str
    region: str
    number: int


@lru_cache(maxsize=4096)
def parse_code_set(uri: str) -> CodeSet | None:
    """The tenant, region and number of a `…/<tenant>/codeSet/<n>` system, or None for any other system.

    Source: Millennium R4 terminology pages; tenant ids are not always UUIDs.
    """
    match = _CODE_SET.fullmatch(uri)
    if match is None or len(match[3]) > 9:
        return None
    return CodeSet(tenant=match[2], region=match[1] or "us", number=int(match[3]))
