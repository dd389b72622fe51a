"""A filled-in form: in Millennium a patient's social history."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import (
    CHOICE_ANSWER,
    ITEM_NOTE,
    QUESTIONNAIRE_DISPLAY,
    QUESTIONNAIRE_URI,
    extension_of,
    extensions_of,
)
from millgate.objects.choices import ANSWER_KINDS, choice
from millgate.objects.common import common_fields, opened
from millgate.objects.declaration import PATIENT_ID, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import extension_flag, identifier, listed, note, reference, reference_id_of, single
from millgate.objects.notes import Notes
from millgate.objects.primitives import moment, text
from millgate.objects.shared import AnswerValue, Identifier, Note, Object, Reference, Shared


class ResponseAnswer(Shared, frozen=True, kw_only=True):
    """One answer to a question, and the questions that it led to."""

    value: Annotated[
        AnswerValue | None, about("QuestionnaireResponse.item.answer.value[x]", "The answer, with its kind named.")
    ] = None
    items: Annotated[
        tuple[ResponseItem, ...], about("QuestionnaireResponse.item.answer.item", "Questions that this answer led to.")
    ] = ()


class ResponseItem(Shared, frozen=True, kw_only=True):
    """One question, or a group of questions."""

    link_id: Annotated[str | None, about("QuestionnaireResponse.item.linkId", "Which item of the questionnaire it is.")] = None
    definition: Annotated[str | None, about("QuestionnaireResponse.item.definition", "Address of its definition.")] = None
    text: Annotated[str | None, about("QuestionnaireResponse.item.text", "The question, or the name of the group.")] = None
    choice_answer: Annotated[
        bool | None, about("QuestionnaireResponse.item.extension(choice-answer)", "Whether answers are chosen from a list.")
    ] = None
    answers: Annotated[tuple[ResponseAnswer, ...], about("QuestionnaireResponse.item.answer", "The answers.")] = ()
    items: Annotated[tuple[ResponseItem, ...], about("QuestionnaireResponse.item.item", "What is in the group.")] = ()
    notes: Annotated[tuple[Note, ...], about("QuestionnaireResponse.item.extension(note)", "Comments.")] = ()


class QuestionnaireResponse(Object, frozen=True, kw_only=True):
    """A filled-in form: in Millennium a patient's social history."""

    patient_id: Annotated[str | None, about("QuestionnaireResponse.subject", "The patient it is about.")] = None
    encounter_id: Annotated[str | None, about("QuestionnaireResponse.encounter", "The encounter it was filled in in.")] = None
    status: Annotated[
        str | None, about("QuestionnaireResponse.status", "in-progress, completed, amended, stopped or entered-in-error.")
    ] = None
    questionnaire: Annotated[
        str | None, about("QuestionnaireResponse.questionnaire", "Address of the questionnaire that it answers.")
    ] = None
    questionnaire_title: Annotated[
        str | None, about("QuestionnaireResponse.questionnaire.extension(display)", "Title of the questionnaire.")
    ] = None
    questionnaire_url: Annotated[
        str | None,
        about(
            "QuestionnaireResponse.questionnaire.extension(us-core-extension-questionnaire-uri)",
            "Where the questionnaire is found that has no FHIR form.",
        ),
    ] = None
    authored_at: Annotated[str | None, about("QuestionnaireResponse.authored", "When it was last answered.")] = None
    author: Annotated[Reference | None, about("QuestionnaireResponse.author", "Who wrote the answers down.")] = None
    answered_by: Annotated[Reference | None, about("QuestionnaireResponse.source", "Who gave the answers.")] = None
    items: Annotated[
        tuple[ResponseItem, ...], about("QuestionnaireResponse.item", "The questions with their answers, and groups of them.")
    ] = ()
    based_on: Annotated[tuple[Reference, ...], about("QuestionnaireResponse.basedOn", "Orders that it fulfils.")] = ()
    part_of: Annotated[
        tuple[Reference, ...], about("QuestionnaireResponse.partOf", "Procedures and observations that it is a part of.")
    ] = ()
    identifiers: Annotated[
        tuple[Identifier, ...], about("QuestionnaireResponse.identifier", "Its number elsewhere; one at the most.")
    ] = ()


def normalize(resource: Resource, context: Context) -> QuestionnaireResponse:
    """The form that this canonical QuestionnaireResponse describes. Raises FixMessage where it is none with an id."""
    notes = opened(resource, "QuestionnaireResponse", context)
    title, url = (extension_of(resource.get("_questionnaire"), each) or {} for each in (QUESTIONNAIRE_DISPLAY, QUESTIONNAIRE_URI))
    number = single(resource, "identifier", "identifiers", notes, identifier)
    return QuestionnaireResponse(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(resource, "encounter", "Encounter", "encounter_id", notes),
        status=text(resource, "status", "status", notes),
        questionnaire=text(resource, "questionnaire", "questionnaire", notes),
        questionnaire_title=text(title, "valueString", "questionnaire_title", notes),
        questionnaire_url=text(url, "valueUri", "questionnaire_url", notes),
        authored_at=moment(resource, "authored", "authored_at", notes),
        author=single(resource, "author", "author", notes, reference),
        answered_by=single(resource, "source", "answered_by", notes, reference),
        items=listed(resource, "item", "items", notes, _item),
        based_on=listed(resource, "basedOn", "based_on", notes, reference),
        part_of=listed(resource, "partOf", "part_of", notes, reference),
        identifiers=(number,) if number is not None else (),
        **common_fields(notes),
    )


def _item(element: dict[str, Any], field: str, notes: Notes) -> ResponseItem | None:
    found = ResponseItem(
        link_id=text(element, "linkId", field + ".link_id", notes),
        definition=text(element, "definition", field + ".definition", notes),
        text=text(element, "text", field + ".text", notes),
        choice_answer=extension_flag(element, CHOICE_ANSWER, field + ".choice_answer", notes),
        answers=listed(element, "answer", field + ".answers", notes, _answer),
        items=listed(element, "item", field + ".items", notes, _item),
        notes=listed({"note": _annotations(element)}, "note", field + ".notes", notes, note),
    )
    return found if found != ResponseItem() else None


def _annotations(element: dict[str, Any]) -> list[Any]:
    """What people wrote beside the item. Source: Millennium's StructureDefinition `note`."""
    return [each["valueAnnotation"] for each in extensions_of(element, ITEM_NOTE) if "valueAnnotation" in each]


def _answer(element: dict[str, Any], field: str, notes: Notes) -> ResponseAnswer | None:
    found = ResponseAnswer(
        value=choice(element, "value", field + ".value", notes, AnswerValue, ANSWER_KINDS),
        items=listed(element, "item", field + ".items", notes, _item),
    )
    return found if found != ResponseAnswer() else None


DECLARATION = Declaration(
    name="questionnaire_response",
    plural="questionnaire_responses",
    resource_type="QuestionnaireResponse",
    struct=QuestionnaireResponse,
    normalize=normalize,
    filters=(PATIENT_ID, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "authored_at", "questionnaire", "status", "author"),
)
