"""DSTU2 into canonical R4: what did not happen, what has no place in R4, and that no word is lost on the way."""

from __future__ import annotations

import json as standard_json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millgate.canonical import json
from millgate.canonical.extensions import SOURCE_STATUS
from millgate.errors import GatewayError
from millgate.pathways.fhir_dstu2.decode import decode, decode_resource
from millgate.pathways.fhir_dstu2.decode.codes import table
from millgate.pathways.fhir_dstu2.decode.datatypes import reference, system
from tests.objects.leaves import changed
from tests.objects.published import NO_OBJECT, raw

EXAMPLES = sorted(
    file for file in (Path(__file__).parent / "examples").glob("*/*.json") if not file.name.endswith(".expected.json")
)
VERSIONS = "http://hl7.org/fhir/1.0/StructureDefinition/extension-"
# Words that become others: codes of other value sets, code systems that moved, names of types and of extensions.
CODES = {row["dstu2"] for row in table("codes")}
# The element that they stand in says what these said.
CHANGED = CODES | {
    "careteam",
    "has-member",
    "derived-from",
    "replaces",
    "fulfills",
    "http://hl7.org/fhir/v3/Race",
    "http://hl7.org/fhir/v3/Ethnicity",
}


def strings(value: Any) -> Iterator[str]:
    """Every text in a value, but for the names of types."""
    if isinstance(value, dict):
        for key, member in value.items():
            if key != "resourceType":
                yield from strings(member)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def lost(before: Any, after: Any) -> set[str]:
    """The words of the one that are not in the other, by the rules that may change them."""
    found = " ".join(strings(after))
    changes = (str, system, reference, lambda word: word.replace("/dstu2/StructureDefinition/", "/r4/StructureDefinition/"))
    return {word for word in strings(before) if not any(change(word) in found for change in changes)} - CHANGED


def source_status(resource: dict[str, Any], element: str = "_status") -> str | None:
    """The source's own status code beside R4's."""
    return next((one["valueCode"] for one in resource.get(element, {}).get("extension", []) if one["url"] == SOURCE_STATUS), None)


@pytest.mark.parametrize(
    ("kind", "flag", "said"),
    [
        ("Procedure", "notPerformed", "not-done"),
        ("Immunization", "wasNotGiven", "not-done"),
        ("MedicationAdministration", "wasNotGiven", "not-done"),
        ("MedicationStatement", "wasNotTaken", "not-taken"),
    ],
)
def test_what_did_not_happen_is_never_shown_as_done(kind: str, flag: str, said: str) -> None:
    orders = ({"status": "completed", flag: True}, {flag: True, "status": "completed"})
    for body in orders:
        decoded = decode_resource({"resourceType": kind, "id": "1", **body})
        assert (decoded["status"], source_status(decoded)) == (said, "completed")
    assert decode_resource({"resourceType": kind, "id": "1", flag: True})["status"] == said
    assert decode_resource({"resourceType": kind, "id": "1", "status": "completed", flag: False})["status"] == "completed"


def test_a_mistaken_record_stays_mistaken_also_where_it_was_not_given() -> None:
    decoded = decode_resource({"resourceType": "Immunization", "id": "1", "status": "entered-in-error", "wasNotGiven": True})
    assert decoded["status"] == "entered-in-error"
    assert decoded["extension"] == [{"url": f"{VERSIONS}Immunization.wasNotGiven", "valueBoolean": True}]


def test_a_status_that_r4_does_not_know_is_no_status() -> None:
    decoded = decode_resource({"resourceType": "Immunization", "id": "1", "status": "on-hold"})
    assert "status" not in decoded
    assert source_status(decoded) == "on-hold"


def test_a_status_of_several_in_one_keeps_the_sources_own() -> None:
    decoded = decode_resource({"resourceType": "ProcedureRequest", "id": "1", "status": "requested"})
    assert (decoded["resourceType"], decoded["status"], decoded["intent"]) == ("ServiceRequest", "active", "order")
    assert source_status(decoded) == "requested"


def test_an_allergy_says_no_more_than_it_said() -> None:
    active = decode_resource({"resourceType": "AllergyIntolerance", "id": "1", "status": "active"})
    assert "verificationStatus" not in active
    refuted = decode_resource({"resourceType": "AllergyIntolerance", "id": "1", "status": "refuted"})
    assert "clinicalStatus" not in refuted
    assert refuted["verificationStatus"]["coding"][0]["code"] == "refuted"


def test_unknown_elements_are_kept_as_they_were() -> None:
    decoded = decode_resource(
        {"resourceType": "Slot", "id": "1", "mood": ["calm", "bright"], "size": {"start": "2021", "end": "2022"}}
    )
    assert decoded["extension"] == [
        {"url": f"{VERSIONS}Slot.mood", "valueString": "calm"},
        {"url": f"{VERSIONS}Slot.mood", "valueString": "bright"},
        {"url": f"{VERSIONS}Slot.size", "valuePeriod": {"start": "2021", "end": "2022"}},
    ]


