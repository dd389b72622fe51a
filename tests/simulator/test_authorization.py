"""The token endpoint: both ways to prove oneself, what is granted and what is dropped, and how each refusal looks."""

from __future__ import annotations

import base64
import re
import uuid
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from millgate.simulator import scopes
from millgate.simulator.authorization import ASSERTION_TYPE
from millgate.simulator.clients import Client, Persona
from tests.simulator.conftest import Bench, Open, Said

NEVER_KNOWN = "11111111-1111-4111-8111-111111111111"


def urn_of(said: Said) -> str:
    return unquote(urlsplit(said.json["error_uri"]).path.split("/")[2])


def assert_refused(said: Said, status: int, error: str, urn: str, bench: Bench) -> None:
    """The status, exactly two members, the URN, and one correlation id in body and header."""
    assert said.status == status
    assert set(said.json) == {"error", "error_uri"}
    assert said.json["error"] == error
    assert urn_of(said) == f"urn:cerner:error:authorization-server:oauth2:{urn}"
    uri = urlsplit(said.json["error_uri"])
    assert uri.path.rsplit("/", 1)[1] == said.headers["Cerner-Correlation-ID"]
    assert parse_qs(uri.query)["tenant"] == [bench.tenant]


async def test_a_secret_buys_an_opaque_token_of_570_seconds(bench: Bench) -> None:
    said = await bench.ask_token("system/Patient.rs system/Slot.rus")
    assert said.status == 200
    assert set(said.json) == {"access_token", "token_type", "expires_in", "scope"}
    assert (said.json["token_type"], said.json["expires_in"]) == ("Bearer", 570)
    assert said.json["scope"] == "system/Patient.rs system/Slot.rus"
    assert "." not in said.json["access_token"]
    assert said.headers["Cache-Control"] == "no-store"
    assert said.headers["Pragma"] == "no-cache"
    uuid.UUID(said.headers["Cerner-Correlation-ID"])


async def test_the_advertised_address_takes_the_same_calls(bench: Bench) -> None:
    advertised = (await bench.get(".well-known/smart-configuration")).json["token_endpoint"]
    assert "/hosts/" in advertised
    said = await bench.call(
        "POST",
        advertised,
        data={"grant_type": "client_credentials", "scope": "system/Patient.rs"},
        headers={"Authorization": _basic(bench)},
    )
    assert said.status == 200


def _basic(bench: Bench, secret: str | None = None) -> str:
    pair = f"{bench.report['client_id']}:{bench.report['client_secret'] if secret is None else secret}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


async def test_the_callers_correlation_id_comes_back(bench: Bench) -> None:
    said = await bench.call("POST", bench.token_url, data={}, headers={"Cerner-Correlation-ID": NEVER_KNOWN})
    assert said.headers["Cerner-Correlation-ID"] == NEVER_KNOWN


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("system/Patient.rs system/*.rs system/*.read", "system/Patient.rs"),
        ("system/Patient.read system/Patient.r", "system/Patient.r"),
        ("system/Schedule.cruds system/Schedule.rs", "system/Schedule.rs"),
        ("system/Patient.sr system/Patient.s", "system/Patient.s"),
        ("user/Patient.rs patient/Patient.rs launch openid system/Nonsense.rs system/Slot.u", "system/Slot.u"),
        ("system/Observation.rs?category=laboratory system/Observation.rs system/Observation.rs", "system/Observation.rs"),
    ],
)
async def test_what_a_v2_client_cannot_have_is_dropped_without_a_word(bench: Bench, asked: str, granted: str) -> None:
    said = await bench.ask_token(asked)
    assert (said.status, said.json["scope"]) == (200, granted)


async def test_nothing_left_is_empty_scopes(bench: Bench) -> None:
    for asked in ("system/Patient.read", "system/*.rs", "", "online_access"):
        assert_refused(await bench.ask_token(asked), 400, "invalid_scope", "token:empty-scopes", bench)


async def test_a_v1_client_gets_v1_scopes_only(open_bench: Open) -> None:
    bench = await open_bench(signed_in=False, clients=(Client("old", smart_version="v1"),))
    said = await bench.ask_token("system/Patient.read system/Slot.rus system/Appointment.write system/Schedule.write")
    assert said.json["scope"] == "system/Patient.read system/Appointment.write"
    assert_refused(await bench.ask_token("system/Patient.rs"), 400, "invalid_scope", "token:empty-scopes", bench)


