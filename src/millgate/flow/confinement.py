"""What a session may see of a source: the scopes that a read takes, the one patient it may be held to, and with whom it may share."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

from millgate.access.parties import Session, Tenant
from millgate.access.rules import allow_patient, allowed, held_patient, is_only_about, require
from millgate.canonical.exchange import Resource
from millgate.canonical.patients import patients_of
from millgate.errors import FixRequest
from millgate.flow.read_request import ListRequest
from millgate.objects import Declaration


def realm(session: Session, tenant: Tenant, declaration: Declaration) -> tuple[Hashable, ...]:
    """Who may share an answer: the same tenant, persona, patient context and scopes. A person's sessions share with nobody.

    A tenant that was removed and connected anew, or that moved, or whose clocks go otherwise now, is another one.
    """
    person = None if session.persona == "system" else session.id
    same = (tenant.fhir_base, tenant.created_at, tenant.time_zone, session.persona, session.patient_id, session.scopes, person)
    return (tenant.name, declaration.name, *same)


def includes(session: Session, declaration: Declaration) -> tuple[str, ...]:
    """The companion's include, where the session may read it."""
    if declaration.companion is None or not allowed(session, declaration.companion[1], "r"):
        return ()
    return (f"{declaration.resource_type}:{declaration.companion[0]}",)


def confined(session: Session, request: ListRequest) -> ListRequest:
    """The request, held to the session's patient where the session is held to one; another patient's is refused."""
    declaration = request.declaration
    if not declaration.patient_scoped or request.cursor is not None:
        return request
    context = require(session, declaration.resource_type, "s", _conditions(request.filters))
    held = held_patient(session, context)
    name = "ids" if declaration.name == "patient" else "patient_id"
    if held is None or (name == "patient_id" and "ids" in request.filters):
        return request
    for patient_id in request.filters.get(name, ()):
        allow_patient(session, patient_id, context)
    if declaration.name == "patient" and set(request.filters) - {"ids"}:
        return request  # a search by name shows the patient's own record, if it fits: `visible` sees to it
    return replace(request, filters={**request.filters, name: (held,)})


def visible(held: str | None, resources: Sequence[Resource], *, scoped: bool) -> tuple[list[Resource], int]:
    """The resources that may be shown, and how many may not: whoever is held to one patient sees that patient's alone."""
    if held is None:
        return list(resources), 0
    shown = [one for one in resources if is_only_about(patients_of(one), held, scoped=scoped)]
    return shown, len(resources) - len(shown)


def check_searchable(declaration: Declaration) -> None:
    """Refuse what no source can be searched for, before anybody is asked for rights to it that no source gives."""
    if not declaration.filters:
        detail = f"No source that is connected has a search for {declaration.resource_type}."
        raise FixRequest("search_not_supported", detail)


def _conditions(filters: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """What a search is held to by its own filters."""
    return {name: values[0] for name, values in filters.items() if len(values) == 1}


def check_rights(session: Session, declaration: Declaration, filters: Mapping[str, tuple[str, ...]]) -> str:
    """The context of the scope under which the session may search like this, with its query part, and about its patient."""
    context = require(session, declaration.resource_type, "s", _conditions(filters))
    if declaration.patient_scoped:
        for patient_id in filters.get("patient_id", ()):
            allow_patient(session, patient_id, context)
    return context
