"""Who may do what: by scope, by persona, by patient in context."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from millgate.access.parties import Persona, Session
from millgate.access.rules import allow_patient, require
from millgate.errors import NeedAccess

OPENED = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def session(persona: Persona, scopes: tuple[str, ...], denied: tuple[str, ...] = (), patient_id: str | None = None) -> Session:
    return Session("s1", "c1", "sandbox", persona, scopes, denied, patient_id, None, OPENED, OPENED + timedelta(hours=1))


def test_a_held_scope_answers_its_context() -> None:
    assert require(session("system", ("system/Patient.rs",)), "Patient", "s") == "system"
    assert require(session("provider", ("user/Patient.rs", "patient/Patient.rs")), "Patient", "r") == "user"
    assert require(session("patient", ("user/Location.rs",)), "Location", "r") == "user"


@pytest.mark.parametrize(("kind", "letter"), [("Patient", "c"), ("Observation", "r"), ("Patient", "s")])
def test_a_missing_scope_is_named(kind: str, letter: str) -> None:
    with pytest.raises(NeedAccess) as refused:
        require(session("system", ("system/Patient.r",)), kind, letter)
    assert refused.value.code == "scope_missing"
    assert f"system/{kind}.{letter}" in refused.value.detail


def test_a_scope_that_the_tenant_did_not_grant_is_called_narrowed() -> None:
    with pytest.raises(NeedAccess) as refused:
        require(session("system", ("system/Patient.rs",), ("system/Slot.rs",)), "Slot", "s")
    assert refused.value.code == "scope_narrowed"
    assert "system/Slot.s" in refused.value.detail


def test_a_scope_of_another_context_does_not_count() -> None:
    with pytest.raises(NeedAccess, match="scope_missing"):
        require(session("system", ("user/Patient.rs", "patient/Patient.rs")), "Patient", "r")


def test_a_scope_with_a_query_part_wants_the_call_to_be_held_to_it() -> None:
    held = session("system", ("system/Observation.rs?category=laboratory",))
    with pytest.raises(NeedAccess) as refused:
        require(held, "Observation", "s", {"code": "2345-7"})
    assert "category=laboratory" in refused.value.detail
    assert require(held, "Observation", "s", {"category": "laboratory"}) == "system"


def test_a_patient_sees_the_patient_in_context_only() -> None:
    held = session("patient", ("patient/Observation.rs",), patient_id="12")
    allow_patient(held, "12")
    with pytest.raises(NeedAccess) as refused:
        allow_patient(held, "13")
    assert refused.value.code == "patient_out_of_context"
    assert "13" not in refused.value.detail


def test_a_patient_session_without_a_patient_sees_none() -> None:
    with pytest.raises(NeedAccess):
        allow_patient(session("patient", ()), "12")


def test_a_provider_is_confined_under_a_patient_scope_only() -> None:
    held = session("provider", ("user/Patient.rs", "patient/Observation.rs"), patient_id="12")
    allow_patient(held, "13", require(held, "Patient", "r"))
    with pytest.raises(NeedAccess):
        allow_patient(held, "13", require(held, "Observation", "r"))
    allow_patient(session("system", ()), "13")
