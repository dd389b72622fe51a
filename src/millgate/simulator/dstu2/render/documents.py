"""Documents and their bytes."""

from __future__ import annotations

from millgate.simulator.dstu2.render.codes import code
from millgate.simulator.dstu2.render.datatypes import Json, aged, picked

_EVENT_CODES = "72"
_COMPOSITION_STATUS = "http://hl7.org/fhir/composition-status"
_STATUS_WORDS = {"preliminary": "Preliminary", "final": "Final", "amended": "Amended", "entered-in-error": "Entered In Error"}


def document_reference(new: Json, r4: Json) -> Json | None:
    """A clinical document, by the PDF that it can be had as; its title describes it."""
    status = code("DocumentReference.status", r4.get("status"))
    if status is None:
        return None
    attachments = [one["attachment"] for one in new.get("content", ()) if "attachment" in one]
    shown = [one for one in attachments if one.get("contentType") == "application/pdf"] or attachments
    description = r4.get("description") or next((one["title"] for one in shown if "title" in one), None)
    created = next((one["creation"] for one in attachments if "creation" in one), None)
    encounters = new.get("context", {}).get("encounter", ())
    return {
        **picked(new, "subject", "authenticator", date="indexed"),
        **({"type": aged(r4["type"], own_set=_EVENT_CODES)} if "type" in r4 else {}),
        **({"created": created} if created else {}),
        "status": status,
        **({"docStatus": _doc_status(r4["docStatus"])} if r4.get("docStatus") in _STATUS_WORDS else {}),
        **({"description": description} if description else {}),
        "content": [{"attachment": picked(one, "contentType", "url", "title")} for one in shown],
        **({"context": {"encounter": encounters[0]}} if encounters else {}),
    }


def _doc_status(word: str) -> Json:
    return {
        "coding": [{"system": _COMPOSITION_STATUS, "code": word, "display": _STATUS_WORDS[word]}],
        "text": _STATUS_WORDS[word],
    }


def binary(new: Json, r4: Json) -> Json:
    """The bytes of a document."""
    return picked(new, "contentType", data="content")
