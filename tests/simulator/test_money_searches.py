"""Searches for what is paid, by whom and under which plan."""

from __future__ import annotations

import pytest

from tests.simulator.conftest import Bench, Open

SCOPE = "system/Coverage.rs system/InsurancePlan.rs system/Organization.rs system/Provenance.rs"


@pytest.fixture
async def bench(open_bench: Open) -> Bench:
    return await open_bench(scope=SCOPE)


async def test_coverages_of_a_patient_are_without_those_of_encounters(bench: Bench) -> None:
    hospital = bench.hospital
    patient = next(p for p in hospital.find_patients() if len(hospital.chart("Coverage", p)) > 1)
    own, *of_stays = hospital.chart("Coverage", patient)
    said = await bench.search("Coverage", ("patient", patient), ("_revinclude", "Provenance:target"))
    assert said.ids == [own["id"]]
    assert said.json["total"] == 1
    assert [e["resource"]["resourceType"] for e in said.json["entry"]] == ["Coverage", "Provenance"]
    encounter = of_stays[0]["extension"][0]["valueReference"]["reference"].partition("/")[2]
    assert (await bench.search("Coverage", ("-encounter", encounter))).ids == [of_stays[0]["id"]]
    assert (await bench.search("Coverage", ("-encounter", encounter), ("patient", patient))).status == 400


async def test_every_look_of_id_can_be_read(bench: Bench) -> None:
    held = [each for p in bench.hospital.find_patients() for each in bench.hospital.chart("Coverage", p)]
    looks = {each["id"].count("-") * 10 + each["id"].startswith("P"): each for each in held}
    assert len(looks) == 3
    assert {each["id"].partition("-")[0] for each in held} >= {"PH", "PHP"}
    for each in looks.values():
        assert (await bench.get(f"Coverage/{each['id']}")).json["beneficiary"] == each["beneficiary"]


async def test_payors_are_organizations_that_own_plans(bench: Bench) -> None:
    held = [each for p in bench.hospital.find_patients() for each in bench.hospital.chart("Coverage", p)]
    private = next(each for each in held if "subscriber" in each)
    payor = private["payor"][0]["reference"].partition("/")[2]
    assert (await bench.get(f"Organization/{payor}")).json["name"] == private["payor"][0]["display"]
    plans = await bench.search("InsurancePlan", ("owned-by", payor))
    assert private["class"][0]["value"] in plans.ids
    assert plans.json["total"] == len(plans.ids)
    assert (await bench.get(f"InsurancePlan/{plans.ids[0]}")).json["ownedBy"]["reference"] == f"Organization/{payor}"


async def test_accounts_are_found_in_three_ways_of_one_type_each(open_bench: Open) -> None:
    bench = await open_bench(scope="system/Account.rs")
    held = [each for p in bench.hospital.find_patients() for each in bench.hospital.chart("Account", p)]
    balance = next(each for each in held if each["id"].startswith("G"))
    encounter = balance["id"][1:]
    said = await bench.search("Account", ("-encounter", encounter), ("type", "guarantor-balance"))
    assert (said.ids, said.json["total"]) == ([balance["id"]], 1)
    statement = next(each for each in held if each["id"].startswith("S"))
    patient, number = statement["subject"][0]["reference"].partition("/")[2], statement["identifier"][0]
    token = f"{number['system']}|{number['value']}"
    said = await bench.search("Account", ("patient", patient), ("identifier", token), ("type", "statement"))
    assert said.ids == [statement["id"]]
    financial = next(each for each in held if each["id"].startswith("F") and "guarantor" in each)
    party = financial["guarantor"][0]["party"]["reference"].partition("/")[2]
    said = await bench.search("Account", ("-guarantor", party), ("type", "financial-account"), ("_count", "100"))
    assert financial["id"] in said.ids
    assert all(each.startswith("F") for each in said.ids)
    wrong = await bench.search("Account", ("-encounter", encounter), ("type", "statement"))
    assert wrong.text == "type must be guarantor-balance with -encounter"
    assert (await bench.search("Account", ("patient", patient), ("type", "statement"))).status == 400
    assert (await bench.search("Account", ("-encounter", encounter))).text == "-encounter must be provided with type"


async def test_what_was_charged_in_an_encounter_or_on_its_charge_group(open_bench: Open) -> None:
    bench = await open_bench(scope="system/ChargeItem.rs system/Account.rs")
    held = [each for p in bench.hospital.find_patients() for each in bench.hospital.chart("ChargeItem", p)]
    encounter = held[0]["context"]["reference"].partition("/")[2]
    expected = [each["id"] for each in held if each["context"] == held[0]["context"]]
    for named in (("context", encounter), ("account", f"C{encounter}")):
        said = await bench.search("ChargeItem", named, ("-status", "billable"))
        assert said.ids == expected
    assert (await bench.search("ChargeItem", ("context", encounter))).text == "context must be provided with -status"
    assert (await bench.search("ChargeItem", ("_id", f"{expected[0]},1"))).text == "_id must have a single value"
    assert (await bench.get(f"Account/C{encounter}")).json["type"] == {"text": "charge-group"}


async def test_an_encounter_is_found_by_its_account(open_bench: Open) -> None:
    bench = await open_bench(scope="system/Account.rs system/Encounter.rs")
    held = (each for p in bench.hospital.find_patients() for each in bench.hospital.chart("Encounter", p))
    encounter = next(each for each in held if "account" in each)
    account = encounter["account"][0]["reference"].partition("/")[2]
    assert (await bench.get(f"Account/{account}")).status == 200
    assert (await bench.search("Encounter", ("account", account))).ids == [encounter["id"]]