async def test_an_error_has_the_headers_of_a_live_one(bench: Bench) -> None:
    said = await bench.ask_token("system/Patient.read")
    assert said.headers["Server"] == "cloud_authorization_server1"
    assert said.headers["Expect-CT"] == "enforce, max-age=30"
    assert said.headers["Access-Control-Allow-Origin"] == "*"
    assert said.headers["Access-Control-Allow-Methods"] == "OPTIONS, POST"
    assert said.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("header", [None, "Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Bearer x"])
async def test_an_unusable_header(bench: Bench, header: str | None) -> None:
    form = {"grant_type": "client_credentials", "scope": "system/Patient.rs"}
    said = await bench.call("POST", bench.token_url, data=form, headers={"Authorization": header} if header else {})
    assert_refused(said, 400, "invalid_client", "token:invalid-authorization-header", bench)


async def test_a_wrong_secret_and_a_stranger(bench: Bench) -> None:
    form = {"grant_type": "client_credentials", "scope": "system/Patient.rs"}
    stranger = "Basic " + base64.b64encode(b"stranger:secret").decode()
    for header in (_basic(bench, "wrong"), _basic(bench, ""), stranger):
        said = await bench.call("POST", bench.token_url, data=form, headers={"Authorization": header})
        assert_refused(said, 401, "invalid_client", "token:invalid-client-credentials", bench)


async def test_another_grant(bench: Bench) -> None:
    said = await bench.ask_token(grant_type="password")
    assert_refused(said, 400, "unsupported_grant_type", "token:unsupported-grant-type", bench)


async def test_a_tenant_that_is_not_there(bench: Bench) -> None:
    url = bench.token_url.replace(bench.tenant, NEVER_KNOWN)
    said = await bench.call("POST", url, data={"grant_type": "client_credentials"}, headers={"Authorization": _basic(bench)})
    assert (said.status, urn_of(said)) == (400, "urn:cerner:error:authorization-server:oauth2:grant:unknown-tenant")


async def test_get_is_not_the_way(bench: Bench) -> None:
    assert (await bench.call("GET", bench.token_url)).status == 405
    assert (await bench.call("OPTIONS", bench.token_url)).status == 200


# --- signed assertions

RSA, EC = RSAKey.generate_key(2048, {"kid": "r"}), ECKey.generate_key("P-384", {"kid": "e"})
STRANGE = ECKey.generate_key("P-384", {"kid": "e"})
SIGNER = Client("signer", jwks=dict(KeySet([RSA, EC]).as_dict(private=False)))


async def assertion(bench: Bench, key: Any = EC, algorithm: str = "ES384", **changes: Any) -> Said:
    claims = {
        "iss": "signer",
        "sub": "signer",
        "aud": bench.token_url,
        "exp": int(bench.clock[0]) + 240,
        "jti": str(uuid.uuid4()),
        **changes,
    }
    signed = jwt.encode({"alg": algorithm, "kid": key.kid}, {k: v for k, v in claims.items() if v is not None}, key, [algorithm])
    return await send(bench, signed)


async def send(bench: Bench, signed: str) -> Said:
    form = {
        "grant_type": "client_credentials",
        "scope": "system/Patient.rs",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signed,
    }
    return await bench.call("POST", bench.token_url, data=form)


@pytest.fixture
async def signing(open_bench: Open) -> Bench:
    return await open_bench(signed_in=False, clients=(SIGNER, Client("plain")))


async def test_both_algorithms_and_both_audiences(signing: Bench) -> None:
    advertised = (await signing.get(".well-known/smart-configuration")).json["token_endpoint"]
    assert (await assertion(signing, RSA, "RS384")).status == 200
    assert (await assertion(signing, EC, "ES384", aud=advertised)).status == 200
    assert (await assertion(signing, aud=["https://elsewhere.example", advertised])).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.example/token"},
        {"aud": None},
        {"aud": [{}, [], 5]},
        {"aud": {"a": []}},
        {"iss": "other"},
        {"sub": "plain", "iss": "plain"},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 1_773_230_400 + 600},
        {"nbf": 1_773_230_400 + 60},
        {"jti": None},
        {"jti": ""},
    ],
    ids=str,
)
async def test_an_assertion_with_a_wrong_claim(signing: Bench, changes: dict[str, Any]) -> None:
    assert_refused(await assertion(signing, **changes), 401, "invalid_client", "token:invalid-client-credentials", signing)


