"""Plans, teams, goals, implants, orders, and where each record came from."""

from __future__ import annotations

import pytest

from .conftest import Bench
from .test_medication_searches import _holder


async def test_plans_need_their_category_and_both_ends(bench: Bench) -> None:
    patient, held = _holder(bench.hospital, "CarePlan")
    base = f"{bench.report['open_base']}/CarePlan?patient={patient}"
    assert (await bench.get(base)).status == 400
    said = await bench.get(f"{base}&category=assess-plan&_count=100")
    assert sorted(said.ids) == sorted(each["id"] for each in held)
    assert all("activity" not in each for each in held)
    assert (await bench.get(f"{base}&category=assess-plan&date=ge2020-01-01")).status == 400
    assert (await bench.get(f"{base}&category=assess-plan&date=ge2000-01-01&date=le2100-01-01")).status == 200


async def test_teams_by_kind_and_by_encounter(bench: Bench) -> None:
    patient, held = _holder(bench.hospital, "CareTeam", "CARE_TEAM")
    base = f"{bench.report['open_base']}/CareTeam"
    lasting = (await bench.get(f"{base}?patient={patient}&category=longitudinal")).ids
    assert lasting == [each["id"] for each in held if each["id"].startswith("LIFETIME_PROVIDER")]
    team = next(each for each in held if "encounter" in each)
    encounter = team["encounter"]["reference"].partition("/")[2]
    assert (await bench.get(f"{base}?encounter={encounter}")).ids == [team["id"]]
    assert (await bench.get(f"{base}?encounter={encounter}&status=active")).status == 400
    assert (await bench.get(f"{base}/{team['id']}")).json == team
    assert (await bench.get(f"{base}?_id={lasting[0]},{team['id']}")).status == 400


async def test_orders_by_the_tenants_catalog_alone(bench: Bench) -> None:
    patient, held = _holder(bench.hospital, "ServiceRequest")
    code = held[0]["code"]["coding"][0]
    base = f"{bench.report['open_base']}/ServiceRequest?patient={patient}&_count=100"
    found = await bench.get(f"{base}&code={code['system']}%7C{code['code']}")
    assert held[0]["id"] in found.ids
    assert (await bench.get(f"{base}&code=http://loinc.org%7C1-2")).status == 400


@pytest.mark.parametrize(
    "kind", ["AllergyIntolerance", "Condition", "DocumentReference", "MedicationRequest", "Immunization", "Encounter", "CareTeam"]
)
async def test_provenance_of_each_kind_is_found_by_target_by_id_and_along_with_it(bench: Bench, kind: str) -> None:
    patient, held = _holder(bench.hospital, kind)
    base = str(bench.report["open_base"])
    target = f"{kind}/{held[0]['id']}"
    (made,) = (await bench.get(f"{base}/Provenance?target={target}")).ids
    single = (await bench.get(f"{base}/Provenance/{made}")).json
    assert single["target"] == [{"reference": target}]
    along = (await bench.get(f"{base}/{kind}?_id={held[0]['id']}&_revinclude=Provenance:target")).json["entry"]
    assert [(each["resource"]["resourceType"], each["search"]["mode"]) for each in along] == [
        (kind, "match"),
        ("Provenance", "include"),
    ]
    assert (await bench.get(f"{base}/Provenance?_id={made}&target={target}")).status == 400
    assert (await bench.get(f"{base}/Provenance?target=Slot/1")).status == 400
    assert (await bench.get(f"{base}/Provenance/INT.doc-0")).status == 404
    assert patient


async def test_a_provenance_is_for_those_who_may_see_its_target(bench: Bench) -> None:
    _, held = _holder(bench.hospital, "Condition")
    await bench.sign_in("system/Condition.rs")
    assert (await bench.get(f"Condition?_id={held[0]['id']}&_revinclude=Provenance:target")).status == 403
