"""A summary as a FHIR R4 document: a Composition with a section for each of the summary's, the patient, and what was chosen.

It says of itself what it is and no more: it follows the sections of the International Patient Summary and claims none of its profiles,
since what a source has need not meet them. Source: FHIR R4 §2.5 (documents), Composition; IPS 2.0.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, Final

from millgate.canonical.exchange import Resource
from millgate.flow.chosen import Chosen, ChosenSection
from millgate.flow.sections import LOINC
from millgate.flow.wording import field_words

NOTHING_FOUND: Final = "Nothing found. This does not say that there is nothing."
_EMPTY: Final = "http://terminology.hl7.org/CodeSystem/list-empty-reason"
_XHTML: Final = "http://www.w3.org/1999/xhtml"
_TYPE: Final = {"coding": [{"system": LOINC, "code": "60591-5", "display": "Patient summary Document"}]}
# Why a section is empty where it could not be read: what the session may not see is withheld, anything else is not to be had.
_WITHHELD: Final = frozenset({"scope_missing", "scope_narrowed", "patient_out_of_context", "tenant_not_allowed"})


def document(patient: Resource, sections: Sequence[ChosenSection], *, base: str, identifier: str, now: str) -> dict[str, Any]:
    """The Bundle; its Composition is `preliminary` where a section could not be read to its end.

    `base` is the tenant's FHIR base, `identifier` a new UUID, `now` an instant; the objects have their `fhir`.
    """
    subject = f"{base}/Patient/{patient['id']}"
    maker = f"urn:uuid:{identifier[:-1]}{'1' if identifier[-1] == '0' else '0'}"
    composition = {
        "resourceType": "Composition",
        "id": identifier,
        "status": "preliminary" if {"failed", "partial"} & {one.status for one in sections} else "final",
        "type": _TYPE,
        "subject": {"reference": subject},
        "date": now,
        "author": [{"reference": maker, "display": "Millgate"}],
        "title": "Patient summary",
        "section": [_section(one, base) for one in sections],
    }
    entries: dict[str, Any] = {f"urn:uuid:{identifier}": composition, subject: patient, maker: _maker(maker)}
    for one in (one for found in sections for part in found.parts for one in part.objects):
        entries.setdefault(_url(base, one["fhir"]), one["fhir"])
    return {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{identifier}"},
        "type": "document",
        "timestamp": now,
        "entry": [{"fullUrl": url, "resource": resource} for url, resource in entries.items()],
    }


def _maker(url: str) -> Resource:
    """Who put the document together: a program, and nobody who answers for what it says."""
    named = [{"name": "Millgate", "type": "user-friendly-name"}]
    return {"resourceType": "Device", "id": url.removeprefix("urn:uuid:"), "deviceName": named, "type": {"text": "Gateway"}}


def _url(base: str, resource: Resource) -> str:
    return f"{base}/{resource['resourceType']}/{resource['id']}"


def _section(found: ChosenSection, base: str) -> dict[str, Any]:
    section = found.section
    entries = [
        {"reference": url} for url in dict.fromkeys(_url(base, one["fhir"]) for part in found.parts for one in part.objects)
    ]
    told: dict[str, Any] = {
        "title": section.title,
        "code": {"coding": [{"system": LOINC, "code": section.loinc, "display": section.display}]},
        "text": {"status": "generated", "div": narrative(found)},
    }
    if entries:
        told["entry"] = entries
    else:
        told["emptyReason"] = _empty_reason(found)
    return told


def _empty_reason(found: ChosenSection) -> dict[str, Any]:
    """FHIR has no code for a search that found nothing, and `nilknown` would say more than is known: it is said in words."""
    if found.status == "nothing_found":
        return {"text": NOTHING_FOUND}
    codes = {one.standing.error.code for one in found.parts if one.standing.error is not None}
    if codes & _WITHHELD:
        return {"coding": [{"system": _EMPTY, "code": "withheld", "display": "Information Withheld"}]}
    return {"coding": [{"system": _EMPTY, "code": "unavailable", "display": "Unavailable"}]}


def narrative(found: ChosenSection) -> str:
    """What is shown of a section as XHTML: a table for each part, then what is missing, in words."""
    tables = [_table(one) for one in found.parts if one.objects]
    notes = [f"<p>{escape(printable(note))}</p>" for note in found.notes]
    if not tables and found.status == "nothing_found":
        notes.insert(0, f"<p>{NOTHING_FOUND}</p>")
    return f'<div xmlns="{_XHTML}">{"".join([*tables, *notes])}</div>'


def _table(one: Chosen) -> str:
    columns = [column for column in one.part.columns if any(field_words(each, column) for each in one.objects)]
    head = "".join(f"<th>{escape(column_title(column))}</th>" for column in columns)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(printable(field_words(each, column)))}</td>' for column in columns)}</tr>"
        for each in one.objects
    )
    return f"<table><caption>{escape(one.part.title)}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def column_title(column: str) -> str:
    """A field's name as people read it: `effective_at` is `Effective at`."""
    return column.replace("_", " ").capitalize()


def printable(text: str) -> str:
    """The text without characters that XML cannot hold. Source: XML 1.0 §2.2."""
    return "".join(
        one
        for one in text
        if one in "\t\n\r" or (one >= " " and not "\ud800" <= one <= "\udfff" and one < "\ufffe") or one > "\uffff"
    )
