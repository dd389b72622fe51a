"""Extensions of canonical resources: the URLs that Millgate reads, and how to find one.

Source: the pages of FHIR R4, US Core 6.1.0 and Millennium's own StructureDefinitions, by URL.
"""

from __future__ import annotations

from typing import Any

RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
ETHNICITY = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"
BIRTH_SEX = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex"
GENDER_IDENTITY = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-genderIdentity"
PERFORMER_FUNCTION = "http://hl7.org/fhir/StructureDefinition/event-performerFunction"
CONTACT_POINT_EXTENSION = "http://hl7.org/fhir/StructureDefinition/contactpoint-extension"
IS_CANCELABLE = "https://fhir-ehr.cerner.com/r4/StructureDefinition/is-cancelable"
IS_RESCHEDULABLE = "https://fhir-ehr.cerner.com/r4/StructureDefinition/is-reschedulable"
SCHEDULING_LOCATION = "https://fhir-ehr.cerner.com/r4/StructureDefinition/scheduling-location"
IS_PHYSICIAN = "https://fhir-ehr.cerner.com/r4/StructureDefinition/is-physician"

# Millgate's own, on `_status`: the source's finer status code where FHIR's value set is coarser (`valueCode`).
SOURCE_STATUS = "https://github.com/millgate/millgate/extensions/source-status"


def extensions_of(element: Any, url: str) -> list[dict[str, Any]]:
    """The element's extensions of this URL, in source order."""
    listed = element.get("extension") if element.__class__ is dict else None
    if listed.__class__ is not list:
        return []
    return [extension for extension in listed if extension.__class__ is dict and extension.get("url") == url]


def extension_of(element: Any, url: str) -> dict[str, Any] | None:
    """The element's first extension of this URL, or None."""
    found = extensions_of(element, url)
    return found[0] if found else None
