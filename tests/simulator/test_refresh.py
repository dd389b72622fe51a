"""Refresh tokens and sessions, revocation, introspection, and keys that rotate."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from millgate.simulator.clients import Client
from tests.simulator.conftest import Bench, Open, Said
from tests.simulator.person import REDIRECT, Person
from tests.simulator.test_user_refusals import assert_refused


async def refresh(person: Person, token: str, **form: str) -> Said:
    return await person.token(grant_type="refresh_token", refresh_token=token, **form)


async def door(bench: Bench, name: str, method: str = "POST", **body: Any) -> Any:
    said = await bench.call(method, f"{bench.running.url}/_simulator/authorization/{name}", data=json.dumps(body))
    assert said.status == 200, said.body
    return said.json


async def test_a_refresh_brings_a_new_access_token_and_no_new_refresh_token(user_bench: Bench) -> None:
    person = Person(user_bench, "patient")
    body = await person.arrive(scope="launch/patient patient/Patient.rs openid fhirUser offline_access")
    user_bench.clock[0] += 571
    assert (await person.get(f"Patient/{body['patient']}")).status == 401
    said = await refresh(person, body["refresh_token"])
    assert set(said.json) == set(body) - {"refresh_token"}
    assert (said.json["scope"], said.json["patient"]) == (body["scope"], body["patient"])
    assert said.json["access_token"] != body["access_token"]
    user_bench.bearer = said.json["access_token"]
    assert (await person.get(f"Patient/{body['patient']}")).status == 200
    assert (await refresh(person, body["refresh_token"])).status == 200


async def test_a_refresh_may_narrow_and_never_widens(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    body = await person.arrive(scope="user/Patient.rs user/Slot.rs offline_access")
    said = await refresh(person, body["refresh_token"], scope="user/Slot.rs user/Encounter.rs")
    assert said.json["scope"] == "user/Slot.rs"
    assert_refused(await refresh(person, body["refresh_token"], scope="user/Encounter.rs"), 400, "invalid_scope", "empty-scopes")


async def test_online_access_ends_with_the_session_and_offline_access_does_not(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    online = await person.arrive(scope="user/Patient.rs online_access")
    offline = await person.arrive(scope="user/Patient.rs offline_access")
    assert (await refresh(person, online["refresh_token"])).status == 200
    shown = (await user_bench.get(f"{user_bench.running.url}/_simulator/authorization")).json
    assert [session["username"] for session in shown["sessions"]] == [person.user["username"]] * 2
    assert await door(user_bench, "sign_out", username="somebody else") == {"sessions_ended": 0}
    assert await door(user_bench, "sign_out", username=person.user["username"]) == {"sessions_ended": 2}
    said = await refresh(person, online["refresh_token"])
    assert_refused(said, 400, "invalid_grant", "refresh-token:session-invalid")
    assert (await refresh(person, offline["refresh_token"])).status == 200


async def test_a_session_ends_by_itself_and_offline_access_when_it_is_not_used(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    online = await person.arrive(scope="user/Patient.rs online_access")
    offline = await person.arrive(scope="user/Patient.rs offline_access")
    user_bench.clock[0] += 13 * 3600
    assert_refused(await refresh(person, online["refresh_token"]), 400, "invalid_grant", "refresh-token:session-invalid")
    user_bench.clock[0] += 80 * 86_400
    assert (await refresh(person, offline["refresh_token"])).status == 200
    user_bench.clock[0] += 91 * 86_400
    assert_refused(await refresh(person, offline["refresh_token"]), 400, "invalid_grant", "refresh-token:token-invalid")


async def test_offline_access_is_dropped_unless_the_app_is_registered_for_it(open_bench: Open) -> None:
    app = Client("app", persona="provider", redirect_uris=(REDIRECT,), offline=False)
    bench = await open_bench(signed_in=False, clients=(Client("system"), app))
    body = await Person(bench, "provider").arrive(scope="user/Patient.rs offline_access")
    assert body["scope"] == "user/Patient.rs"
    assert "refresh_token" not in body


@pytest.mark.parametrize("token", ["", "x", "e30=", "W10=", "eyJpZCI6IDF9", "Ă"])
async def test_a_token_that_is_none(user_bench: Bench, token: str) -> None:
    said = await refresh(Person(user_bench, "provider"), token)
    assert_refused(said, 400, "invalid_grant", "refresh-token:token-invalid")


async def test_another_apps_refresh_token(user_bench: Bench) -> None:
    body = await Person(user_bench, "provider").arrive(scope="user/Patient.rs offline_access")
    said = await refresh(Person(user_bench, "patient"), body["refresh_token"])
    assert_refused(said, 400, "invalid_grant", "refresh-token:token-invalid")


async def test_refreshing_is_throttled_on_demand_only(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    token = (await person.arrive(scope="user/Patient.rs offline_access"))["refresh_token"]
    assert [(await refresh(person, token)).status for _ in range(3)] == [200, 200, 200]
    await door(user_bench, "throttle", "PUT", refresh_interval_s=60)
    said = await refresh(person, token)
    assert (said.status, said.headers["Retry-After"]) == (429, "61")
    user_bench.clock[0] += 60
    assert (await refresh(person, token)).status == 200
    assert (await refresh(person, token)).status == 429
    await door(user_bench, "throttle", "PUT", refresh_interval_s=None)
    assert (await refresh(person, token)).status == 200


async def test_a_revoked_refresh_token_is_dead_and_the_access_token_is_not(user_bench: Bench) -> None:
    person, other = Person(user_bench, "provider"), Person(user_bench, "patient")
    body = await person.arrive(scope="user/Patient.rs offline_access")
    for revoker, alive in ((other, True), (person, False)):
        headers = {"Authorization": basic(revoker)}
        said = await user_bench.call(
            "POST", f"{user_bench.token_url}/revoke", data={"token": body["refresh_token"]}, headers=headers
        )
        assert (said.status, said.body) == (200, b"")
        assert ((await refresh(person, body["refresh_token"])).status == 200) is alive
    assert (await user_bench.get("Patient?family=a")).status == 200
    said = await user_bench.call("POST", f"{user_bench.token_url}/revoke", data={"token": "x"})
    assert said.status == 400


def basic(person: Person) -> str:
    import aiohttp

    return str(aiohttp.encode_basic_auth(person.app["client_id"], person.app["client_secret"]))


async def test_introspection_tells_of_the_user(user_bench: Bench) -> None:
    person = Person(user_bench, "patient")
    body = await person.arrive(scope="launch/patient patient/Patient.rs")
    said = await user_bench.call(
        "POST",
        f"{user_bench.running.url}/tokeninfo",
        data={"token": body["access_token"]},
        headers={"Authorization": basic(person)},
    )
    assert said.json["active"] is True
    assert (said.json["username"], said.json["persona"], said.json["patient"]) == (body["username"], "patient", body["patient"])


async def published(bench: Bench) -> KeySet:
    return KeySet.import_key_set((await bench.get(f"{bench.running.url}/jwk")).json)


async def test_keys_rotate_and_old_ones_stay_for_a_while(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    old = (await person.arrive())["id_token"]
    kid = (await door(user_bench, "rotate_keys"))["kid"]
    new = (await person.arrive())["id_token"]
    keys = await published(user_bench)
    assert jwt.decode(old, keys, algorithms=["RS256"]).header["kid"] != kid
    assert jwt.decode(new, keys, algorithms=["RS256"]).header["kid"] == kid
    await door(user_bench, "rotate_keys")
    later = await published(user_bench)
    assert jwt.decode(new, later, algorithms=["RS256"]).header["kid"] == kid
    with pytest.raises((JoseError, ValueError)):
        jwt.decode(old, later, algorithms=["RS256"])


async def test_keys_rotate_by_the_clock(user_bench: Bench) -> None:
    before = [key.kid for key in (await published(user_bench)).keys]
    user_bench.clock[0] += 2 * 86_400
    after = [key.kid for key in (await published(user_bench)).keys]
    assert after[3:] == before[:6]
    assert not set(after[:3]) & set(before)
    user_bench.clock[0] += 90 * 86_400
    assert not {key.kid for key in (await published(user_bench)).keys} & {*before, *after}
