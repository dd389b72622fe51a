"""People sign in at the demo: from the application or from the chart, as clinicians, patients and those who act for them."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.journeys import processes
from tests.journeys.people import BACK, OTHER_BACK, Landed, People


async def audit(people: People) -> list[dict[str, Any]]:
    """All rows of the trail, as the command line shows them."""
    environment = {"MILLGATE_DATA_DIR": people.hospital.report["data_dir"]}
    done = await asyncio.to_thread(processes.run, "audit", "list", "--json", "--limit", "1000", environment=environment)
    rows = json.loads(done.stdout)
    return list(rows["data"] if isinstance(rows, dict) and "data" in rows else rows)


async def test_a_clinician_signs_in_and_reads_charts(people: People) -> None:
    begun = await people.application.begin("provider", state="the application's own")
    assert set(begun) == {"session_id", "authorization_url", "expires_in"}
    asked = parse_qs(urlsplit(begun["authorization_url"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["aud"][0].startswith(people.hospital.simulator + "/r4/")
    assert "client_secret" not in asked
    doctor = people.hospital.user("provider")
    landed = await people.browser().sign_in(begun["authorization_url"], doctor)
    assert landed.address == BACK
    assert landed.fields.keys() == {"session_code", "state"}
    assert landed.fields["state"] == "the application's own"
    session = await people.application.session(landed)
    assert session.opened["session_id"] == begun["session_id"]
    assert session.opened["persona"] == "provider"
    assert session.opened["user"] == f"Practitioner/{doctor['practitioner_id']}"
    assert session.opened["patient_id"] is None
    for patient in (people.hospital.user("patient"), people.hospital.user("patient", 1)):
        said = await session.get(f"/patients/{patient['patient_ids'][0]}")
        assert said.status == 200
    shown = (await session.get("/session")).json
    assert shown["user"] == session.opened["user"]
    assert "session_token" not in shown


async def test_a_patient_signs_in_and_sees_what_is_theirs_without_saying_who_they_are(people: People) -> None:
    user = people.hospital.user("patient")
    session = await people.arrive("patient", user)
    assert session.opened["user"] == f"Patient/{user['patient_ids'][0]}"
    assert session.opened["patient_id"] == user["patient_ids"][0]
    assert (await session.get("/patients")).ids == user["patient_ids"]
    observations = await session.get("/observations", limit=20)
    assert observations.ids
    assert {one["patient_id"] for one in observations.json["data"]} == set(user["patient_ids"])


async def test_who_acts_for_others_chooses_among_their_records(people: People) -> None:
    user = people.hospital.proxy
    seen = []
    for record in user["patient_ids"][:2]:
        session = await people.arrive("patient", user, record=record)
        assert session.opened["user"].startswith("Person/")
        assert session.opened["patient_id"] == record
        assert (await session.get("/patients")).ids == [record]
        seen.append(session)
    refused = await seen[0].get("/encounters", patient_id=user["patient_ids"][1])
    assert refused.refusal() == (403, "patient_out_of_context")


async def test_who_acts_for_others_cannot_choose_a_record_that_is_not_offered(people: People) -> None:
    begun = await people.application.begin("patient")
    stranger = people.hospital.user("patient")["patient_ids"][0]
    landed = await people.browser().sign_in(begun["authorization_url"], people.hospital.proxy, record=stranger)
    assert landed.address == BACK
    assert "session_code" not in landed.fields
    assert landed.fields["error"] == "scope_narrowed"


async def encounter_of(people: People, patient: str) -> str:
    system = await people.application.system(["system/Encounter.rs"])
    return (await system.get("/encounters", patient_id=patient)).ids[0]


async def test_the_application_is_opened_from_a_chart(people: People) -> None:
    doctor, patient = people.hospital.user("provider"), people.hospital.user("patient")["patient_ids"][0]
    encounter = await encounter_of(people, patient)
    browser = people.browser()
    page = await browser.open_chart(doctor, patient, encounter)
    assert any(url.startswith(people.hospital.gateway + "/launch?") for url in browser.passed)
    landed = await browser.sign_in(page.url, doctor)
    assert landed.address == BACK  # the first of the client's return URLs
    session = await people.application.session(landed)
    assert session.opened["patient_id"] == patient
    assert session.opened["encounter_id"] == encounter
    assert session.opened["need_patient_banner"] is False
    assert session.opened["user"] == f"Practitioner/{doctor['practitioner_id']}"
    assert (await session.get(f"/encounters/{encounter}")).json["patient_id"] == patient


async def test_a_launch_from_a_chart_without_an_encounter_has_none(people: People) -> None:
    doctor, patient = people.hospital.user("provider", 1), people.hospital.user("patient", 1)["patient_ids"][0]
    browser = people.browser()
    page = await browser.open_chart(doctor, patient)
    session = await people.application.session(await browser.sign_in(page.url, doctor))
    assert (session.opened["patient_id"], session.opened["encounter_id"]) == (patient, None)


async def test_two_charts_are_opened_side_by_side_in_one_browser(people: People) -> None:
    doctor, browser = people.hospital.user("provider"), people.browser()
    patients = [people.hospital.user("patient", number)["patient_ids"][0] for number in (0, 1)]
    pages = [await browser.open_chart(doctor, patient) for patient in patients]
    for page, patient in reversed(list(zip(pages, patients, strict=True))):
        session = await people.application.session(await browser.sign_in(page.url, doctor))
        assert session.opened["patient_id"] == patient
    assert list(browser.http.cookie_jar) == []


@pytest.mark.parametrize("persona", ["provider", "patient"])
async def test_whoever_says_no_goes_back_without_a_session(people: People, persona: str) -> None:
    begun = await people.application.begin(persona, state="s")
    user = people.hospital.user(persona)
    landed = await people.browser().sign_in(begun["authorization_url"], user, decision="deny")
    assert landed.address == BACK
    assert landed.fields["state"] == "s"
    assert landed.fields["error"] == "scope_narrowed"
    assert landed.fields["session_id"] == begun["session_id"]
    assert "denied-by-user" in landed.fields["error_description"]
    assert "session_code" not in landed.fields


async def test_errors_of_the_authorization_server_come_back_in_plain_words(people: People) -> None:
    begun = await people.application.begin("provider")
    page = await people.browser().go(begun["authorization_url"])
    assert page.said is not None
    wanted = {"urn": "oauth2:token:code:invalid"}
    await people.control("POST", "authorization/errors", wanted)
    landed = await people.browser().sign_in(begun["authorization_url"], people.hospital.user("provider"))
    assert landed.address == BACK
    assert landed.fields["error"] == "upstream_error"
    assert "code:invalid" in landed.fields["error_description"]


async def state_of(people: People, browser_url: str) -> str:
    return parse_qs(urlsplit(browser_url).query)["state"][0]


async def callback(people: People, **fields: str) -> Landed:
    return await people.browser().go(f"{people.hospital.gateway}/authenticate/callback?{urlencode(fields)}")


@pytest.mark.parametrize("state", ["", "forged", "x" * 8192, "\x00", "ü"])
async def test_a_state_that_nobody_gave_is_refused_on_the_spot(people: People, state: str) -> None:
    landed = await callback(people, state=state, code="c")
    assert landed.said is not None
    assert landed.said.refusal() == (400, "invalid_request")


async def test_a_state_is_good_once(people: People) -> None:
    begun = await people.application.begin("provider")
    browser = people.browser()
    landed = await browser.sign_in(begun["authorization_url"], people.hospital.user("provider"))
    assert "session_code" in landed.fields
    back = next(url for url in browser.passed if "/authenticate/callback" in url)
    again = await people.browser().go(back)
    assert again.said is not None
    assert again.said.refusal() == (400, "invalid_request")
    assert (await people.application.redeem(landed.fields["session_code"])).status == 201


async def test_a_session_code_is_good_once(people: People) -> None:
    begun = await people.application.begin("provider")
    landed = await people.browser().sign_in(begun["authorization_url"], people.hospital.user("provider"))
    code = landed.fields["session_code"]
    answers = await asyncio.gather(*(people.application.redeem(code) for _ in range(5)))
    assert sorted(one.status for one in answers) == [201, 401, 401, 401, 401]
    assert (await people.application.redeem(code)).refusal() == (401, "invalid_session")


async def test_an_authorization_code_that_was_used_brings_no_session(people: People) -> None:
    first = await people.application.begin("provider")
    browser = people.browser()
    await browser.sign_in(first["authorization_url"], people.hospital.user("provider"))
    used = parse_qs(urlsplit(next(url for url in browser.passed if "/authenticate/callback" in url)).query)["code"][0]
    second = await people.application.begin("provider")
    landed = await callback(people, state=await state_of(people, second["authorization_url"]), code=used)
    assert landed.address == BACK
    assert landed.fields["error"] == "upstream_error"
    assert "session_code" not in landed.fields


@pytest.mark.parametrize("scheme", ["https://elsewhere.example/r4/t", "{base}x", "{base}/..", "{open}", "not a url", ""])
async def test_a_launch_by_an_unknown_issuer_is_refused(people: People, scheme: str) -> None:
    tenant = urlsplit(people.hospital.report["chart"]).path.split("/")[2]
    base = f"{people.hospital.simulator}/r4/{tenant}"
    iss = scheme.format(base=base, open=base.replace("/r4/", "/open/r4/"))
    landed = await people.browser().go(f"{people.hospital.gateway}/launch?{urlencode({'iss': iss, 'launch': 'l'})}")
    assert landed.said is not None
    assert landed.said.refusal() == (400, "invalid_request")
    assert [one["field"] for one in landed.said.json["errors"]] == ["iss"]


async def test_an_issuer_with_a_slash_at_its_end_is_the_same(people: People) -> None:
    tenant = urlsplit(people.hospital.report["chart"]).path.split("/")[2]
    iss = f"{people.hospital.simulator}/r4/{tenant}/"
    landed = await people.browser().go(f"{people.hospital.gateway}/launch?{urlencode({'iss': iss, 'launch': 'nobody opened'})}")
    assert landed.address == BACK  # on to the source, which knows no such launch, and says so
    assert landed.fields["error"] == "scope_narrowed"


async def test_another_return_url_is_taken_if_it_is_registered_with_its_own_query(people: People) -> None:
    begun = await people.application.begin("provider", return_url=OTHER_BACK, state="a b&c=d")
    landed = await people.browser().sign_in(begun["authorization_url"], people.hospital.user("provider"))
    assert landed.address == OTHER_BACK.partition("?")[0]
    assert landed.fields["kept"] == "1"
    assert landed.fields["state"] == "a b&c=d"
    missing = await people.application.try_begin("provider", return_url=None)
    assert missing.refusal() == (400, "invalid_request")
    assert [one["field"] for one in missing.json["errors"]] == ["return_url"]


async def test_offline_access_is_asked_for_and_granted(people: People) -> None:
    scopes = ["user/Patient.rs", "offline_access"]
    begun = await people.application.begin("provider", scopes=scopes)
    asked = parse_qs(urlsplit(begun["authorization_url"]).query)["scope"][0].split()
    assert "offline_access" in asked
    assert "online_access" not in asked
    assert {"openid", "fhirUser"} <= set(asked)
    landed = await people.browser().sign_in(begun["authorization_url"], people.hospital.user("provider"))
    session = await people.application.session(landed)
    assert "offline_access" not in session.opened["denied_scopes"]
    refused = await session.get("/encounters", patient_id="1")
    assert refused.refusal() == (403, "scope_missing")


async def test_a_token_that_is_taken_back_is_repaired_without_the_caller_seeing_it(people: People) -> None:
    session = await people.arrive("provider", scopes=["user/Patient.rs", "offline_access"])
    patient = people.hospital.user("patient")["patient_ids"][0]
    assert (await session.get(f"/patients/{patient}")).status == 200
    await people.control("POST", "faults", {"kind": "revoke_tokens"})
    said = await session.get(f"/patients/{patient}", max_age=0)
    assert said.status == 200, said.body


async def test_whoever_is_signed_out_at_the_source_has_to_sign_in_again(people: People) -> None:
    user = people.hospital.user("provider", 2)
    session = await people.arrive("provider", user, scopes=["user/Patient.rs"])
    patient = people.hospital.user("patient")["patient_ids"][0]
    assert (await session.get(f"/patients/{patient}")).status == 200
    await people.control("POST", "authorization/sign_out", {"username": user["username"]})
    await people.control("POST", "faults", {"kind": "revoke_tokens"})
    refused = await session.get(f"/patients/{patient}", max_age=0)
    assert refused.refusal() == (401, "session_expired")


async def test_ending_a_session_revokes_it_at_the_source(people: People) -> None:
    session = await people.arrive("provider", scopes=["user/Patient.rs", "offline_access"])
    await people.control("DELETE", "state")
    ended = await session.call("DELETE", "/session")
    assert ended.status == 204
    seen = (await people.control("GET", "state"))["requests"]
    assert [(one["method"], one["path"].rpartition("/")[2], one["status"]) for one in seen][-1] == ("POST", "revoke", 200)
    assert (await session.get("/patients", family="A")).refusal()[0] == 401


async def test_the_trail_names_the_person_and_never_a_secret(people: People) -> None:
    user = people.hospital.user("patient", 2)
    begun = await people.application.begin("patient")
    browser = people.browser()
    landed = await browser.sign_in(begun["authorization_url"], user)
    session = await people.application.session(landed)
    await session.get("/observations", limit=5)
    refused = await people.application.begin("patient")
    await people.browser().sign_in(refused["authorization_url"], user, decision="deny")
    rows = await audit(people)
    own = [row for row in rows if row.get("session_id") == begun["session_id"]]
    named = f"Patient/{user['patient_ids'][0]}"
    assert {row["action"] for row in own} >= {"sign_in", "authenticate", "search"}
    assert {row["user"] for row in own if row["status"] != 202} == {named}
    assert {row["persona"] for row in own} == {"patient"}
    assert {row["tenant"] for row in own} == {"sandbox"}
    failed = [row for row in rows if row.get("session_id") == refused["session_id"]]
    assert {(row["action"], row["code"]) for row in failed} == {("authenticate", None), ("sign_in", "scope_narrowed")}
    code = parse_qs(urlsplit(next(url for url in browser.passed if "/authenticate/callback" in url)).query)["code"][0]
    text = json.dumps(rows)
    for secret in (code, landed.fields["session_code"], str(session.bearer), user["password"]):
        assert secret not in text
