"""A stored record that fails every page that would show it: all others are delivered once, and the missing one is named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest

from millgate.access.connection import Connection
from millgate.access.parties import Registration, Tenant
from millgate.canonical.exchange import Page, Query
from millgate.errors import CallOperator
from millgate.pathways.fhir_r4.transport import FhirR4
from millgate.pathways.http import Transport
from millgate.pathways.tokens import TokenBook
from millgate.simulator.clients import Client
from millgate.simulator.faults import Rule
from millgate.simulator.options import Options
from millgate.simulator.server import Running, serve

SCOPES = tuple(
    f"system/{kind}.rs"
    for kind in ("Patient", "Observation", "DiagnosticReport", "Encounter", "Organization", "Practitioner", "Slot", "Appointment")
)


@dataclass
class Side:
    """The pathway, its connection, and the simulator with its dial."""

    pathway: FhirR4
    connection: Connection
    running: Running

    async def walk(self, kind: str, limit: int, **filters: str) -> list[Page]:
        query = Query(kind, {name.rstrip("_"): (value,) for name, value in filters.items()}, limit)
        pages = [await self.pathway.search(self.connection, query)]
        while pages[-1].next_link is not None:
            pages.append(await self.pathway.follow(self.connection, kind, pages[-1].next_link))
        return pages

    async def patient(self) -> str:
        """The patient with the most observations among a few."""
        found = await self.walk("Patient", 20, birth_date="ge1900-01-01")
        ids = [one["id"] for one in found[0].resources[:8]]
        counted = {one: len(ids_of(await self.walk("Observation", 200, patient_id=one))) for one in ids}
        return max(counted, key=lambda one: counted[one])

    def spoil(self, kind: str, *resource_ids: str) -> None:
        self.running.simulator.faults.clear()
        for resource_id in resource_ids:
            self.running.simulator.faults.add(Rule(kind="broken_record", resource_type=kind, resource_id=resource_id))


def ids_of(pages: list[Page]) -> list[str]:
    """Ids in their order; one that the source repeats on its next page counts once, as it does for a caller."""
    return list(dict.fromkeys(one["id"] for page in pages for one in page.resources))


@pytest.fixture
async def side() -> AsyncIterator[Side]:
    options = Options(patients=20, seed=3, clients=(Client("app", secret="s"),), today=date(2026, 3, 11))
    running = await serve(options)
    async with Transport() as transport:
        tenant = Tenant("north", running.report["tenants"][0]["fhir_base"], "America/Chicago", datetime.now(UTC))
        registration = Registration("north", "system", "app", "client_secret_basic", "v2", b"s")
        yield Side(FhirR4(transport, TokenBook(transport)), Connection(tenant, registration, SCOPES), running)
    await running.close()


@pytest.mark.parametrize(("kind", "limit"), [("Observation", 30), ("DiagnosticReport", 5)])
async def test_all_but_the_bad_record_come_once_wherever_it_lies(side: Side, kind: str, limit: int) -> None:
    patient = await side.patient()
    everything = ids_of(await side.walk(kind, limit, patient_id=patient))
    assert len(everything) > 2 * limit
    sorted_by_date = [one for one in everything if not one.startswith("SH")]
    for at in (0, 1, limit - 1, limit, limit + limit // 2, len(sorted_by_date) // 2, len(sorted_by_date) - 1):
        bad = sorted_by_date[at]
        side.spoil(kind, bad)
        pages = await side.walk(kind, limit, patient_id=patient)
        found = [one["id"] for page in pages for one in page.resources]
        assert set(everything) - set(found) == {bad}, at
        assert bad not in found
        told = [text for page in pages for text in page.warnings]
        assert len(told) == 1
        assert "is missing" in told[0]
        assert bad not in told[0]


async def test_answers_of_one_questionnaire_beside_a_bad_one_may_be_missing_and_that_is_told(side: Side) -> None:
    """They share a second, and each has a code that no other record has: nothing tells them from the bad one."""
    patient = await side.patient()
    pages = await side.walk("Observation", 30, patient_id=patient)
    everything = {one["id"]: one for page in pages for one in page.resources}
    bad = [one for one in everything if one.startswith("SH")][1]
    side.spoil("Observation", bad)
    pages = await side.walk("Observation", 30, patient_id=patient)
    missing = everything.keys() - set(ids_of(pages))
    assert bad in missing
    assert {everything[one]["effectiveDateTime"] for one in missing} == {everything[bad]["effectiveDateTime"]}
    (told,) = [text for page in pages for text in page.warnings]
    assert "only as far as something tells them apart" in told


async def test_two_bad_records(side: Side) -> None:
    patient = await side.patient()
    everything = ids_of(await side.walk("Observation", 30, patient_id=patient))
    bad = {everything[40], everything[-5]}
    side.spoil("Observation", *bad)
    pages = await side.walk("Observation", 30, patient_id=patient)
    assert set(everything) - set(ids_of(pages)) == bad
    assert sum(len(page.warnings) for page in pages) == 2


async def test_the_callers_own_bounds_are_kept(side: Side) -> None:
    patient = await side.patient()
    bounds = {"from_": "2024-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
    everything = ids_of(await side.walk("Observation", 20, patient_id=patient, **bounds))
    assert len(everything) > 5
    side.spoil("Observation", everything[3])
    assert ids_of(await side.walk("Observation", 20, patient_id=patient, **bounds)).count(everything[3]) == 0
    assert set(ids_of(await side.walk("Observation", 20, patient_id=patient, **bounds))) == set(everything) - {everything[3]}


async def test_encounters_are_read_past_a_bad_one_with_and_without_bounds(side: Side) -> None:
    patient = await side.patient()
    for bounds in ({}, {"from_": "2015-01-01T00:00:00Z"}, {"from_": "2010-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}):
        everything = ids_of(await side.walk("Encounter", 3, patient_id=patient, **bounds))
        assert len(everything) > 3
        for bad in (everything[0], everything[-1], everything[len(everything) // 2]):
            side.spoil("Encounter", bad)
            pages = await side.walk("Encounter", 3, patient_id=patient, **bounds)
            found = [one["id"] for page in pages for one in page.resources]
            assert len(set(ids_of(pages))) == len(ids_of(pages))
            assert set(everything) - set(found) == {bad}, bounds
            assert sum(len(page.warnings) for page in pages) == 1


async def test_the_calendar_is_read_past_a_bad_record(side: Side) -> None:
    patient = await side.patient()
    around = {"from_": "2025-01-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}
    everything = ids_of(await side.walk("Appointment", 2, patient_id=patient, **around))
    assert len(everything) > 2
    for bad in everything:
        side.spoil("Appointment", bad)
        pages = await side.walk("Appointment", 2, patient_id=patient, **around)
        assert set(everything) - set(ids_of(pages)) == {bad}
        assert sum(len(page.warnings) for page in pages) == 1
    kind = side.running.report["tenants"][0]["service_types"][0]
    days = {"service_type": f"{kind['system']}|{kind['code']}", "from_": "2026-03-12T00:00:00Z", "to": "2026-03-17T00:00:00Z"}
    slots = {one["id"]: one for page in await side.walk("Slot", 5, **days) for one in page.resources}
    assert len(slots) > 20
    for bad in list(slots)[:: len(slots) // 4]:
        side.spoil("Slot", bad)
        pages = await side.walk("Slot", 5, **days)
        missing = slots.keys() - set(ids_of(pages))
        assert bad in missing
        assert {slots[one]["start"] for one in missing} == {slots[bad]["start"]}
        (told,) = [text for page in pages for text in page.warnings]
        assert slots[bad]["start"][:16] in told


async def test_patients_are_read_past_a_bad_one_by_their_birth_dates(side: Side) -> None:
    pages = await side.walk("Patient", 5, birth_date="ge1900-01-01")
    everything = {one["id"]: one for page in pages for one in page.resources}
    assert len(everything) > 10
    for bad in list(everything)[::5]:
        side.spoil("Patient", bad)
        pages = await side.walk("Patient", 5, birth_date="ge1900-01-01")
        missing = everything.keys() - set(ids_of(pages))
        assert bad in missing
        assert {everything[one]["birthDate"] for one in missing} == {everything[bad]["birthDate"]}
        (told,) = [text for page in pages for text in page.warnings]
        assert everything[bad]["birthDate"] in told


async def test_of_ids_the_bad_one_is_named(side: Side) -> None:
    patient = await side.patient()
    ids = ids_of(await side.walk("Encounter", 10, patient_id=patient))[:7]
    for bad in ({ids[0]}, {ids[3], ids[6]}):
        side.spoil("Encounter", *bad)
        query = Query("Encounter", {"ids": tuple(ids)}, 50)
        page = await side.pathway.search(side.connection, query)
        assert {one["id"] for one in page.resources} == set(ids) - bad
        (told,) = page.warnings
        assert all(one in told for one in bad)


@pytest.mark.parametrize(("kind", "filters"), [("Organization", {"type": "prov"}), ("Practitioner", {"active": "true"})])
async def test_where_nothing_divides_a_search_the_error_stays_and_says_where(
    side: Side, kind: str, filters: dict[str, str]
) -> None:
    everything = ids_of(await side.walk(kind, 50, **filters))
    assert len(everything) > 2
    side.spoil(kind, everything[2])
    with pytest.raises(CallOperator, match="a stored record lacks an element") as failed:
        await side.walk(kind, 5, **filters)
    assert failed.value.calls
    assert failed.value.upstream is not None
    assert failed.value.upstream.outcome == "fatal/required"
    assert "after 2 records" in failed.value.detail


async def test_a_record_that_is_bad_no_more_is_not_missed(side: Side) -> None:
    patient = await side.patient()
    everything = ids_of(await side.walk("Observation", 30, patient_id=patient))
    side.running.simulator.faults.add(Rule(kind="broken_record", resource_type="Observation", skip=1, count=2))
    pages = await side.walk("Observation", 30, patient_id=patient)
    assert ids_of(pages) == everything
    assert not any(page.warnings for page in pages)


async def test_a_source_that_fails_every_page_is_not_asked_for_ever(side: Side) -> None:
    patient = await side.patient()
    side.running.simulator.faults.add(Rule(kind="broken_record", resource_type="Observation"))
    with pytest.raises(CallOperator, match="a stored record lacks an element") as failed:
        await side.walk("Observation", 30, patient_id=patient)
    assert len(failed.value.calls) < 120
