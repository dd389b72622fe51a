"""The DSTU2 surfaces over HTTP: tokens, media types, the statement, reads, searches, pages, refusals."""

from __future__ import annotations

import pytest

from millgate.simulator.dstu2.surface import OFFERED
from millgate.simulator.dstu2.types import TYPES, letters
from millgate.simulator.options import read_options
from tests.simulator.conftest import Open
from tests.simulator.dstu2.conftest import Dstu2Bench

JSON_FHIR = "application/json+fhir; charset=utf-8"


def patients(dstu2: Dstu2Bench) -> list[str]:
    return dstu2.bench.hospital.find_patients()


async def first_id(dstu2: Dstu2Bench, resource_type: str) -> tuple[str, str]:
    """The id of a record of a type, and whose chart it is in."""
    for patient in patients(dstu2):
        said = await dstu2.get(f"{resource_type}?patient={patient}")
        assert said.status == 200, said.body
        if "entry" in said.json:
            return said.json["entry"][0]["resource"]["id"], patient
    raise AssertionError(f"no {resource_type} in the hospital")


async def test_the_statement_names_the_authorization_server_on_the_secure_surface_alone(dstu2: Dstu2Bench) -> None:
    secure = await dstu2.get("metadata", bearer="", Accept="application/json+fhir")
    opened = await dstu2.get(f"{dstu2.report['dstu2_open_base']}/metadata", bearer="")

    assert (secure.status, secure.headers["Content-Type"]) == (200, JSON_FHIR)
    assert (secure.json["resourceType"], secure.json["fhirVersion"]) == ("Conformance", "1.0.2")
    (rest,) = secure.json["rest"]
    (extension,) = rest["security"]["extension"]
    assert [one["url"] for one in extension["extension"]] == ["token", "authorize"]
    assert opened.json["rest"][0]["security"] == {"cors": True}
    assert opened.json["rest"][0]["resource"] == rest["resource"]


async def test_the_statement_offers_what_is_answered(dstu2: Dstu2Bench) -> None:
    offered = {one["type"]: one for one in (await dstu2.get("metadata")).json["rest"][0]["resource"]}

    assert [one["code"] for one in offered["Observation"]["interaction"]] == ["search-type"]
    assert {one["name"] for one in offered["Patient"]["searchParam"]} >= {
        "_id",
        "identifier",
        "name",
        "birthdate",
        "telecom",
        "_count",
    }
    for name, resource in offered.items():
        codes = {one["code"] for one in resource["interaction"]}
        read = await dstu2.get(f"{name}/nobody")
        assert read.status == 404
        search = await dstu2.get(name)
        assert search.status == (400 if "search-type" in codes else 404), name


async def test_scopes_are_of_dstu2s_types(dstu2: Dstu2Bench) -> None:
    said = await dstu2.token("system/MedicationOrder.read system/MedicationRequest.read system/Patient.read system/Patient.write")
    assert said.json["scope"].split() == ["system/MedicationOrder.read", "system/Patient.read"]

    bearer = said.json["access_token"]
    patient = patients(dstu2)[0]
    assert (await dstu2.get(f"MedicationOrder?patient={patient}", bearer=bearer)).status == 200
    refused = await dstu2.get(f"Condition?patient={patient}", bearer=bearer)
    assert (refused.status, refused.headers["Content-Type"]) == (403, "application/json")


async def test_a_registration_is_good_for_one_release(open_bench: Open) -> None:
    bench = await open_bench()
    side = Dstu2Bench(bench, bearer=bench.bearer)
    patient = bench.hospital.find_patients()[0]
    assert (await side.get(f"Patient/{patient}")).status == 403

    own = (await side.token()).json["access_token"]
    assert (await side.get(f"Patient/{patient}", bearer=own)).status == 200
    bench.bearer = own
    assert (await bench.get(f"Patient/{patient}")).status == 403


async def test_version_1_of_smart_is_what_the_registration_knows(dstu2: Dstu2Bench) -> None:
    assert dstu2.report["dstu2_clients"][0]["smart_version"] == "v1"
    assert (await dstu2.token("system/Patient.rs")).status == 400


@pytest.mark.parametrize("accept", ["application/json+fhir", "application/json", "*/*"])
async def test_json_is_given_as_json_fhir(dstu2: Dstu2Bench, accept: str) -> None:
    said = await dstu2.get(f"Patient/{patients(dstu2)[0]}", Accept=accept)
    assert (said.status, said.headers["Content-Type"]) == (200, JSON_FHIR)


