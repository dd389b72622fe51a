"""The types that objects share. Every list is in the source's own order unless its field says otherwise."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from millgate.objects.declaration import about

Pathway = Literal["fhir-r4", "fhir-dstu2", "millennium", "healtheintent", "hl7v2", "ccda"]


class Shared(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of all types: immutable, and without a key for what is missing.

    None can be part of a cycle, so the garbage collector is told to leave them alone: a page has tens of thousands.
    """


class Coding(Shared, frozen=True, kw_only=True):
    """One code of one code system."""

    system: Annotated[str | None, about("Coding.system", "Canonical URI of the code system.")] = None
    code: Annotated[str | None, about("Coding.code", "The code, as the system writes it.")] = None
    display: Annotated[str | None, about("Coding.display", "The source's words for the code.")] = None
    user_selected: Annotated[bool | None, about("Coding.userSelected", "Whether the clinician chose this very code.")] = None


class Code(Shared, frozen=True, kw_only=True):
    """A concept: its text, all codings that came with it, and the best standard one lifted."""

    text: Annotated[str | None, about("CodeableConcept.text", "The source's words for the concept.")] = None
    system: Annotated[str | None, about("CodeableConcept.coding.system", "Code system of the lifted coding.")] = None
    code: Annotated[str | None, about("CodeableConcept.coding.code", "Code of the lifted coding.")] = None
    codings: Annotated[tuple[Coding, ...], about("CodeableConcept.coding", "All codings, in source order.")] = ()


class Reference(Shared, frozen=True, kw_only=True):
    """A pointer to another object; one without an id is known by its display only."""

    object: Annotated[str | None, about("Reference.reference", "Name of the object that is pointed to.")] = None
    id: Annotated[str | None, about("Reference.reference", "Id of the object; one at another server keeps its whole URL.")] = None
    display: Annotated[str | None, about("Reference.display", "The source's words for what is pointed to.")] = None


class Period(Shared, frozen=True, kw_only=True):
    """A stretch of time, at the precision that it came with; a missing side is open or unknown."""

    start: Annotated[str | None, about("Period.start", "When it begins, inclusive.")] = None
    end: Annotated[str | None, about("Period.end", "When it ends, inclusive.")] = None


class Quantity(Shared, frozen=True, kw_only=True):
    """A measured amount."""

    value: Annotated[Decimal | None, about("Quantity.value", "The number, with the digits that it came with.")] = None
    comparator: Annotated[str | None, about("Quantity.comparator", "How the true value lies to the number: <, <=, >= or >.")] = (
        None
    )
    unit: Annotated[str | None, about("Quantity.unit", "The unit as people read it.")] = None
    system: Annotated[str | None, about("Quantity.system", "Code system of the unit's code (UCUM where known).")] = None
    code: Annotated[str | None, about("Quantity.code", "Code of the unit.")] = None


class Range(Shared, frozen=True, kw_only=True):
    """From a low to a high amount; a missing side is open."""

    low: Annotated[Quantity | None, about("Range.low", "The low end, inclusive.")] = None
    high: Annotated[Quantity | None, about("Range.high", "The high end, inclusive.")] = None


class Ratio(Shared, frozen=True, kw_only=True):
    """One amount in relation to another, such as a titre of 1:128."""

    numerator: Annotated[Quantity | None, about("Ratio.numerator", "The upper amount.")] = None
    denominator: Annotated[Quantity | None, about("Ratio.denominator", "The lower amount.")] = None


class Identifier(Shared, frozen=True, kw_only=True):
    """A name that some authority gave, such as a medical record number."""

    type: Annotated[
        str | None, about("Identifier.type", "What it is: MR, FIN, SS, DL, NPI or another code of v2 table 0203.")
    ] = None
    label: Annotated[str | None, about("Identifier.type.text", "The source's words for what it is.")] = None
    system: Annotated[str | None, about("Identifier.system", "URI of the pool that the value is unique in.")] = None
    value: Annotated[str | None, about("Identifier.value", "The value.")] = None
    use: Annotated[str | None, about("Identifier.use", "usual, official, temp, secondary or old.")] = None
    period: Annotated[Period | None, about("Identifier.period", "When it is or was valid.")] = None
    assigner: Annotated[Reference | None, about("Identifier.assigner", "Who gave it.")] = None


