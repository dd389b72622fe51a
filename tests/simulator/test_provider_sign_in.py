"""Staff sign in: launched from the chart and standing alone, with everything that the token answer tells."""

from __future__ import annotations

import base64
import json
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet

from tests.simulator.conftest import Bench
from tests.simulator.person import LAUNCH_URL, REDIRECT, Form, Person

EVERYTHING = (
    "launch openid fhirUser online_access user/Patient.rs patient/Observation.rs user/*.rs user/Patient.read system/Patient.rs"
)


async def launched(bench: Bench, person: Person) -> dict[str, Any]:
    """A launch from the chart of the first patient with an encounter, by script."""
    for patient in bench.hospital.find_patients(gender="female", limit=50):
        encounters = bench.hospital.chart("Encounter", patient)
        if encounters:
            break
    form = {
        "user": person.user["username"],
        "patient": patient,
        "encounter": encounters[0]["id"],
        "client_id": person.app["client_id"],
    }
    said = await bench.call("POST", bench.report["chart"], data=form, headers={"Accept": "application/json"})
    assert said.status == 201, said.body
    return {**said.json, "patient": patient, "encounter": encounters[0]["id"]}


async def test_the_report_lists_an_app_for_each_persona_and_who_can_sign_in(user_bench: Bench) -> None:
    report = user_bench.report
    assert [client["persona"] for client in report["clients"]] == ["system", "provider", "patient"]
    assert report["client_id"] == report["clients"][0]["client_id"]
    assert [client["redirect_uris"] for client in report["clients"]] == [[], [REDIRECT], [REDIRECT]]
    staff = [user for user in report["users"] if user["persona"] == "provider"]
    assert len(staff) == 5
    assert all(user_bench.hospital.read("Practitioner", user["practitioner_id"]) for user in staff)
    others = [user for user in report["users"] if user["persona"] == "patient"]
    assert [len(user["patient_ids"]) for user in others] == [1, 1, 1, 1, 3]
    assert len({user["username"] for user in report["users"]}) == 10
    assert user_bench.running.simulator.tenants[user_bench.tenant].users[0].password not in repr(
        user_bench.running.simulator.tenants
    )


async def test_a_launch_from_the_chart(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    launch = await launched(user_bench, person)
    assert launch["iss"] == user_bench.fhir
    assert launch["launch_url"].startswith(f"{LAUNCH_URL}?iss=http%3A%2F%2F127.0.0.1")
    page = await person.ask(scope=EVERYTHING, launch=launch["launch"])
    assert page.status == 200
    assert Form(page.body).title == f"Sign in · {user_bench.report['name']}"
    come = await person.through(page)
    assert (come.address, set(come.fields), come.fields["state"]) == (REDIRECT, {"code", "state"}, "st")
    said = await person.exchange(come.fields["code"])
    body = said.json
    assert said.headers["Cache-Control"] == "no-store"
    assert set(body) == {
        "access_token",
        "token_type",
        "expires_in",
        "scope",
        "patient",
        "encounter",
        "user",
        "username",
        "tenant",
        "need_patient_banner",
        "smart_style_url",
        "id_token",
        "refresh_token",
    }
    assert body["scope"] == "launch openid fhirUser online_access user/Patient.rs patient/Observation.rs"
    assert (body["patient"], body["encounter"]) == (launch["patient"], launch["encounter"])
    assert (body["user"], body["username"]) == (person.user["practitioner_id"], person.user["username"])
    assert (body["tenant"], body["need_patient_banner"], body["expires_in"]) == (user_bench.tenant, False, 570)
    refresh = json.loads(base64.b64decode(body["refresh_token"]))
    assert set(refresh) == {"id", "secret", "ver", "type", "profile", "persona"}
    assert (refresh["ver"], refresh["type"], refresh["persona"]) == ("1.1", "online_access", "provider")


async def test_standing_alone_there_is_no_patient(user_bench: Bench) -> None:
    body = await Person(user_bench, "provider").arrive(scope="user/Patient.rs user/Encounter.rs launch/patient")
    assert body["scope"] == "user/Patient.rs user/Encounter.rs"
    assert {"patient", "encounter", "id_token", "refresh_token"} & set(body) == set()
    assert body["need_patient_banner"] is True
    assert (await user_bench.get("Patient?family=a")).status == 200
    assert (await user_bench.get("Observation?patient=1")).status == 403


async def test_the_id_token_is_signed_by_a_published_key_and_says_who_it_is(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    body = await person.arrive(nonce="once")
    keys = KeySet.import_key_set((await user_bench.get(f"{user_bench.running.url}/jwk")).json)
    decoded = jwt.decode(body["id_token"], keys, algorithms=["RS256"])
    claims = decoded.claims
    now = user_bench.clock[0]
    assert (claims["aud"], claims["sub"], claims["iat"], claims["exp"]) == (
        person.app["client_id"],
        person.user["username"],
        now,
        now + 600,
    )
    assert claims["fhirUser"] == claims["profile"] == f"{user_bench.fhir}/Practitioner/{person.user['practitioner_id']}"
    assert (claims["name"], claims["nonce"]) == (person.user["name"], "once")
    assert claims["iss"].startswith(f"{user_bench.running.url}/tenants/{user_bench.tenant}/oidc/idsps/")
    assert claims["iss"].endswith("/")
    document = (await user_bench.get(f"{claims['iss']}.well-known/openid-configuration")).json
    assert document["issuer"] == claims["iss"]
    assert document["jwks_uri"] == f"{user_bench.running.url}/jwk"
    assert decoded.header["kid"].endswith(".rsa")


async def test_authorize_takes_a_form_too(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    page = await user_bench.call("POST", person.authorize_url, data=person.parameters())
    assert "code" in (await person.through(page)).fields


async def test_the_consent_page_says_in_plain_words_what_the_app_asks_for(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    scope = "user/Patient.rs user/Appointment.crus user/Location.rs openid offline_access"
    page = (await person.sign_in(await person.ask(scope=scope))).body.decode()
    told = [line.removeprefix("<li>").removesuffix("</li>") for line in page.splitlines() if line.startswith("<li>")]
    assert told == [
        "See name, birth date, address and other personal details of all whose record you may see",
        "See, add and change appointments of all whose record you may see",
        "See places of the hospital",
        "Know who you are",
        "Stay connected when you are not there, until you withdraw it",
    ]
    assert person.user["name"] in page