@pytest.mark.parametrize("accept", ["application/fhir+json", "application/xml", "text/html"])
async def test_other_media_types_are_not_acceptable(dstu2: Dstu2Bench, accept: str) -> None:
    said = await dstu2.get(f"Patient/{patients(dstu2)[0]}", Accept=accept)
    assert (said.status, said.body) == (406, b"")


async def test_a_patient_is_read_with_its_version(dstu2: Dstu2Bench) -> None:
    patient = patients(dstu2)[0]
    said = await dstu2.get(f"Patient/{patient}")

    assert said.json["id"] == patient
    assert isinstance(said.json["name"][0]["family"], list)
    assert said.headers["ETag"] == f'W/"{said.json["meta"]["versionId"]}"'
    assert "Last-Modified" in said.headers


async def test_a_record_that_is_not_there_is_an_operation_outcome(dstu2: Dstu2Bench) -> None:
    said = await dstu2.get("Patient/1")
    assert (said.status, said.headers["Content-Type"]) == (404, JSON_FHIR)
    assert said.json["issue"] == [{"severity": "error", "code": "not-found", "details": {"text": "Not Found"}}]


async def test_patients_are_found_by_name_and_by_any_telecom(dstu2: Dstu2Bench) -> None:
    by_phone, by_mail = 0, 0
    for patient in patients(dstu2)[:20]:
        resource = (await dstu2.get(f"Patient/{patient}")).json
        family = resource["name"][0]["family"][0]
        assert patient in {e["resource"]["id"] for e in (await dstu2.get(f"Patient?name={family}&_count=1000")).json["entry"]}
        for telecom in resource.get("telecom", ()):
            if telecom["system"] == "email":
                found = await dstu2.get(f"Patient?telecom={telecom['value']}")
                by_mail += patient in {one["resource"]["id"] for one in found.json["entry"]}
            elif "end" not in telecom.get("period", {}):
                found = await dstu2.get(f"Patient?telecom={telecom['value']}")
                by_phone += patient in {one["resource"]["id"] for one in found.json["entry"]}
    assert by_mail
    assert by_phone


async def test_observations_come_in_pages_below_the_same_base(dstu2: Dstu2Bench) -> None:
    patient = patients(dstu2)[0]
    page = await dstu2.get(f"Observation?patient={patient}&_count=40")
    seen: list[str] = []
    while True:
        assert page.status == 200
        assert "total" not in page.json
        seen += page.ids
        following = page.link("next")
        if following is None:
            break
        assert following.startswith(f"{dstu2.base}/Observation?")
        page = await dstu2.get(following)
    everything = dstu2.bench.hospital.chart("Observation", patient)
    assert set(seen) == {one["id"] for one in everything}


async def test_an_observation_is_found_by_its_code_with_a_system_alone(dstu2: Dstu2Bench) -> None:
    patient = patients(dstu2)[0]
    assert (await dstu2.get(f"Observation?patient={patient}&code=8480-6")).status == 400
    found = await dstu2.get(f"Observation?patient={patient}&code=http://loinc.org|8480-6")
    assert found.json["entry"]
    assert all("component" in one["resource"] for one in found.json["entry"])  # a component has the code


async def test_conditions_are_found_by_dstu2s_categories(dstu2: Dstu2Bench) -> None:
    patient = patients(dstu2)[0]
    every = (await dstu2.get(f"Condition?patient={patient}")).json
    by_category = {
        name: (await dstu2.get(f"Condition?patient={patient}&category={name}")).json
        for name in ("diagnosis", "problem", "health-concern")
    }
    assert every["total"] == len(every["entry"]) == sum(one["total"] for one in by_category.values())
    assert (await dstu2.get(f"Condition?patient={patient}&category=encounter-diagnosis")).status == 400
    for name, found in by_category.items():
        for entry in found.get("entry", ()):
            assert entry["resource"]["category"]["coding"][0]["code"] == name


