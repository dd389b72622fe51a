"""Searches end to end: what is found, in which order, on which pages, and how one gets to the next."""

from __future__ import annotations

import json
import re
import uuid
import zlib
from base64 import urlsafe_b64decode
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.simulator.conftest import TODAY, Bench, Open, Said


def patient_with(bench: Bench, resource_type: str, least: int) -> tuple[str, list[dict[str, Any]]]:
    """The first patient who has so many resources of a type, and all of them."""
    for patient_id in bench.hospital.find_patients(limit=1000):
        chart = bench.hospital.chart(resource_type, patient_id)
        if len(chart) >= least:
            return patient_id, chart
    raise AssertionError(f"nobody has {least} {resource_type}")


async def all_pages(bench: Bench, said: Said) -> list[Said]:
    pages = [said]
    while (following := pages[-1].link("next")) is not None:
        assert len(pages) < 500
        pages.append(await bench.get(following.replace(f"{bench.fhir}/", "")))
        assert pages[-1].status == 200
    return pages


def when(observation: dict[str, Any]) -> str:
    return str(
        observation.get("effectiveDateTime") or observation.get("effectivePeriod", {}).get("start") or observation.get("issued")
    )


# --- observations


async def test_every_observation_is_on_some_page_newest_first(bench: Bench) -> None:
    patient, chart = patient_with(bench, "Observation", 60)
    pages = await all_pages(bench, await bench.get(f"Observation?patient={patient}&_count=10"))
    ids = [resource_id for page in pages for resource_id in page.ids]
    assert set(ids) == {observation["id"] for observation in chart}
    assert all("total" not in page.json for page in pages)
    assert len(ids) > len(set(ids)), "an id recurs on a later page"
    assert any(len(page.ids) < 10 for page in pages[1:-1]), "a later page holds fewer than asked for"
    later = [entry["resource"] for page in pages[1:] for entry in page.json["entry"]]
    moments = [when(observation)[:10] for observation in later]
    assert moments == sorted(moments, reverse=True)
    again = await all_pages(bench, await bench.get(f"Observation?patient={patient}&_count=10"))
    assert [page.ids for page in again] == [page.ids for page in pages]


async def test_an_observation_token_tells_of_two_stores(bench: Bench) -> None:
    patient, _ = patient_with(bench, "Observation", 60)
    said = await bench.get(f"Observation?patient={patient}&category=laboratory,vital-signs,social-history&_count=10")
    link = said.link("next") or ""
    assert link.startswith(
        f"{bench.fhir}/Observation?patient={patient}&category=laboratory,vital-signs,social-history&_count=10&-pageContext=eJ"
    )
    assert link.endswith("&-pageDirection=NEXT")
    (token,) = parse_qs(urlsplit(link).query)["-pageContext"]
    state = json.loads(zlib.decompress(urlsafe_b64decode(token)))
    assert state["count"] == 10
    assert state["default"]["has_next"] is True
    uuid.UUID(state["default"]["page_context"])
    assert {name for name in state if name.startswith("staged_")}


async def test_all_social_history_is_on_page_one(bench: Bench) -> None:
    patient, chart = patient_with(bench, "Observation", 60)
    history = {
        o["id"] for o in chart if any(c.get("code") == "social-history" for k in o["category"] for c in k.get("coding", []))
    }
    assert len(history) > 1
    pages = await all_pages(bench, await bench.get(f"Observation?patient={patient}&_count=1"))
    assert history <= set(pages[0].ids)
    assert all(len(page.ids) == 1 for page in pages[1:])


async def test_filters_are_applied(bench: Bench) -> None:
    patient, chart = patient_with(bench, "Observation", 60)
    code = next(c for o in chart for c in o["code"]["coding"] if c.get("system") == "http://loinc.org")
    expected = {
        o["id"]
        for o in chart
        if any(c.get("code") == code["code"] and c.get("system") == code["system"] for c in o["code"]["coding"])
    }
    for text in (f"http://loinc.org%7C{code['code']}", code["code"], f"nothing,{code['code']}"):
        assert set((await bench.get(f"Observation?patient={patient}&code={text}&_count=200")).ids) == expected
    assert (await bench.get(f"Observation?patient={patient}&code=http://snomed.info/sct%7C{code['code']}")).ids == []
    day = max(when(o)[:10] for o in chart)
    since = (await bench.get(f"Observation?subject:Patient={patient}&date=ge{day}&_count=200")).ids
    assert since
    assert set(since) == {o["id"] for o in chart if when(o)[:10] >= day}


