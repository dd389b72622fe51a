"""The heavy patient over HTTP: pages to the end, searches over all of them, the giant of one page, and what is kept of it."""

from __future__ import annotations

from typing import Any

from tests.simulator.conftest import Bench, Open

SCOPE = "system/Observation.rs system/Condition.rs system/Provenance.rs"


async def _opened(open_bench: Open) -> tuple[Bench, str]:
    bench = await open_bench(heavy_patient=True, scope=SCOPE)
    return bench, str(bench.report["heavy_patient"])


async def _walk(bench: Bench, first: Any, pages: int) -> list[str]:
    found, said = list(first.ids), first
    for _ in range(pages):
        following = said.link("next")
        if following is None:
            break
        said = await bench.call("GET", following, headers={"Authorization": f"Bearer {bench.bearer}"})
        found += said.ids
    return found


async def test_the_pages_go_on_for_as_long_as_there_are_observations(open_bench: Open) -> None:
    bench, patient = await _opened(open_bench)
    first = await bench.search("Observation", ("patient", patient), ("_count", "200"))
    assert first.status == 200
    assert "total" not in first.json
    found = await _walk(bench, first, 5)
    assert len(set(found)) > 900
    kept = bench.running.simulator.tenants[bench.tenant].records._reads
    assert not [key for key in kept if key[0] == "Observation" and bench.hospital.is_outlined(*key)]


async def test_searches_look_into_the_flowsheet(open_bench: Open) -> None:
    bench, patient = await _opened(open_bench)
    outlines = bench.hospital.outlines("Observation", patient)
    day = outlines[5_000]["effectiveDateTime"][:10]
    said = await bench.search(
        "Observation", ("patient", patient), ("code", "http://loinc.org|85354-9"), ("date", f"ge{day}"), ("date", f"le{day}")
    )
    expected = {
        each["id"] for each in outlines if each["effectiveDateTime"].startswith(day) and each["code"]["text"] == "Blood pressure"
    }
    assert expected
    assert set(said.ids) >= expected
    assert {entry["resource"]["code"]["text"] for entry in said.json["entry"]} == {"Blood pressure"}
    labs = await bench.search("Observation", ("patient", patient), ("category", "laboratory"), ("_count", "200"))
    assert all(entry["resource"]["category"][0]["coding"][0]["code"] == "laboratory" for entry in labs.json["entry"])


async def test_one_of_them_is_read_and_its_origin_found(open_bench: Open) -> None:
    bench, patient = await _opened(open_bench)
    number = bench.hospital.outlines("Observation", patient)[-1]["id"]
    said = await bench.get(f"Observation/{number}")
    assert said.status == 200
    assert said.json["subject"]["reference"] == f"Patient/{patient}"
    origin = await bench.search("Provenance", ("target", f"Observation/{number}"))
    assert origin.json["total"] == 1


async def test_sixteen_hundred_conditions_come_in_one_page(open_bench: Open) -> None:
    bench, patient = await _opened(open_bench)
    said = await bench.search("Condition", ("patient", patient), ("_count", "10"))
    assert len(said.ids) > 1_600
    assert said.link("next") is None


async def test_without_the_option_nobody_is_named(bench: Bench) -> None:
    assert bench.report["heavy_patient"] is None
