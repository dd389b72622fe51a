"""Whatever one resource says of another can be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from millgate.simulator.hospital import Hospital, numbers, visits

from .conftest import Everything
from .shapes import TYPES

# The tenant reads no Group; messages name theirs all the same.
_ELSEWHERE = {"Group"}


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "reference" and isinstance(value, str):
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def test_references_are_relative_and_resolve(hospital: Hospital, everything: Everything) -> None:
    wanted = {reference for each in everything.values() for resource in each[:4000] for reference in references(resource)}
    own = {f"{kind}/{resource['id']}" for kind, each in everything.items() for resource in each}
    unknown = []
    for reference in sorted(wanted - own):
        kind, _, number = reference.partition("/")
        if reference.startswith("#") or kind in _ELSEWHERE:
            continue
        if kind not in (*TYPES, "Binary") or hospital.read(kind, number) is None:
            unknown.append(reference)
    assert not unknown, unknown[:20]


def test_contained_references_have_their_resource(everything: Everything) -> None:
    for kind in ("Appointment", "Encounter", "AllergyIntolerance", "MedicationRequest", "MedicationAdministration"):
        for resource in everything[kind]:
            contained = {f"#{each['id']}" for each in resource.get("contained", [])}
            assert contained == {each for each in references(resource) if each.startswith("#")}


def test_a_read_gives_what_the_chart_shows(hospital: Hospital, everything: Everything) -> None:
    for kind, each in everything.items():
        for resource in each[:: max(1, len(each) // 120)]:
            assert hospital.read(kind, resource["id"]) == resource


def test_the_patient_of_a_resource(hospital: Hospital, everything: Everything) -> None:
    for kind in ("Encounter", "Observation", "DiagnosticReport"):
        resource = everything[kind][17]
        assert hospital.patient_of(kind, resource["id"]) == resource["subject"]["reference"].partition("/")[2]
    assert hospital.patient_of("Observation", "VS-1") is None
    assert hospital.patient_of("Location", everything["Location"][0]["id"]) is None


def test_unknown_and_malformed_ids_are_not_found(hospital: Hospital) -> None:
    beyond = numbers.person_id(hospital.patient_count)
    for kind in (*TYPES, "Media"):
        for number in ("", "0", "-1", "1e5", "٣", "999999999999999999", "BP-200000000", "a-b-c-d", "L-", "SH-1-1", beyond):
            if (kind, number) != ("Practitioner", "1"):
                assert hospital.read(kind, number) is None
    assert hospital.chart("Encounter", beyond) == []
    assert hospital.chart("Encounter", "nobody") == []


def test_combined_records_are_found_by_read_alone(hospital: Hospital) -> None:
    found = [record for each in range(hospital.patient_count) if (record := hospital.read("Patient", numbers.person_id(each, 1)))]
    assert found
    for record in found:
        assert record["active"] is False
        assert record["link"][0]["type"] == "replaced-by"
        assert hospital.find_patients(ids=[record["id"]]) == []
        assert hospital.read("Patient", record["link"][0]["other"]["reference"].partition("/")[2]) is not None


def test_combined_encounters_are_found_by_read_alone(hospital: Hospital) -> None:
    found = 0
    for patient in range(hospital.patient_count):
        combined = hospital.read("Encounter", numbers.encounter_id(patient, visits.COMBINED))
        if combined:
            found += 1
            listed = [each["id"] for each in hospital.chart("Encounter", numbers.person_id(patient))]
            assert combined["id"] not in listed
            assert combined["partOf"]["reference"].partition("/")[2] in listed
    assert found


def test_every_answer_is_a_fresh_copy(hospital: Hospital, everything: Everything) -> None:
    def containers(node: Any) -> Iterator[int]:
        if isinstance(node, (dict, list)):
            yield id(node)
            for each in node.values() if isinstance(node, dict) else node:
                yield from containers(each)

    for kind, each in everything.items():
        seen: set[int] = set()
        for resource in each[:300]:
            own = list(containers(resource))
            assert len(own) == len(set(own)), f"{kind} uses one container twice"
            assert not seen & set(own), f"two answers share a part: {kind}"
            seen.update(own)
    patient = hospital.find_patients()[3]
    hospital.chart("Observation", patient)[0]["status"] = "spoiled"
    assert hospital.chart("Observation", patient)[0]["status"] != "spoiled"


def test_an_encounter_is_found_by_its_account_number(hospital: Hospital, everything: Everything) -> None:
    for encounter in everything["Encounter"][:200:20]:
        number = encounter["identifier"][0]
        assert hospital.find_encounters((None, number["value"])) == [encounter["id"]]
        assert hospital.find_encounters(("urn:oid:1.2.3", number["value"])) == []
    assert hospital.find_encounters((None, "0")) == hospital.find_encounters((None, "abc")) == []
