"""What a mapper notes down while it reads a resource: reasons for what is missing, and warnings about what it could not take."""

from __future__ import annotations

from typing import Any

from millgate.canonical.absent import concept_reason, extension_reason
from millgate.canonical.extensions import KNOWN_MODIFIERS
from millgate.canonical.references import contained_resource
from millgate.objects.declaration import Context
from millgate.objects.shared import Warning

# Every code that a warning can have, and what it means.
WARNING_CODES = {
    "unexpected_type": "The element is not of its JSON type (a number as text, an object for a list); it is not shown.",
    "invalid_value": "The value is not of its grammar (a date that the calendar has not); it is not shown.",
    "time_zone_assumed": "A time came without an offset from UTC; the tenant's time zone was taken.",
    "time_zone_unknown": "A time came without an offset from UTC, and the tenant has no time zone; it is shown as it came.",
    "time_zone_ambiguous": "A time came without an offset from UTC, in an hour that a change of clocks has twice or never.",
    "more_than_one": "The field holds one, and the source has several; the detail says what is shown.",
    "unexpected_reference": "A reference does not point to what the field is about; it is not shown.",
    "unresolved_reference": "A reference points to a contained resource that is not there.",
    "foreign_reference": "A reference points to another server; the id is its whole URL.",
    "unknown_code": "The code is none of the value set that FHIR requires here; it is shown as it came.",
    "unknown_unit": "The unit's code is said to be one of UCUM, and is none; it is shown as it came.",
    "number_as_text": "A number came as text; it is shown as a number.",
    "unexpected_kind": "The resource does not say that it is of the kind that the object is about; it is shown as if it were.",
    "too_deep": "Elements lie deeper within each other than the gateway follows; the detail says from where on they are not shown.",
    "unknown_modifier": "An extension that changes what its element means, and that the gateway does not know; look at `fhir`.",
    "unknown_absent_reason": "A value is missing for a reason that is none of FHIR's codes.",
}


class Notes:
    """The absences and warnings of one resource, with the resource and the context at hand for those who read it."""

    __slots__ = ("absent", "context", "resource", "warnings")

    def __init__(self, resource: dict[str, Any], context: Context) -> None:
        self.resource = resource
        self.context = context
        self.absent: dict[str, str] = {}
        self.warnings: list[Warning] = []

    def warn(self, code: str, field: str, detail: str) -> None:
        """Note something that the object cannot show as it came; the detail never holds content."""
        self.warnings.append(Warning(code=code, field=field, detail=detail))

    def unexpected(self, field: str, expected: str) -> None:
        """Note an element that is not of its type: it stays out of the field."""
        self.warn("unexpected_type", field, f"Expected {expected}; what came instead is not shown.")

    def invalid(self, field: str, expected: str) -> None:
        """Note a value of the right type that its grammar does not allow: it stays out of the field."""
        self.warn("invalid_value", field, f"Expected {expected}; what came instead is not shown.")

    def modified(self, element: dict[str, Any], field: str) -> None:
        """Note modifier extensions that the gateway does not know: what they stand in may mean something else than it seems to.

        Source: FHIR R4 §2.4.0.1 (Modifier Extensions): whoever does not understand one must say so, or leave the element alone.
        """
        listed = element.get("modifierExtension")
        for extension in listed if listed.__class__ is list else [listed]:
            if extension.__class__ is not dict or extension.get("url") not in KNOWN_MODIFIERS:
                self.warn("unknown_modifier", field, "An extension that the gateway does not know changes what this means.")

    def reason(self, field: str, reason: str | None) -> None:
        """Note why a field is missing; the first reason for a field stays."""
        if reason is not None:
            self.absent.setdefault(field, reason)

    def fold(self, member: str, field: str) -> None:
        """Keep the reasons of a list's member that is not shown, as the whole list's."""
        for path in [path for path in self.absent if path == member or path.startswith(member + ".")]:
            self.reason(field, self.absent.pop(path))

    def stated_reason(self, field: str, concept: Any) -> None:
        """Note the reason in a `dataAbsentReason`; one that is none of FHIR's reasons is warned of."""
        if concept is None:
            return
        reason = concept_reason(concept)
        if reason is None:
            self.warn("unknown_absent_reason", field, "The value is missing for a reason that is none of FHIR's codes.")
        self.reason(field, reason)

    def missing(self, source: dict[str, Any], key: str, field: str) -> None:
        """Note the reason that stands beside a missing primitive (`_birthDate`), if one does."""
        beside = source.get("_" + key)
        if beside is not None:
            self.reason(field, extension_reason(beside))

    def contained(self, local_id: str) -> dict[str, Any] | None:
        """The resource contained under this local id, or None."""
        return contained_resource(self.resource, local_id)