async def test_an_assertion_by_another_key_or_another_algorithm(signing: Bench) -> None:
    assert (await assertion(signing, STRANGE)).status == 401
    assert (await assertion(signing, RSA, "RS256")).status == 401
    for wild in ("", "a.b.c", "a.b", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzaWduZXIifQ."):
        assert (await send(signing, wild)).status == 401


async def test_an_assertion_is_good_once(signing: Bench) -> None:
    assert (await assertion(signing, jti="one")).status == 200
    assert_refused(await assertion(signing, jti="one"), 401, "invalid_client", "token:invalid-client-credentials", signing)
    assert (await assertion(signing, jti="two")).status == 200


async def test_a_client_without_keys_cannot_sign(signing: Bench) -> None:
    assert (await assertion(signing, iss="plain", sub="plain")).status == 401


# --- tokens in use


async def test_no_token_and_a_wrong_one(bench: Bench) -> None:
    bench.bearer = None
    said = await bench.get("Patient/1")
    assert (said.status, said.headers["Content-Type"]) == (401, "application/json")
    assert said.json == {"code": 401, "message": 'code="urn:cerner:error:oauth2:resource-access:token-required"'}
    assert said.headers["WWW-Authenticate"].startswith("Bearer ")
    bench.bearer = "wrong"
    assert (await bench.get("Patient/1")).status == 401


async def test_a_token_dies_after_570_seconds(bench: Bench) -> None:
    bench.clock[0] += 569
    assert (await bench.get("Organization")).status == 200
    bench.clock[0] += 2
    assert (await bench.get("Organization")).status == 401


async def test_a_scope_that_is_missing_or_too_narrow(bench: Bench) -> None:
    await bench.sign_in("system/Patient.r system/Slot.r")
    for call in (
        bench.get("Organization"),
        bench.get("Patient?family=a"),
        bench.patch("Slot/1", '"1"', ("replace", "/status", "free")),
    ):
        said = await call
        assert said.status == 403
        assert said.json["code"] == 403
        assert re.search(r'error="insufficient_scope", subcode="no_scope_for_resource_path"', said.json["message"])


async def test_the_portal_keeps_a_second_list(open_bench: Open) -> None:
    bench = await open_bench(clients=(Client("app", resources=frozenset({"Patient"})),))
    assert (await bench.get("Patient?family=a")).status == 200
    said = await bench.get("Organization")
    assert (said.status, said.text) == (403, "Forbidden resource")


async def test_introspection_tells_a_client_of_the_tenant_and_nobody_else(bench: Bench) -> None:
    url, form = f"{bench.running.url}/tokeninfo", {"token": bench.bearer or ""}
    said = await bench.call("POST", url, data=form, headers={"Authorization": _basic(bench)})
    assert said.json["active"] is True
    assert said.json["tenant"] == bench.tenant
    assert (await bench.call("POST", url, data={"token": "x"}, headers={"Authorization": _basic(bench)})).json == {
        "active": False
    }
    assert (await bench.call("POST", url, data=form)).status == 401


async def test_an_access_token_cannot_be_revoked(bench: Bench) -> None:
    said = await bench.call(
        "POST", f"{bench.token_url}/revoke", data={"token": bench.bearer}, headers={"Authorization": _basic(bench)}
    )
    assert said.status == 200
    assert (await bench.get("Organization")).status == 200


async def test_without_an_app_of_users_nobody_can_sign_in(bench: Bench) -> None:
    said = await bench.call("GET", bench.token_url.replace("token", "personas/provider/authorize"))
    assert said.status == 400
    assert b"oauth2:grant:tenant-not-configured" in said.body
    assert bench.report["users"] == []


@pytest.mark.parametrize(("host", "personas"), [("provider", ("provider", "system")), ("patient", ("patient",))])
def test_every_advertised_scope_can_be_granted_in_its_version(host: Persona, personas: tuple[Persona, ...]) -> None:
    clients = [Client("app", persona=persona, smart_version=version) for persona in personas for version in ("v1", "v2")]
    for scope in scopes.advertised(host):
        assert any(scopes.grant(scope, client) == [scope] for client in clients), scope
