"""Reads beside writes, and reads that share one call."""

from __future__ import annotations

import asyncio

from millgate.flow.cursor import Holder, Place
from millgate.flow.read import MOST_BODIES, ListRequest
from millgate.objects import OBJECTS
from tests.flow.ward import NOW, SESSION, TENANT, Journeys, Ward, appointment, slot


async def test_a_page_asked_for_before_a_write_is_not_shown_after_it() -> None:
    ward = Ward(slots={"1": slot("1")})
    journeys = Journeys(ward)
    ward.going.clear()
    early = asyncio.create_task(journeys.page("appointment"))
    await ward.asked.wait()
    await journeys.write(slot_id="1", patient_id="7")
    late = asyncio.create_task(journeys.page("appointment"))
    await asyncio.sleep(0)
    ward.going.set()
    assert (await early).ids == ()
    assert (await late).ids == ("made-0",)
    assert (await journeys.page("appointment")).ids == ("made-0",)


async def test_a_read_that_nobody_waits_for_ends_and_does_not_end_the_next_one() -> None:
    ward = Ward(appointments={"a": appointment("a", "booked")})
    journeys = Journeys(ward)
    ward.going.clear()
    left = asyncio.create_task(journeys.page("appointment"))
    await ward.asked.wait()
    left.cancel()
    readers = [asyncio.create_task(journeys.page("appointment")) for _ in range(2)]
    await asyncio.gather(left, return_exceptions=True)
    await asyncio.sleep(0)
    readers.append(asyncio.create_task(journeys.page("appointment")))
    ward.going.set()
    assert [one.ids for one in await asyncio.gather(*readers)] == [("a",)] * 3
    assert ward.searches == 2


async def test_the_etag_of_slots_changes_with_the_schedule_that_they_show() -> None:
    """A slot's practitioner and location are its schedule's: the slot itself stays as it is."""
    ward = Ward(slots={"1": slot("1")})
    journeys = Journeys(ward)
    before = await journeys.page("slot", max_age=0)
    assert (await journeys.page("slot", max_age=0)).etag == before.etag
    ward.schedule = {**ward.schedule, "actor": [{"reference": "Practitioner/5"}]}
    after = await journeys.page("slot", max_age=0)
    assert after.body != before.body
    assert after.etag != before.etag


async def test_the_patients_asked_for_are_told_to_the_audit_though_nothing_was_found() -> None:
    journeys = Journeys(Ward(appointments={"a": appointment("a", "booked")}))
    assert (await journeys.page("appointment", patient_id=("8", "7"))).patients == ("7", "8")
    journeys.ward.appointments.clear()
    assert (await journeys.page("appointment", max_age=0, patient_id=("8",))).patients == ("8",)


async def test_stretches_of_one_page_do_not_add_up_in_memory() -> None:
    journeys = Journeys(Ward(appointments={str(n): appointment(str(n), "booked") for n in range(40)}))
    holder = Holder("mercy", TENANT.fhir_base, "c", "appointment", None)
    cursor = journeys.reader._cursors.seal(Place({}, 50, None, 0), holder, NOW)
    found = [
        await journeys.reader.page(SESSION, ListRequest(OBJECTS["appointment"], {}, limit, cursor, None, "objects"))
        for limit in range(1, 41)
    ]
    assert [len(one.ids) for one in found] == list(range(1, 41))
    ((page, _),) = journeys.reader._shelf._pages.values()
    assert len(page.bodies) <= MOST_BODIES
