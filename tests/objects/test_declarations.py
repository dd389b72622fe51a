"""What the objects declare of themselves: every field of the model, each with a sentence and a path, and how they are searched."""

from __future__ import annotations

import csv
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from millgate.objects import BY_PLURAL, BY_RESOURCE_TYPE, OBJECTS, Context, encode_object
from millgate.objects.shared import Object, ObservationValue, Source
from tests.objects.r4 import RESOURCES

MODEL = Path(__file__).with_name("object_fields.csv")


def fields_of(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The struct's fields by the name that they have in JSON, each with its type."""
    hints = typing.get_type_hints(struct, include_extras=True)
    return {field.encode_name: hints[field.name] for field in msgspec.structs.fields(struct)}


def members_of(hint: Any) -> Iterator[type[msgspec.Struct]]:
    """The structs in a field's type."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for argument in typing.get_args(hint):
        yield from members_of(argument)


def structs_below(struct: type[msgspec.Struct]) -> set[type[msgspec.Struct]]:
    found: set[type[msgspec.Struct]] = set()
    waiting = [struct]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += [member for hint in fields_of(current).values() for member in members_of(hint)]
    return found


# What Millennium R4 has no search for.
UNSEARCHABLE = {"financial_transaction"}

with MODEL.open(encoding="utf-8", newline="") as table:
    ROWS = [(row["object"], row["fields"].split()) for row in csv.DictReader(table)]


@pytest.mark.parametrize(("place", "fields"), ROWS, ids=[place for place, _ in ROWS])
def test_every_field_of_the_model_is_there(place: str, fields: list[str]) -> None:
    name, _, inner = place.partition(".")
    struct: type[msgspec.Struct] = OBJECTS[name].struct
    if inner:
        struct = next(members_of(fields_of(struct)[inner]))
    assert [field for field in fields if field not in fields_of(struct)] == []


def test_the_objects_are_found() -> None:
    assert set(BY_RESOURCE_TYPE) == set(RESOURCES)
    assert {place for place, _ in ROWS if "." not in place} == set(OBJECTS)
    assert set(BY_PLURAL) == {declaration.plural for declaration in OBJECTS.values()}
    assert all(name == declaration.name for name, declaration in OBJECTS.items())


@pytest.mark.parametrize("name", OBJECTS)
def test_every_field_says_what_it_is_and_where_it_comes_from(name: str) -> None:
    for struct in structs_below(OBJECTS[name].struct):
        for field, hint in fields_of(struct).items():
            (meta,) = [each for each in hint.__metadata__ if isinstance(each, msgspec.Meta)]
            assert meta.description, (struct, field)
            assert meta.description.endswith((".", "…")), (struct, field)
            assert meta.extra is not None, (struct, field)
            assert "path" in meta.extra, (struct, field)


def test_no_two_types_have_the_same_name() -> None:
    structs = set().union(*(structs_below(declaration.struct) for declaration in OBJECTS.values()))
    names = [struct.__name__ for struct in structs]
    assert sorted({name for name in names if names.count(name) > 1}) == [], "each is an anchor of the reference page"


@pytest.mark.parametrize("name", OBJECTS)
def test_columns_are_fields(name: str) -> None:
    assert set(OBJECTS[name].columns) <= set(fields_of(OBJECTS[name].struct))


def test_filters_are_those_of_the_contract() -> None:
    names = {name: {each.name for each in declaration.filters} for name, declaration in OBJECTS.items()}
    assert {name for name, filters in names.items() if "updated_since" not in filters} == UNSEARCHABLE
    assert {name for name, filters in names.items() if not filters} == UNSEARCHABLE
    assert names["patient"] >= {
        "identifier", "name", "family", "given", "birth_date", "gender", "phone", "email", "postal_code"
    }  # fmt: skip
    for name in ("encounter", "observation", "diagnostic_report", "appointment"):
        assert names[name] >= {"patient_id", "from", "to", "status"}
    for name in ("observation", "diagnostic_report"):
        assert names[name] >= {"encounter_id", "category", "code"}
    for name in ("appointment", "schedule", "slot"):
        assert names[name] >= {"practitioner_id", "location_id", "service_type"}
    for declaration in OBJECTS.values():
        assert len({each.name for each in declaration.filters}) == len(declaration.filters)
        assert ("from" in names[declaration.name]) == bool(declaration.time_elements)


def test_what_is_booked_goes_stale_first_and_what_is_looked_up_last() -> None:
    lives = {name: declaration.shelf_life for name, declaration in OBJECTS.items()}
    longest_first = sorted({life.seconds for life in lives.values()}, reverse=True)
    assert longest_first == [3600, 300, 60, 15]
    assert {name for name, life in lives.items() if life.seconds == 15} == {"slot", "appointment"}
    for name, declaration in OBJECTS.items():
        assert lives[name].seconds <= 60 or not declaration.patient_scoped, "what is said of a patient"
        assert lives[name].longest == 2 * lives[name].seconds


def test_patients_are_marked() -> None:
    unscoped = {name for name, declaration in OBJECTS.items() if not declaration.patient_scoped}
    assert unscoped == {"schedule", "slot", "practitioner", "location", "organization", "insurance_plan", "questionnaire"}


def test_a_value_names_its_kind_and_has_only_that() -> None:
    kinds = set(fields_of(ObservationValue)) - {"kind"}
    assert kinds == {
        "quantity", "code", "text", "boolean", "integer", "range", "ratio", "sampled_data", "time", "instant", "period",
        "attachment",
    }  # fmt: skip


def test_what_is_missing_has_no_key() -> None:
    made = Object(object="patient", id="1", source=Source(pathway="fhir-r4", reference="Patient/1"))
    assert encode_object(made) == b'{"object":"patient","id":"1","source":{"pathway":"fhir-r4","reference":"Patient/1"}}'


def test_a_slot_takes_its_practitioner_from_the_schedule_that_came_along() -> None:
    slot = {"resourceType": "Slot", "id": "1", "schedule": {"reference": "Schedule/9"}}
    actors = [{"reference": "Practitioner/7", "display": "Lee, Ana"}, {"reference": "Location/12"}]
    schedule = {"resourceType": "Schedule", "id": "9", "actor": actors}
    made = OBJECTS["slot"].normalize(slot, Context(tenant=None, pathway="fhir-r4", included={"Schedule/9": schedule}))
    assert (made.practitioner.id, made.practitioner.display, made.location.id) == ("7", "Lee, Ana", "12")


def test_references_to_another_server_keep_their_url() -> None:
    url = "https://fhir-ehr.cerner.com/r4/another-hospital/Encounter/5"
    resource = {"resourceType": "Observation", "id": "1", "encounter": {"reference": url}}
    context = Context(tenant=None, pathway="fhir-r4", base_url="https://fhir-ehr.cerner.com/r4/general-hospital")
    made = OBJECTS["observation"].normalize(resource, context)
    assert made.encounter_id == url
    assert [(warning.code, warning.field) for warning in made.warnings] == [("foreign_reference", "encounter_id")]
