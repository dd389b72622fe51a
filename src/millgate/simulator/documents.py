"""Documents over HTTP: the bytes of a Binary in the form that the caller accepts, `$docref`, and the summary that it points to.

Not known from public sources, chosen here: without a preference the answer is the Binary as JSON; a bad patient in `$docref` or
`$autogen-ccd-if` is a 404; `start`, `end` and `encounter` are taken and checked, and the summary is of the whole chart all the same.
Source: fact sheet section 7; published examples.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote

from millgate.simulator.answers import Answer, bad_request, fhir, not_acceptable
from millgate.simulator.search.dates import parse

GENERATE = "$autogen-ccd-if"
FETCH = "$docref"
HOLDERS = ("Communication", "DiagnosticReport", "DocumentReference")
_SUMMARY_CODE = "http://loinc.org|34133-9"
_FORMAT = {
    "system": "urn:oid:1.3.6.1.4.1.19376.1.2.3",
    "code": "urn:hl7-org:sdwg:ccda-structuredBody:2.1",
    "display": "For documents following C-CDA constraints using a structured body.",
}


def content(binary: dict[str, Any], accept: str) -> Answer:
    """The Binary as its own media type, if the caller names it, or as FHIR JSON. Refused with 406 for anything else."""
    own = str(binary["contentType"])
    wanted = [part.partition(";")[0].strip().lower().replace(" ", "+") for part in accept.split(",")]
    if own in wanted:
        return Answer(200, base64.b64decode(binary["data"]), own)
    if {"application/fhir+json", "*/*", "application/*"} & set(wanted):
        return fhir(200, binary)
    raise not_acceptable()


def operation_parameters(raw_query: str, names: tuple[str, ...]) -> dict[str, str]:
    """The parameters of an operation; Refused with 400 without a patient, for one that comes twice, and for a bad time."""
    try:
        pairs = [(name, value) for name, value in parse_qsl(raw_query, max_num_fields=64, errors="strict") if name in names]
    except ValueError as error:
        raise bad_request("the query string is not valid") from error
    given = dict(pairs)
    if len(given) < len(pairs):
        raise bad_request("a parameter must be provided only once")
    if "patient" not in given:
        raise bad_request("patient must be provided")
    for name in ("start", "end"):
        date = parse(given[name]) if name in given else None
        if name in given and (date is None or not date.has_time or date.prefix not in ("", "eq")):
            raise bad_request(f"{name} must be a date and time without a prefix")
    given["patient"] = given["patient"].removeprefix("Patient/")
    if "type" in given and given["type"] != _SUMMARY_CODE:
        raise bad_request(f"type must be {_SUMMARY_CODE}")
    return given


def summary_bundle(
    base: str,
    raw_query: str,
    given: dict[str, str],
    now: datetime,
    in_release: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> Answer:
    """The answer to `$docref`: one reference, to a summary that is made when it is fetched. `in_release` puts it in another release."""
    kept = "&".join(f"{name}={quote(given[name], safe='')}" for name in ("patient", "start", "end") if name in given)
    number = str(uuid.uuid4())
    reference = {
        "resourceType": "DocumentReference",
        "id": number,
        "status": "current",
        "type": {
            "coding": [{"system": "http://loinc.org", "code": "34133-9", "display": "Summary of episode note"}],
            "text": "Summary of episode note",
        },
        "subject": {"reference": f"Patient/{given['patient']}"},
        "date": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "content": [
            {
                "attachment": {"contentType": "application/xml", "url": f"{base}/Binary/{GENERATE}?{kept}"},
                "format": dict(_FORMAT),
            }
        ],
    }
    address = f"{base}/DocumentReference/{FETCH}?{raw_query}"
    entry = {"fullUrl": f"{base}/DocumentReference/{number}", "resource": in_release(reference), "search": {"mode": "match"}}
    bundle = {"resourceType": "Bundle", "id": str(uuid.uuid4()), "type": "searchset"}
    return fhir(200, bundle | {"link": [{"relation": "self", "url": address}], "entry": [entry]})


def generated(body: bytes, now: datetime) -> dict[str, Any]:
    """A summary as a Binary, with an id that is good for nothing but this answer."""
    made = {"resourceType": "Binary", "id": str(uuid.uuid4()), "meta": {"lastUpdated": now.strftime("%Y-%m-%dT%H:%M:%SZ")}}
    return made | {"contentType": "application/xml", "data": base64.b64encode(body).decode()}
