"""A row as a FHIR R4 AuditEvent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from millgate.canonical.exchange import Call
from millgate.store.audit_event import audit_event
from millgate.store.audit_row import Entry

AT = datetime(2031, 3, 14, 15, 9, 26, 535897, tzinfo=UTC)


def test_a_search_says_who_what_whom_why_and_how_it_ended() -> None:
    entry = Entry(
        at=AT,
        request_id="r-1",
        action="search",
        status=200,
        client_id="client_1",
        session_id="session_1",
        tenant="sandbox",
        persona="system",
        object="observation",
        target_ids=("obs-1",),
        patients=("12",),
        purpose="TREAT",
        calls=(Call("GET", "Observation", 200, "up-1", "opc-1"),),
        freshness="live",
    )
    assert audit_event(7, entry) == {
        "resourceType": "AuditEvent",
        "id": "7",
        "type": {
            "system": "http://terminology.hl7.org/CodeSystem/audit-event-type",
            "code": "rest",
            "display": "RESTful Operation",
        },
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": "search", "display": "search"}],
        "action": "E",
        "recorded": "2031-03-14T15:09:26.535897+00:00",
        "outcome": "0",
        "outcomeDesc": "200",
        "purposeOfEvent": [{"text": "TREAT"}],
        "agent": [
            {
                "requestor": True,
                "who": {"identifier": {"value": "client_1"}},
                "altId": "session_1",
                "role": [{"text": "system"}],
            }
        ],
        "source": {"observer": {"display": "Millgate"}, "site": "sandbox"},
        "entity": [
            {
                "what": {"reference": "Patient/12"},
                "type": {
                    "system": "http://terminology.hl7.org/CodeSystem/audit-entity-type",
                    "code": "1",
                    "display": "Person",
                },
                "role": {"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "1", "display": "Patient"},
            },
            {"what": {"identifier": {"value": "obs-1"}}, "name": "observation"},
            {
                "name": "observation",
                "detail": [{"type": "request_id", "valueString": "r-1"}, {"type": "freshness", "valueString": "live"}],
            },
            {
                "name": "Observation",
                "detail": [
                    {"type": "method", "valueString": "GET"},
                    {"type": "status", "valueString": "200"},
                    {"type": "request_id", "valueString": "up-1"},
                    {"type": "upstream_request_id", "valueString": "opc-1"},
                ],
            },
        ],
    }


@pytest.mark.parametrize(("status", "outcome"), [(0, "0"), (201, "0"), (304, "0"), (403, "4"), (503, "8")])
def test_outcome_follows_the_status(status: int, outcome: str) -> None:
    assert audit_event(1, Entry(at=AT, request_id="r", action="read", status=status))["outcome"] == outcome


def test_user_is_the_requestor_before_the_client() -> None:
    entry = Entry(
        at=AT, request_id="r", action="authenticate", status=401, client_id="c", user="Practitioner/1", code="invalid_key"
    )
    event = audit_event(1, entry)
    assert [agent["requestor"] for agent in event["agent"]] == [True, False]
    assert event["outcomeDesc"] == "401 invalid_key"
    assert event["subtype"][0]["code"] == "110122"


def test_other_actions_are_application_activity() -> None:
    assert audit_event(1, Entry(at=AT, request_id="r", action="operator", status=0))["type"]["code"] == "110100"


def test_the_content_of_a_document_is_a_read_and_how_it_ended_an_activity() -> None:
    begun = audit_event(1, Entry(at=AT, request_id="r-1", action="content", status=200, object="document", target_ids=("d-1",)))
    assert (begun["action"], begun["subtype"][0]["code"]) == ("R", "read")
    ended = Entry(at=AT, request_id="r-1", action="content.sent", status=200, code="caller_gone", target_ids=("d-1", "9 bytes"))
    assert audit_event(2, ended)["outcomeDesc"] == "200 caller_gone"
    assert audit_event(2, ended)["type"]["display"] == "Application Activity"
