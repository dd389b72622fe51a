"""The names of resource types, and with them of scopes: DSTU2's, and R4's, which the gateway speaks everywhere else.

Source: FHIR R4's maps from DSTU2; Argonaut (care teams are care plans); Millennium fact sheet §2.3 (scopes).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from millgate.errors import NotOffered
from millgate.pathways.fhir_dstu2.decode import R4_TYPES

_SCOPE = re.compile(r"(?P<context>patient|user|system)/(?P<type>[A-Za-z]+)\.(?P<permission>.+)", re.DOTALL)
_CONTEXTS: Final = ("patient", "system", "user")
_OF_R4: Final = {to: name for name, tos in R4_TYPES.items() for to in tos}


def dstu2_type(resource_type: str) -> str:
    """DSTU2's name of a type of R4. NotOffered `not_offered_by_tenant` where DSTU2 of Millennium has none."""
    if resource_type not in _OF_R4:
        raise NotOffered("not_offered_by_tenant", f"DSTU2 of Millennium has nothing that {resource_type} is; R4 may.")
    return _OF_R4[resource_type]


@lru_cache(maxsize=256)
def scopes_in_r4(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes with the types' names of R4; one of care plans is one of care teams too."""
    return tuple(dict.fromkeys(new for scope in scopes for new in _renamed(scope, R4_TYPES)))


@lru_cache(maxsize=256)
def scopes_in_dstu2(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes with the types' names of DSTU2, sorted."""
    return tuple(sorted({new for scope in scopes for new in _renamed(scope, {to: (name,) for to, name in _OF_R4.items()})}))


def scopes_offered(interactions: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """What a server that lists no scopes takes: `read` of each type that it offers, in the only form that SMART had in DSTU2's time."""
    kinds = [kind for kind, codes in sorted(interactions.items()) if kind in R4_TYPES and codes & {"read", "search-type"}]
    return tuple(f"{context}/{kind}.read" for context in _CONTEXTS for kind in kinds)


@cache
def successors() -> dict[str, str]:
    """By type of DSTU2, what R4 of Millennium gives instead."""
    text = files("millgate.pathways.fhir_dstu2").joinpath("tables/successors.csv").read_text("utf-8")
    return {row["dstu2"]: row["r4"] for row in csv.DictReader(text.splitlines())}


def _renamed(scope: str, names: Mapping[str, Iterable[str]]) -> list[str]:
    match = _SCOPE.fullmatch(scope)
    if match is None:
        return [scope]
    return [f"{match['context']}/{name}.{match['permission']}" for name in names.get(match["type"], (match["type"],))]
