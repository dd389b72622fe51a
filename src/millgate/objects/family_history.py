"""What a relative of the patient has or had."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import CONDITION_COURSE, CONDITION_LIFECYCLE_STATUS, CONDITION_RESULT, FAMILY_SEVERITY
from millgate.objects.choices import when
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of, extension_concepts
from millgate.objects.declaration import PATIENT_ID, STATUS, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import identifier, listed, note, reasons, reference_id_of
from millgate.objects.notes import Notes
from millgate.objects.primitives import flag, moment, text, texts
from millgate.objects.shared import Code, Identifier, Note, Object, Reason, Shared, When
from millgate.terminology import lifting_order

_CODE_ORDER = lifting_order("condition", "code")


class RelativeCondition(Shared, frozen=True, kw_only=True):
    """A condition of the relative, or the finding that they do not have it."""

    code: Annotated[Code | None, about("FamilyMemberHistory.condition.code", "Which; SNOMED CT is lifted first.")] = None
    result: Annotated[
        Code | None,
        about(
            "FamilyMemberHistory.condition.modifierExtension(condition-result)",
            "Whether the relative has it at all: positive, negative, unknown. A negative one means that they do not.",
        ),
    ] = None
    lifecycle_status: Annotated[
        Code | None,
        about(
            "FamilyMemberHistory.condition.modifierExtension(condition-lifecycle-status)", "active, resolved, entered-in-error, …"
        ),
    ] = None
    severity: Annotated[
        Code | None, about("FamilyMemberHistory.condition.extension(familymemberhistory-severity)", "How severe it is.")
    ] = None
    course: Annotated[
        Code | None, about("FamilyMemberHistory.condition.extension(condition-course)", "How it goes: stable, worsening, …")
    ] = None
    outcome: Annotated[Code | None, about("FamilyMemberHistory.condition.outcome", "What came of it.")] = None
    contributed_to_death: Annotated[
        bool | None, about("FamilyMemberHistory.condition.contributedToDeath", "Whether the relative died of it.")
    ] = None
    onset: Annotated[When | None, about("FamilyMemberHistory.condition.onset[x]", "When it began.")] = None
    notes: Annotated[tuple[Note, ...], about("FamilyMemberHistory.condition.note", "Comments.")] = ()


class FamilyHistory(Object, frozen=True, kw_only=True):
    """What a relative of the patient has or had."""

    patient_id: Annotated[str | None, about("FamilyMemberHistory.patient", "The patient whose relative it is.")] = None
    status: Annotated[
        str | None, about("FamilyMemberHistory.status", "partial, completed, entered-in-error or health-unknown.")
    ] = None
    source_status: Annotated[str | None, about("FamilyMemberHistory.status.extension", "The source's own, finer status.")] = None
    data_absent_reason: Annotated[
        Code | None, about("FamilyMemberHistory.dataAbsentReason", "Why nothing is known of the relative.")
    ] = None
    date: Annotated[str | None, about("FamilyMemberHistory.date", "When it was last told or recorded.")] = None
    relationship: Annotated[Code | None, about("FamilyMemberHistory.relationship", "What the relative is to the patient.")] = None
    name: Annotated[str | None, about("FamilyMemberHistory.name", "Name or description of the relative.")] = None
    sex: Annotated[Code | None, about("FamilyMemberHistory.sex", "Sex of the relative.")] = None
    born: Annotated[When | None, about("FamilyMemberHistory.born[x]", "When the relative was born.")] = None
    age: Annotated[When | None, about("FamilyMemberHistory.age[x]", "How old the relative is.")] = None
    estimated_age: Annotated[bool | None, about("FamilyMemberHistory.estimatedAge", "Whether the age is an estimate.")] = None
    deceased: Annotated[
        bool | None, about("FamilyMemberHistory.deceased[x]", "Whether the relative has died; true where it says when.")
    ] = None
    deceased_when: Annotated[
        When | None, about("FamilyMemberHistory.deceased[x]", "When, or at what age, the relative died.")
    ] = None
    conditions: Annotated[
        tuple[RelativeCondition, ...], about("FamilyMemberHistory.condition", "What the relative has, had, or has not.")
    ] = ()
    reasons: Annotated[
        tuple[Reason, ...],
        about("FamilyMemberHistory.reasonCode | reasonReference", "Why it was asked: the coded ones, then the references."),
    ] = ()
    instantiates: Annotated[
        tuple[str, ...],
        about("FamilyMemberHistory.instantiatesCanonical | instantiatesUri", "Addresses of the protocols that it follows."),
    ] = ()
    notes: Annotated[tuple[Note, ...], about("FamilyMemberHistory.note", "Comments.")] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("FamilyMemberHistory.identifier", "Its numbers elsewhere.")] = ()


def normalize(resource: Resource, context: Context) -> FamilyHistory:
    """The history that this canonical FamilyMemberHistory describes. Raises FixMessage where it is none with an id."""
    notes = opened(resource, "FamilyMemberHistory", context)
    deceased = flag(resource, "deceasedBoolean", "deceased", notes)
    deceased_when = when(
        {key: value for key, value in resource.items() if "Boolean" not in key}, "deceased", "deceased_when", notes
    )
    return FamilyHistory(
        patient_id=reference_id_of(resource, "patient", "Patient", "patient_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        data_absent_reason=concept_of(resource, "dataAbsentReason", "data_absent_reason", notes),
        date=moment(resource, "date", "date", notes),
        relationship=concept_of(resource, "relationship", "relationship", notes),
        name=text(resource, "name", "name", notes),
        sex=concept_of(resource, "sex", "sex", notes),
        born=when(resource, "born", "born", notes),
        age=when(resource, "age", "age", notes),
        estimated_age=flag(resource, "estimatedAge", "estimated_age", notes),
        deceased=True if deceased_when is not None else deceased,
        deceased_when=deceased_when,
        conditions=listed(resource, "condition", "conditions", notes, _condition),
        reasons=reasons(resource, notes),
        instantiates=texts(resource, "instantiatesCanonical", "instantiates", notes)
        + texts(resource, "instantiatesUri", "instantiates", notes),
        notes=listed(resource, "note", "notes", notes, note),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


def _condition(element: dict[str, Any], field: str, notes: Notes) -> RelativeCondition | None:
    modifiers = {"extension": element["modifierExtension"]} if "modifierExtension" in element else {}
    found = RelativeCondition(
        code=concept_of(element, "code", field + ".code", notes, _CODE_ORDER),
        result=_first(modifiers, CONDITION_RESULT, field + ".result", notes),
        lifecycle_status=_first(modifiers, CONDITION_LIFECYCLE_STATUS, field + ".lifecycle_status", notes),
        severity=_first(element, FAMILY_SEVERITY, field + ".severity", notes),
        course=_first(element, CONDITION_COURSE, field + ".course", notes),
        outcome=concept_of(element, "outcome", field + ".outcome", notes),
        contributed_to_death=flag(element, "contributedToDeath", field + ".contributed_to_death", notes),
        onset=when(element, "onset", field + ".onset", notes),
        notes=listed(element, "note", field + ".notes", notes, note),
    )
    return found if found != RelativeCondition() else None


def _first(element: dict[str, Any], url: str, field: str, notes: Notes) -> Code | None:
    return next(iter(extension_concepts(element, url, field, notes)), None)


DECLARATION = Declaration(
    name="family_history",
    plural="family_histories",
    resource_type="FamilyMemberHistory",
    struct=FamilyHistory,
    normalize=normalize,
    filters=(PATIENT_ID, STATUS, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "relationship", "conditions", "deceased", "status", "date"),
)
