"""A form with questions: in Millennium the social history that a site asks for."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import MAX_DECIMAL_PLACES, NOTE_ALLOWED, extension_of
from millgate.objects.choices import ANSWER_KINDS, choice
from millgate.objects.common import common_fields, opened
from millgate.objects.concepts import coding_as_code, concepts
from millgate.objects.declaration import UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import extension_flag, identifier, listed, period, single
from millgate.objects.notes import Notes
from millgate.objects.primitives import date, flag, moment, text, texts, whole
from millgate.objects.shared import AnswerValue, Code, Identifier, Object, Period, Shared
from millgate.objects.shelf_life import FORMS


class EnableWhen(Shared, frozen=True, kw_only=True):
    """When an item is asked: what another question has to be answered with."""

    question: Annotated[str | None, about("Questionnaire.item.enableWhen.question", "The link id of that question.")] = None
    operator: Annotated[str | None, about("Questionnaire.item.enableWhen.operator", "exists, =, !=, >, <, >= or <=.")] = None
    answer: Annotated[AnswerValue | None, about("Questionnaire.item.enableWhen.answer[x]", "The answer to compare with.")] = None


class Option(Shared, frozen=True, kw_only=True):
    """One answer to choose."""

    value: Annotated[AnswerValue | None, about("Questionnaire.item.answerOption.value[x]", "The answer.")] = None
    initially_selected: Annotated[
        bool | None, about("Questionnaire.item.answerOption.initialSelected", "Whether it is chosen to begin with.")
    ] = None


class Item(Shared, frozen=True, kw_only=True):
    """One question, or a group of questions, or a text to read."""

    link_id: Annotated[str | None, about("Questionnaire.item.linkId", "What answers refer to it by.")] = None
    definition: Annotated[str | None, about("Questionnaire.item.definition", "Address of its definition.")] = None
    codes: Annotated[tuple[Code, ...], about("Questionnaire.item.code", "What it asks, as concepts.")] = ()
    prefix: Annotated[str | None, about("Questionnaire.item.prefix", "What stands before it, such as 1(a).")] = None
    text: Annotated[str | None, about("Questionnaire.item.text", "The question, or the name of the group.")] = None
    type: Annotated[str | None, about("Questionnaire.item.type", "group, display, boolean, choice, quantity, …")] = None
    enable_when: Annotated[tuple[EnableWhen, ...], about("Questionnaire.item.enableWhen", "When it is asked.")] = ()
    enable_behavior: Annotated[
        str | None, about("Questionnaire.item.enableBehavior", "Whether all or any of these have to hold.")
    ] = None
    required: Annotated[bool | None, about("Questionnaire.item.required", "Whether it has to be answered.")] = None
    repeats: Annotated[bool | None, about("Questionnaire.item.repeats", "Whether it may be answered more than once.")] = None
    read_only: Annotated[bool | None, about("Questionnaire.item.readOnly", "Whether people may not answer it.")] = None
    max_length: Annotated[int | None, about("Questionnaire.item.maxLength", "The longest answer.", "characters")] = None
    max_decimal_places: Annotated[
        int | None, about("Questionnaire.item.extension(maxDecimalPlaces)", "How many decimal places an answer may have.")
    ] = None
    note_allowed: Annotated[
        bool | None, about("Questionnaire.item.extension(note-allowed)", "Whether a comment may be written beside it.")
    ] = None
    answer_value_set: Annotated[
        str | None, about("Questionnaire.item.answerValueSet", "Address of the value set to choose from.")
    ] = None
    options: Annotated[tuple[Option, ...], about("Questionnaire.item.answerOption", "The answers to choose from.")] = ()
    initial: Annotated[
        tuple[AnswerValue, ...], about("Questionnaire.item.initial.value[x]", "The answers that it begins with.")
    ] = ()
    items: Annotated[tuple[Item, ...], about("Questionnaire.item.item", "What is in the group.")] = ()


class Questionnaire(Object, frozen=True, kw_only=True):
    """A form with questions: in Millennium the social history that a site asks for."""

    url: Annotated[str | None, about("Questionnaire.url", "Its canonical address.")] = None
    version: Annotated[str | None, about("Questionnaire.version", "Its version as its publisher counts.")] = None
    name: Annotated[str | None, about("Questionnaire.name", "Its name for computers.")] = None
    title: Annotated[str | None, about("Questionnaire.title", "Its name for people.")] = None
    status: Annotated[str | None, about("Questionnaire.status", "draft, active, retired or unknown.")] = None
    experimental: Annotated[bool | None, about("Questionnaire.experimental", "Whether it is for testing only.")] = None
    subject_types: Annotated[tuple[str, ...], about("Questionnaire.subjectType", "The resource types that it may be about.")] = ()
    date: Annotated[str | None, about("Questionnaire.date", "When it was last changed.")] = None
    publisher: Annotated[str | None, about("Questionnaire.publisher", "Who publishes it.")] = None
    description: Annotated[str | None, about("Questionnaire.description", "What it is, in words.")] = None
    purpose: Annotated[str | None, about("Questionnaire.purpose", "Why it is there.")] = None
    copyright: Annotated[str | None, about("Questionnaire.copyright", "How it may be used.")] = None
    approval_date: Annotated[str | None, about("Questionnaire.approvalDate", "When it was approved.")] = None
    last_review_date: Annotated[str | None, about("Questionnaire.lastReviewDate", "When it was last reviewed.")] = None
    effective_period: Annotated[Period | None, about("Questionnaire.effectivePeriod", "When it is to be used.")] = None
    jurisdictions: Annotated[tuple[Code, ...], about("Questionnaire.jurisdiction", "Where it is meant for.")] = ()
    codes: Annotated[tuple[Code, ...], about("Questionnaire.code", "What it asks for, as concepts.")] = ()
    derived_from: Annotated[
        tuple[str, ...], about("Questionnaire.derivedFrom", "Addresses of the questionnaires that it was made from.")
    ] = ()
    items: Annotated[tuple[Item, ...], about("Questionnaire.item", "Its questions and groups.")] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("Questionnaire.identifier", "Its numbers elsewhere.")] = ()


def normalize(resource: Resource, context: Context) -> Questionnaire:
    """The form that this canonical Questionnaire describes. Raises FixMessage where it is no Questionnaire with an id."""
    notes = opened(resource, "Questionnaire", context)
    return Questionnaire(
        url=text(resource, "url", "url", notes),
        version=text(resource, "version", "version", notes),
        name=text(resource, "name", "name", notes),
        title=text(resource, "title", "title", notes),
        status=text(resource, "status", "status", notes),
        experimental=flag(resource, "experimental", "experimental", notes),
        subject_types=texts(resource, "subjectType", "subject_types", notes),
        date=moment(resource, "date", "date", notes),
        publisher=text(resource, "publisher", "publisher", notes),
        description=text(resource, "description", "description", notes),
        purpose=text(resource, "purpose", "purpose", notes),
        copyright=text(resource, "copyright", "copyright", notes),
        approval_date=date(resource, "approvalDate", "approval_date", notes),
        last_review_date=date(resource, "lastReviewDate", "last_review_date", notes),
        effective_period=single(resource, "effectivePeriod", "effective_period", notes, period),
        jurisdictions=concepts(resource, "jurisdiction", "jurisdictions", notes),
        codes=listed(resource, "code", "codes", notes, coding_as_code),
        derived_from=texts(resource, "derivedFrom", "derived_from", notes),
        items=listed(resource, "item", "items", notes, _item),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


def _item(element: dict[str, Any], field: str, notes: Notes) -> Item | None:
    places = extension_of(element, MAX_DECIMAL_PLACES) or {}
    found = Item(
        link_id=text(element, "linkId", field + ".link_id", notes),
        definition=text(element, "definition", field + ".definition", notes),
        codes=listed(element, "code", field + ".codes", notes, coding_as_code),
        prefix=text(element, "prefix", field + ".prefix", notes),
        text=text(element, "text", field + ".text", notes),
        type=text(element, "type", field + ".type", notes),
        enable_when=listed(element, "enableWhen", field + ".enable_when", notes, _condition),
        enable_behavior=text(element, "enableBehavior", field + ".enable_behavior", notes),
        required=flag(element, "required", field + ".required", notes),
        repeats=flag(element, "repeats", field + ".repeats", notes),
        read_only=flag(element, "readOnly", field + ".read_only", notes),
        max_length=whole(element, "maxLength", field + ".max_length", notes),
        max_decimal_places=whole(places, "valueInteger", field + ".max_decimal_places", notes),
        note_allowed=extension_flag(element, NOTE_ALLOWED, field + ".note_allowed", notes),
        answer_value_set=text(element, "answerValueSet", field + ".answer_value_set", notes),
        options=listed(element, "answerOption", field + ".options", notes, _option),
        initial=listed(element, "initial", field + ".initial", notes, _value),
        items=listed(element, "item", field + ".items", notes, _item),
    )
    return found if found != Item() else None


def _condition(element: dict[str, Any], field: str, notes: Notes) -> EnableWhen | None:
    found = EnableWhen(
        question=text(element, "question", field + ".question", notes),
        operator=text(element, "operator", field + ".operator", notes),
        answer=choice(element, "answer", field + ".answer", notes, AnswerValue, ANSWER_KINDS),
    )
    return found if found != EnableWhen() else None


def _option(element: dict[str, Any], field: str, notes: Notes) -> Option | None:
    found = Option(
        value=_value(element, field + ".value", notes),
        initially_selected=flag(element, "initialSelected", field + ".initially_selected", notes),
    )
    return found if found != Option() else None


def _value(element: dict[str, Any], field: str, notes: Notes) -> AnswerValue | None:
    return choice(element, "value", field, notes, AnswerValue, ANSWER_KINDS)


DECLARATION = Declaration(
    name="questionnaire",
    plural="questionnaires",
    resource_type="Questionnaire",
    struct=Questionnaire,
    normalize=normalize,
    filters=(UPDATED_SINCE,),
    patient_scoped=False,
    shelf_life=FORMS,
    columns=("id", "title", "name", "status", "date"),
)