async def test_orders_of_medicines_are_searched_and_read(dstu2: Dstu2Bench) -> None:
    order, patient = await first_id(dstu2, "MedicationOrder")
    read = await dstu2.get(f"MedicationOrder/{order}")
    assert read.json["patient"]["reference"] == f"Patient/{patient}"
    named = await dstu2.get(f"MedicationOrder?_id={order}")
    assert [one["resource"] for one in named.json["entry"]] == [read.json]
    status = read.json["status"]
    assert order in (await dstu2.get(f"MedicationOrder?patient={patient}&status={status}")).ids
    assert (await dstu2.get(f"MedicationRequest/{order}")).status == 404


@pytest.mark.parametrize(
    "search",
    [
        "Patient",
        "Patient?gender=male",
        "Patient?telecom=1&phone=1",
        "Observation?_id=1",
        "Observation?patient=1&date=2020-01-01&_lastUpdated=2020-01-01",
        "MedicationOrder?patient=1&-timing-boundsPeriod=le2020-01-01",
        "DiagnosticReport?patient=1&date=lt2020-01-01",
        "DocumentReference?patient=1&created=ge2020-01-01",
        "Procedure?patient=1&date=ge2020-01-01",
        "Appointment?patient=1",
        "Appointment?patient=1&location=2&date=2020",
        "Slot?start=2026",
        "Person?identifier=1",
        "CarePlan?patient=1&category=else",
    ],
)
async def test_careless_searches_are_refused(dstu2: Dstu2Bench, search: str) -> None:
    said = await dstu2.get(search)
    assert said.status == 400
    assert said.headers["Content-Type"] == JSON_FHIR
    assert said.text


@pytest.mark.parametrize(("method", "path"), [("POST", "Condition"), ("PUT", "Condition/1"), ("PATCH", "Appointment/1")])
async def test_nothing_is_written_over_dstu2(dstu2: Dstu2Bench, method: str, path: str) -> None:
    assert (await dstu2.call(method, path)).status == 403
    assert (await dstu2.call(method, f"{dstu2.report['dstu2_open_base']}/{path}", bearer="")).status == 404


async def test_the_open_surface_needs_no_token_and_the_secure_one_does(dstu2: Dstu2Bench) -> None:
    patient = patients(dstu2)[0]
    assert (await dstu2.get(f"{dstu2.report['dstu2_open_base']}/Patient/{patient}", bearer="")).status == 200
    assert (await dstu2.get(f"Patient/{patient}", bearer="")).status == 401
    assert (await dstu2.get(f"{dstu2.base}x/Patient/1", bearer="")).status == 403


async def test_smart_came_after_dstu2(dstu2: Dstu2Bench) -> None:
    assert (await dstu2.get(".well-known/smart-configuration", bearer="")).status == 404


async def test_calls_are_counted_under_a_surface_of_their_own(dstu2: Dstu2Bench) -> None:
    patient = patients(dstu2)[0]
    await dstu2.get(f"Patient/{patient}")
    counts = (await dstu2.bench.state())["counts"]
    own = [one for one in counts if one["surface"] == "dstu2" and one["resource_type"] == "Patient"]
    assert [(one["status"], one["count"]) for one in own] == [(200, 1)]
    assert not [one for one in counts if one["surface"] in ("ehr", "open")]


async def test_the_dial_is_aimed_at_dstu2_alone(dstu2: Dstu2Bench) -> None:
    await dstu2.bench.set_fault(kind="status", status=500, surface="dstu2", resource_type="MedicationOrder", count=1)
    patient = patients(dstu2)[0]
    assert (await dstu2.get(f"Patient/{patient}")).status == 200
    struck = await dstu2.get(f"MedicationOrder?patient={patient}")
    assert (struck.status, struck.headers["Content-Type"]) == (500, JSON_FHIR)
    assert (await dstu2.get(f"MedicationOrder?patient={patient}")).status == 200


async def test_an_app_is_registered_for_dstu2_by_name(open_bench: Open) -> None:
    options = read_options(["--client", "new", "--dstu2-client", "old"])
    bench = await open_bench(signed_in=False, clients=options.clients)
    assert [one["client_id"] for one in bench.report["clients"]] == ["new"]
    assert [one["client_id"] for one in bench.report["dstu2_clients"]] == ["old"]
    assert (await Dstu2Bench(bench).token()).status == 200


def test_one_registration_is_for_one_release() -> None:
    with pytest.raises(SystemExit):
        read_options(["--client", "app", "--dstu2-client", "app"])


def test_every_type_has_a_scope() -> None:
    assert set(OFFERED) == TYPES
    assert all(letters(name) for name in OFFERED)
