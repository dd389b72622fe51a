"""The definitions that the tests generate resources from have every element that R4 has, as a library that is not ours knows it."""

from __future__ import annotations

from fhir.resources.R4B import get_fhir_model_class

from tests.objects.r4 import DEFINITIONS, RESOURCES

# R4B changed none of these types. Elements of every resource, and what every element can have, are defined once.
SHARED = {"id", "extension", "modifierExtension"}
OF_RESOURCES = {"meta", "implicitRules", "language", "text", "contained"}


def elements_of(kind: str) -> set[str]:
    """The names of a type's elements; `Patient.contact` is `PatientContact` there."""
    model = get_fhir_model_class("".join(part[0].upper() + part[1:] for part in kind.split(".")))
    fields = {field.alias or name for name, field in model.model_fields.items() if not name.endswith("__ext")}
    return fields - {"fhir_comments", "resourceType", "resource_type"}


def test_every_definition_is_whole() -> None:
    wrong = {}
    for kind, definition in DEFINITIONS.items():
        if kind != "DomainResource":
            shared = SHARED | (OF_RESOURCES if kind in RESOURCES or kind == "Medication" else set())
            if differences := (elements_of(kind) - shared) ^ (definition.keys() - shared):
                wrong[kind] = differences
    assert wrong == {}