async def test_a_read_and_a_page_hold_the_same_bytes(bench: Bench) -> None:
    patient, _ = patient_with(bench, "Observation", 60)
    page = await bench.get(f"Observation?patient={patient}")
    for resource_id in page.ids[:5]:
        assert (await bench.get(f"Observation/{resource_id}")).body in page.body


async def test_decimals_keep_their_digits_as_numbers(bench: Bench) -> None:
    _, chart = patient_with(bench, "Observation", 60)
    valued = next(o for o in chart if str(o.get("valueQuantity", {}).get("value", "")).endswith("0"))
    body = (await bench.get(f"Observation/{valued['id']}")).body.decode()
    assert re.search(rf'"value":{re.escape(str(valued["valueQuantity"]["value"]))}[,}}]', body)


async def test_vital_signs_are_not_found_by_the_tenants_own_code(bench: Bench) -> None:
    patient, chart = patient_with(bench, "Observation", 60)
    own = {
        coding["code"]
        for o in chart
        if any(c.get("code") == "vital-signs" for k in o["category"] for c in k.get("coding", []))
        for coding in o["code"].get("coding", [])
        if "/codeSet/" in coding.get("system", "")
    }
    for code in sorted(own)[:3]:
        assert (await bench.get(f"Observation?patient={patient}&category=vital-signs&code={code}")).ids == []


# --- encounters


async def test_encounters_come_ten_a_page_oldest_page_first(bench: Bench) -> None:
    patient, chart = patient_with(bench, "Encounter", 11)
    said = await bench.get(f"Encounter?patient={patient}")
    (token,) = parse_qs(urlsplit(said.link("next") or "").query)["-pageContext"]
    uuid.UUID(token)
    pages = await all_pages(bench, said)
    assert {i for page in pages for i in page.ids} == {encounter["id"] for encounter in chart}
    assert len(pages[0].ids) == 10
    assert all("total" not in page.json for page in pages)
    starts = {e["id"]: e["period"]["start"] for e in chart if e.get("period", {}).get("start")}
    latest = [max(starts[i] for i in page.ids if i in starts)[:10] for page in pages]
    assert latest == sorted(latest)


async def test_one_page_of_encounters_says_how_many(bench: Bench) -> None:
    patient, chart = patient_with(bench, "Encounter", 1)
    said = await bench.get(f"Encounter?patient={patient}&_count=100")
    assert said.json["total"] == len(said.ids) == len(chart)
    assert said.link("next") is None


async def test_an_encounter_by_its_number(bench: Bench) -> None:
    _, chart = patient_with(bench, "Encounter", 3)
    encounter = next(e for e in chart if e["identifier"][0].get("system"))
    system, value = encounter["identifier"][0]["system"], encounter["identifier"][0]["value"]
    for text, found in (
        (f"{system}|{value}", [encounter["id"]]),
        (value, [encounter["id"]]),
        (f"urn:oid:1.2|{value}", []),
        ("none", []),
    ):
        assert (await bench.search("Encounter", ("identifier", text))).ids == found


# --- patients


async def test_patients_by_name_with_total(bench: Bench) -> None:
    patient = bench.hospital.read("Patient", bench.hospital.find_patients(limit=1)[0])
    assert patient is not None
    family = patient["name"][0]["family"]
    said = await bench.search("Patient", ("family", family[:4].upper()))
    assert patient["id"] in said.ids
    assert said.json["total"] == len(said.ids)
    assert said.json["entry"][0]["search"] == {"mode": "match"}
    assert said.json["entry"][0]["fullUrl"].startswith(f"{bench.fhir}/Patient/")


