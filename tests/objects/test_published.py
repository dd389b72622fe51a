"""Every published body decodes and becomes an object, and loses nothing that `docs/reference/kept-only-in-fhir.csv` does not explain."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from millgate.canonical.json import decode
from millgate.objects import BY_RESOURCE_TYPE
from tests.objects.published import FOLDERS, NO_OBJECT, published, raw
from tests.objects.test_no_silent_loss import CONTEXT, unexplained

# Types that no published body has.
UNPUBLISHED = {"MedicationDispense", "Specimen"}


def test_no_published_body_loses_anything_unexplained(corpus: Path) -> None:
    seen: Counter[str] = Counter()
    folders: Counter[str] = Counter()
    missing: set[tuple[str, str]] = set()
    for name, resource in published(corpus):
        seen[resource["resourceType"]] += 1
        folders[name.partition("/")[0]] += 1
        missing |= {(name, path) for path in unexplained(resource)}
    assert sorted(missing) == []
    assert BY_RESOURCE_TYPE.keys() - seen.keys() == UNPUBLISHED, "the folder of samples holds resources of all other types"
    assert folders.keys() == set(FOLDERS) - {"inline"}
    assert sum(seen.values()) > 500


def test_every_published_type_is_an_object_or_known_to_be_none(corpus: Path) -> None:
    objects = {resource["resourceType"] for _, resource in published(corpus)}
    others = {resource["resourceType"] for _, resource in raw(corpus)} - objects
    assert others - {"MedicationOrder", "ProcedureRequest", "Contract"} == NO_OBJECT, "the three are DSTU2's names of objects"


def test_infusions_tell_the_dose_of_each_ingredient_in_the_same_unit(corpus: Path) -> None:
    found = []
    for _, resource in published(corpus):
        if resource["resourceType"] == "MedicationAdministration":
            made = BY_RESOURCE_TYPE["MedicationAdministration"].normalize(resource, CONTEXT)
            if made.dosage is not None:
                found += [(each.text, str(each.quantity.value), each.quantity.code) for each in made.dosage.ingredient_doses]
    assert found
    assert ("K-Sol", "40", "meq") in found


def test_every_published_concept_without_a_code_says_why(corpus: Path) -> None:
    said = set()
    for path in sorted((corpus / "oracle-health-docs" / "inline").glob("*-data-absent-coding*.json")):
        concept = decode(path.read_bytes())
        resource = {"resourceType": "Observation", "id": "1", "code": concept}
        assert unexplained(resource) == []
        made = BY_RESOURCE_TYPE["Observation"].normalize(resource, CONTEXT)
        said.add((path.name.partition("-")[0], *made.absent.items()))
        assert (made.code.text if made.code else None) == concept.get("text")
    assert said >= {("r4", ("code", "masked")), ("r4", ("code", "unknown")), ("r4", ("code.code", "unknown"))}
    assert {name for name, *_ in said} == {"r4", "dstu2", "soarian"}