class Name(Shared, frozen=True, kw_only=True):
    """A person's name."""

    text: Annotated[str | None, about("HumanName.text", "The whole name as the source shows it.")] = None
    family: Annotated[str | None, about("HumanName.family", "Family name.")] = None
    given: Annotated[tuple[str, ...], about("HumanName.given", "Given and middle names, in order.")] = ()
    prefix: Annotated[tuple[str, ...], about("HumanName.prefix", "What stands before the name.")] = ()
    suffix: Annotated[tuple[str, ...], about("HumanName.suffix", "What stands behind the name.")] = ()
    use: Annotated[str | None, about("HumanName.use", "usual, official, temp, nickname, anonymous, old or maiden.")] = None
    period: Annotated[Period | None, about("HumanName.period", "When it is or was in use.")] = None


class Address(Shared, frozen=True, kw_only=True):
    """A postal or physical address."""

    lines: Annotated[tuple[str, ...], about("Address.line", "Street, number, box, in order.")] = ()
    city: Annotated[str | None, about("Address.city", "City or town.")] = None
    district: Annotated[str | None, about("Address.district", "County.")] = None
    state: Annotated[str | None, about("Address.state", "State or province, as the source writes it.")] = None
    postal_code: Annotated[str | None, about("Address.postalCode", "Postal code.")] = None
    country: Annotated[str | None, about("Address.country", "Country, as the source writes it.")] = None
    use: Annotated[str | None, about("Address.use", "home, work, temp, old or billing.")] = None
    type: Annotated[str | None, about("Address.type", "postal, physical or both.")] = None
    text: Annotated[str | None, about("Address.text", "The whole address as the source shows it.")] = None
    period: Annotated[Period | None, about("Address.period", "When it is or was in use.")] = None


class ContactPoint(Shared, frozen=True, kw_only=True):
    """A telephone number or e-mail address."""

    value: Annotated[str | None, about("ContactPoint.value", "The number or address.")] = None
    extension: Annotated[str | None, about("ContactPoint.extension", "Extension to dial behind the number.")] = None
    use: Annotated[str | None, about("ContactPoint.use", "home, work, temp, old or mobile.")] = None
    rank: Annotated[int | None, about("ContactPoint.rank", "Order of preference; 1 goes first.")] = None
    period: Annotated[Period | None, about("ContactPoint.period", "When it is or was in use.")] = None


class OtherTelecom(ContactPoint, frozen=True, kw_only=True):
    """A contact point that is neither a telephone nor an e-mail address."""

    system: Annotated[str | None, about("ContactPoint.system", "fax, pager, url, sms or other; missing where unsaid.")] = None


class Note(Shared, frozen=True, kw_only=True):
    """A comment, with who made it and when."""

    text: Annotated[str | None, about("Annotation.text", "The comment.")] = None
    author: Annotated[Reference | None, about("Annotation.author[x]", "Who made it.")] = None
    time: Annotated[str | None, about("Annotation.time", "When it was made.")] = None


class Attachment(Shared, frozen=True, kw_only=True):
    """A piece of content, to be fetched by its URL."""

    content_type: Annotated[str | None, about("Attachment.contentType", "MIME type.")] = None
    title: Annotated[str | None, about("Attachment.title", "Title.")] = None
    url: Annotated[str | None, about(None, "The gateway's own URL of the content.")] = None
    size: Annotated[int | None, about("Attachment.size", "Length of the content.", "bytes")] = None
    hash: Annotated[str | None, about("Attachment.hash", "SHA-1 of the content, in base64.")] = None
    created_at: Annotated[str | None, about("Attachment.creation", "When the content was made.")] = None
    language: Annotated[str | None, about("Attachment.language", "Language of the content (BCP 47).")] = None


class Reason(Shared, frozen=True, kw_only=True):
    """Why something is done: a code, or a pointer to a condition, observation or procedure."""

    code: Annotated[Code | None, about("reasonCode", "The reason as a concept.")] = None
    reference: Annotated[Reference | None, about("reasonReference", "The reason as another object.")] = None