async def test_an_empty_result_has_no_entry(bench: Bench) -> None:
    said = await bench.get("Patient?family=Zzyzx-nobody")
    assert (said.status, said.json["total"]) == (200, 0)
    assert "entry" not in said.json
    said = await bench.get("Observation?patient=1")
    assert said.status == 200
    assert not {"entry", "total"} & set(said.json)


async def test_patients_come_twenty_a_page(bench: Bench) -> None:
    pages = await all_pages(bench, await bench.get("Patient?birthdate=ge1900-01-01"))
    assert len(pages[0].ids) == 20
    assert "total" not in pages[0].json
    ids = [i for page in pages for i in page.ids]
    assert len(ids) == len(set(ids)) == len(bench.hospital.find_patients(birthdate=[("ge", "1900-01-01")]))


async def test_more_than_a_thousand_patients_is_refused(open_bench: Open) -> None:
    bench = await open_bench(patients=1100)
    said = await bench.get("Patient?birthdate=ge1900-01-01")
    assert said.status == 422
    assert said.json["resourceType"] == "OperationOutcome"


async def test_several_ids_and_no_count(bench: Bench) -> None:
    ids = bench.hospital.find_patients(limit=25)
    said = await bench.get(f"Patient?_id={','.join([*ids, '1'])}&_count=1&_revinclude=Provenance:target")
    assert sorted(said.ids) == sorted(ids) or len(said.ids) == 20


# --- slots, schedules, staff, places


def slot_query(bench: Bench, *more: tuple[str, str], days: int = 2) -> list[tuple[str, str]]:
    types = ",".join(f"{t['system']}|{t['code']}" for t in bench.report["service_types"][:2])
    start, end = TODAY + timedelta(days=1), TODAY + timedelta(days=1 + days)
    return [("service-type", types), ("start", f"ge{start}T00:00:00Z"), ("start", f"lt{end}T00:00:00Z"), *more]


async def test_the_next_link_of_slots_has_forgotten_the_search(bench: Bench) -> None:
    said = await bench.search("Slot", *slot_query(bench, ("_include", "Slot:schedule")))
    assert len(said.ids) == 50
    following = parse_qs(urlsplit(said.link("next") or "").query)
    assert set(following) == {"_include", "-pageContext", "-pageDirection"}
    second = (await bench.get((said.link("next") or "").replace(f"{bench.fhir}/", ""))).json
    assert {entry["resource"]["resourceType"] for entry in second["entry"]} == {"Slot", "Schedule"}


async def test_slots_are_free_and_in_order(bench: Bench) -> None:
    pages = await all_pages(bench, await bench.search("Slot", *slot_query(bench, ("_count", "200"))))
    slots = [entry["resource"] for page in pages for entry in page.json["entry"]]
    assert {slot["status"] for slot in slots} == {"free"}
    starts = [slot["start"] for slot in slots]
    assert starts == sorted(starts)
    assert len({slot["id"] for slot in slots}) == len(slots)


async def test_slots_of_one_practitioner_with_the_practitioner(bench: Bench) -> None:
    schedule = next(s for s in bench.hospital.schedules() if s["actor"][0].get("reference", "").startswith("Practitioner/"))
    actor = schedule["actor"][0]["reference"]
    said = await bench.search("Slot", *slot_query(bench, ("schedule.actor", actor), ("_include", "Schedule:actor:Practitioner")))
    included = [e["resource"] for e in said.json["entry"] if e["search"]["mode"] == "include"]
    assert [f"Practitioner/{p['id']}" for p in included] == [actor]
    schedules = {e["resource"]["schedule"]["reference"] for e in said.json["entry"] if e["search"]["mode"] == "match"}
    for reference in schedules:
        read = bench.hospital.read("Schedule", reference.partition("/")[2])
        assert read is not None
        assert read["actor"][0]["reference"] == actor


async def test_an_include_needs_its_scope(bench: Bench) -> None:
    await bench.sign_in("system/Slot.rus")
    assert (await bench.search("Slot", *slot_query(bench))).status == 200
    assert (await bench.search("Slot", *slot_query(bench, ("_include", "Slot:schedule")))).status == 403
    await bench.sign_in("system/Patient.rs")
    assert (await bench.get("Patient?_id=1&_revinclude=Provenance:target")).status == 403


