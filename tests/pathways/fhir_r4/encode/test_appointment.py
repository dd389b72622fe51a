"""Appointments on the wire: exactly the vendor's shapes, and refusals before the call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from millgate.canonical.exchange import AppointmentWrite, BookSlot, ChangeStatus, ProposeAppointment
from millgate.errors import FixRequest
from millgate.pathways.fhir_r4.encode.appointment import encode_appointment

STANDARD = {"system": "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason", "code": "oth-err"}
SERVICE = {"system": "http://snomed.info/sct", "code": "408443003"}


def problems(write: AppointmentWrite) -> dict[str, str]:
    with pytest.raises(FixRequest) as refused:
        encode_appointment(write)
    assert refused.value.code == "invalid_request"
    return {problem.field: problem.code for problem in refused.value.errors}


def published(corpus: Path, name: str) -> Any:
    file = corpus / "oracle-health-docs" / "r4" / f"appointment-{name}.json"
    if not file.exists():
        pytest.skip("the vendor's examples are not here")
    return json.loads(file.read_text("utf-8"))


def test_a_booking_equals_the_published_one(corpus: Path) -> None:
    encoded = encode_appointment(BookSlot("24477854-21304876-62852027-0", "12724066", "I have a cramp"))
    assert (encoded.method, encoded.path, encoded.if_match) == ("POST", "Appointment", None)
    assert encoded.body == published(corpus, "create-request")


def test_a_proposal_equals_the_published_one_but_for_displays(corpus: Path) -> None:
    write = ProposeAppointment(
        "12724066",
        ("21304876",),
        SERVICE,
        "2020-02-07T13:28:17-05:00",
        "2021-02-07T13:28:17-05:00",
        "I have a cramp",
        "Appointment request comment",
    )
    expected = published(corpus, "create-request-proposed-appointment")
    del expected["participant"][1]["actor"]["display"]
    assert encode_appointment(write).body == expected


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (ChangeStatus("4817517", "cancelled", "10-1"), "patch-request"),
        (ChangeStatus("4817517", "cancelled", "10-1", reason=STANDARD), "patch-request-cancelationreason"),
        (ChangeStatus("4817517", "booked", "10-1", slot_id="24477854-21304876-62852027-0"), "patch-request-booked"),
    ],
)
def test_patches_equal_the_published_ones(corpus: Path, write: ChangeStatus, name: str) -> None:
    encoded = encode_appointment(write)
    assert (encoded.method, encoded.path, encoded.if_match) == ("PATCH", "Appointment/4817517", 'W/"10-1"')
    assert encoded.body == published(corpus, name)


@pytest.mark.parametrize("status", ["arrived", "checked-in", "fulfilled"])
def test_a_plain_change_of_status_is_one_operation(status: str) -> None:
    body = encode_appointment(ChangeStatus("7", status, "0")).body
    assert body == [{"op": "replace", "path": "/status", "value": status}]


@pytest.mark.parametrize("version", ['W/"410v795030969834"', '"410v795030969834"', "410v795030969834"])
def test_a_version_goes_back_verbatim_however_it_came(version: str) -> None:
    assert encode_appointment(ChangeStatus("7", "arrived", version)).if_match == 'W/"410v795030969834"'


def test_participants_have_no_type_and_exactly_one_patient_is_accepted() -> None:
    body = encode_appointment(BookSlot("s-1", "p-1")).body
    assert body["participant"] == [{"actor": {"reference": "Patient/p-1"}, "status": "accepted"}]
    assert "reasonCode" not in body
    assert "comment" not in body


def test_a_reason_of_255_characters_passes_and_256_is_refused_before_the_call() -> None:
    assert encode_appointment(BookSlot("s", "p", "é" * 255)).body["reasonCode"] == [{"text": "é" * 255}]
    assert problems(BookSlot("s", "p", "é" * 256)) == {"reason": "too_long"}
    assert problems(BookSlot("s", "p", "  ")) == {"reason": "empty"}


def test_companions_are_demanded_and_strays_refused() -> None:
    assert problems(ChangeStatus("7", "booked", "1")) == {"slot_id": "companion"}
    assert problems(ChangeStatus("7", "arrived", "1", slot_id="s")) == {"slot_id": "companion"}
    assert problems(ChangeStatus("7", "arrived", "1", reason=STANDARD)) == {"reason": "companion"}
    assert problems(ChangeStatus("7", "cancelled", "1", reason={"code": "x"})) == {"reason": "invalid"}
    assert problems(ChangeStatus("7", "noshow", "")) == {"status": "not_offered", "version": "required"}


def test_a_proposal_needs_places_a_type_and_times_with_a_zone() -> None:
    assert problems(ProposeAppointment("p", (), {}, "2024-01-01T08:00:00", "2024-13-01T08:00:00Z")) == {
        "location_id": "required",
        "service_type": "invalid",
        "requested_period.start": "invalid",
        "requested_period.end": "invalid",
    }
    backward = ProposeAppointment("p", ("l",), SERVICE, "2024-01-02T08:00:00Z", "2024-01-02T08:00:00+01:00")
    assert problems(backward) == {"requested_period.end": "empty_period"}


@pytest.mark.parametrize("odd", ["", "a/b", "a b", "..", "x?y", "a|b"])
def test_ids_that_could_lead_elsewhere_are_refused(odd: str) -> None:
    assert problems(BookSlot(odd, odd)) == {"slot_id": "invalid", "patient_id": "invalid"}
