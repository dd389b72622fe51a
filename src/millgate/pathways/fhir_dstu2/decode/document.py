"""A document: the time of its entry is its date in R4, and the time of its making that of its content.

Source: FHIR DSTU2 DocumentReference; FHIR R4 DocumentReference.
"""

from __future__ import annotations

from typing import Any

from millgate.pathways.fhir_dstu2.decode.codes import codes, status
from millgate.pathways.fhir_dstu2.decode.rules import (
    Element,
    Rule,
    Rules,
    each,
    first_of,
    into_list,
    kept,
    listed,
    merged,
    renamed,
    rewritten,
    same,
)

_CONTENT: Rules = {**same("attachment"), "format": first_of("format", "DocumentReference.content", "format")}
_CONTEXT: Rules = {
    **same("event", "period", "facilityType", "practiceSetting", "sourcePatientInfo"),
    "encounter": into_list("encounter"),
    "related": Rule("related", lambda value, _: {"related": [_related(one) for one in listed(value)]}, primitive=False),
}


def _doc_status(value: Any, _: Element) -> Element:
    """The code among the concept's codings that R4 knows; the concept is kept too, for its words."""
    codings = listed(value.get("coding")) if isinstance(value, dict) else []
    known = codes("DocumentReference.docStatus")
    code = next((known[one["code"]] for one in codings if isinstance(one, dict) and one.get("code") in known), None)
    beside = {"_docStatus": kept("DocumentReference", "docStatus", value)}
    return merged({"docStatus": code}, beside) if code else beside


def _content(value: Any, old: Element) -> Element:
    """The content, whose making is dated where only the document's was."""
    return {
        "content": [
            _dated(rewritten(one, _CONTENT, "DocumentReference.content"), old) for one in listed(value) if isinstance(one, dict)
        ]
    }


def _dated(content: Element, old: Element) -> Element:
    attachment, created = content.get("attachment"), old.get("created")
    if not isinstance(attachment, dict) or "creation" in attachment or not isinstance(created, str):
        return content
    return {**content, "attachment": {**attachment, "creation": created}}


def _created(value: Any, old: Element) -> Element:
    """It went into the content's attachments; where there is none without a date of its own, it is kept as it was."""
    attachments = [one.get("attachment") for one in listed(old.get("content")) if isinstance(one, dict)]
    taken = isinstance(value, str) and any(isinstance(one, dict) and "creation" not in one for one in attachments)
    return {} if taken else kept("DocumentReference", "created", value)


def _related(value: Any) -> Any:
    """R4 has the identifier in the reference."""
    if not isinstance(value, dict):
        return value
    ref = value.get("ref")
    identifier = {"identifier": value["identifier"]} if "identifier" in value else {}
    return {**(ref if isinstance(ref, dict) else {}), **identifier}


RULES: Rules = {
    **same(
        "masterIdentifier", "identifier", "subject", "type", "author", "custodian", "authenticator", "relatesTo", "description"
    ),
    **same("securityLabel"),
    **renamed(indexed="date"),
    "class": into_list("category"),
    "status": status("DocumentReference.status"),
    "docStatus": Rule("docStatus", _doc_status),
    "content": Rule("content", _content, primitive=False),
    "created": Rule("content", _created, primitive=False),
    "context": each("context", _CONTEXT, "DocumentReference.context"),
}
