"""A sign-in from begin to session, on a real store, with an authorization server that says whatever the test wants."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from millgate.access.parties import Client, Session, Tenant
from millgate.app import App
from millgate.errors import FixRequest, GatewayError, NeedAccess
from millgate.flow.read import GetRequest
from millgate.flow.sign_in import Begun, Returned
from millgate.objects import OBJECTS
from millgate.settings import Settings
from tests.database import database_server, fresh_database_url
from tests.pathways.authority import PROVIDER, START, Authority, Clock, refusal
from tests.pathways.source import reply, source

__all__ = ["database_server", "fresh_database_url"]

BACK = "https://app.example/back"
ADVERTISED = (
    *("openid", "fhirUser", "launch", "launch/patient", "online_access", "offline_access"),
    *("user/Patient.rs", "user/Observation.rs", "user/Appointment.crus", "patient/Patient.rs", "patient/Observation.rs"),
    *("user/Patient.read", "user/Observation.read", "patient/Patient.read"),
)


@dataclass
class Bench:
    """A gateway, its client, and the server at which people sign in."""

    app: App
    authority: Authority
    client: Client

    async def begin(self, scopes: list[str] | None = None, **more: Any) -> Begun:
        given = {"tenant": "mercy", "persona": "provider", "return_url": None, "return_state": None, **more}
        return await self.app.sign_in.begin(self.client, scopes=scopes, **given)

    async def come_back(self, begun: Begun, **more: Any) -> Returned:
        """The browser comes back with a code, or with what the test says."""
        given = {"code": "the-code", "error": None, "error_uri": None, "iss": None, "binding": begun.binding, **more}
        return await self.app.sign_in.callback(state=state_of(begun), **given)

    async def arrive(self, scopes: list[str] | None = None, **more: Any) -> Session:
        """The whole way."""
        returned = await self.come_back(await self.begin(scopes, **more))
        return (await self.app.sign_in.redeem(self.client, fields_of(returned)["session_code"])).session

    async def read(self, session: Session) -> bytes:
        """One patient, asked of the source."""
        return (await self.app.reader.one(session, GetRequest(OBJECTS["patient"], "7", 0, "objects"))).body


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def state_of(begun: Begun) -> str:
    return query_of(begun.authorization_url)["state"]


def scopes_of(begun: Begun) -> set[str]:
    return set(query_of(begun.authorization_url)["scope"].split())


def fields_of(returned: Returned) -> dict[str, str]:
    return query_of(returned.url)


@pytest.fixture
async def bench(fresh_database_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with source() as served:
        authority = Authority(served, Clock())
        publish(authority)
        settings = Settings(
            data_dir=str(tmp_path),
            database_url=fresh_database_url,
            master_key=base64.b64encode(bytes(32)).decode(),
            public_url="https://gateway.example/",
        )
        async with App.opened(settings, now=authority.clock) as app:
            await app.store.tenants.add(Tenant("mercy", authority.base, None, START))
            await app.store.tenants.register(PROVIDER)
            await app.store.tenants.register(replace(PROVIDER, persona="patient", client_id="client-2"))
            ceiling = ("user/*.rs", "patient/*.rs", "offline_access")
            client, _ = await app.store.clients.create("portal", tenants=["mercy"], scopes=ceiling, return_urls=[BACK])
            authority.says = {"scope": "user/Patient.rs user/Observation.rs"}
            yield Bench(app, authority, client)


def publish(authority: Authority, **changes: Any) -> None:
    """What the tenant says of itself."""
    base = authority.served.base
    smart = {
        "issuer": authority.issuer,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "revocation_endpoint": f"{base}/revoke",
        "scopes_supported": ADVERTISED,
    } | changes
    told = {name: value for name, value in smart.items() if value is not None}
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [{"mode": "server"}]}
    patient = {"resourceType": "Patient", "id": "7"}
    for path, body in (("/.well-known/smart-configuration", told), ("/metadata", statement), ("/Patient/7", patient)):
        authority.served.on(f"/r4/t{path}", reply(200, json.dumps(body).encode(), Content_Type="application/fhir+json"))


async def test_a_clinician_is_asked_for_what_all_sides_allow(bench: Bench) -> None:
    begun = await bench.begin()
    assert scopes_of(begun) == {
        "openid",
        "fhirUser",
        "offline_access",
        "user/Patient.rs",
        "user/Observation.rs",
        "user/Appointment.crus",
    }
    query = query_of(begun.authorization_url)
    assert query["redirect_uri"] == "https://gateway.example/authenticate/callback"
    assert query["aud"] == bench.authority.base
    assert query["client_id"] == "client-1"
    session = await bench.arrive()
    assert session.scopes == ("user/Observation.rs", "user/Patient.rs")
    assert session.denied_scopes == ("user/Appointment.rs",)


async def test_a_patient_is_asked_for_with_their_own_record_in_context(bench: Bench) -> None:
    begun = await bench.begin(["patient/Patient.rs"], persona="patient")
    assert scopes_of(begun) == {"openid", "fhirUser", "online_access", "launch/patient", "patient/Patient.rs"}
    assert query_of(begun.authorization_url)["client_id"] == "client-2"
    bench.authority.says = {"scope": "patient/Patient.rs", "patient": "7"}
    assert (await bench.arrive(["patient/Patient.rs"], persona="patient")).patient_id == "7"


async def test_a_registration_of_the_first_version_is_asked_in_its_form(bench: Bench) -> None:
    await bench.app.store.tenants.register(replace(PROVIDER, scope_form="v1"))
    assert "user/Patient.read" in scopes_of(await bench.begin(["user/Patient.rs"]))
    bench.authority.says = {"scope": "user/Patient.read"}
    assert (await bench.arrive(["user/Patient.rs"])).scopes == ("user/Patient.rs",)


async def test_offline_access_takes_the_place_of_online_access(bench: Bench) -> None:
    scopes = ["user/Patient.rs", "offline_access"]
    assert {"offline_access", "online_access"} & scopes_of(await bench.begin(scopes)) == {"offline_access"}
    bench.authority.says = {"scope": "user/Patient.rs offline_access"}
    assert (await bench.arrive(scopes)).denied_scopes == ()


@pytest.mark.parametrize(
    "says", [{"scope": "user/Patient.rs"}, {"scope": "user/Patient.rs offline_access", "refresh_token": None}]
)
async def test_offline_access_that_does_not_come_is_told(bench: Bench, says: dict[str, Any]) -> None:
    bench.authority.says = says
    assert (await bench.arrive(["user/Patient.rs", "offline_access"])).denied_scopes == ("offline_access",)


async def test_offline_access_beyond_the_ceiling_is_not_asked_for_and_told(bench: Bench) -> None:
    bench.client = replace(bench.client, scopes=("user/*.rs",))
    scopes = ["user/Patient.rs", "offline_access"]
    assert "offline_access" not in scopes_of(await bench.begin(scopes))
    bench.authority.says = {"scope": "user/Patient.rs offline_access"}
    assert "user/Patient.rs" in (await bench.arrive(scopes)).scopes


async def test_more_than_was_asked_for_is_not_taken(bench: Bench) -> None:
    bench.authority.says = {"scope": "user/Patient.cruds user/Appointment.crus patient/Patient.rs system/Patient.rs"}
    assert (await bench.arrive(["user/Patient.rs"])).scopes == ("user/Patient.rs",)


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ({"scope": ""}, "scope_narrowed"),
        ({"scope": "openid"}, "scope_narrowed"),
        ({"scope": "user/Slot.rs"}, "scope_narrowed"),
        ({"tenant": "another-tenant"}, "invalid_session"),
        ({"id_token": "x.y.z"}, "invalid_session"),
        ({"access_token": None}, "upstream_error"),
        ({"access_token": 7}, "upstream_error"),
        ({"token_type": "Bearer", "expires_in": "soon"}, "upstream_error"),
    ],
)
async def test_an_answer_that_is_no_good_brings_no_session(bench: Bench, says: dict[str, Any], code: str) -> None:
    bench.authority.says |= says
    begun = await bench.begin(return_state="mine")
    returned = await bench.come_back(begun)
    assert returned.code == code
    fields = fields_of(returned)
    assert (fields["error"], fields["state"], fields["session_id"]) == (code, "mine", begun.session_id)
    assert "session_code" not in fields
    assert await bench.app.store.grants.get(begun.session_id) is None
    assert next(call.resource_type for call in returned.calls) == "token"  # in the trail, also where it failed


async def test_a_patient_who_is_not_named_brings_no_session(bench: Bench) -> None:
    bench.authority.says = {"scope": "patient/Patient.rs"}
    returned = await bench.come_back(await bench.begin(["patient/Patient.rs"], persona="patient"))
    assert returned.code == "patient_out_of_context"


async def test_the_tenants_own_id_in_the_answer_is_fine(bench: Bench) -> None:
    bench.authority.says["tenant"] = "t"
    assert (await bench.arrive()).tenant == "mercy"


@pytest.mark.parametrize("error", ["access_denied", "server_error", "temporarily_unavailable", "<b>", ""])
async def test_an_error_at_the_callback_is_handed_on_and_nothing_is_asked(bench: Bench, error: str) -> None:
    begun = await bench.begin()
    fields = fields_of(await bench.come_back(begun, error=error, code="a code beside it"))
    assert fields["error"] == "scope_narrowed"
    assert "<b>" not in fields["error_description"]
    assert bench.authority.served.seen("/token") == []


async def test_neither_code_nor_error_is_an_error(bench: Bench) -> None:
    assert (await bench.come_back(await bench.begin(), code=None)).code == "invalid_request"


@pytest.mark.parametrize(
    ("iss", "taken"), [("{issuer}", True), ("{issuer}/", True), ("https://evil.example", False), ("", False)]
)
async def test_the_issuer_at_the_callback_is_the_tenants(bench: Bench, iss: str, taken: bool) -> None:
    returned = await bench.come_back(await bench.begin(), iss=iss.format(issuer=bench.authority.issuer))
    assert ("session_code" in fields_of(returned)) is taken
    assert len(bench.authority.served.seen("/token")) == (1 if taken else 0)


@pytest.mark.parametrize("given", [{}, {"error": "access_denied", "code": None}], ids=["code", "error"])
@pytest.mark.parametrize(
    ("advertised", "iss", "taken"),
    [
        (True, None, False),
        (True, "", False),
        (True, "https://evil.example", False),
        (True, "{issuer}", True),
        (False, None, True),
        ("true", None, True),
        (None, None, True),
        (False, "https://evil.example", False),
        (False, "{issuer}", True),
    ],
)
async def test_an_answer_says_who_gives_it_where_the_server_says_that_its_answers_do(
    bench: Bench, advertised: Any, iss: str | None, taken: bool, given: dict[str, Any]
) -> None:
    """Source: RFC 9207 §2.4. Errors are held to it as codes are."""
    publish(bench.authority, authorization_response_iss_parameter_supported=advertised)
    begun = await bench.begin()
    told = iss.format(issuer=bench.authority.issuer) if iss is not None else None
    fields = fields_of(await bench.come_back(begun, iss=told, **given))
    assert fields.get("error") == (("scope_narrowed" if given else None) if taken else "invalid_session")
    assert len(bench.authority.served.seen("/token")) == (1 if taken and not given else 0)


async def test_an_answer_that_names_a_server_is_not_taken_where_the_tenants_names_none(bench: Bench) -> None:
    publish(bench.authority, issuer=None)
    assert (await bench.come_back(await bench.begin(), iss=bench.authority.issuer)).code == "invalid_session"


async def test_an_id_token_of_another_sign_in_is_refused(bench: Bench) -> None:
    first, second = await bench.begin(), await bench.begin()
    nonces = [query_of(begun.authorization_url)["nonce"] for begun in (first, second)]
    assert len(set(nonces)) == 2
    bench.authority.says |= {"id_token": bench.authority.id_token(nonce=nonces[0])}
    assert (await bench.come_back(second)).code == "invalid_session"
    assert (await bench.come_back(first)).code is None


async def test_a_sign_in_lasts_ten_minutes_and_its_code_two(bench: Bench) -> None:
    begun = await bench.begin()
    bench.authority.clock.pass_by(601)
    with pytest.raises(FixRequest):
        await bench.come_back(begun)
    code = fields_of(await bench.come_back(await bench.begin()))["session_code"]
    bench.authority.clock.pass_by(121)
    with pytest.raises(NeedAccess, match="invalid_session"):
        await bench.app.sign_in.redeem(bench.client, code)


async def test_a_client_that_lost_the_tenant_meanwhile_gets_no_session(bench: Bench) -> None:
    code = fields_of(await bench.come_back(await bench.begin()))["session_code"]
    with pytest.raises(NeedAccess, match="invalid_session"):
        await bench.app.sign_in.redeem(replace(bench.client, tenants=("other",)), code)


@pytest.mark.parametrize("binding", [None, "", "another", "é", "\udcff"])
async def test_a_launch_comes_back_in_its_own_browser_alone(bench: Bench, binding: str | None) -> None:
    begun = await bench.app.sign_in.launch(bench.authority.base, "l-1", None)
    assert query_of(begun.authorization_url)["launch"] == "l-1"
    assert "launch" in scopes_of(begun)
    assert begun.binding
    with pytest.raises(FixRequest, match="did not begin"):
        await bench.come_back(begun, binding=binding)
    again = await bench.app.sign_in.launch(bench.authority.base + "/", "l-1", bench.client.id)
    assert "session_code" in fields_of(await bench.come_back(again))


async def test_a_launch_with_several_clients_has_to_name_its_own(bench: Bench) -> None:
    second, _ = await bench.app.store.clients.create(
        "second", tenants=["mercy"], scopes=["user/*.rs"], return_urls=["https://second.example/a", "https://second.example/b"]
    )
    for named in (None, "client_unknown", "\0"):
        with pytest.raises(FixRequest, match="which client"):
            await bench.app.sign_in.launch(bench.authority.base, "l-1", named)
    begun = await bench.app.sign_in.launch(bench.authority.base, "l-1", second.id)
    assert (await bench.come_back(begun)).url.startswith("https://second.example/a?")
    await bench.app.store.clients.revoke(second.id)
    with pytest.raises(FixRequest, match="which client"):
        await bench.app.sign_in.launch(bench.authority.base, "l-1", second.id)
    assert (await bench.app.sign_in.launch(bench.authority.base, "l-1", None)).client_id == bench.client.id


async def test_a_tenant_without_a_page_to_sign_in_at_says_so(bench: Bench) -> None:
    publish(bench.authority, authorization_endpoint=None)
    with pytest.raises(GatewayError, match="not_offered_by_tenant"):
        await bench.begin()


async def test_a_refresh_that_narrows_is_noticed_by_the_session(bench: Bench) -> None:
    session = await bench.arrive()
    assert "user/Observation.rs" in session.scopes
    bench.authority.says = {"scope": "user/Patient.rs"}
    bench.authority.clock.pass_by(560)
    await bench.read(session)
    narrowed = await bench.app.store.sessions.get(session.id)
    assert narrowed is not None
    assert narrowed.scopes == ("user/Patient.rs",)
    assert set(narrowed.denied_scopes) == {"user/Appointment.rs", "user/Observation.rs"}
    with pytest.raises(NeedAccess, match="scope_narrowed"):
        await bench.app.reader.one(narrowed, GetRequest(OBJECTS["observation"], "1", 0, "objects"))


async def test_a_refresh_that_widens_changes_nothing(bench: Bench) -> None:
    session = await bench.arrive(["user/Patient.rs"])
    bench.authority.says = {"scope": "user/Patient.cruds user/Observation.rs"}
    bench.authority.clock.pass_by(560)
    await bench.read(session)
    assert len(bench.authority.forms()) == 2
    kept = await bench.app.store.sessions.get(session.id)
    assert kept is not None
    assert kept.scopes == ("user/Patient.rs",)


async def test_a_401_is_repaired_by_one_refresh_and_a_second_ends_in_an_error_not_in_the_session(bench: Bench) -> None:
    session = await bench.arrive()
    good = bench.authority.served.answers["/r4/t/Patient/7"][0]
    bench.authority.served.on("/r4/t/Patient/7", reply(401), good)
    assert b'"id":"7"' in await bench.read(session)
    assert [form["grant_type"] for form in bench.authority.forms()] == ["authorization_code", "refresh_token"]
    used = [request.headers["Authorization"] for request in bench.authority.served.seen("/r4/t/Patient/7")]
    assert used == ["Bearer access-1", "Bearer access-2"]
    bench.authority.served.on("/r4/t/Patient/7", reply(401))
    with pytest.raises(GatewayError) as refused:
        await bench.read(session)
    assert refused.value.code == "upstream_unavailable"
    bench.authority.served.on("/r4/t/Patient/7", good)
    bench.authority.clock.pass_by(61)
    assert b'"id":"7"' in await bench.read(session)


async def test_a_refused_refresh_token_ends_the_persons_session(bench: Bench) -> None:
    session = await bench.arrive()
    bench.authority.refuses = lambda form: refusal("invalid_grant")
    bench.authority.clock.pass_by(600)
    for _ in range(2):
        with pytest.raises(NeedAccess, match="session_expired"):
            await bench.read(session)
    assert len(bench.authority.forms()) == 2


async def test_an_ended_session_is_revoked_at_the_source_and_forgotten_here(bench: Bench) -> None:
    session = await bench.arrive()
    bench.authority.served.on("/revoke", reply(200))
    await bench.app.sign_out.end(session)
    assert len(bench.authority.served.seen("/revoke")) == 1
    assert b"token=refresh-1" in bench.authority.served.bodies[-1]
    assert await bench.app.store.grants.get(session.id) is None
    with pytest.raises(NeedAccess, match="session_expired"):
        await bench.read(session)


@pytest.mark.parametrize("status", [400, 503])
async def test_a_source_that_does_not_revoke_keeps_no_session_open(bench: Bench, status: int) -> None:
    session = await bench.arrive()
    bench.authority.served.on("/revoke", reply(status))
    await bench.app.sign_out.end(session)
    assert await bench.app.store.grants.get(session.id) is None


async def test_two_persons_of_one_client_never_share_a_token(bench: Bench) -> None:
    one, two = await bench.arrive(), await bench.arrive()
    await bench.read(one)
    await bench.read(two)
    used = [request.headers["Authorization"] for request in bench.authority.served.seen("/r4/t/Patient/7")]
    assert used == ["Bearer access-1", "Bearer access-2"]


async def test_a_state_is_known_while_its_sign_in_is_under_way_and_stays_good(bench: Bench) -> None:
    begun = await bench.begin()
    assert await bench.app.sign_in.knows(state_of(begun))
    assert not await bench.app.sign_in.knows("forged")
    assert (await bench.come_back(begun)).code is None
    assert not await bench.app.sign_in.knows(state_of(begun))
