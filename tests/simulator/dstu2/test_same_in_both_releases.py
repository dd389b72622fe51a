"""The same record over R4 and over DSTU2: decoded by the gateway, DSTU2's says what R4's does, but for a written list with reasons."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from millgate.canonical import json
from millgate.pathways.fhir_dstu2.decode import decode_resource
from millgate.simulator.answers import encode
from millgate.simulator.dstu2.surface import OFFERED
from millgate.simulator.dstu2.types import sources
from tests.simulator.dstu2 import both

_LIST = Path(__file__).with_name("not_in_dstu2.csv")
# In R4 a statement is an order, and a person a patient: the same record under another type, looked at below.
_OTHER_TYPES = frozenset({"MedicationStatement", "Person"})
_OWN = re.compile(r"https://fhir\.cerner\.com/[^/]+/(codeSet/\d+|nomenclature|synonym)")
# The tenant's own codes that DSTU2 shows. Source: the vendor's page on proprietary codes.
_SHOWN = {
    "DocumentReference.type.coding": "codeSet/72",
    "Appointment.serviceType.coding": "codeSet/14249",
    "Slot.serviceType.coding": "codeSet/14249",
}


def _listed() -> dict[str, str]:
    with _LIST.open(encoding="utf-8", newline="") as lines:
        return {row["path"]: row["reason"] for row in csv.DictReader(lines)}


def _leaves(node: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every value with the path to it; narratives, and codings of the tenant's own that DSTU2 does not show, apart."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "text" and isinstance(value, dict) and "div" in value:
                continue
            if key in ("extension", "modifierExtension"):
                for one in value:
                    yield from _leaves(
                        {name: each for name, each in one.items() if name != "url"},
                        f"{path}.{key}({one['url'].rsplit('/', 1)[-1]})",
                    )
            elif key == "contained":
                for one in value:
                    yield from _leaves(one, f"{path}.contained({one['resourceType']})")
            elif key == "coding":
                yield from _leaves([one for one in value if not _is_own(one, f"{path}.{key}")], f"{path}.{key}")
            else:
                yield from _leaves(value, f"{path}.{key}")
    elif isinstance(node, list):
        for one in node:
            yield from _leaves(one, path)
    else:
        yield path, repr(node)


def _is_own(coding: dict[str, Any], path: str) -> bool:
    match = _OWN.fullmatch(str(coding.get("system", "")))
    return match is not None and match[1] != _SHOWN.get(path)


@lru_cache(maxsize=1)
def _differences() -> dict[str, str]:
    """Every path at which a decoded record is not R4's, with an example."""
    found: dict[str, str] = {}
    for name, pairs in both.pairs().items():
        for r4, dstu2 in pairs if name not in _OTHER_TYPES else ():
            if dstu2 is None:
                continue
            want = json.decode(encode(r4.resource))
            have = decode_resource(json.decode(encode(dstu2.resource)))
            assert have["resourceType"] == want["resourceType"]
            kind = want["resourceType"]
            r4s, dstu2s = Counter(_leaves(want, kind)), Counter(_leaves(have, kind))
            for sign, leaves in (("only in R4", r4s - dstu2s), ("only in DSTU2", dstu2s - r4s)):
                for path, value in leaves:
                    found.setdefault(path, f"{path} = {value} {sign}, {kind}/{dstu2.id}")
    return found


def _is_under(path: str, listed: str) -> bool:
    return path == listed or path.startswith(f"{listed}.")


def test_dstu2_says_what_r4_says_but_for_the_list() -> None:
    listed = _listed()
    left = [example for path, example in sorted(_differences().items()) if not any(_is_under(path, one) for one in listed)]
    assert not left, "\n".join(["not the same, and not in not_in_dstu2.csv:", *left])


def test_the_list_holds_nothing_that_is_the_same() -> None:
    compared = {source for name in OFFERED for source in sources(name)}
    listed = [one for one in _listed() if one.partition(".")[0] in compared]
    idle = [one for one in listed if not any(_is_under(path, one) for path in _differences())]
    assert not idle, "\n".join(["in not_in_dstu2.csv without need:", *idle])


def test_every_line_of_the_list_has_a_reason() -> None:
    assert all(reason.strip() for reason in _listed().values())


@pytest.mark.parametrize("name", sorted(set(OFFERED) - {"DiagnosticReport", "MedicationOrder", "RelatedPerson"}))
def test_records_are_hidden_only_for_a_status_that_dstu2_does_not_have(name: str) -> None:
    allowed = {
        "Appointment": {"entered-in-error"},
        "CarePlan": {"entered-in-error", "unknown"},
        "Goal": {"entered-in-error"},
        "MedicationStatement": {"on-hold", "unknown"},
        "ProcedureRequest": {"entered-in-error"},
    }
    hidden = {
        str(r4.resource.get("status", r4.resource.get("lifecycleStatus"))) for r4, dstu2 in both.pairs()[name] if dstu2 is None
    }
    assert hidden <= allowed.get(name, set())


def test_reports_are_of_radiology_alone() -> None:
    for r4, dstu2 in both.pairs()["DiagnosticReport"]:
        radiology = any(coding.get("code") == "RAD" for one in r4.resource["category"] for coding in one.get("coding", ()))
        assert (dstu2 is not None) is radiology


def test_persons_around_an_encounter_alone_are_not_there() -> None:
    for r4, dstu2 in both.pairs().get("RelatedPerson", ()):
        assert (dstu2 is None) is r4.id.startswith("E-")


def test_orders_are_orders_and_statements_name_them() -> None:
    kinds: dict[str, set[str]] = defaultdict(set)
    orders = {dstu2.id for _, dstu2 in both.pairs()["MedicationOrder"] if dstu2 is not None}
    for r4, dstu2 in both.pairs()["MedicationStatement"]:
        if dstu2 is None:
            continue
        resource = dstu2.resource
        kinds[r4.resource["intent"]].add(resource["status"])
        assert resource["patient"] == r4.resource["subject"]
        named = [one["reference"] for one in resource.get("supportingInformation", ())]
        assert named == ([f"MedicationOrder/{dstu2.id}"] if r4.resource["intent"] == "order" else [])
        assert (dstu2.id in orders) is (r4.resource["intent"] == "order")
    assert kinds["order"] >= {"intended", "completed"}
    assert kinds["plan"] >= {"active"}
    assert "intended" not in kinds["plan"]


def test_a_person_is_its_patient_without_a_patients_things() -> None:
    for r4, dstu2 in both.pairs()["Person"]:
        assert dstu2 is not None
        have = decode_resource(json.decode(encode(dstu2.resource)))
        replaced = [link["other"]["reference"] for link in r4.resource.get("link", ()) if link["type"] == "replaced-by"]
        if replaced:
            assert have["link"] == [{"target": {"reference": replaced[0].replace("Patient/", "Person/")}}]
            continue
        assert not {"identifier", "maritalStatus", "generalPractitioner"} & have.keys()
        assert {"id": have["id"], "gender": have["gender"]} == {"id": r4.resource["id"], "gender": r4.resource["gender"]}
        assert [name["text"] for name in have["name"]] == [name["text"] for name in r4.resource["name"]]
