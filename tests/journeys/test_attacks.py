"""What somebody with a session, a browser or an address may try: other patients, other tenants, others' sign-ins, the network behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from tests.journeys.calling import FHIR, Caller, Said
from tests.journeys.people import BACK, OTHER_BACK, Browser, Landed, People, SignedIn

CLINICAL = ("encounters", "observations", "diagnostic_reports", "appointments")
WINDOW = {"from_": "1950-01-01", "to": "2100-01-01"}


# --- a patient's session and other patients


@dataclass
class Curious:
    """A patient with a session, what is theirs, and what is another patient's."""

    session: SignedIn
    system: Caller
    other: str
    theirs: dict[str, list[str]]  # by list: ids of the other patient's records

    async def shows_nothing_of_the_other(self, said: Said) -> None:
        """The answer is a refusal, or is about the patient alone."""
        assert said.status in (200, 400, 403, 404), said.body
        text = said.body.decode()
        assert f'"{self.other}"' not in text, text
        assert f"Patient/{self.other}" not in text, text
        for ids in self.theirs.values():
            for one in ids:
                assert f'"{one}"' not in text, text


@pytest.fixture
async def curious(people: People) -> Curious:
    session = await people.arrive("patient", people.hospital.user("patient"))
    other = people.hospital.user("patient", 1)["patient_ids"][0]
    system = await people.application.system()
    theirs = {}
    for name in CLINICAL:
        window = WINDOW if name == "appointments" else {}
        found = await system.get(f"/{name}", patient_id=other, limit=20, **window)
        theirs[name] = found.ids
    assert all(theirs[name] for name in ("encounters", "observations", "diagnostic_reports")), theirs
    return Curious(session, system, other, theirs)


@pytest.mark.parametrize("accept", ["application/json", FHIR])
@pytest.mark.parametrize("name", CLINICAL)
async def test_lists_of_another_patient_are_refused(curious: Curious, name: str, accept: str) -> None:
    window = WINDOW if name == "appointments" else {}
    headers = {"Accept": accept}
    own = curious.session.patient
    ways: Sequence[list[tuple[str, str]]] = (
        [("patient_id", curious.other)],
        [("patient_id", own), ("patient_id", curious.other)],
        [("patient_id", f"{own},{curious.other}")],
        [("patient_id", f"Patient/{curious.other}")],
        [("patient_id", curious.other), ("include", "fhir")],
        [("patient_id", curious.other), ("max_age", "0")],
        [("patient_id", curious.other), ("limit", "1")],
        [("Patient_id", curious.other)],
        [("patient", curious.other)],
        [("subject", f"Patient/{curious.other}")],
        [("subject:Patient", curious.other)],
    )
    for way in ways:
        said = await curious.session.call(
            "GET", f"/{name}", headers=headers, params=[*way, *((key.rstrip("_"), value) for key, value in window.items())]
        )
        assert said.status in (400, 403), (way, said.body)
        await curious.shows_nothing_of_the_other(said)


@pytest.mark.parametrize("name", CLINICAL)
async def test_records_of_another_patient_are_not_found_by_their_ids(curious: Curious, name: str) -> None:
    for one in curious.theirs[name][:3]:
        for path in (f"/{name}/{one}", f"/{name}/{one}?include=fhir", f"/{name}/{one}?max_age=86400", f"/{name}?ids={one}"):
            for accept in ("application/json", FHIR):
                said = await curious.session.call("GET", path, headers={"Accept": accept})
                if not path.startswith(f"/{name}?"):
                    assert said.status in (403, 404), (path, said.body)
                text = said.body.decode()
                assert f"Patient/{curious.other}" not in text
                assert f'"patient_id":"{curious.other}"' not in text
                assert said.status != 200 or (said.json.get("data") or said.json.get("entry") or []) == []


