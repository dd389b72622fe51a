"""US Core 6.1.0: every element, extension and slice that its profiles ask for reaches a field, or is kept only in `include=fhir`."""

from __future__ import annotations

import functools
import re
from typing import Any

import pytest

from millgate.objects import BY_RESOURCE_TYPE
from tests.conftest import REPOSITORY
from tests.objects.leaves import Leaf, leaves
from tests.objects.r4 import DEFINITIONS, every_element
from tests.objects.test_no_silent_loss import CONTEXT, is_lost, kept_only, outcome
from tests.objects.us_core import EXTENSIONS, SHEET, SLICES, Asked, of_sheet, shipped

# A type without an object: docs/why/no-practitioner-roles.md.
NO_OBJECT = "PractitionerRole"
ASKED = [row for row in shipped() if row.resource != NO_OBJECT]
ELEMENTS = sorted({(row.resource, re.sub(r":\w+", "", row.path)) for row in ASKED if row.kind == "element"})
# All that US Core asks for and no field shows.
IN_FHIR_ONLY = {
    "DocumentReference.content.attachment.data",
    "DocumentReference.content.attachment.url",
    "Patient.sex",
    "Patient.tribalAffiliation",
}


def shown(leaf: Leaf, resource: dict[str, Any]) -> bool:
    """Whether the leaf reaches a field; a lost one has to have a row in the table of what is kept only in `include=fhir`."""
    if not is_lost(leaf, resource, outcome(resource)):
        return True
    assert leaf.names & kept_only().keys(), leaf.path
    return False


@functools.cache
def _every(kind: str) -> list[tuple[dict[str, Any], list[tuple[str, Leaf]]]]:
    return [
        (resource, [(re.sub(r"\[\d+\]", "", leaf.path).partition(".")[2], leaf) for leaf in leaves(resource)])
        for resource in every_element(kind)
    ]


def _shown_below(kind: str, path: str) -> bool:
    """Whether any leaf at the path, or below it, reaches a field."""
    prefix = path.removesuffix("[x]")
    end = ("",) if path.endswith("[x]") else ("", ".")
    found = [
        shown(leaf, resource)
        for resource, listed in _every(kind)
        for at, leaf in listed
        if at == prefix or (at.startswith(prefix) and (at[len(prefix) :].startswith(end[-1])) and ".extension(" not in at)
    ]
    assert found, f"{kind}.{path} is in no generated resource"
    return any(found)


def test_the_rows_are_those_of_the_reference_sheet() -> None:
    if not SHEET.is_file():
        pytest.skip("the reference sheet of US Core is not here (set MILLGATE_REFERENCE)")
    assert of_sheet(SHEET.read_text("utf-8")) == shipped()


def test_every_resource_of_us_core_is_an_object_or_documented_as_none() -> None:
    assert {row.resource for row in shipped()} - BY_RESOURCE_TYPE.keys() == {NO_OBJECT}
    assert NO_OBJECT in (REPOSITORY / "docs" / "why" / "no-practitioner-roles.md").read_text("utf-8")
    assert len({row.profile for row in shipped()}) > 40


@pytest.mark.parametrize("kind", sorted({kind for kind, _ in ELEMENTS}))
def test_every_element_reaches_a_field(kind: str) -> None:
    asked = [path for resource, path in ELEMENTS if resource == kind]
    hidden = {f"{kind}.{path}" for path in asked if not _shown_below(kind, path)}
    assert hidden == {path for path in IN_FHIR_ONLY if path.startswith(kind + ".")} - {"Patient.sex", "Patient.tribalAffiliation"}


@pytest.mark.parametrize("asked", [row for row in ASKED if row.kind == "extension"], ids=lambda row: row.path)
def test_every_extension_reaches_a_field(asked: Asked) -> None:
    resource = {"resourceType": asked.resource, "id": "1", **EXTENSIONS[asked.resource, asked.path]}
    values = [leaf for leaf in leaves(resource) if ".value" in leaf.path]
    hidden = {f"{asked.resource}.{asked.path}" for leaf in values if not shown(leaf, resource)}
    assert values
    assert hidden <= IN_FHIR_ONLY


@pytest.mark.parametrize("named", sorted({row.path for row in ASKED if row.kind == "slice"}))
def test_every_slice_is_told_from_the_others(named: str) -> None:
    """Each leaf of a member of the slice, whatever tells it from the others included, is seen in the object."""
    place, _, name = named.partition(":")
    kind, *path = place.split(".")
    path[-1] = name if path[-1].endswith("[x]") else path[-1]
    resource: dict[str, Any] = {"resourceType": kind, "id": "1"}
    _put(resource, kind, path, SLICES[named])
    members = [leaf for leaf in leaves(resource) if leaf.path.startswith(f"{kind}.{path[0]}")]
    assert members
    assert all(shown(leaf, resource) for leaf in members)


def _put(element: dict[str, Any], kind: str, path: list[str], member: Any) -> None:
    of, many = DEFINITIONS[kind][path[0]]
    value: Any = member
    if len(path) > 1:
        value = {}
        _put(value, of, path[1:], member)
    element[path[0]] = [value] if many else value


def test_members_of_slices_with_fields_of_their_own() -> None:
    coverage = {
        "resourceType": "Coverage",
        "id": "1",
        "identifier": [SLICES["Coverage.identifier:memberid"]],
        "class": [SLICES["Coverage.class:group"], SLICES["Coverage.class:plan"]],
    }
    made = BY_RESOURCE_TYPE["Coverage"].normalize(coverage, CONTEXT)
    assert (made.member_id, made.group_number, made.plan_name) == ("W123", "G1", "Gold")
    for kind in ("Organization", "Practitioner"):
        resource = {"resourceType": kind, "id": "1", "identifier": [SLICES[f"{kind}.identifier:NPI"]]}
        assert BY_RESOURCE_TYPE[kind].normalize(resource, CONTEXT).identifiers[0].type == "NPI"
