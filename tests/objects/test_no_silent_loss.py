"""Nothing of a resource is lost in silence: each leaf reaches a field, or `docs/reference/kept-only-in-fhir.csv` says why not.

A leaf reaches a field if another value in its place makes another object. One that a warning names is not lost in silence
either: without it the warnings are others.
"""

from __future__ import annotations

import csv
import functools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millgate.canonical.json import decode
from millgate.errors import GatewayError
from millgate.objects import BY_RESOURCE_TYPE, Context, encode_object
from tests.conftest import REPOSITORY
from tests.objects.leaves import Leaf, changed, leaves
from tests.objects.r4 import RESOURCES, every_element

TABLE = REPOSITORY / "docs" / "reference" / "kept-only-in-fhir.csv"
EXAMPLES = Path(__file__).parent / "examples"
CONTEXT = Context(tenant="general", pathway="fhir-r4", time_zone="America/Chicago")


@functools.cache
def kept_only() -> dict[str, str]:
    """The rows of the table: path and reason."""
    with TABLE.open(encoding="utf-8", newline="") as table:
        return {row["path"]: row["reason"] for row in csv.DictReader(table)}


def outcome(resource: dict[str, Any]) -> tuple[bytes, Any]:
    """The object's bytes and its warnings; nothing where the mapper does not take the resource at all."""
    try:
        made = BY_RESOURCE_TYPE[resource["resourceType"]].normalize(resource, CONTEXT)
    except (GatewayError, KeyError):
        return b"", None
    return encode_object(made), made.warnings


def is_lost(leaf: Leaf, resource: dict[str, Any], before: tuple[bytes, Any]) -> bool:
    """Whether the leaf could be anything else without the object being another, and no warning says so."""
    value = leaf.holder[leaf.key]
    leaf.holder[leaf.key] = changed(value)
    after, _ = outcome(resource)
    leaf.holder[leaf.key] = value
    return after == before[0] and not announced(leaf, resource, before[1])


def announced(leaf: Leaf, resource: dict[str, Any], warnings: Any) -> bool:
    """Whether a warning goes away with the leaf, or with the object or list that it stands in."""
    for holder, key in leaf.announced_by(resource):
        value = holder[key]
        holder[key] = None
        _, without = outcome(resource)
        holder[key] = value
        if without is not None and Counter(warnings) - Counter(without):
            return True
    return False


def unexplained(resource: dict[str, Any], used: set[str] | None = None) -> list[str]:
    """The paths of lost leaves that no row of the table speaks of; the rows that do explain one are added to `used`."""
    before = outcome(resource)
    assert before[0]
    missing = []
    for leaf in list(leaves(resource)):
        if leaf.holder[leaf.key] in (None, ""):
            continue
        rows = leaf.names & kept_only().keys()
        if rows and (used is None or rows <= used):
            continue
        if is_lost(leaf, resource, before):
            if not rows:
                missing.append(leaf.path)
            elif used is not None:
                used |= rows
    return missing


def own_resources() -> Iterator[dict[str, Any]]:
    """Every element of R4 in every resource, and this project's own examples."""
    for kind in RESOURCES:
        yield from every_element(kind)
    for path in sorted(EXAMPLES.glob("*.json")):
        if not path.name.endswith(".expected.json"):
            yield decode(path.read_bytes())


@pytest.mark.parametrize("kind", RESOURCES)
def test_every_element_of_r4_reaches_a_field_or_has_a_reason(kind: str) -> None:
    missing = [path for resource in every_element(kind) for path in unexplained(resource)]
    assert sorted(set(missing)) == []


def test_every_example_is_explained_and_every_row_of_the_table_is_needed() -> None:
    used: set[str] = set()
    missing = {path for resource in own_resources() for path in unexplained(resource, used)}
    assert missing == set()
    assert sorted(kept_only().keys() - used) == []
    assert [path for path, reason in kept_only().items() if len(reason.split()) < 3] == []