async def test_another_patients_own_record_is_out_of_reach(curious: Curious) -> None:
    patient = (await curious.system.get(f"/patients/{curious.other}")).json
    family, born = patient["name"]["family"], patient["birth_date"]
    identifier = next(one for one in patient["identifiers"] if one.get("system"))
    ways: Sequence[str] = (
        f"/patients/{curious.other}",
        f"/patients/{curious.other}?include=fhir",
        f"/patients/{quote(curious.session.patient)}%2F..%2F{curious.other}",
        f"/patients?ids={curious.other}",
        f"/patients?ids={curious.session.patient},{curious.other}",
        f"/patients?{urlencode({'family': family, 'birth_date': born})}",
        f"/patients?{urlencode({'identifier': identifier['system'] + '|' + identifier['value']})}",
        f"/patients?{urlencode({'family': family, 'birth_date': born, 'ids': curious.session.patient})}",
    )
    for way in ways:
        for accept in ("application/json", FHIR):
            said = await curious.session.call("GET", way, headers={"Accept": accept})
            await curious.shows_nothing_of_the_other(said)
            if said.status == 200:
                assert set(said.ids) <= {curious.session.patient}, way
                assert said.json.get("warnings", []) == []  # not even that there is somebody of that name


@pytest.mark.parametrize("name", CLINICAL)
async def test_lists_by_what_is_the_others_come_empty(curious: Curious, name: str) -> None:
    """By another patient's encounter, by all clinicians and all places: nothing but one's own."""
    encounters = curious.theirs["encounters"][:3]
    ways: list[dict[str, str]] = [{"encounter_id": one} for one in encounters]
    if name == "appointments":
        practitioners = (await curious.system.get("/practitioners", limit=50, family="A")).json.get("data", [])
        locations = (await curious.system.get("/locations", limit=10, name="A")).json.get("data", [])
        ways = [{"practitioner_id": one["id"]} for one in practitioners[:5]] + [
            {"location_id": one["id"]} for one in locations[:5]
        ]
    for way in ways:
        window = WINDOW if name == "appointments" else {}
        said = await curious.session.get(f"/{name}", **way, **window)
        await curious.shows_nothing_of_the_other(said)
        if said.status == 200:
            assert {one.get("patient_id", curious.session.patient) for one in said.json["data"]} <= {curious.session.patient}


async def test_all_that_a_patient_can_list_is_their_own(curious: Curious) -> None:
    for name in CLINICAL:
        window = WINDOW if name == "appointments" else {}
        for one in await curious.session.all(f"/{name}", limit=100, include="fhir", **window):
            assert {patient["reference"] for patient in references(one["fhir"], "Patient/")} <= {
                f"Patient/{curious.session.patient}"
            }


def references(value: Any, kind: str) -> list[dict[str, Any]]:
    """All references to a kind of resource, however deep."""
    if isinstance(value, list):
        return [found for one in value for found in references(one, kind)]
    if not isinstance(value, dict):
        return []
    own = [value] if isinstance(value.get("reference"), str) and value["reference"].startswith(kind) else []
    return own + [found for one in value.values() for found in references(one, kind)]


async def test_slots_and_schedules_bring_nobody_along(curious: Curious) -> None:
    soon = datetime.now(UTC)
    window = {"from": f"{soon:%Y-%m-%dT%H:%M:%SZ}", "to": f"{soon + timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}", "limit": "50"}
    slots = (await curious.system.call("GET", "/slots", params=window)).json["data"]
    schedules = {one["schedule_id"] for one in slots if "schedule_id" in one}
    asked: list[tuple[str, dict[str, str]]] = [("/slots", window), ("/slots", {**window, "include": "fhir"})]
    asked += [(f"/slots/{one['id']}", {"include": "fhir"}) for one in slots[:3]]
    asked += [("/schedules", {"ids": one, "include": "fhir"}) for one in list(schedules)[:3]]
    for path, parameters in asked:
        for accept in ("application/json", FHIR):
            said = await curious.session.call("GET", path, params=parameters, headers={"Accept": accept})
            assert said.status == 200, (path, said.body)
            assert "Patient/" not in said.body.decode()