class SampledData(Shared, frozen=True, kw_only=True):
    """A series of measurements at even intervals."""

    origin: Annotated[Quantity | None, about("SampledData.origin", "Zero value and unit.")] = None
    period: Annotated[Decimal | None, about("SampledData.period", "Time between two samples.", "ms")] = None
    factor: Annotated[Decimal | None, about("SampledData.factor", "Multiply data by this before adding to the origin.")] = None
    lower_limit: Annotated[Decimal | None, about("SampledData.lowerLimit", "Lower limit of detection.")] = None
    upper_limit: Annotated[Decimal | None, about("SampledData.upperLimit", "Upper limit of detection.")] = None
    dimensions: Annotated[int | None, about("SampledData.dimensions", "Number of points at each time.")] = None
    data: Annotated[str | None, about("SampledData.data", "Decimals with spaces between, or E, U, L.")] = None


class Timing(Shared, frozen=True, kw_only=True):
    """When something is to happen, once or again and again."""

    code: Annotated[Code | None, about("Timing.code", "The whole timing as a concept, such as BID.")] = None
    events: Annotated[tuple[str, ...], about("Timing.event", "The moments at which it happens.")] = ()
    bounds_period: Annotated[Period | None, about("Timing.repeat.boundsPeriod", "From when to when it goes on.")] = None
    bounds_duration: Annotated[Quantity | None, about("Timing.repeat.boundsDuration", "How long it goes on.")] = None
    bounds_range: Annotated[Range | None, about("Timing.repeat.boundsRange", "How long it goes on, at least and at most.")] = None
    count: Annotated[int | None, about("Timing.repeat.count", "How many times in all.")] = None
    count_max: Annotated[int | None, about("Timing.repeat.countMax", "How many times at most.")] = None
    duration: Annotated[Decimal | None, about("Timing.repeat.duration", "How long it takes each time, in `duration_unit`.")] = (
        None
    )
    duration_max: Annotated[Decimal | None, about("Timing.repeat.durationMax", "How long at most, in `duration_unit`.")] = None
    duration_unit: Annotated[str | None, about("Timing.repeat.durationUnit", "s, min, h, d, wk, mo or a (UCUM).")] = None
    frequency: Annotated[int | None, about("Timing.repeat.frequency", "How many times in each `period`.")] = None
    frequency_max: Annotated[int | None, about("Timing.repeat.frequencyMax", "How many times at most in each `period`.")] = None
    period: Annotated[Decimal | None, about("Timing.repeat.period", "What `frequency` counts in, in `period_unit`.")] = None
    period_max: Annotated[Decimal | None, about("Timing.repeat.periodMax", "The longest period, in `period_unit`.")] = None
    period_unit: Annotated[str | None, about("Timing.repeat.periodUnit", "s, min, h, d, wk, mo or a (UCUM).")] = None
    days_of_week: Annotated[tuple[str, ...], about("Timing.repeat.dayOfWeek", "On which days: mon, tue, …")] = ()
    times_of_day: Annotated[tuple[str, ...], about("Timing.repeat.timeOfDay", "At what times of those days.")] = ()
    when: Annotated[tuple[str, ...], about("Timing.repeat.when", "Around what event of the day: AC (before meals), HS, …")] = ()
    offset: Annotated[int | None, about("Timing.repeat.offset", "How far from that event.", "min")] = None


class When(Shared, frozen=True, kw_only=True):
    """When something was, in whichever way the source says it; exactly the field that `kind` names is there."""

    kind: Annotated[Literal["instant", "age", "period", "range", "text"], about("[x]", "Which of the next five fields is there.")]
    instant: Annotated[str | None, about("[x]DateTime | [x]Date", "A date or moment, at its precision.")] = None
    age: Annotated[Quantity | None, about("[x]Age", "The age at that time.")] = None
    period: Annotated[Period | None, about("[x]Period", "A stretch of time.")] = None
    range: Annotated[Range | None, about("[x]Range", "The age at that time, at least and at most.")] = None
    text: Annotated[str | None, about("[x]String", "In words.")] = None
    precision: Annotated[Code | None, about("[x].extension(precision)", "How precise it is meant: about, before, age, …")] = None


ValueKind = Literal[
    "quantity",
    "code",
    "text",
    "boolean",
    "integer",
    "range",
    "ratio",
    "sampled_data",
    "time",
    "instant",
    "period",
    "attachment",
]


