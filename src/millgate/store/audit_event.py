"""A row of the audit trail as a FHIR R4 AuditEvent. No I/O. Source: FHIR R4 §6.4.7 (AuditEvent), DICOM PS3.15 §A.5."""

from __future__ import annotations

from typing import Any

from millgate.store.audit_row import Entry

_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_INTERACTION = "http://hl7.org/fhir/restful-interaction"
_TYPES = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_ENTITY_TYPES = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLES = "http://terminology.hl7.org/CodeSystem/object-role"

# action of the trail → (type, subtype, AuditEvent.action)
_REST = {"system": _TYPES, "code": "rest", "display": "RESTful Operation"}
_ACTIONS: dict[str, tuple[dict[str, str], dict[str, str] | None, str]] = {
    "authenticate": (
        {"system": _DICOM, "code": "110114", "display": "User Authentication"},
        {"system": _DICOM, "code": "110122", "display": "Login"},
        "E",
    ),
    "read": (_REST, {"system": _INTERACTION, "code": "read", "display": "read"}, "R"),
    "content": (_REST, {"system": _INTERACTION, "code": "read", "display": "read"}, "R"),
    "search": (_REST, {"system": _INTERACTION, "code": "search", "display": "search"}, "E"),
    "create": (_REST, {"system": _INTERACTION, "code": "create", "display": "create"}, "C"),
    "update": (_REST, {"system": _INTERACTION, "code": "update", "display": "update"}, "U"),
    "delete": (_REST, {"system": _INTERACTION, "code": "delete", "display": "delete"}, "D"),
}
_OTHER: tuple[dict[str, str], None, str] = ({"system": _DICOM, "code": "110100", "display": "Application Activity"}, None, "E")


def audit_event(seq: int, entry: Entry) -> dict[str, Any]:
    """The AuditEvent of the entry in row `seq`; says who, what, which patients, why and outcome, never clinical content."""
    kind, subtype, action = _ACTIONS.get(entry.action, _OTHER)
    event: dict[str, Any] = {"resourceType": "AuditEvent", "id": str(seq), "type": kind}
    if subtype:
        event["subtype"] = [subtype]
    event |= {"action": action, "recorded": entry.at.isoformat(), "outcome": _outcome(entry.status)}
    if entry.status or entry.code:
        event["outcomeDesc"] = " ".join(str(part) for part in (entry.status or "", entry.code or "") if part)
    if entry.purpose:
        event["purposeOfEvent"] = [{"text": entry.purpose}]
    event["agent"] = _agents(entry)
    event["source"] = {"observer": {"display": "Millgate"}}
    if entry.tenant:
        event["source"]["site"] = entry.tenant
    event["entity"] = _entities(entry)
    return event


def _outcome(status: int) -> str:
    """Success, minor failure (the caller's), serious failure (ours or the source's). Source: FHIR R4 audit-event-outcome."""
    if status < 400:
        return "0"
    return "4" if status < 500 else "8"


def _agents(entry: Entry) -> list[dict[str, Any]]:
    agents: list[dict[str, Any]] = []
    if entry.user:
        agents.append({"who": {"identifier": {"value": entry.user}}, "requestor": True})
    client: dict[str, Any] = {"requestor": not agents}
    if entry.client_id:
        client["who"] = {"identifier": {"value": entry.client_id}}
    if entry.session_id:
        client["altId"] = entry.session_id
    if entry.persona:
        client["role"] = [{"text": entry.persona}]
    return [*agents, client]


def _entities(entry: Entry) -> list[dict[str, Any]]:
    patient = {"system": _ROLES, "code": "1", "display": "Patient"}
    person = {"system": _ENTITY_TYPES, "code": "1", "display": "Person"}
    entities: list[dict[str, Any]] = [
        {"what": {"reference": f"Patient/{patient_id}"}, "type": person, "role": patient} for patient_id in entry.patients
    ]
    entities += [{"what": {"identifier": {"value": target}}, **_named(entry.object)} for target in entry.target_ids]
    details = [{"type": "request_id", "valueString": entry.request_id}]
    if entry.freshness:
        details.append({"type": "freshness", "valueString": entry.freshness})
    entities.append({**_named(entry.object), "detail": details})
    for call in entry.calls:
        parts = {"method": call.method, "status": str(call.status) if call.status is not None else None}
        parts |= {"request_id": call.request_id, "upstream_request_id": call.upstream_request_id}
        entities.append(
            {
                "name": call.resource_type,
                "detail": [{"type": name, "valueString": value} for name, value in parts.items() if value],
            }
        )
    return entities


def _named(kind: str | None) -> dict[str, str]:
    return {"name": kind} if kind else {}
