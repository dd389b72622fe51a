"""Patients and the person who acts for some: sign-in, choice of a record, and a surface that shows them theirs and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from millgate.simulator.clients import Client
from millgate.simulator.hospital import CHART_TYPES
from millgate.simulator.view import View, is_in_error, patients_of
from tests.simulator.conftest import Bench, Open
from tests.simulator.person import REDIRECT, Form, Person

SCOPE = (
    "launch/patient openid fhirUser offline_access patient/Patient.rs patient/Encounter.rs patient/Observation.s "
    "patient/DiagnosticReport.rs patient/Appointment.rs user/Practitioner.rs user/Organization.rs"
)
PROXY = 4


def others(bench: Bench, own: str) -> str:
    return next(i for i in bench.hospital.find_patients(gender="female", limit=20) if i != own)


async def test_a_patient_with_one_record_is_not_asked_to_choose(user_bench: Bench) -> None:
    person = Person(user_bench, "patient")
    own = person.user["patient_ids"][0]
    body = await person.arrive(scope=SCOPE)
    assert body["scope"] == SCOPE
    assert (body["patient"], body["user"], body["username"]) == (own, own, person.user["username"])
    assert "encounter" not in body
    said = await person.get(f"Patient/{own}")
    assert (said.status, said.json["id"]) == (200, own)


async def test_the_patients_surface_shows_nobody_else(user_bench: Bench) -> None:
    person = Person(user_bench, "patient")
    own = (await person.arrive(scope=SCOPE))["patient"]
    other = others(user_bench, own)
    for path in (
        f"Patient/{other}",
        f"Patient?_id={other}",
        f"Patient?_id={own},{other}",
        f"Encounter?patient={other}",
        f"Encounter?subject=Patient/{other}",
        f"Observation?patient={other}&category=laboratory",
        f"Appointment?patient={own},{other}&date=ge2026-01-01T00:00:00Z",
    ):
        said = await person.get(path)
        assert (said.status, said.json["code"]) == (403, 403), path
    encounter = next(
        e["id"]
        for i in user_bench.hospital.find_patients(limit=50, gender="male")
        for e in user_bench.hospital.chart("Encounter", i)
    )
    assert (await person.get(f"Encounter/{encounter}")).status == 404
    assert (await person.get(f"Encounter?_id={encounter}")).ids == []
    everybody = (await person.get("Patient?birthdate=ge1900-01-01")).ids
    assert everybody == [own]


async def test_a_page_token_of_somebody_elses_search_shows_nothing(user_bench: Bench) -> None:
    staff = Person(user_bench, "provider")
    await staff.arrive(scope="user/Observation.rs")
    person = Person(user_bench, "patient")
    own = person.user["patient_ids"][0]
    for patient in user_bench.hospital.find_patients(gender="female", limit=60):
        said = await user_bench.get(f"Observation?patient={patient}&_count=10")
        if patient != own and said.link("next"):
            break
    query = str(said.link("next")).partition("?")[2].replace(patient, own)
    await person.arrive(scope=SCOPE)
    assert (await person.get(f"Observation?{query}")).ids == []


async def test_the_person_who_acts_for_others_chooses_one_of_them(user_bench: Bench) -> None:
    person = Person(user_bench, "patient", PROXY)
    first, second, third = person.user["patient_ids"]
    page = await person.sign_in(await person.ask(scope=SCOPE))
    assert Form(page.body).choices["patient"] == [first, second, third]
    come = await person.through(page, patient=second)
    body = (await person.exchange(come.fields["code"])).json
    user_bench.bearer = body["access_token"]
    assert body["patient"] == second
    assert user_bench.hospital.read("Patient", body["user"]) is None
    assert (await person.get(f"Patient/{second}")).status == 200
    assert (await person.get(f"Patient/{first}")).status == 403


async def test_user_scopes_reach_all_records_that_the_person_may_see(user_bench: Bench) -> None:
    person = Person(user_bench, "patient", PROXY)
    first, second, third = person.user["patient_ids"]
    await person.arrive(scope="user/Patient.rs")
    assert set((await person.get("Patient?birthdate=ge1900-01-01")).ids) == {first, second, third}
    assert (await person.get(f"Patient/{others(user_bench, first)}")).status == 403


async def test_a_record_that_is_not_offered_cannot_be_chosen(user_bench: Bench) -> None:
    person = Person(user_bench, "patient", PROXY)
    page = await person.sign_in(await person.ask(scope=SCOPE))
    come = await person.through(page, patient=others(user_bench, person.user["patient_ids"][0]))
    assert (come.address, come.urn) == (REDIRECT, "oauth2:grant:invalid-patient-id")


async def test_the_patients_host_offers_no_writes(user_bench: Bench) -> None:
    base = user_bench.report["patient_fhir_base"]
    statement = (await user_bench.get(f"{base}/metadata")).json
    assert statement["url"] == f"{base}/metadata"
    assert {i["code"] for r in statement["rest"][0]["resource"] for i in r["interaction"]} == {"read", "search-type"}
    assert not {"Account", "Basic", "ChargeItem", "Communication", "Group"} & {
        r["type"] for r in statement["rest"][0]["resource"]
    }
    scopes = (await user_bench.get(f"{base}/.well-known/smart-configuration")).json["scopes_supported"]
    assert not [
        scope for scope in scopes if scope.endswith(".write") or scope.startswith("system/") or "c" in scope.partition(".")[2]
    ]
    assert {"launch/patient", "patient/Observation.s", "user/Location.rs"} <= set(scopes)
    assert not {"patient/Observation.rs", "patient/Location.rs"} & set(scopes)
    body = await Person(user_bench, "patient").arrive(scope="patient/Appointment.crus patient/Slot.u user/Slot.rs launch/patient")
    assert body["scope"] == "user/Slot.rs launch/patient"


async def test_the_patients_smart_configuration_has_the_shape_of_a_live_one(user_bench: Bench, corpus: Path) -> None:
    live = json.loads((corpus / "oracle-health-docs/captures-2026/smart-configuration-patient-2026-08-14.json").read_text())
    ours = (await user_bench.get(f"{user_bench.report['patient_fhir_base']}/.well-known/smart-configuration")).json
    assert set(ours) == set(live)
    assert set(ours["scopes_supported"]) <= set(live["scopes_supported"])
    assert set(ours["capabilities"]) == set(live["capabilities"]) - {"health-cards"}
    assert ours["authorization_endpoint"].endswith("/personas/patient/authorize")


async def test_tokens_are_good_on_their_own_surface_only(user_bench: Bench) -> None:
    person = Person(user_bench, "patient")
    own = (await person.arrive(scope=SCOPE))["patient"]
    assert (await user_bench.get(f"Patient/{own}")).status == 403
    await user_bench.sign_in()
    assert (await person.get(f"Patient/{own}")).status == 403


@pytest.mark.parametrize("persona", ["patient", "provider"])
async def test_what_was_entered_in_error_is_masked_for_patients(open_bench: Open, persona: str) -> None:
    bench = await open_bench(signed_in=False, redirect_uris=(REDIRECT,))
    person = Person(bench, persona)
    portal = [i for user in bench.report["users"] if user["persona"] == "patient" for i in user["patient_ids"]]
    hospital = bench.hospital
    wrong = [o for i in portal for o in hospital.chart("Observation", i) if o["status"] == "entered-in-error" and "note" in o]
    assert wrong, "the seed has no such observation any more"
    owner = wrong[0]["subject"]["reference"].rpartition("/")[2]
    if persona == "patient":
        person.number = next(
            n for n, u in enumerate(u for u in bench.report["users"] if u["persona"] == "patient") if owner in u["patient_ids"]
        )
    scope = "launch/patient patient/Observation.s" if persona == "patient" else "user/Observation.rs"
    await person.arrive(scope=scope, patient=owner)
    (entry,) = (await person.get(f"Observation?_id={wrong[0]['id']}")).json["entry"]
    seen = entry["resource"]
    if persona == "provider":
        assert seen == wrong[0]
        return
    assert set(seen) <= {
        "resourceType",
        "id",
        "meta",
        "text",
        "status",
        "category",
        "code",
        "subject",
        "dataAbsentReason",
        "effectiveDateTime",
    }
    assert seen["dataAbsentReason"]["coding"][0]["code"] == "error"
    assert seen["text"] != wrong[0]["text"]


async def test_no_notes_for_patients(user_bench: Bench) -> None:
    noted = 0
    for number in range(PROXY):
        person = Person(user_bench, "patient", number)
        own = (await person.arrive(scope=SCOPE))["patient"]
        noted += sum("note" in o for o in user_bench.hospital.chart("Observation", own))
        said = await person.get(f"Observation?patient={own}&_count=200")
        assert not [e for e in said.json.get("entry", ()) if "note" in e["resource"]]
    assert noted


async def test_sensitive_appointments_are_not_there_for_patients(user_bench: Bench) -> None:
    tenant = user_bench.running.simulator.tenants[user_bench.tenant]
    portal, staff = View(tenant.records, "Appointment", portal=True), View(tenant.records, "Appointment")
    booked = [
        r
        for i in user_bench.hospital.find_patients(birthdate=[("ge", "1900-01-01")])
        for r in tenant.records.chart("Appointment", i)
    ]
    hidden = [r for r in booked if not portal.lets_through(r)]
    assert 0 < len(hidden) < len(booked) / 10
    assert all(staff.lets_through(r) for r in booked)


async def test_staff_with_patient_scopes_are_held_to_the_patient_in_context(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    own, other = user_bench.hospital.find_patients(gender="female", limit=2)
    form = {"user": person.user["practitioner_id"], "patient": own, "client_id": person.app["client_id"]}
    launch = (await user_bench.call("POST", user_bench.report["chart"], data=form, headers={"Accept": "application/json"})).json
    body = await person.arrive(
        scope="launch patient/Patient.rs patient/Appointment.crus user/Encounter.rs", launch=launch["launch"]
    )
    assert body["patient"] == own
    assert (await user_bench.get(f"Patient/{own}")).status == 200
    assert (await user_bench.get(f"Patient/{other}")).status == 403
    assert (await user_bench.get(f"Encounter?patient={other}")).status == 200
    booking = {
        "resourceType": "Appointment",
        "status": "booked",
        "slot": [{"reference": "Slot/1"}],
        "participant": [{"actor": {"reference": f"Patient/{other}"}, "status": "accepted"}],
    }
    assert (await user_bench.post("Appointment", booking)).status == 403


async def test_a_v1_app_reads_and_searches_observations(open_bench: Open) -> None:
    app = Client("old", persona="patient", smart_version="v1", redirect_uris=(REDIRECT,))
    bench = await open_bench(signed_in=False, clients=(Client("system"), app))
    person = Person(bench, "patient")
    body = await person.arrive(scope="launch/patient patient/Observation.read patient/Observation.s patient/Observation.write")
    assert body["scope"] == "launch/patient patient/Observation.read"
    found = (await person.get(f"Observation?patient={body['patient']}&_count=200")).ids
    assert found
    assert (await person.get(f"Observation/{found[0]}")).status == 200


async def test_a_v2_app_cannot_read_an_observation_by_its_id(user_bench: Bench) -> None:
    person = Person(user_bench, "patient")
    body = await person.arrive(scope="launch/patient patient/Observation.s")
    found = (await person.get(f"Observation?patient={body['patient']}&_count=200")).ids
    assert (await person.get(f"Observation/{found[0]}")).status == 403


_WITHHELD = {
    "note",
    "result",
    "presentedForm",
    "valueQuantity",
    "comment",
    "location",
    "content",
    "dosage",
    "dosageInstruction",
    "contained",
    "reaction",
    "condition",
    "orderDetail",
    "udiCarrier",
}


async def test_the_shell_of_each_kind_of_record_still_says_whose_it_is(user_bench: Bench) -> None:
    tenant = user_bench.running.simulator.tenants[user_bench.tenant]
    kinds = set()
    for patient in user_bench.hospital.find_patients(birthdate=[("ge", "1900-01-01")], limit=70):
        for kind in CHART_TYPES:
            for record in tenant.records.chart(kind, patient):
                if not is_in_error(record.resource):
                    continue
                view = View(tenant.records, kind, frozenset({patient}), portal=True)
                shell = view.shown(record)
                kinds.add(kind)
                assert list(patients_of(shell.resource)) == [patient]
                assert shell.key == record.key
                assert not _WITHHELD & set(shell.resource)
                assert View(tenant.records, kind).shown(record) is record
    assert {"Encounter", "Observation", "DiagnosticReport", "Condition", "AllergyIntolerance", "MedicationRequest"} <= kinds
    assert {"DocumentReference", "CarePlan", "ServiceRequest", "MedicationAdministration"} <= kinds


async def test_a_portal_user_sees_the_own_chart_and_nobody_elses(user_bench: Bench) -> None:
    person = Person(user_bench, "patient")
    kinds = ("Condition", "AllergyIntolerance", "DocumentReference", "Immunization", "Provenance", "Binary")
    scope = " ".join(f"patient/{kind}.{'r' if kind == 'Binary' else 'rs'}" for kind in kinds)
    own = (await person.arrive(scope=f"launch/patient {scope}"))["patient"]
    other = next(each for each in user_bench.hospital.find_patients() if each != own)
    found = (await person.get(f"Condition?patient={own}")).ids
    assert sorted(found) == sorted(each["id"] for each in user_bench.hospital.chart("Condition", own))
    assert (await person.get(f"Condition?patient={other}")).status == 403
    theirs = next(
        note
        for each in user_bench.hospital.find_patients()
        if each != own
        for note in user_bench.hospital.chart("DocumentReference", each)
    )
    for path in (f"DocumentReference/{theirs['id']}", theirs["content"][0]["attachment"]["url"]):
        assert (await person.get(path)).status == 404
    mine = user_bench.hospital.chart("DocumentReference", own)
    if mine:
        assert (await person.get(mine[0]["content"][0]["attachment"]["url"])).status == 200
    assert (await person.get(f"Provenance?target=DocumentReference/{theirs['id']}")).ids == []
    assert (await person.get("Account?_id=F1")).status == 404
