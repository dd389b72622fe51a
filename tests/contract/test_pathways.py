"""What every pathway has to keep, whatever its source: these run over each folder that has a `pathway.toml`."""

from __future__ import annotations

import ast
import csv
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millgate.canonical import json
from millgate.errors import GatewayError
from tests.contract.pathways import Pathway, expected_of, pathways

ALL = pathways()
OBJECTS = [(pathway, name) for pathway in ALL for name in pathway.declaration["objects"]]
EXAMPLES = [(pathway, name, example) for pathway, name in OBJECTS for example in pathway.examples(name)]

each_pathway = pytest.mark.parametrize("pathway", ALL, ids=lambda pathway: pathway.folder.name)
each_example = pytest.mark.parametrize(
    ("pathway", "name", "example"), EXAMPLES, ids=[f"{p.folder.name}/{n}/{e.name}" for p, n, e in EXAMPLES]
)

SOCKETS_AND_CLOCKS = {"socket", "asyncio", "aiohttp", "ssl", "time", "random", "secrets", "uuid", "http", "urllib.request"}
ABOVE_OR_BESIDE = (
    "millgate.objects",
    "millgate.store",
    "millgate.flow",
    "millgate.surfaces",
    "millgate.simulator",
    "millgate.app",
)


def test_pathways_are_found() -> None:
    assert [pathway.folder.name for pathway in ALL if pathway.folder.name == "fhir_r4"]


@each_pathway
def test_the_folder_has_its_shape(pathway: Pathway) -> None:
    names = {"name", "title", "spec", "version", "objects", "checklist"}
    assert names <= pathway.declaration.keys()
    for part in ("README.md", "wire.py", "decode"):
        assert (pathway.folder / part).exists(), part
    for step, state in pathway.declaration["checklist"].items():
        assert re.fullmatch(r"done|todo|exempt: \S.+", state), step


@each_pathway
def test_only_the_transport_has_sockets_a_clock_or_dice(pathway: Pathway) -> None:
    for file in pathway.folder.rglob("*.py"):
        if file.name not in ("transport.py", "statements.py"):
            assert not imports_of(file) & SOCKETS_AND_CLOCKS, file
            assert not re.search(r"\b(now|utcnow|today)\(\)", file.read_text("utf-8")), file


@each_pathway
def test_it_imports_nothing_above_it_and_no_other_pathway(pathway: Pathway) -> None:
    others = tuple(f"millgate.pathways.{other.folder.name}" for other in ALL if other is not pathway)
    for file in pathway.folder.rglob("*.py"):
        wrong = {name for name in imports_of(file) if name.startswith((*ABOVE_OR_BESIDE, *others))}
        assert not wrong, file


@each_pathway
def test_every_row_of_every_table_has_a_source(pathway: Pathway) -> None:
    for table in pathway.folder.glob("tables/*.csv"):
        with table.open(encoding="utf-8", newline="") as rows:
            for number, row in enumerate(csv.DictReader(rows), 2):
                assert row.get("source"), f"{table.name}:{number}"
                assert None not in row, f"{table.name}:{number}"


@pytest.mark.parametrize(("pathway", "name"), OBJECTS, ids=[f"{p.folder.name}/{n}" for p, n in OBJECTS])
def test_every_declared_object_has_an_example(pathway: Pathway, name: str) -> None:
    assert pathway.examples(name)


@each_example
def test_an_example_decodes_to_what_stands_beside_it(pathway: Pathway, name: str, example: Path) -> None:
    resources = pathway.decode(example.read_bytes())
    assert pathway.declaration["objects"][name] in {resource["resourceType"] for resource in resources}
    assert resources == json.decode(expected_of(example).read_bytes())


@each_example
def test_decoding_twice_gives_equal_bytes(pathway: Pathway, name: str, example: Path) -> None:
    data = example.read_bytes()
    assert json.encode(pathway.decode(data)) == json.encode(pathway.decode(data))


@each_example
def test_unknown_codes_keep_their_text(pathway: Pathway, name: str, example: Path) -> None:
    """Every code, display and text of the expected form is made unheard-of in the input, and has to come out again."""
    data = example.read_text("utf-8")
    words = sorted(coded_words(json.decode(expected_of(example).read_bytes())), key=len, reverse=True)
    replaced: dict[str, str] = {}
    for number, word in enumerate(words):
        changed = re.sub(rf'(?<=["|^>]){re.escape(word)}(?=["|^<])', f"zz-unheard-{number}-of", data)
        if changed != data:
            data, replaced[word] = changed, f"zz-unheard-{number}-of"
    assert replaced
    decoded = json.encode(pathway.decode(data.encode())).decode()
    for unheard in replaced.values():
        assert unheard in decoded


@settings(max_examples=40)
@given(data=st.data())
@each_pathway
def test_damaged_input_raises_nothing_but_gateway_errors(pathway: Pathway, data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([example for p, _, example in EXAMPLES if p is pathway])).read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    damaged = whole[:start] + data.draw(st.binary(max_size=6)) + whole[start + data.draw(st.integers(0, 40)) :]
    for wild in (damaged, whole[:start], damaged[::-1]):
        try:
            resources = pathway.decode(wild)
        except GatewayError as error:
            assert str(error)
        else:
            assert all(isinstance(resource["resourceType"], str) for resource in resources)


def coded_words(value: Any, under: str = "") -> set[str]:
    """The codes, displays and texts of all codings and concepts in canonical resources."""
    if isinstance(value, dict):
        return {word for key, member in value.items() for word in coded_words(member, key)}
    if isinstance(value, list):
        return {word for member in value for word in coded_words(member, under)}
    return {value} if under in ("code", "display", "text") and isinstance(value, str) and len(value) > 1 else set()


def imports_of(file: Path) -> set[str]:
    """The modules that a file imports, type-checking imports included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{name.name}" for name in node.names}
    return found
