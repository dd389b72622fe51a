"""Searches for meals, forms and answers."""

from __future__ import annotations

import pytest

from tests.simulator.conftest import Bench, Open

SCOPE = "system/NutritionOrder.rs system/Questionnaire.rs system/QuestionnaireResponse.rs system/Provenance.rs"


@pytest.fixture
async def bench(open_bench: Open) -> Bench:
    return await open_bench(scope=SCOPE)


async def test_meals_of_a_patient_by_status_with_their_origins(bench: Bench) -> None:
    patient = next(p for p in bench.hospital.find_patients() if bench.hospital.chart("NutritionOrder", p))
    held = bench.hospital.chart("NutritionOrder", patient)
    said = await bench.search("NutritionOrder", ("patient", patient), ("_revinclude", "Provenance:target"))
    assert said.ids == [each["id"] for each in held]
    assert "total" not in said.json
    origins = [e["resource"]["target"][0]["reference"] for e in said.json["entry"] if e["search"]["mode"] == "include"]
    assert origins == [f"NutritionOrder/{each['id']}" for each in held]
    status = held[0]["status"]
    some = await bench.search("NutritionOrder", ("patient", patient), ("status", status))
    assert some.ids == [each["id"] for each in held if each["status"] == status]
    refused = await bench.search("NutritionOrder", ("patient", patient), ("_lastUpdated", "ge2020-01-01"))
    assert refused.text == "_lastUpdated must have a time component"


async def test_answers_name_a_form_that_can_be_read(bench: Bench) -> None:
    held = [each for p in bench.hospital.find_patients() for each in bench.hospital.chart("QuestionnaireResponse", p)]
    answered = next(each for each in held if each.get("item", [{}])[0].get("item"))
    assert [each for each in held if "item" not in each]
    patient = answered["subject"]["reference"].partition("/")[2]
    assert (await bench.search("QuestionnaireResponse", ("patient", patient))).ids == [answered["id"]]
    form = (await bench.get(answered["questionnaire"])).json
    asked = {each["linkId"]: each for each in form["item"][0]["item"]}
    for each in answered["item"][0]["item"]:
        assert asked[each["linkId"]]["text"] == each["text"]
        codings = [answer["valueCoding"] for answer in each["answer"] if "valueCoding" in answer]
        assert all({"valueCoding": coding} in asked[each["linkId"]]["answerOption"] for coding in codings)
    assert (await bench.search("Questionnaire", ("_id", answered["id"]))).ids == [answered["id"]]
    assert (await bench.search("Questionnaire")).status == 400
