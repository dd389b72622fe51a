"""Searches for messages and specimens, and what portal users are refused."""

from __future__ import annotations

import base64

from tests.simulator.conftest import Bench, Open
from tests.simulator.person import Person

SCOPE = "system/Communication.rs system/Binary.r system/Specimen.rs system/DiagnosticReport.rs"
AFTER = ("received", "ge2020-01-01T00:00:00Z")


async def test_messages_of_a_practitioner_need_all_four_parameters(open_bench: Open) -> None:
    bench = await open_bench(scope=SCOPE)
    one = next(each for each in bench.hospital.communications() if each["category"][0]["coding"][0]["code"] == "reminder")
    recipient = one["recipient"][0]["reference"].partition("/")[2]
    status = one["extension"][0]["valueCodeableConcept"]["coding"][0]["code"]
    given = [("category", "reminder"), ("recipient:Practitioner", recipient), AFTER, ("-email-status", status)]
    said = await bench.search("Communication", *given)
    assert one["id"] in said.ids
    assert {e["resource"]["category"][0]["text"] for e in said.json["entry"]} == {"Reminder"}
    for left_out in given:
        assert (await bench.search("Communication", *(each for each in given if each != left_out))).status == 400
    bare = await bench.search("Communication", given[0], ("recipient", recipient), *given[2:])
    assert bare.text == "recipient must be provided as recipient:Practitioner or recipient:Group"


async def test_messages_of_a_group_and_their_words(open_bench: Open) -> None:
    bench = await open_bench(scope=SCOPE)
    given = (("category", "notification"), ("recipient:Group", "1568"), AFTER, ("-email-status", "completed"))
    said = await bench.search("Communication", *given)
    assert said.ids
    one = said.json["entry"][0]["resource"]
    words = await bench.get(one["payload"][0]["contentReference"]["reference"])
    assert one["topic"]["text"] in base64.b64decode(words.json["data"]).decode()
    assert words.json["contentType"] == "text/html"
    assert bench.hospital.patient_of("Binary", one["id"]) == one["subject"]["reference"].partition("/")[2]


async def test_a_specimen_is_found_by_the_id_that_a_report_names(open_bench: Open) -> None:
    bench = await open_bench(scope=SCOPE)
    reports = (each for p in bench.hospital.find_patients() for each in bench.hospital.chart("DiagnosticReport", p))
    report = next(each for each in reports if "specimen" in each)
    number = report["specimen"][0]["reference"].partition("/")[2]
    said = await bench.search("Specimen", ("_id", number))
    assert said.json["entry"][0]["resource"]["subject"]["reference"] == report["subject"]["reference"]
    assert (await bench.search("Specimen", ("patient", "1"))).status == 400


async def test_the_patients_surface_has_no_money_and_no_messages(user_bench: Bench) -> None:
    statement = (await user_bench.get(f"{user_bench.report['patient_fhir_base']}/metadata")).json
    types = {each["type"] for each in statement["rest"][0]["resource"]}
    assert not types & {"Account", "ChargeItem", "Communication"}
    assert types >= {"Consent", "Coverage", "NutritionOrder", "Person", "QuestionnaireResponse", "RelatedPerson"}


async def test_portal_users_get_no_origins_of_goals_and_procedures(user_bench: Bench) -> None:
    person = Person(user_bench, "patient")
    granted = await person.arrive(scope="launch/patient patient/Goal.rs patient/Provenance.rs patient/Condition.rs")
    patient = granted["patient"]
    refused = await person.get(f"Goal?patient={patient}&_revinclude=Provenance:target")
    assert (refused.status, refused.text) == (400, "_revinclude Provenance:target is not supported")
    assert (await person.get(f"Goal?patient={patient}")).status == 200
    assert (await person.get(f"Condition?patient={patient}&_revinclude=Provenance:target")).status == 200
