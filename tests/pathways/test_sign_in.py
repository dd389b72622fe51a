"""Signing in: what the browser is sent with, and which of the source's answers is believed."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from millgate.errors import CallOperator, GatewayError, NeedAccess
from millgate.pathways.http import Transport
from millgate.pathways.sign_in import SignedIn, SignInDesk, challenge
from tests.pathways.authority import PROVIDER, Authority, Clock, key, refusal
from tests.pathways.source import reply, source

Changes = dict[str, Any]


@pytest.fixture
async def authority() -> AsyncIterator[Authority]:
    async with source() as served:
        yield Authority(served, Clock())


@pytest.fixture
async def desk(authority: Authority) -> AsyncIterator[SignInDesk]:
    async def no_rest(_: float) -> None:
        return None

    async with Transport(now=authority.clock, sleep=no_rest) as transport:
        yield SignInDesk(transport, authority.clock)


async def exchange(desk: SignInDesk, authority: Authority, issuer: str | None = "") -> SignedIn:
    return await desk.exchange(
        PROVIDER,
        endpoint=f"{authority.served.base}/token",
        code="the-code",
        redirect_uri="https://gateway.example/authenticate/callback",
        verifier="v" * 64,
        asked=("openid", "user/Patient.rs"),
        issuer=authority.issuer if issuer == "" else issuer,
        fhir_base=authority.base,
    )


def test_the_challenge_is_that_of_rfc_7636() -> None:
    """Source: RFC 7636, appendix B."""
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_browser_is_sent_with_all_that_was_asked_and_no_secret() -> None:
    url = SignInDesk(Transport()).authorization_url(
        "https://auth.example/authorize?tenant=t",
        client_id="client-1",
        redirect_uri="https://gateway.example/cb?x=1&y=2",
        scopes=("launch", "openid", "user/Patient.rs"),
        state="st&ate",
        verifier="v" * 64,
        audience="https://fhir.example/r4/t",
        launch="l-1",
    )
    assert parse_qs(urlsplit(url).query) == {
        "tenant": ["t"],
        "response_type": ["code"],
        "client_id": ["client-1"],
        "redirect_uri": ["https://gateway.example/cb?x=1&y=2"],
        "scope": ["launch openid user/Patient.rs"],
        "state": ["st&ate"],
        "aud": ["https://fhir.example/r4/t"],
        "code_challenge": [challenge("v" * 64)],
        "code_challenge_method": ["S256"],
        "launch": ["l-1"],
    }
    assert "v" * 64 not in url


async def test_a_code_brings_tokens_context_and_the_user(desk: SignInDesk, authority: Authority) -> None:
    authority.says = {"id_token": authority.id_token(), "patient": "7", "encounter": "9", "need_patient_banner": False}
    got = await exchange(desk, authority)
    assert (got.patient_id, got.encounter_id, got.user, got.need_patient_banner) == ("7", "9", "Practitioner/4", False)
    assert (got.grant.access_token, got.grant.refresh_token, got.grant.scopes) == ("access-1", "refresh-1", ("user/Patient.rs",))
    assert "access-1" not in repr(got)
    assert "refresh-1" not in repr(got)
    form = authority.forms()[0]
    assert form["code"] == "the-code"
    assert form["code_verifier"] == "v" * 64
    assert form["redirect_uri"] == "https://gateway.example/authenticate/callback"
    assert [call.resource_type for call in got.calls] == ["token", "keys", "keys"]


async def test_without_an_id_token_the_user_is_whom_the_answer_names(desk: SignInDesk, authority: Authority) -> None:
    authority.says = {"user": "4477006"}
    assert (await exchange(desk, authority)).user == "4477006"


async def test_the_tenants_own_issuer_may_sign_too(desk: SignInDesk, authority: Authority) -> None:
    authority.says = {"id_token": authority.id_token(iss=authority.issuer)}
    authority.document = {"issuer": authority.issuer}
    assert (await exchange(desk, authority)).user == "Practitioner/4"


async def test_several_audiences_need_the_one_that_asked(desk: SignInDesk, authority: Authority) -> None:
    authority.says = {"id_token": authority.id_token(aud=["client-1", "other"], azp="client-1")}
    assert (await exchange(desk, authority)).user == "Practitioner/4"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"iss": "https://elsewhere.example/tenants/t"}, "another authorization server"),
        ({"iss": "{base}/tenants/t-evil/oidc/"}, "another authorization server"),
        ({"iss": "{base}/tenants/t/../u/"}, "another authorization server"),
        ({"iss": "{base}/tenants"}, "another authorization server"),
        ({"iss": None}, "another authorization server"),
        ({"aud": "client-2"}, "another application"),
        ({"aud": None}, "another application"),
        ({"aud": ["client-2"]}, "another application"),
        ({"aud": ["client-1", "client-2"]}, "not asked for by this one"),
        ({"aud": ["client-1", "client-2"], "azp": "client-2"}, "not asked for by this one"),
        ({"exp": 1_700_000_000}, "expired"),
        ({"exp": None}, "expired"),
        ({"exp": "never"}, "expired"),
        ({"exp": -1e300}, "expired"),
        ({"exp": 1e300}, "expired"),
        ({"iat": 1_900_000_000}, "in the future"),
        ({"iat": 1e300}, "in the future"),
        ({"iat": None}, "in the future"),
        ({"nonce": "of another sign-in"}, "another sign-in"),
        ({"nonce": ["n-1"]}, "another sign-in"),
    ],
)
async def test_an_id_token_that_is_not_for_us_now_is_refused(
    desk: SignInDesk, authority: Authority, changes: Changes, said: str
) -> None:
    told = {
        name: value.format(base=authority.served.base) if name == "iss" and value else value for name, value in changes.items()
    }
    authority.says = {"id_token": authority.id_token(**told)}
    with pytest.raises(NeedAccess, match=said) as refused:
        await exchange(desk, authority)
    assert refused.value.code == "invalid_session"


async def test_an_id_token_without_a_known_issuer_is_refused_and_nothing_is_fetched(
    desk: SignInDesk, authority: Authority
) -> None:
    authority.says = {"id_token": authority.id_token()}
    with pytest.raises(NeedAccess):
        await exchange(desk, authority, issuer=None)
    assert [request.path for request in authority.served.requests] == ["/token"]


def unsigned(authority: Authority) -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    return f"{header}.{authority.id_token().split('.')[1]}."


def confused(authority: Authority) -> str:
    """Signed with the public key as a shared secret: good for whoever lets the header choose the algorithm."""
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": authority.key.kid}).encode()).rstrip(b"=").decode()
    signed = f"{header}.{authority.id_token().split('.')[1]}"
    digest = hmac.digest(authority.key.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def by_a_stranger(authority: Authority) -> str:
    return authority.id_token(signer=key("k1"))


def changed_afterwards(authority: Authority) -> str:
    header, claims, signature = authority.id_token().split(".")
    plain = json.loads(base64.urlsafe_b64decode(claims + "=="))
    plain["fhirUser"] = "Practitioner/1"
    return f"{header}.{base64.urlsafe_b64encode(json.dumps(plain).encode()).rstrip(b'=').decode()}.{signature}"


def with_its_own_key(authority: Authority) -> str:
    stranger = key("k1")
    return authority.id_token(signer=stranger, header={"jwk": dict(stranger.as_dict(private=False))})


@pytest.mark.parametrize("forge", [unsigned, confused, by_a_stranger, changed_afterwards, with_its_own_key])
async def test_a_forged_id_token_is_refused(desk: SignInDesk, authority: Authority, forge: Any) -> None:
    authority.says = {"id_token": forge(authority)}
    with pytest.raises(NeedAccess, match="its signature"):
        await exchange(desk, authority)


@pytest.mark.parametrize("nonsense", ["x", "a.b", "a.b.c", "....", "a.bm90IGpzb24.c", "a." + "A" * 17_000 + ".c", "é.é.é"])
async def test_nonsense_in_the_place_of_an_id_token_is_refused(desk: SignInDesk, authority: Authority, nonsense: str) -> None:
    authority.says = {"id_token": nonsense}
    with pytest.raises(NeedAccess):
        await exchange(desk, authority)


async def test_keys_are_remembered_and_fetched_once_more_when_they_have_rotated(desk: SignInDesk, authority: Authority) -> None:
    for _ in range(3):
        authority.says = {"id_token": authority.id_token()}
        await exchange(desk, authority)
    assert len(authority.served.seen("/jwk")) == 1
    authority.key = key("k2")
    authority.says = {"id_token": authority.id_token()}
    assert (await exchange(desk, authority)).user == "Practitioner/4"
    assert len(authority.served.seen("/jwk")) == 2
    authority.says = {"id_token": by_a_stranger(authority)}
    with pytest.raises(NeedAccess):
        await exchange(desk, authority)
    assert len(authority.served.seen("/jwk")) == 3


async def test_keys_are_asked_for_again_after_an_hour(desk: SignInDesk, authority: Authority) -> None:
    authority.says = {"id_token": authority.id_token()}
    await exchange(desk, authority)
    authority.clock.pass_by(3601)
    authority.keys = [dict(key("other").as_dict(private=False))]  # withdrawn: what it signed is not believed any more
    authority.says = {"id_token": authority.id_token()}
    with pytest.raises(NeedAccess):
        await exchange(desk, authority)


async def test_keys_at_another_address_are_not_fetched(desk: SignInDesk, authority: Authority) -> None:
    """SSRF: the address of the keys is named by a document of the source, and may lead nowhere but to the source."""
    called = 0

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal called
        called += 1
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as elsewhere:
        port = elsewhere.sockets[0].getsockname()[1]
        for address in (
            f"http://127.0.0.1:{port}/jwk",
            f"http://localhost:{port}/jwk",
            f"{authority.served.base}@127.0.0.1:{port}/jwk",
            "http://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            f"{authority.served.base}/../jwk",
        ):
            authority.document = {"jwks_uri": address}
            authority.says = {"id_token": authority.id_token()}
            with pytest.raises(CallOperator) as refused:
                await exchange(desk, authority)
            assert refused.value.code == "upstream_error"
    assert called == 0
    assert authority.served.seen("/jwk") == []


async def test_a_document_of_another_identity_provider_is_not_believed(desk: SignInDesk, authority: Authority) -> None:
    authority.document = {"issuer": "https://elsewhere.example/"}
    authority.says = {"id_token": authority.id_token()}
    with pytest.raises(NeedAccess, match="another one's"):
        await exchange(desk, authority)


@pytest.mark.parametrize("keys", [[], [{}], [{"kty": "RSA"}], [{"kty": "oct", "k": "czNjcjN0LXMzY3IzdC1zM2NyM3Q"}], ["x"]])
async def test_keys_that_cannot_be_used_open_nothing(desk: SignInDesk, authority: Authority, keys: list[Any]) -> None:
    authority.keys = keys
    authority.says = {"id_token": authority.id_token()}
    with pytest.raises(NeedAccess):
        await exchange(desk, authority)


async def test_keys_that_do_not_come_are_a_matter_of_time(desk: SignInDesk, authority: Authority) -> None:
    authority.served.on("/jwk", reply(500, b"oops"))
    authority.says = {"id_token": authority.id_token()}
    with pytest.raises(GatewayError) as refused:
        await exchange(desk, authority)
    assert refused.value.code == "upstream_unavailable"


async def test_a_refused_code_says_why_and_brings_nothing(desk: SignInDesk, authority: Authority) -> None:
    authority.refuses = lambda form: refusal("invalid_grant")
    with pytest.raises(CallOperator) as refused:
        await exchange(desk, authority)
    assert refused.value.upstream is not None
    assert refused.value.upstream.outcome == "invalid_grant"
    assert len(authority.forms()) == 1  # a code is sent once, whatever comes of it


async def test_a_code_is_sent_once_also_when_the_server_fails(desk: SignInDesk, authority: Authority) -> None:
    authority.served.on("/token", reply(503))
    with pytest.raises(GatewayError):
        await exchange(desk, authority)
    assert len(authority.served.seen("/token")) == 1


def test_a_denial_is_told_in_plain_words_with_the_vendors_own_id() -> None:
    urn = "urn%3Acerner%3Aerror%3Aauthorization-server%3Aoauth2%3Agrant%3Adenied-by-user"
    told = SignInDesk(Transport()).denial("access_denied", f"https://auth.example/errors/{urn}/instances/0f-1?client=c")
    assert told.upstream is not None
    assert told.upstream.request_id == "0f-1"
    assert told.upstream.outcome == "access_denied denied-by-user"


@pytest.mark.parametrize("error_uri", [None, "", "http://[", "javascript:alert(1)", "x" * 100_000])
def test_a_denial_with_a_wild_address_is_still_one(error_uri: str | None) -> None:
    told = SignInDesk(Transport()).denial("<script>alert(1)</script>", error_uri)
    assert told.code == "scope_narrowed"
    assert "<script>" not in told.detail
    assert len(told.detail) < 400


async def test_a_refresh_token_is_revoked_with_the_registrations_proof(desk: SignInDesk, authority: Authority) -> None:
    authority.served.on("/revoke", reply(200))
    await desk.revoke(PROVIDER, f"{authority.served.base}/revoke", "refresh-1", [])
    assert b"token=refresh-1" in authority.served.bodies[0]
    assert authority.served.requests[0].headers["Authorization"].startswith("Basic ")