async def test_what_a_system_session_asked_before_is_not_served_from_memory(curious: Curious) -> None:
    """The same question, asked and cached by a session that may: its answer is for that session alone."""
    asked = [f"/patients/{curious.other}", f"/encounters/{curious.theirs['encounters'][0]}"]
    asked += [f"/{name}?patient_id={curious.other}&limit=20" for name in ("encounters", "observations")]
    for path in asked:
        headers: dict[str, str] = {}
        first = await curious.system.call("GET", path)
        assert first.status == 200
        for _ in range(2):
            said = await curious.session.call("GET", path, headers={**headers, "If-None-Match": first.headers["ETag"]})
            assert said.status in (403, 404), (path, said.status)
            await curious.shows_nothing_of_the_other(said)


async def test_cursors_go_with_their_patient(curious: Curious, people: People) -> None:
    """A cursor of a system session, and one of another patient's session of the same client."""
    of_system = (await curious.system.get("/observations", patient_id=curious.other, limit=1)).json["next_cursor"]
    someone = await people.arrive("patient", people.hospital.user("patient", 1))
    of_theirs = (await someone.get("/observations", limit=1)).json["next_cursor"]
    for cursor in (of_system, of_theirs):
        assert cursor
        for path in ("/observations", "/encounters"):
            for more in ({}, {"patient_id": curious.session.patient}, {"patient_id": curious.other}):
                said = await curious.session.get(path, cursor=cursor, **more)
                assert said.status in (400, 403), said.body
                await curious.shows_nothing_of_the_other(said)


async def test_another_patients_appointments_can_be_neither_made_nor_changed(curious: Curious) -> None:
    soon = datetime.now(UTC)
    window = {"from_": f"{soon:%Y-%m-%dT%H:%M:%SZ}", "to": f"{soon + timedelta(days=14):%Y-%m-%dT%H:%M:%SZ}"}
    slots = (await curious.system.get("/slots", limit=5, **window)).ids
    made = await curious.system.post("/create_appointment", {"slot_id": slots[0], "patient_id": curious.other}, key="attack-0")
    assert made.status == 201, made.body
    theirs = made.json["id"]
    tries: Sequence[dict[str, Any]] = (
        {"slot_id": slots[1], "patient_id": curious.other},
        {"slot_id": slots[1], "patient_id": f"{curious.other},{curious.session.patient}"},
        {"appointment_id": theirs, "status": "cancelled"},
        {"appointment_id": theirs, "slot_id": slots[1]},
        {"appointment_id": theirs, "status": "cancelled", "patient_id": curious.session.patient},
        {"appointment_id": theirs, "slot_id": slots[1], "patient_id": curious.session.patient},
    )
    for number, body in enumerate(tries, 1):
        said = await curious.session.post("/create_appointment", body, key=f"attack-{number}")
        assert said.status in (400, 403, 404), (body, said.body)
        assert f"Patient/{curious.other}" not in said.body.decode()
    patched = await curious.session.call(
        "PATCH", f"/appointments/{theirs}", json={"status": "cancelled"}, headers={"Idempotency-Key": "attack-patch"}
    )
    assert patched.status in (403, 404, 405), patched.body
    replayed = await curious.session.post(
        "/create_appointment", {"slot_id": slots[0], "patient_id": curious.other}, key="attack-0"
    )
    assert replayed.status == 403, replayed.body
    now = await curious.system.get(f"/appointments/{theirs}", max_age=0)
    assert now.json["status"] == "booked"


async def test_a_persons_session_is_held_to_its_persona_and_scopes(people: People) -> None:
    session = await people.arrive("patient", scopes=["patient/Observation.rs"])
    assert (await session.get("/observations", limit=1)).status == 200
    for path in ("/encounters", "/patients", "/appointments"):
        assert (await session.get(path)).refusal()[0] == 403
    for path in ("/tenants", "/tenants/sandbox"):
        assert (await session.get(path)).status in (401, 403, 404)
    refused = await people.application.try_begin("patient", scopes=["system/Patient.rs"])
    assert refused.refusal() == (400, "invalid_request")


