"""The elements of FHIR R4 4.0.1 that the resources can have, and resources with every one of them filled.

Each definition is `element:type`, with `*` behind the type of a list. Source: FHIR R4 resource and datatype pages.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.objects import r4_chart, r4_orders_and_money

PRIMITIVES: dict[str, Any] = {
    "string": "words",
    "markdown": "words",
    "code": "some-code",
    "uri": "http://example.org/system",
    "url": "http://example.org/page",
    "canonical": "http://example.org/profile",
    "id": "some-id",
    "boolean": True,
    "integer": 7,
    "positiveInt": 3,
    "unsignedInt": 15,
    "decimal": Decimal("7.10"),
    "date": "2019-05-04",
    "dateTime": "2019-05-04T10:30:00-05:00",
    "instant": "2019-05-04T10:30:00.250Z",
    "time": "08:30:00",
    "base64Binary": "aGVsbG8=",
    "xhtml": '<div xmlns="http://www.w3.org/1999/xhtml">words</div>',
}

_TYPES = {
    "DomainResource": "id:id meta:Meta implicitRules:uri language:code text:Narrative contained:Resource*",
    "Meta": "versionId:id lastUpdated:instant source:uri profile:canonical* security:Coding* tag:Coding*",
    "Narrative": "status:code div:xhtml",
    "Coding": "system:uri version:string code:code display:string userSelected:boolean",
    "CodeableConcept": "coding:Coding* text:string",
    "Reference": "reference:string type:uri identifier:Identifier display:string",
    "Identifier": "use:code type:CodeableConcept system:uri value:string period:Period assigner:Reference",
    "Period": "start:dateTime end:dateTime",
    "Quantity": "value:decimal comparator:code unit:string system:uri code:code",
    "Range": "low:Quantity high:Quantity",
    "Ratio": "numerator:Quantity denominator:Quantity",
    "SampledData": (
        "origin:Quantity period:decimal factor:decimal lowerLimit:decimal upperLimit:decimal dimensions:positiveInt data:string"
    ),
    "HumanName": "use:code text:string family:string given:string* prefix:string* suffix:string* period:Period",
    "Address": (
        "use:code type:code text:string line:string* city:string district:string state:string postalCode:string country:string "
        "period:Period"
    ),
    "ContactPoint": "system:code value:string use:code rank:positiveInt period:Period",
    "Annotation": "authorReference:Reference authorString:string time:dateTime text:markdown",
    "Attachment": (
        "contentType:code language:code data:base64Binary url:url size:unsignedInt hash:base64Binary title:string creation:dateTime"
    ),
    "Timing": "event:dateTime* repeat:Timing.repeat code:CodeableConcept",
    "Timing.repeat": (
        "boundsDuration:Duration boundsRange:Range boundsPeriod:Period count:positiveInt countMax:positiveInt duration:decimal "
        "durationMax:decimal durationUnit:code frequency:positiveInt frequencyMax:positiveInt period:decimal periodMax:decimal "
        "periodUnit:code dayOfWeek:code* timeOfDay:time* when:code* offset:unsignedInt"
    ),
    "Age": "value:decimal comparator:code unit:string system:uri code:code",
    "Duration": "value:decimal comparator:code unit:string system:uri code:code",
    "Patient": (
        "identifier:Identifier* active:boolean name:HumanName* telecom:ContactPoint* gender:code birthDate:date "
        "deceasedBoolean:boolean deceasedDateTime:dateTime address:Address* maritalStatus:CodeableConcept "
        "multipleBirthBoolean:boolean multipleBirthInteger:integer photo:Attachment* contact:Patient.contact* "
        "communication:Patient.communication* generalPractitioner:Reference* managingOrganization:Reference link:Patient.link*"
    ),
    "Patient.contact": (
        "relationship:CodeableConcept* name:HumanName telecom:ContactPoint* address:Address gender:code "
        "organization:Reference period:Period"
    ),
    "Patient.communication": "language:CodeableConcept preferred:boolean",
    "Patient.link": "other:Reference type:code",
    "Encounter": (
        "identifier:Identifier* status:code statusHistory:Encounter.statusHistory* class:Coding "
        "classHistory:Encounter.classHistory* type:CodeableConcept* serviceType:CodeableConcept priority:CodeableConcept "
        "subject:Reference episodeOfCare:Reference* basedOn:Reference* participant:Encounter.participant* "
        "appointment:Reference* period:Period length:Quantity reasonCode:CodeableConcept* reasonReference:Reference* "
        "diagnosis:Encounter.diagnosis* account:Reference* hospitalization:Encounter.hospitalization "
        "location:Encounter.location* serviceProvider:Reference partOf:Reference"
    ),
    "Encounter.statusHistory": "status:code period:Period",
    "Encounter.classHistory": "class:Coding period:Period",
    "Encounter.participant": "type:CodeableConcept* period:Period individual:Reference",
    "Encounter.diagnosis": "condition:Reference use:CodeableConcept rank:positiveInt",
    "Encounter.hospitalization": (
        "preAdmissionIdentifier:Identifier origin:Reference admitSource:CodeableConcept reAdmission:CodeableConcept "
        "dietPreference:CodeableConcept* specialCourtesy:CodeableConcept* specialArrangement:CodeableConcept* "
        "destination:Reference dischargeDisposition:CodeableConcept"
    ),
    "Encounter.location": "location:Reference status:code physicalType:CodeableConcept period:Period",
    "Appointment": (
        "identifier:Identifier* status:code cancelationReason:CodeableConcept serviceCategory:CodeableConcept* "
        "serviceType:CodeableConcept* specialty:CodeableConcept* appointmentType:CodeableConcept reasonCode:CodeableConcept* "
        "reasonReference:Reference* priority:unsignedInt description:string supportingInformation:Reference* start:instant "
        "end:instant minutesDuration:positiveInt slot:Reference* created:dateTime comment:string patientInstruction:string "
        "basedOn:Reference* participant:Appointment.participant* requestedPeriod:Period*"
    ),
    "Appointment.participant": "type:CodeableConcept* actor:Reference required:code status:code period:Period",
    "Schedule": (
        "identifier:Identifier* active:boolean serviceCategory:CodeableConcept* serviceType:CodeableConcept* "
        "specialty:CodeableConcept* actor:Reference* planningHorizon:Period comment:string"
    ),
    "Slot": (
        "identifier:Identifier* serviceCategory:CodeableConcept* serviceType:CodeableConcept* specialty:CodeableConcept* "
        "appointmentType:CodeableConcept schedule:Reference status:code start:instant end:instant overbooked:boolean comment:string"
    ),
    "Observation": (
        "identifier:Identifier* basedOn:Reference* partOf:Reference* status:code category:CodeableConcept* code:CodeableConcept "
        "subject:Reference focus:Reference* encounter:Reference effectiveDateTime:dateTime effectivePeriod:Period "
        "effectiveTiming:Timing effectiveInstant:instant issued:instant performer:Reference* valueQuantity:Quantity "
        "valueCodeableConcept:CodeableConcept valueString:string valueBoolean:boolean valueInteger:integer valueRange:Range "
        "valueRatio:Ratio valueSampledData:SampledData valueTime:time valueDateTime:dateTime valuePeriod:Period "
        "dataAbsentReason:CodeableConcept interpretation:CodeableConcept* note:Annotation* bodySite:CodeableConcept "
        "method:CodeableConcept specimen:Reference device:Reference referenceRange:Observation.referenceRange* "
        "hasMember:Reference* derivedFrom:Reference* component:Observation.component*"
    ),
    "Observation.referenceRange": (
        "low:Quantity high:Quantity type:CodeableConcept appliesTo:CodeableConcept* age:Range text:string"
    ),
    "Observation.component": (
        "code:CodeableConcept valueQuantity:Quantity valueCodeableConcept:CodeableConcept valueString:string "
        "valueBoolean:boolean valueInteger:integer valueRange:Range valueRatio:Ratio valueSampledData:SampledData valueTime:time "
        "valueDateTime:dateTime valuePeriod:Period dataAbsentReason:CodeableConcept interpretation:CodeableConcept* "
        "referenceRange:Observation.referenceRange*"
    ),
    "DiagnosticReport": (
        "identifier:Identifier* basedOn:Reference* status:code category:CodeableConcept* code:CodeableConcept subject:Reference "
        "encounter:Reference effectiveDateTime:dateTime effectivePeriod:Period issued:instant performer:Reference* "
        "resultsInterpreter:Reference* specimen:Reference* result:Reference* imagingStudy:Reference* "
        "media:DiagnosticReport.media* conclusion:string conclusionCode:CodeableConcept* presentedForm:Attachment*"
    ),
    "DiagnosticReport.media": "comment:string link:Reference",
    "Practitioner": (
        "identifier:Identifier* active:boolean name:HumanName* telecom:ContactPoint* address:Address* gender:code birthDate:date "
        "photo:Attachment* qualification:Practitioner.qualification* communication:CodeableConcept*"
    ),
    "Practitioner.qualification": "identifier:Identifier* code:CodeableConcept period:Period issuer:Reference",
    "Location": (
        "identifier:Identifier* status:code operationalStatus:Coding name:string alias:string* description:string mode:code "
        "type:CodeableConcept* telecom:ContactPoint* address:Address physicalType:CodeableConcept position:Location.position "
        "managingOrganization:Reference partOf:Reference hoursOfOperation:Location.hoursOfOperation* "
        "availabilityExceptions:string endpoint:Reference*"
    ),
    "Location.position": "longitude:decimal latitude:decimal altitude:decimal",
    "Location.hoursOfOperation": "daysOfWeek:code* allDay:boolean openingTime:time closingTime:time",
    "Organization": (
        "identifier:Identifier* active:boolean type:CodeableConcept* name:string alias:string* telecom:ContactPoint* "
        "address:Address* partOf:Reference contact:Organization.contact* endpoint:Reference*"
    ),
    "Organization.contact": "purpose:CodeableConcept name:HumanName telecom:ContactPoint* address:Address",
    **r4_chart.TYPES,
    **r4_orders_and_money.TYPES,
}


def _parse(definition: str) -> dict[str, tuple[str, bool]]:
    parts = (part.split(":") for part in definition.split())
    return {element: (kind.removesuffix("*"), kind.endswith("*")) for element, kind in parts}


DEFINITIONS: dict[str, dict[str, tuple[str, bool]]] = {name: _parse(definition) for name, definition in _TYPES.items()}

RESOURCES = (
    "Patient",
    "Encounter",
    "Appointment",
    "Schedule",
    "Slot",
    "Observation",
    "DiagnosticReport",
    "Practitioner",
    "Location",
    "Organization",
    *r4_chart.RESOURCES,
    *r4_orders_and_money.RESOURCES,
)


# Of `authorReference` and `authorString`, or `onsetAge` and `onsetString`, only one may be there at a time: choice and its types.
def _choice_of(element: str, definition: dict[str, tuple[str, bool]]) -> str | None:
    kind = definition[element][0]
    suffix = kind[0].upper() + kind[1:]
    return element.removesuffix(suffix) if element.endswith(suffix) else None


# What a reference has to point to, where that matters.
_TARGETS = {
    "Encounter.subject": "Patient",
    "Encounter.account": "Account",
    "Appointment.slot": "Slot",
    "Appointment.participant.actor": "Patient",
    "Slot.schedule": "Schedule",
    "Observation.subject": "Patient",
    "Observation.encounter": "Encounter",
    "DiagnosticReport.subject": "Patient",
    "DiagnosticReport.encounter": "Encounter",
    "DiagnosticReport.result": "Observation",
    **r4_chart.TARGETS,
    **r4_orders_and_money.TARGETS,
}

# Codes that say how the rest is to be read.
_CODES = {
    "Patient.link.type": "replaced-by",
    "Patient.contact.telecom.system": "phone",
    **r4_chart.CODES,
    **r4_orders_and_money.CODES,
}


def every_element(resource_type: str) -> list[dict[str, Any]]:
    """Resources of the type that between them have every element of R4, each with one extension that nobody knows."""
    definition = DEFINITIONS["DomainResource"] | DEFINITIONS[resource_type]
    own = [DEFINITIONS[name] for name in DEFINITIONS if name == resource_type or name.startswith(resource_type + ".")]
    rounds = max(3, *(len(_variants(element, each)) for each in own for element in each))
    return [{"resourceType": resource_type, **_filled(definition, resource_type, turn, 0)} for turn in range(rounds)]


def _variants(element: str, definition: dict[str, tuple[str, bool]]) -> list[str]:
    """The elements of which only one may be there at a time, this one among them."""
    choice = _choice_of(element, definition)
    return [other for other in definition if choice is not None and _choice_of(other, definition) == choice] or [element]


def _filled(definition: dict[str, tuple[str, bool]], path: str, turn: int, depth: int) -> dict[str, Any]:
    filled: dict[str, Any] = {}
    for element, (kind, many) in definition.items():
        variants = _variants(element, definition)
        if kind == "Resource" or variants[turn % len(variants)] != element:
            continue
        value = _value(kind, f"{path}.{element}", turn, depth)
        if value is not None:
            filled[element] = [value] if many else value
    return filled


def _value(kind: str, path: str, turn: int, depth: int) -> Any:
    if path in _CODES:
        return _CODES[path]
    if path.endswith("dataAbsentReason.coding.system"):
        return "http://terminology.hl7.org/CodeSystem/data-absent-reason"
    if path.endswith("dataAbsentReason.coding.code"):
        return "not-asked"
    if path.endswith("telecom.system"):
        return ("phone", "email", "fax")[turn % 3]
    if kind in PRIMITIVES:
        return PRIMITIVES[kind]
    if depth > 3 or (kind == "Identifier" and depth > 1):
        return None
    value = _filled(DEFINITIONS[kind], path, turn, depth + 1)
    if kind == "Reference":
        value["reference"] = f"{_TARGETS.get(path, 'Group')}/123"
    value["id"] = "local"
    value["extension"] = [{"url": "http://example.org/unheard-of", "valueString": "words"}]
    return value


def variants_of(element: str, within: str) -> list[str]:
    """The elements of a type of which only one may be there at a time, this one among them."""
    return _variants(element, DEFINITIONS[within])


def value_of(element: str, within: str, path: str) -> Any:
    """A value for an element of a type, with everything in it that R4 has; None for one that goes too deep."""
    kind, many = DEFINITIONS[within][element]
    value = None if kind == "Resource" else _value(kind, f"{path}.{element}", 0, path.count("."))
    return [value] if many and value is not None else value