async def test_service_types_are_of_one_kind(bench: Bench) -> None:
    own = bench.report["service_types"][0]
    mixed = f"{own['system']}|{own['code']},http://snomed.info/sct|394576009"
    said = await bench.search("Slot", ("service-type", mixed), *slot_query(bench)[1:])
    assert (said.status, said.text) == (400, "service-type must be all standard or all proprietary codes")


async def test_schedules_by_id_only(bench: Bench) -> None:
    ids = [schedule["id"] for schedule in bench.hospital.schedules()][:2]
    assert sorted((await bench.get(f"Schedule?_id={','.join(ids)}")).ids) == sorted(ids)


async def test_organizations_need_no_parameter(bench: Bench) -> None:
    said = await bench.get("Organization")
    assert said.json["total"] == len(said.ids) == len(list(bench.hospital.organizations()))
    assert (await bench.get("Organization?identifier=urn:oid:1.2.3.4.5.6.7%7C1")).status == 400


async def test_practitioners_by_name(bench: Bench) -> None:
    practitioner = next(p for p in bench.hospital.practitioners() if p.get("name", [{}])[0].get("given"))
    name = practitioner["name"][0]
    assert practitioner["id"] in (await bench.search("Practitioner", ("family", name["family"]), ("given", name["given"][0]))).ids
    assert practitioner["id"] in [
        i for p in await all_pages(bench, await bench.search("Practitioner", ("name", name["given"][0]))) for i in p.ids
    ]


# --- tokens of pages


async def test_a_page_token_belongs_to_one_tenant_and_one_type(open_bench: Open) -> None:
    one = await open_bench(tenants=("Harbor View", "Prairie General"), patients=60)
    other = Bench(one.running, one.session, number=1, clock=one.clock)
    await other.sign_in()
    said = await one.get("Patient?birthdate=ge1900-01-01&_count=5")
    (token,) = parse_qs(urlsplit(said.link("next") or "").query)["-pageContext"]
    assert (await one.get(f"Patient?-pageContext={token}&-pageDirection=NEXT")).status == 200
    assert (await one.get(f"Practitioner?-pageContext={token}&-pageDirection=NEXT")).status == 400
    assert (await other.get(f"Patient?-pageContext={token}&-pageDirection=NEXT")).status == 400


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "eJ",
        "eJxljb0KwjAURt_l",
        "53839b8c-dcde-4da4-8c6a-f2912815568e",
        "A" * 5000,
        "eJyrVkpJTUsszSlRsqpWSi4tKsovAtIlRYl5xflFINFaACw9DH4=",
    ],
)
async def test_a_token_that_is_none(bench: Bench, token: str) -> None:
    for resource_type in ("Observation", "Encounter"):
        said = await bench.get(f"{resource_type}?-pageContext={token}&-pageDirection=NEXT")
        assert (said.status, said.text) == (400, "-pageContext is not valid")
    assert (await bench.get("Encounter?-pageContext=x&-pageDirection=UP")).status == 400


async def test_previous_leads_back(bench: Bench) -> None:
    first = await bench.get("Patient?birthdate=ge1900-01-01&_count=5")
    second = await bench.get((first.link("next") or "").replace(f"{bench.fhir}/", ""))
    back = await bench.get((second.link("previous") or "").replace(f"{bench.fhir}/", ""))
    assert back.ids == first.ids
    assert first.link("previous") is None


# --- combined records


async def test_a_combined_record_is_there_for_a_read_only(open_bench: Open) -> None:
    bench = await open_bench(patients=400)
    patients = [str(int(patient_id) + 1) for patient_id in bench.hospital.find_patients(limit=1000)]
    patient = next(p for p in patients if bench.hospital.read("Patient", p) is not None)
    said = await bench.get(f"Patient/{patient}")
    assert (said.status, said.json["active"]) == (200, False)
    assert said.json["link"][0]["type"] == "replaced-by"
    assert (await bench.get(f"Patient?_id={patient}")).json["total"] == 0