# --- tenants


async def test_no_sign_in_begins_at_a_tenant_that_is_not_the_clients(people: People) -> None:
    for tenant in ("lakeside", "sandbox/../lakeside", "SANDBOX", " sandbox", "sandbox\0", "é"):
        refused = await people.application.try_begin("provider", tenant=tenant)
        assert refused.status in (400, 403), refused.body
        assert "authorization_url" not in refused.json


# --- other people's sign-ins


async def test_the_state_of_the_application_comes_back_to_the_letter(people: People) -> None:
    """Fixation: the application tells by its own state that this browser began this sign-in; nothing else can change it."""
    for state in ("plain", "a&session_code=sc_forged", "x\r\nSet-Cookie: a=b", "#?/", "日本"):
        begun = await people.application.begin("provider", state=state)
        landed = await people.browser().sign_in(begun["authorization_url"], people.hospital.user("provider"))
        assert landed.fields["state"] == state
        assert landed.fields["session_code"].startswith("sc_")
        assert landed.fields["session_code"] != "sc_forged"
        assert landed.url.count("session_code=") == 1
        assert "\r" not in landed.url
        assert "\n" not in landed.url


async def launched(people: People, browser: Browser) -> Landed:
    return await browser.open_chart(people.hospital.user("provider"), people.hospital.user("patient")["patient_ids"][0])


async def test_a_launch_is_bound_to_the_browser_that_began_it(people: People) -> None:
    """An attacker's launch, finished in a victim's browser, is refused: the cookie is the attacker's."""
    attacker, victim = people.browser(), people.browser()
    page = await launched(people, attacker)
    landed = await victim.sign_in(page.url, people.hospital.user("provider"))
    assert landed.said is not None
    assert landed.said.refusal() == (400, "invalid_request")
    assert [one["code"] for one in landed.said.json["errors"]] == ["not_bound"]
    back = next(url for url in victim.passed if "/authenticate/callback" in url)
    again = await attacker.go(back)  # and the state is used up by that
    assert again.said is not None
    assert again.said.refusal() == (400, "invalid_request")


async def test_the_cookie_of_one_launch_does_not_serve_another(people: People) -> None:
    attacker, victim = people.browser(), people.browser()
    of_attacker, _ = await launched(people, attacker), await launched(people, victim)
    landed = await victim.sign_in(of_attacker.url, people.hospital.user("provider"))
    assert landed.said is not None
    assert landed.said.refusal() == (400, "invalid_request")


async def test_the_cookie_goes_nowhere_but_to_the_callback_and_no_script_reads_it(people: People) -> None:
    browser = people.browser()
    await launched(people, browser)
    launch = next(
        url for url in browser.passed if "/launch?iss=" in url or ("/launch?" in url and url.startswith(people.hospital.gateway))
    )
    parts = parse_qs(urlsplit(launch).query)
    assert set(parts) == {"iss", "launch"}
    cookies = [one for one in browser.http.cookie_jar if one.key.startswith("millgate_sign_in_")]
    assert [(one["path"], bool(one["httponly"]), one["samesite"]) for one in cookies] == [("/authenticate/callback", True, "Lax")]


async def callback(people: People, query: str, browser: Browser | None = None) -> Landed:
    return await (browser or people.browser()).go(f"{people.hospital.gateway}/authenticate/callback?{query}")


def state_of(begun: dict[str, Any]) -> str:
    return parse_qs(urlsplit(begun["authorization_url"]).query)["state"][0]


