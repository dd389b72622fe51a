"""The same persons in R4 and in DSTU2 make the same objects, but for what `docs/reference/dstu2-and-r4.csv` says, leaf by leaf."""

from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from millgate.canonical.json import decode
from millgate.objects import BY_RESOURCE_TYPE, encode_object
from millgate.objects.convert import convert
from millgate.pathways.fhir_dstu2.decode import decode_document
from tests.conftest import REPOSITORY
from tests.objects.leaves import leaves
from tests.objects.test_no_silent_loss import unexplained

TABLE = REPOSITORY / "docs" / "reference" / "dstu2-and-r4.csv"
Thing = dict[str, Any]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


# What tells two objects of a kind apart: their ids differ between the two sides.
KEYS: dict[str, Callable[[Thing], tuple[Any, ...]]] = {
    "patient": lambda one: (one["id"],),
    "practitioner": lambda one: (one["id"],),
    "organization": lambda one: (one["id"],),
    "encounter": lambda one: (_text(one["types"]), one.get("start")),
    "observation": lambda one: (one["code"]["text"], one.get("effective_at")),
    "diagnostic_report": lambda one: (one["code"]["text"], one["effective_at"]),
    "condition": lambda one: (one["code"]["text"], _text(one.get("onset"))),
    "procedure": lambda one: (one["code"]["text"], _text(one.get("performed_period")), one.get("performed_at")),
    "allergy": lambda one: (one["code"]["text"],),
    "immunization": lambda one: (one["vaccine"]["text"], one["occurred_at"]),
    "medication_request": lambda one: (_text(one["medication"]), one["authored_at"]),
    "care_plan": lambda one: (_text(one["categories"]), _text(one["period"])),
    "goal": lambda one: (_text(one.get("description")),),
    "device": lambda one: (_text(one.get("type")),),
}


def objects(file: Path, *, dstu2: bool) -> list[Thing]:
    """The objects that come of a person's file."""
    data = gzip.decompress(file.read_bytes())
    done = convert(data, pathway="fhir-dstu2" if dstu2 else "fhir-r4", canonical=decode_document if dstu2 else None)
    return [json.loads(encode_object(one)) for one in done.objects]


def by_key(things: list[Thing]) -> dict[tuple[Any, ...], list[Thing]]:
    """The objects by kind and key, in the order of the file; those of a kind without a key all under one."""
    found: dict[tuple[Any, ...], list[Thing]] = defaultdict(list)
    for one in things:
        key = KEYS.get(one["object"])
        found[(one["object"], *(key(one) if key is not None else ()))].append(one)
    return found


def one_sided(left: dict[tuple[Any, ...], Any], right: dict[tuple[Any, ...], Any]) -> Iterator[tuple[str, str]]:
    """The kinds of objects that one side has alone."""
    kinds, others = {key[0] for key in left}, {key[0] for key in right}
    yield from ((kind, "r4 only") for kind in sorted(kinds - others))
    yield from ((kind, "dstu2 only") for kind in sorted(others - kinds))


def differences(path: str, left: Any, right: Any, same_ids: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Where R4's value and DSTU2's differ: the path, and how."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted(left.keys() | right.keys()):
            if name not in left or name not in right:
                yield f"{path}.{name}", "r4 only" if name in left else "dstu2 only"
            else:
                yield from differences(f"{path}.{name}", left[name], right[name], same_ids)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for one, other in zip(left, right, strict=True):
            yield from differences(f"{path}[]", one, other, same_ids)
    elif left != right and not (isinstance(left, str) and same_ids.get(left) == right):
        yield path, "differs"


def written() -> dict[tuple[str, str], str]:
    """The rows of the table: path and how, and why."""
    with TABLE.open(encoding="utf-8", newline="") as table:
        return {(row["path"], row["how"]): row["why"] for row in csv.DictReader(table)}


def test_the_same_persons_make_the_same_objects(corpus: Path) -> None:
    seen: dict[tuple[str, str], int] = defaultdict(int)
    files = sorted((corpus / "synthea" / "r4").glob("*.json.gz"))
    assert files
    compared = 0
    for file in files:
        r4 = by_key(objects(file, dstu2=False))
        dstu2 = by_key(objects(corpus / "synthea" / "dstu2" / file.name, dstu2=True))
        for row in one_sided(r4, dstu2):
            seen[row] += 1
            for things in (r4, dstu2):
                for key in [key for key in things if key[0] == row[0]]:
                    del things[key]
        assert r4.keys() == dstu2.keys(), file.name
        assert {key: len(some) for key, some in r4.items()} == {key: len(some) for key, some in dstu2.items()}, file.name
        pairs = [pair for key in r4 for pair in zip(r4[key], dstu2[key], strict=True)]
        same_ids = {left["id"]: right["id"] for left, right in pairs}
        for left, right in pairs:
            compared += 1
            for name in left.keys() | right.keys():
                if name not in ("id", "source"):
                    here, there = {name: left[name]} if name in left else {}, {name: right[name]} if name in right else {}
                    for row in differences(left["object"], here, there, same_ids):
                        seen[row] += 1
    assert compared > 1000
    missing = sorted(set(seen) - written().keys())
    assert not missing, "\n".join(map(str, missing))


def test_neither_side_loses_anything_unexplained(corpus: Path) -> None:
    missing: set[tuple[str, str]] = set()
    shapes: set[tuple[str, frozenset[str]]] = set()
    seen = 0
    for side in ("r4", "dstu2"):
        for file in sorted((corpus / "synthea" / side).glob("*.json.gz")):
            document = decode(gzip.decompress(file.read_bytes()))
            for entry in (decode_document(document) if side == "dstu2" else document)["entry"]:
                if entry["resource"]["resourceType"] in BY_RESOURCE_TYPE:
                    seen += 1
                    shape = (side, frozenset(leaf.path for leaf in leaves(entry["resource"])))
                    if shape not in shapes:  # one of each is enough
                        shapes.add(shape)
                        missing |= {(side, path) for path in unexplained(entry["resource"])}
    assert sorted(missing) == []
    assert seen > 2000
    assert len(shapes) > 20


def test_every_row_of_the_table_gives_a_reason() -> None:
    assert all(written().values())