def test_references_under_the_base_become_relative_and_take_the_new_name() -> None:
    base = "https://example.org/dstu2/t1"
    body = {"resourceType": "MedicationAdministration", "id": "1", "prescription": {"reference": f"{base}/MedicationOrder/309"}}
    assert decode_resource(body, base)["request"] == {"reference": "MedicationRequest/309"}


def test_a_blank_behind_a_reference_belongs_to_nothing() -> None:
    body = {"resourceType": "DocumentReference", "id": "1", "subject": {"reference": "Patient/FCC941D7 "}}
    assert decode_resource(body)["subject"] == {"reference": "Patient/FCC941D7"}


def test_an_address_of_content_is_not_rewritten() -> None:
    url = "https://fhir-ehr.cerner.com/dstu2/t1/Binary/X-1"
    body = {"resourceType": "DocumentReference", "id": "1", "content": [{"attachment": {"url": url}}]}
    assert decode_resource(body)["content"][0]["attachment"]["url"] == url


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_no_word_of_an_example_is_lost(example: Path) -> None:
    data = example.read_bytes()
    assert lost(json.decode(data), decode(data)) == set()


def test_no_word_of_a_published_body_is_lost(corpus: Path) -> None:
    folders = [corpus / "oracle-health-docs" / name for name in ("dstu2", "soarian-dstu2")]
    files = [file for folder in folders for file in sorted(folder.glob("*.json"))]
    bodies = [file for file in files if "conformance" not in file.name and "definition" not in file.name]
    assert len(bodies) > 60
    for body in bodies:
        data = body.read_bytes()
        before = json.decode(data)
        if body.name.startswith("overview-"):
            continue  # a piece of a resource
        if isinstance(before, dict) and before.get("resourceType") == "Bundle":
            before = before.get("entry", [])
        about = {word for word in strings(before) if word.startswith("http") and "/dstu2/" in word}  # entries' own addresses
        assert lost(before, decode(data)) - about - {"match", "include"} == set(), body.name


def _leaves(node: Any) -> Iterator[tuple[Any, Any]]:
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if isinstance(child, dict | list):
            yield from _leaves(child)
        else:
            yield node, key


def test_every_leaf_of_a_published_body_makes_a_difference(corpus: Path) -> None:
    unmoved: set[str] = set()
    walked = 0
    for name, resource in raw(corpus):
        if "dstu2" not in name or resource["resourceType"] in NO_OBJECT:
            continue
        before = decode_resource(resource)
        for holder, key in list(_leaves(resource)):
            walked += 1
            value = holder[key]
            holder[key] = changed(value)
            try:
                if decode_resource(resource) == before:
                    unmoved.add(f"{name} {resource['resourceType']} {key}: {value}")
            except GatewayError:
                pass  # another type of resource is another resource
            holder[key] = value
    assert sorted(unmoved) == []
    assert walked > 2500


WILD = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4) | st.sampled_from(sorted(CODES)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["coding", "code", "text", "reference", "system", "family", "repeat", "when", "url"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_wild_elements_never_break_it(data: st.DataObject) -> None:
    resource = standard_json.loads(data.draw(st.sampled_from(EXAMPLES)).read_text("utf-8"))
    for key in data.draw(st.lists(st.sampled_from(sorted(resource.keys() - {"resourceType"})), max_size=4)):
        resource[key] = data.draw(WILD)
    body = json.encode(resource)
    try:
        assert json.encode(decode(body)) == json.encode(decode(body))
    except GatewayError:
        pass


def test_race_has_us_cores_system_in_both_of_its_forms_and_an_unknown_one_is_a_category() -> None:
    known = {"system": "http://hl7.org/fhir/v3/Race", "code": "2028-9", "display": "Asian"}
    unknown = {"system": "http://hl7.org/fhir/v3/NullFlavor", "code": "UNK", "display": "Unknown"}
    old = {"url": "http://hl7.org/fhir/StructureDefinition/us-core-race", "valueCodeableConcept": {"coding": [known, unknown]}}
    argonaut = {
        "url": "http://fhir.org/guides/argonaut/StructureDefinition/argo-race",
        "extension": [{"url": "ombCategory", "valueCoding": coding} for coding in (known, unknown)],
    }
    for extension in (old, argonaut):
        (race,) = decode_resource({"resourceType": "Patient", "id": "1", "extension": [extension]})["extension"]
        assert race["url"] == "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
        found = [(part["url"], part["valueCoding"]["system"]) for part in race["extension"] if "valueCoding" in part]
        assert found == [
            ("ombCategory", "urn:oid:2.16.840.1.113883.6.238"),
            ("ombCategory", "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"),
        ]