async def code_of(people: People, begun: dict[str, Any]) -> str:
    """The source's code of a sign-in, stolen on its way: the gateway never gets to see it."""
    browser = people.browser()
    gateway, people.hospital.report["gateway"] = people.hospital.gateway, "http://nowhere.invalid"
    try:
        landed = await browser.sign_in(begun["authorization_url"], people.hospital.user("provider"))
    finally:
        people.hospital.report["gateway"] = gateway
    return landed.fields["code"]


async def test_a_stolen_code_is_worth_nothing_at_another_sign_in(people: People) -> None:
    """Code injection: the code is bound to the verifier of the sign-in that it was made for (PKCE)."""
    victims, attackers = await people.application.begin("provider"), await people.application.begin("provider")
    code = await code_of(people, victims)
    landed = await callback(people, urlencode({"state": state_of(attackers), "code": code}))
    assert landed.address == BACK
    assert landed.fields["error"] == "upstream_error"
    assert "session_code" not in landed.fields


async def test_a_session_code_is_worth_nothing_to_another_client(people: People, other_key: str) -> None:
    begun = await people.application.begin("provider")
    landed = await people.browser().sign_in(begun["authorization_url"], people.hospital.user("provider"))
    stolen = Caller(people.http, people.hospital.gateway, other_key)
    said = await stolen.post("/authenticate", {"session_code": landed.fields["session_code"]})
    assert said.refusal() == (401, "invalid_session")
    assert (await people.application.redeem(landed.fields["session_code"])).status == 201


async def test_a_session_code_is_no_bearer_and_no_key(people: People) -> None:
    begun = await people.application.begin("provider")
    landed = await people.browser().sign_in(begun["authorization_url"], people.hospital.user("provider"))
    code = landed.fields["session_code"]
    assert (await Caller(people.http, people.hospital.gateway, code).get("/session")).refusal()[0] == 401
    anonymous = await Caller(people.http, people.hospital.gateway).post("/authenticate", {"session_code": code})
    assert anonymous.refusal() == (401, "invalid_key")
    assert (await people.application.redeem(code)).status == 201


@pytest.mark.parametrize("iss", ["https://evil.example", "{simulator}", "{simulator}/tenants/other", ""])
async def test_an_answer_of_another_issuer_is_not_taken(people: People, iss: str) -> None:
    """Mix-up. Source: RFC 9207."""
    begun = await people.application.begin("provider")
    code = await code_of(people, begun)
    told = iss.format(simulator=people.hospital.simulator)
    landed = await callback(people, urlencode({"state": state_of(begun), "code": code, "iss": told}))
    assert landed.address == BACK
    assert landed.fields["error"] == "invalid_session"


async def test_an_answer_of_the_right_issuer_is_taken(people: People) -> None:
    begun = await people.application.begin("provider")
    code = await code_of(people, begun)
    tenant = urlsplit(people.hospital.report["chart"]).path.split("/")[2]
    iss = f"{people.hospital.simulator}/tenants/{tenant}"
    landed = await callback(people, urlencode({"state": state_of(begun), "code": code, "iss": iss}))
    assert "session_code" in landed.fields


# --- addresses


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "https://app.example",
        "https://app.example/",
        f"{BACK}/",
        f"{BACK}?x=1",
        f"{BACK}#x",
        f"{BACK}/../back",
        f"{BACK}%2f",
        BACK.upper(),
        BACK.replace("app", "APP"),
        BACK.replace("https", "http"),
        BACK.replace("app.example", "app.example:443"),
        BACK.replace("app.example", "app.example.evil.example"),
        BACK.replace("app.example", "app.example@evil.example"),
        BACK.replace("app.example", "user@app.example"),
        BACK.replace("app.example", "evil.example\\@app.example"),
        f" {BACK}",
        f"{BACK} ",
        f"{BACK}\r\nLocation: https://evil.example/",
        f"{BACK}\0",
        f"//{BACK.partition('//')[2]}",
        "/back",
        "javascript:alert(1)//https://app.example/back",
        OTHER_BACK.replace("kept=1", "kept=2"),
        OTHER_BACK.partition("?")[0],
    ],
)
async def test_a_return_url_that_is_not_registered_to_the_letter_is_refused(people: People, wanted: str) -> None:
    refused = await people.application.try_begin("provider", return_url=wanted)
    assert refused.refusal() == (400, "invalid_request")
    assert [one["field"] for one in refused.json["errors"]] == ["return_url"]