class ObservationValue(Shared, frozen=True, kw_only=True):
    """A result with its kind named; exactly the field of that name is there."""

    kind: Annotated[ValueKind, about("Observation.value[x]", "Which of the other fields is there.")]
    quantity: Annotated[Quantity | None, about("Observation.valueQuantity", "A measured amount.")] = None
    code: Annotated[Code | None, about("Observation.valueCodeableConcept", "A coded result.")] = None
    text: Annotated[str | None, about("Observation.valueString", "A result in words.")] = None
    boolean: Annotated[bool | None, about("Observation.valueBoolean", "Yes or no.")] = None
    integer: Annotated[int | None, about("Observation.valueInteger", "A whole number.")] = None
    range: Annotated[Range | None, about("Observation.valueRange", "From a low to a high amount.")] = None
    ratio: Annotated[Ratio | None, about("Observation.valueRatio", "One amount in relation to another.")] = None
    sampled_data: Annotated[SampledData | None, about("Observation.valueSampledData", "A series of measurements.")] = None
    time: Annotated[str | None, about("Observation.valueTime", "A time of day.")] = None
    instant: Annotated[str | None, about("Observation.valueDateTime", "A date or moment, at its precision.")] = None
    period: Annotated[Period | None, about("Observation.valuePeriod", "A stretch of time.")] = None
    attachment: Annotated[Attachment | None, about("Observation.valueAttachment", "A piece of content.")] = None


class AnswerValue(Shared, frozen=True, kw_only=True):
    """An answer to a question, with its kind named; exactly the field of that name is there."""

    kind: Annotated[
        Literal[
            "boolean",
            "decimal",
            "integer",
            "date",
            "instant",
            "time",
            "text",
            "url",
            "attachment",
            "code",
            "quantity",
            "reference",
        ],
        about("value[x]", "Which of the other fields is there."),
    ]
    boolean: Annotated[bool | None, about("valueBoolean", "Yes or no.")] = None
    decimal: Annotated[Decimal | None, about("valueDecimal", "A number, with the digits that it came with.")] = None
    integer: Annotated[int | None, about("valueInteger", "A whole number.")] = None
    date: Annotated[str | None, about("valueDate", "A date, at its precision.")] = None
    instant: Annotated[str | None, about("valueDateTime", "A date or moment, at its precision.")] = None
    time: Annotated[str | None, about("valueTime", "A time of day.")] = None
    text: Annotated[str | None, about("valueString", "Words.")] = None
    url: Annotated[str | None, about("valueUri", "An address.")] = None
    attachment: Annotated[Attachment | None, about("valueAttachment", "A piece of content.")] = None
    code: Annotated[Code | None, about("valueCoding", "A concept, with its one coding.")] = None
    quantity: Annotated[Quantity | None, about("valueQuantity", "A measured amount.")] = None
    reference: Annotated[Reference | None, about("valueReference", "Another object.")] = None


class Source(Shared, frozen=True, kw_only=True):
    """Where an object came from."""

    pathway: Annotated[str, about(None, "fhir-r4, fhir-dstu2, millennium, healtheintent, hl7v2 or ccda.")]
    reference: Annotated[str, about(None, "Where exactly: `Patient/12724066`, message and segment, document and section.")]
    version: Annotated[str | None, about("Resource.meta.versionId", "The source's own version.")] = None
    updated_at: Annotated[str | None, about("Resource.meta.lastUpdated", "When the source last changed it.")] = None
    received_at: Annotated[str | None, about(None, "When the gateway received it.")] = None


class Warning(Shared, frozen=True, kw_only=True):
    """Something in the source that could not be taken as it is; it never holds the content itself."""

    code: Annotated[str, about(None, "What kind of thing, stable.")]
    field: Annotated[str, about(None, "Path of the field of this object.")]
    detail: Annotated[str, about(None, "What was expected, and what was done.")]


class Object(Shared, frozen=True, kw_only=True):
    """What every object has."""

    object: Annotated[str, about("Resource.resourceType", "Name of the object.")]
    id: Annotated[str, about("Resource.id", "Stable and opaque within a tenant.")]
    tenant: Annotated[str | None, about(None, "Short name of the tenant.")] = None
    source: Annotated[Source, about(None, "Where the object came from.")]
    absent: Annotated[
        dict[str, str],
        about("data-absent-reason", "Why a field is missing, by field path; for one member of a list, the list's path."),
    ] = msgspec.field(default_factory=dict)
    warnings: Annotated[
        tuple[Warning, ...], about(None, "What in the source could not be taken as it is, in the order of reading.")
    ] = ()
    fhir: Annotated[dict[str, Any] | None, about("Resource", "The canonical FHIR R4 resource, with `include=fhir`.")] = None
