"""The same ways in a real browser: cookies, redirects, forms and content policies as people meet them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.async_api import Page, Request, expect

from tests.journeys.chromium import chromium, page
from tests.journeys.people import BACK, Landed, People

pytestmark = pytest.mark.skipif(chromium() is None, reason="chromium is not installed (apt-get install chromium)")


@pytest.fixture
async def screen() -> AsyncIterator[Page]:
    async with page() as opened:
        yield opened


async def fill_in(screen: Page, user: Mapping[str, Any]) -> None:
    await screen.get_by_label("User name").fill(user["username"])
    await screen.get_by_label("Password").fill(user["password"])
    await screen.get_by_role("button", name="Sign in").click()


async def decide(screen: Page, decision: str) -> Landed:
    """Say yes or no, and see the application's own page."""
    await screen.get_by_role("button", name=decision).click()
    await screen.wait_for_url(f"{BACK}?*")
    await expect(screen.get_by_role("heading", name="Welcome back")).to_be_visible()
    return Landed(screen.url)


async def test_the_application_is_opened_from_a_chart(people: People, screen: Page) -> None:
    doctor, patient = people.hospital.user("provider"), people.hospital.user("patient")["patient_ids"][0]
    await screen.goto(people.hospital.report["chart"])
    await screen.get_by_label("You are").select_option(doctor["username"])
    await screen.get_by_label("Patient", exact=True).select_option(patient)
    await screen.get_by_role("button", name="Open the chart").click()
    encounters = await screen.locator("#encounter option").evaluate_all("all => all.map(one => one.value)")
    await screen.get_by_label("Encounter").select_option(encounters[1])
    await screen.get_by_role("button", name="Open the app from this chart").click()
    bound = await screen.context.cookies()
    assert [(one["path"], one["httpOnly"], one["sameSite"]) for one in bound] == [("/authenticate/callback", True, "Lax")]
    await fill_in(screen, doctor)
    session = await people.application.session(await decide(screen, "Allow"))
    assert (session.opened["patient_id"], session.opened["encounter_id"]) == (patient, encounters[1])
    assert session.opened["user"] == f"Practitioner/{doctor['practitioner_id']}"
    assert session.opened["need_patient_banner"] is False
    assert (await session.get(f"/encounters/{encounters[1]}")).json["patient_id"] == patient
    assert await screen.context.cookies() == []  # it has done its work


async def test_a_clinician_signs_in_after_a_wrong_password(people: People, screen: Page) -> None:
    doctor = people.hospital.user("provider", 1)
    begun = await people.application.begin("provider", state="mine")
    await screen.goto(begun["authorization_url"])
    await fill_in(screen, {**doctor, "password": "guess"})
    await expect(screen.get_by_role("alert")).to_contain_text("not right")
    await fill_in(screen, doctor)
    landed = await decide(screen, "Allow")
    assert landed.fields["state"] == "mine"
    session = await people.application.session(landed)
    assert session.opened["session_id"] == begun["session_id"]
    patient = people.hospital.user("patient")["patient_ids"][0]
    assert (await session.get(f"/patients/{patient}")).status == 200


async def test_a_patient_signs_in_and_sees_their_own_record(people: People, screen: Page) -> None:
    user = people.hospital.user("patient")
    begun = await people.application.begin("patient")
    await screen.goto(begun["authorization_url"])
    await fill_in(screen, user)
    session = await people.application.session(await decide(screen, "Allow"))
    assert session.patient == user["patient_ids"][0]
    assert (await session.get("/patients")).ids == user["patient_ids"]


async def test_who_acts_for_others_chooses_a_record(people: People, screen: Page) -> None:
    user = people.hospital.proxy
    begun = await people.application.begin("patient")
    await screen.goto(begun["authorization_url"])
    await fill_in(screen, user)
    await screen.locator(f'input[name="patient"][value="{user["patient_ids"][1]}"]').check()
    await screen.get_by_role("button", name="Continue").click()
    session = await people.application.session(await decide(screen, "Allow"))
    assert session.patient == user["patient_ids"][1]


async def test_whoever_says_no_is_back_without_a_session_and_the_way_back_is_used_up(people: People, screen: Page) -> None:
    ways: list[str] = []
    screen.on("request", lambda request: ways.append(request.url))
    begun = await people.application.begin("provider", state="mine")
    await screen.goto(begun["authorization_url"])
    await fill_in(screen, people.hospital.user("provider"))
    landed = await decide(screen, "Deny")
    assert landed.fields.keys() == {"error", "error_description", "session_id", "state"}
    callback = next(url for url in ways if url.startswith(f"{people.hospital.gateway}/authenticate/callback"))
    again = await screen.goto(callback)
    assert again is not None
    assert again.status == 400
    assert (await again.json())["code"] == "invalid_request"


async def test_a_used_code_a_forged_state_and_a_wrong_issuer_lead_nowhere(people: People, screen: Page) -> None:
    ways: list[str] = []
    screen.on("request", lambda request: ways.append(request.url))
    begun = await people.application.begin("provider")
    await screen.goto(begun["authorization_url"])
    await fill_in(screen, people.hospital.user("provider"))
    landed = await decide(screen, "Allow")
    callback = next(url for url in ways if url.startswith(f"{people.hospital.gateway}/authenticate/callback"))
    forged = f"{people.hospital.gateway}/authenticate/callback?{urlencode({'state': 'forged', 'code': 'c'})}"
    launch = f"{people.hospital.gateway}/launch?{urlencode({'iss': 'https://elsewhere.example/r4/t', 'launch': 'l'})}"
    for address in (callback, forged, launch):
        refused = await screen.goto(address)
        assert refused is not None
        assert (refused.status, (await refused.json())["code"]) == (400, "invalid_request")
        assert screen.url == address
    assert (await people.application.redeem(landed.fields["session_code"])).status == 201


async def test_the_reference_asks_nothing_of_the_network(people: People, screen: Page) -> None:
    asked: list[str] = []
    wrong: list[str] = []

    def note(request: Request) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob"):
            asked.append(request.url)

    screen.on("request", note)
    screen.on("requestfailed", lambda request: wrong.append(request.url))
    screen.on("pageerror", lambda error: wrong.append(str(error)))
    await screen.goto(f"{people.hospital.gateway}/docs", wait_until="networkidle")
    await expect(screen.get_by_text("/authenticate", exact=True).first).to_be_visible(timeout=60_000)
    await expect(screen.get_by_text("/create_appointment", exact=True).first).to_be_visible()
    assert asked
    assert [url for url in asked if not url.startswith(people.hospital.gateway + "/")] == []
    assert wrong == []