@pytest.mark.parametrize(
    "more", ["&code=other", "&state=other", "&error=access_denied&error=x", "&iss=a&iss=b", "&%63ode=x", "&code=x&redirect_uri=u"]
)
async def test_a_parameter_that_comes_twice_at_the_callback_is_refused_and_costs_nothing(people: People, more: str) -> None:
    begun = await people.application.begin("provider")
    code = await code_of(people, begun)
    good = urlencode({"state": state_of(begun), "code": code})
    polluted = await callback(people, good + more)
    assert polluted.said is not None
    assert polluted.said.refusal() == (400, "invalid_request")
    landed = await callback(people, good)
    assert "session_code" in landed.fields


@pytest.mark.parametrize(
    "more", ["iss=a&iss=b&launch=l", "iss=a&launch=l&launch=m", "iss=a", "launch=l", "", "iss=%ff&launch=l", "iss=a&launch=%00"]
)
async def test_a_launch_with_too_much_or_too_little_is_refused(people: People, more: str) -> None:
    landed = await people.browser().go(f"{people.hospital.gateway}/launch?{more}")
    assert landed.said is not None
    assert landed.said.refusal() == (400, "invalid_request")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/authenticate/callback?state=s&code=c", "/launch?iss=a&launch=b"])
async def test_the_browsers_addresses_take_nothing_but_get(people: People, method: str, path: str) -> None:
    said = await Caller(people.http, people.hospital.gateway).call(method, path)
    assert said.status == 405


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A neighbour on the machine, and all that reaches it."""
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(b"connected")
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


async def test_no_launch_makes_the_gateway_call_an_address_of_the_callers(people: People) -> None:
    """SSRF through `iss`: it is looked up among the tenants, and never called."""
    tenant = urlsplit(people.hospital.report["chart"]).path.split("/")[2]
    own = urlsplit(people.hospital.simulator)
    async with listening() as (port, heard):
        for iss in (
            f"http://127.0.0.1:{port}/r4/{tenant}",
            f"http://localhost:{port}/",
            f"http://[::ffff:127.0.0.1]:{port}/",
            f"http://{own.netloc}@127.0.0.1:{port}/r4/{tenant}",
            f"http://127.0.0.1:{port}/?{people.hospital.simulator}/r4/{tenant}",
            f"{people.hospital.simulator}/r4/{tenant}/../../..//127.0.0.1:{port}",
            "http://169.254.169.254/latest/meta-data/",
            "file:///etc/passwd",
            f"gopher://127.0.0.1:{port}/",
        ):
            landed = await people.browser().go(f"{people.hospital.gateway}/launch?{urlencode({'iss': iss, 'launch': 'l'})}")
            assert landed.said is not None
            assert landed.said.refusal() == (400, "invalid_request"), iss
        begun = await people.application.begin("provider")
        code = await code_of(people, begun)
        for name in ("iss", "error_uri"):
            again = await people.application.begin("provider")
            query = urlencode({"state": state_of(again), "code": code, name: f"http://127.0.0.1:{port}/"})
            assert (await callback(people, query)).address == BACK
        await asyncio.sleep(0)
        assert heard == []


async def test_a_launch_says_nothing_about_which_tenants_there_are(people: People) -> None:
    """The refusal of an unknown issuer names no tenant, no client and no address."""
    landed = await people.browser().go(f"{people.hospital.gateway}/launch?iss=https%3A%2F%2Fguess.example%2Fr4%2Ft&launch=l")
    assert landed.said is not None
    text = landed.said.body.decode()
    assert people.hospital.simulator not in text
    assert "sandbox" not in text
    assert "guess.example" not in text
