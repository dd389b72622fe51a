"""The patient with twenty thousand observations: made on demand, found by outlines, and nobody else changed by it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from millgate.simulator.hospital import CHART_TYPES, Hospital, numbers

from .conftest import TODAY, make


@pytest.fixture(scope="module")
def heavy() -> Iterator[Hospital]:
    made = make(40, heavy_patient=True)
    yield made
    made.close()


@pytest.fixture(scope="module")
def outlines(heavy: Hospital) -> list[dict[str, Any]]:
    assert heavy.heavy_patient is not None
    return heavy.outlines("Observation", heavy.heavy_patient)


def test_there_are_twenty_thousand_observations_over_years(outlines: list[dict[str, Any]]) -> None:
    assert len(outlines) > 20_000
    assert len({each["id"] for each in outlines}) == len(outlines)
    assert {each["effectiveDateTime"][:4] for each in outlines} == {str(year) for year in range(2015, 2023)}


def test_an_outline_says_what_the_whole_record_says(heavy: Hospital, outlines: list[dict[str, Any]]) -> None:
    for outline in outlines[::331]:
        whole = heavy.read("Observation", outline["id"])
        assert whole is not None
        assert {name: whole[name] for name in outline if name != "meta"} | {"meta": outline["meta"]} == outline
        assert whole["meta"]["lastUpdated"] == outline["meta"]["lastUpdated"]
        assert whole["text"]["div"]
        assert heavy.patient_of("Observation", outline["id"]) == heavy.heavy_patient


def test_flowsheets_are_of_no_other_patient_and_no_other_number(heavy: Hospital, outlines: list[dict[str, Any]]) -> None:
    number = int(outlines[0]["id"].partition("-")[2])
    assert heavy.read("Observation", f"VS-{number + 25}") is None
    assert heavy.read("Observation", f"VS-{number + numbers.STAYS_EACH * numbers.EVENTS_EACH_STAY}") is None
    assert heavy.read("DiagnosticReport", str(number)) is None
    assert heavy.outlines("Observation", numbers.person_id(0)) == []
    assert heavy.outlines("Condition", heavy.heavy_patient or "") == []


def test_conditions_fill_a_page_of_sixteen_hundred_and_each_can_be_read(heavy: Hospital) -> None:
    held = heavy.chart("Condition", heavy.heavy_patient or "")
    assert len(held) > 1_600
    assert len({each["id"] for each in held}) == len(held)
    for each in held[::97]:
        assert heavy.read("Condition", each["id"]) == each
        assert heavy.patient_of("Condition", each["id"]) == heavy.heavy_patient


def test_every_reference_of_the_large_chart_leads_somewhere(heavy: Hospital) -> None:
    assert heavy.heavy_patient is not None
    for kind in ("Condition", "Encounter", "DiagnosticReport", "ServiceRequest"):
        for each in heavy.chart(kind, heavy.heavy_patient):
            encounter = each.get("encounter", {}).get("reference")
            assert encounter is None or heavy.read(*encounter.split("/")) is not None


def test_everybody_else_is_as_without_the_option(heavy: Hospital) -> None:
    plain = make(40)
    assert plain.heavy_patient is None
    for patient in range(12):
        patient_id = numbers.person_id(patient)
        assert plain.read("Patient", patient_id) == heavy.read("Patient", patient_id)
        if patient_id != heavy.heavy_patient:
            assert all(plain.chart(kind, patient_id) == heavy.chart(kind, patient_id) for kind in CHART_TYPES)
    plain.close()


def test_stays_that_are_not_over_are_not_there_yet(heavy: Hospital, outlines: list[dict[str, Any]]) -> None:
    earlier = make(40, today=date(2019, 1, 1), heavy_patient=True)
    assert earlier.heavy_patient == heavy.heavy_patient
    before = earlier.outlines("Observation", earlier.heavy_patient or "")
    assert before == outlines[: len(before)]
    assert max(each["effectiveDateTime"] for each in before) < "2019"
    earlier.close()


def test_a_population_without_anybody_old_enough_is_refused() -> None:
    with pytest.raises(ValueError, match="take more patients"):
        make(1, seed=1, today=TODAY + timedelta(days=1), heavy_patient=True)
