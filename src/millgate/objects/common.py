"""What every mapper begins and ends with: the check that it can read the resource at all, and the fields that all objects have."""

from __future__ import annotations

from typing import Any

from millgate.canonical.extensions import SOURCE_STATUS, extension_of
from millgate.errors import FixMessage
from millgate.objects.declaration import Context
from millgate.objects.names import object_name
from millgate.objects.notes import Notes
from millgate.objects.primitives import member, moment, text
from millgate.objects.shared import Source
from millgate.terminology import value_sets


def opened(resource: Any, resource_type: str, context: Context) -> Notes:
    """The notes for reading this resource.

    Raises FixMessage `invalid_document` where it is no resource of the type, or has no id.
    """
    if resource.__class__ is not dict:
        raise FixMessage("invalid_document", f"A resource of type {resource_type} was expected; this is no JSON object.")
    if resource.get("resourceType") != resource_type:
        raise FixMessage("invalid_document", f"A resource of type {resource_type} was expected; this is none.")
    resource_id = resource.get("id")
    if resource_id.__class__ is not str or not resource_id:
        raise FixMessage("invalid_document", f"A resource of type {resource_type} came without an id.")
    return Notes(resource, context)


def common_fields(notes: Notes) -> dict[str, Any]:
    """The fields that all objects have, once everything else is read. `absent` is in the order of its paths."""
    resource, context = notes.resource, notes.context
    if "modifierExtension" in resource:
        notes.modified(resource, notes.resource["resourceType"])
    for allowed in value_sets(resource["resourceType"]):
        value = resource.get(allowed.element)
        if value is not None and not allowed.knows(value):
            notes.warn(
                "unknown_code", allowed.field, "The code is none of those that FHIR R4 has for this; it is shown as it came."
            )
    meta = member(resource, "meta", "source", notes) or {}
    resource_type = resource["resourceType"]
    source = Source(
        pathway=context.pathway,
        reference=context.reference or f"{resource_type}/{resource['id']}",
        version=text(meta, "versionId", "source.version", notes),
        updated_at=moment(meta, "lastUpdated", "source.updated_at", notes),
        received_at=context.received_at,
    )
    return {
        "object": object_name(resource_type),
        "id": resource["id"],
        "tenant": context.tenant,
        "source": source,
        "absent": dict(sorted(notes.absent.items())) if notes.absent else {},
        "warnings": tuple(notes.warnings),
        "fhir": resource if context.include_fhir else None,
    }


def source_status(notes: Notes, element: str = "_status") -> str | None:
    """The source's own, finer status code, where the pathway put one beside the status (`element` is what stands beside it)."""
    beside = notes.resource.get(element)
    found = extension_of(beside, SOURCE_STATUS) if beside is not None else None
    return text(found, "valueCode", "source_status", notes) if found is not None else None
