"""Every way in which the authorization server refuses a user's app: natural ones, and each known URN on demand."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from millgate.simulator.authorization import ASSERTION_TYPE
from millgate.simulator.clients import Client
from millgate.simulator.oauth_errors import AT_TOKEN, ON_CALLBACK, ON_PAGE
from tests.simulator.conftest import NEVER, Bench, Open, Said
from tests.simulator.person import LAUNCH_URL, REDIRECT, VERIFIER, Person, callback, urn_in, urn_on


def assert_refused(said: Said, status: int, error: str, urn: str) -> None:
    assert (said.status, set(said.json)) == (status, {"error", "error_uri"})
    assert (said.json["error"], urn_in(said.json["error_uri"])) == (error, f"oauth2:token:{urn}")
    assert urlsplit(said.json["error_uri"]).path.rsplit("/", 1)[1] == said.headers["Cerner-Correlation-ID"]


# --- authorize


@pytest.mark.parametrize(
    ("changes", "urn"),
    [
        ({"client_id": None}, "unknown-client"),
        ({"client_id": "nobody"}, "unknown-client"),
        ({"client_id": "elsewhere"}, "unauthorized-client-for-tenant"),
        ({"redirect_uri": REDIRECT + "/"}, "invalid-redirect-uri-trailing-slash"),
        ({"redirect_uri": "/authenticate/callback"}, "redirect-uri-not-absolute"),
        ({"redirect_uri": "https:///callback"}, "redirect-uri-not-absolute"),
        ({"redirect_uri": REDIRECT + "#part"}, "invalid-redirect-uri"),
        ({"redirect_uri": "http://[half"}, "invalid-redirect-uri"),
        ({"redirect_uri": "https://evil.example/callback"}, "redirect-uri-not-registered"),
        ({"redirect_uri": REDIRECT + "?a=b"}, "redirect-uri-not-registered"),
    ],
    ids=str,
)
async def test_errors_about_the_app_or_its_address_stay_on_a_page(
    open_bench: Open, changes: dict[str, str | None], urn: str
) -> None:
    elsewhere = Client("elsewhere", persona="provider", redirect_uris=(REDIRECT,), tenants=frozenset({NEVER}))
    app = Client("app", persona="provider", redirect_uris=(REDIRECT,))
    bench = await open_bench(signed_in=False, clients=(Client("system"), app, elsewhere))
    person = Person(bench, "provider")
    said = await person.ask(**changes)
    assert (said.status, "Location" in said.headers) == (400, False)
    assert urn_on(said.body) == f"oauth2:grant:{urn}"
    assert said.headers["Cerner-Correlation-ID"].encode() in said.body


async def test_one_registration_serves_one_persona(user_bench: Bench) -> None:
    provider, patient = Person(user_bench, "provider"), Person(user_bench, "patient")
    for person, client_id in ((patient, provider.app["client_id"]), (provider, user_bench.report["client_id"])):
        said = await person.ask(client_id=client_id)
        assert (said.status, urn_on(said.body)) == (400, "oauth2:grant:client-persona-mismatch")


async def test_an_unknown_tenant(user_bench: Bench) -> None:
    url = Person(user_bench, "provider").authorize_url.replace(user_bench.tenant, NEVER)
    said = await user_bench.get(url)
    assert (said.status, urn_on(said.body)) == (400, "oauth2:grant:unknown-tenant")


@pytest.mark.parametrize(
    ("changes", "error", "urn"),
    [
        ({"response_type": None}, "invalid_request", "oauth2:grant:invalid-request"),
        ({"response_type": "token"}, "unsupported_response_type", "oauth2:grant:unsupported-response-type"),
        ({"aud": None}, "invalid_request", "smart-v1:grant:launch:audience-required"),
        ({"aud": "https://fhir.example/r4/x"}, "invalid_request", "smart-v1:grant:launch:unknown-resource-server"),
        ({"aud": "{root}/r4/other"}, "invalid_request", "smart-v1:grant:launch:audience-not-white-listed"),
        ({"aud": "{root}/patient/r4/{tenant}"}, "invalid_request", "smart-v1:grant:launch:audience-not-white-listed"),
        ({"aud": "{root}/open/r4/{tenant}"}, "unauthorized_client", "smart-v1:grant:launch:unregistered-service"),
        ({"aud": "{root}/dstu2/{tenant}"}, "invalid_request", "smart-v1:grant:launch:unsupported-version"),
        ({"code_challenge_method": "plain"}, "invalid_request", "oauth2:grant:invalid-request"),
        ({"code_challenge_method": None}, "invalid_request", "oauth2:grant:invalid-request"),
        ({"code_challenge": "short"}, "invalid_request", "oauth2:grant:invalid-request"),
        ({"scope": "launch user/Patient.rs"}, "invalid_request", "smart-v1:grant:launch:launch-code-required"),
        ({"scope": "launch user/Patient.rs", "launch": NEVER}, "invalid_request", "smart-v1:grant:launch:invalid-code"),
        ({"launch": NEVER}, "invalid_request", "oauth2:grant:invalid-request"),
    ],
    ids=str,
)
async def test_other_errors_go_to_the_callback(user_bench: Bench, changes: dict[str, str | None], error: str, urn: str) -> None:
    person = Person(user_bench, "provider")
    if aud := changes.get("aud"):
        changes = {"aud": aud.format(root=user_bench.running.url, tenant=user_bench.tenant)}
    said = await person.ask(**changes)
    assert said.status == 302
    come = callback(said)
    assert come.address == REDIRECT
    assert (set(come.fields), come.fields["state"]) == ({"error", "error_uri", "state"}, "st")
    assert (come.fields["error"], come.urn) == (error, urn)
    query = parse_qs(urlsplit(come.fields["error_uri"]).query)
    assert query == {"client": [person.app["client_id"]], "tenant": [user_bench.tenant], "persona": ["provider"]}


@pytest.mark.parametrize("named", [True, False])
async def test_answers_name_their_server_where_it_says_so(open_bench: Open, named: bool) -> None:
    """Source: RFC 9207, with codes and with errors, at once and at the end of a flow."""
    bench = await open_bench(redirect_uris=(REDIRECT,), callback_issuer=named)
    smart = (await bench.get(f"{bench.fhir}/.well-known/smart-configuration")).json
    assert smart.get("authorization_response_iss_parameter_supported", False) is named
    person = Person(bench, "provider")
    answers = [
        callback(await person.ask(response_type="token")),
        await person.through(await person.ask(), decision="deny"),
        await person.through(await person.ask()),
    ]
    assert [answer.fields.get("iss") for answer in answers] == [smart["issuer"] if named else None] * 3


async def test_a_repeated_parameter(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    said = await user_bench.call(
        "POST", person.authorize_url, data=[*person.parameters().items(), ("scope", "x")], allow_redirects=False
    )
    assert callback(said).urn == "oauth2:grant:invalid-request"


async def test_a_base_with_a_slash_at_its_end_is_the_same_audience(user_bench: Bench) -> None:
    assert (await Person(user_bench, "provider").ask(aud=user_bench.fhir + "/")).status == 200


async def test_the_only_registered_address_may_be_left_out_of_both_calls(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    code = await person.code(redirect_uri=None)
    assert (await person.exchange(code, redirect_uri=None)).status == 200
    assert_refused(await person.exchange(await person.code(redirect_uri=None)), 400, "invalid_grant", "invalid-redirect-uri")


async def test_of_two_registered_addresses_one_has_to_be_named(open_bench: Open) -> None:
    second = "http://127.0.0.1:9/other?kept=1"
    app = Client("app", persona="provider", redirect_uris=(REDIRECT, second))
    bench = await open_bench(signed_in=False, clients=(Client("system"), app))
    person = Person(bench, "provider")
    assert urn_on((await person.ask(redirect_uri=None)).body) == "oauth2:grant:invalid-redirect-uri"
    said = await person.ask(redirect_uri=second, aud=None)
    assert said.headers["Location"].startswith(second + "&error=invalid_request")


async def test_no_state_is_sent_back_when_none_came(user_bench: Bench) -> None:
    come = await Person(user_bench, "provider").through(await Person(user_bench, "provider").ask(state=None))
    assert set(come.fields) == {"code"}


# --- pages


async def test_a_form_is_good_once_and_with_its_own_token(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    page = await person.ask()
    consent = await person.sign_in(page)
    again = await person.sign_in(page)
    assert callback(again).urn == "oauth2:grant:csrf-security-failure"
    gone = await person.fill(consent, decision="allow")
    assert (gone.status, urn_on(gone.body)) == (400, "oauth2:grant:csrf-security-failure")
    forged = await person.sign_in(await person.ask(), csrf_token="forged")
    assert callback(forged).urn == "oauth2:grant:csrf-security-failure"


async def test_a_step_cannot_be_skipped(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    page = await person.ask()
    skipped = Said(page.status, page.headers, page.body.replace(b"/sign-in", b"/consent"))
    assert callback(await person.fill(skipped, decision="allow")).urn == "oauth2:grant:csrf-security-failure"


async def test_a_wrong_password_may_be_corrected_and_the_fifth_ends_it(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    page = await person.ask()
    for _ in range(4):
        page = await person.sign_in(page, password="wrong")
        assert page.status == 401
        assert b"is not right" in page.body
    assert (await person.sign_in(page)).status == 200
    page = await person.ask()
    for _ in range(5):
        page = await person.sign_in(page, password="wrong")
    assert callback(page).urn == "oauth2:grant:denied-by-server"


async def test_a_user_of_another_persona_cannot_sign_in(user_bench: Bench) -> None:
    patient = Person(user_bench, "patient").user
    person = Person(user_bench, "provider")
    said = await person.sign_in(await person.ask(), username=patient["username"], password=patient["password"])
    assert said.status == 401


async def test_the_user_denies(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    come = await person.through(await person.ask(), decision="deny")
    assert (come.fields["error"], come.urn) == ("access_denied", "oauth2:grant:denied-by-user")
    come = await person.through(await person.ask(), decision="perhaps")
    assert come.urn == "oauth2:grant:invalid-request"


async def test_an_abandoned_flow_ends(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    page = await person.ask()
    user_bench.clock[0] += 1801
    assert urn_on((await person.sign_in(page)).body) == "oauth2:grant:csrf-security-failure"


async def test_patients_cannot_ask_for_their_identity_alone(user_bench: Bench) -> None:
    said = await Person(user_bench, "patient").ask(scope="openid fhirUser")
    assert callback(said).urn == "oauth2:grant:denied-by-server"


async def test_what_an_app_or_a_user_sends_is_text_on_the_pages(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    page = await person.sign_in(await person.ask(), username='"><script>alert(1)</script>')
    assert b"<script" not in page.body
    assert b"&lt;script&gt;" in page.body
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


# --- launches


async def launch(bench: Bench, person: Person, **changes: str) -> Said:
    patient = bench.hospital.find_patients(gender="female", limit=1)[0]
    form = {"user": person.user["username"], "patient": patient, "client_id": person.app["client_id"], **changes}
    return await bench.call("POST", bench.report["chart"], data=form, headers={"Accept": "application/json"})


async def test_a_launch_is_for_the_user_who_opened_the_app(user_bench: Bench) -> None:
    first, second = Person(user_bench, "provider"), Person(user_bench, "provider", 1)
    opened = (await launch(user_bench, first)).json["launch"]
    said = await second.sign_in(await second.ask(scope="launch user/Patient.rs", launch=opened))
    assert callback(said).urn == "smart-v1:grant:launch:mismatchted-identity"
    assert callback(said).fields["error"] == "access_denied"


async def test_a_launch_is_good_for_one_authorization_and_ten_minutes(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    asked = {"scope": "launch user/Patient.rs", "launch": (await launch(user_bench, person)).json["launch"]}
    first, second = await person.ask(**asked), await person.ask(**asked)
    assert "code" in (await person.through(first)).fields
    assert (await person.through(second)).urn == "smart-v1:grant:launch:invalid-code"
    late = (await launch(user_bench, person)).json["launch"]
    user_bench.clock[0] += 601
    assert callback(await person.ask(scope="launch", launch=late)).urn == "smart-v1:grant:launch:invalid-code"


async def test_a_launch_of_another_app(user_bench: Bench) -> None:
    patient = Person(user_bench, "patient")
    opened = (await launch(user_bench, patient, patient=patient.user["patient_ids"][0])).json
    assert opened["iss"] == user_bench.report["patient_fhir_base"]
    assert opened["launch_url"].startswith(LAUNCH_URL)
    said = await Person(user_bench, "provider").ask(scope="launch", launch=opened["launch"])
    assert callback(said).urn == "smart-v1:grant:launch:invalid-code"


async def test_what_cannot_be_opened_from_the_chart(user_bench: Bench) -> None:
    provider, patient = Person(user_bench, "provider"), Person(user_bench, "patient")
    for changes in (
        {"patient": "1"},
        {"encounter": "1"},
        {"user": "nobody"},
        {"user": patient.user["username"]},
        {"client_id": "nobody"},
        {"client_id": user_bench.report["client_id"]},
    ):
        said = await launch(user_bench, provider, **changes)
        assert (said.status, list(said.json)) == (400, ["error"]), changes
    stranger = next(i for i in user_bench.hospital.find_patients(gender="male") if i not in patient.user["patient_ids"])
    assert (await launch(user_bench, patient, patient=stranger)).status == 400


# --- the token endpoint


async def test_a_code_is_good_once_and_reuse_takes_back_what_it_bought(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    code = await person.code(scope="user/Patient.rs offline_access")
    bought = (await person.exchange(code)).json
    user_bench.bearer = bought["access_token"]
    assert (await user_bench.get("Patient?family=a")).status == 200
    assert_refused(await person.exchange(code), 400, "invalid_grant", "code:invalid")
    assert (await user_bench.get("Patient?family=a")).status == 401
    said = await person.token(grant_type="refresh_token", refresh_token=bought["refresh_token"])
    assert_refused(said, 400, "invalid_grant", "refresh-token:token-invalid")


@pytest.mark.parametrize("verifier", ["w" * 43, "", None])
async def test_the_verifier_has_to_fit(user_bench: Bench, verifier: str | None) -> None:
    person = Person(user_bench, "provider")
    code = await person.code()
    assert_refused(await person.exchange(code, code_verifier=verifier), 400, "invalid_grant", "code:invalid")
    assert_refused(await person.exchange(code), 400, "invalid_grant", "code:invalid")  # spent by the attempt


async def test_without_a_challenge_there_is_no_verifier(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    plain = {"code_challenge": None, "code_challenge_method": None}
    assert (await person.exchange(await person.code(**plain), code_verifier=None)).status == 200
    assert_refused(await person.exchange(await person.code(**plain)), 400, "invalid_grant", "code:invalid")


async def test_a_code_is_short_lived(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    code = await person.code()
    user_bench.clock[0] += 121
    assert_refused(await person.exchange(code), 400, "invalid_grant", "code:invalid")
    assert_refused(await person.exchange("made up"), 400, "invalid_grant", "code:invalid")


async def test_a_code_of_another_app(user_bench: Bench) -> None:
    provider, patient = Person(user_bench, "provider"), Person(user_bench, "patient")
    code = await provider.code()
    assert_refused(await patient.exchange(code), 400, "invalid_grant", "code:client:mismatch")
    assert (await provider.exchange(code)).status == 200  # a stranger cannot spend it


async def test_a_code_of_another_tenant(open_bench: Open) -> None:
    clients = (Client("system"), Client("app", persona="provider", redirect_uris=(REDIRECT,), secret="known"))
    bench = await open_bench(signed_in=False, clients=clients, tenants=("North", "South"))
    person = Person(bench, "provider")
    person.app["client_secret"] = "known"
    code = await person.code()
    bench.number = 1
    person.app["client_secret"] = "known"
    assert_refused(await person.exchange(code), 400, "invalid_grant", "code:tenant:mismatch")
    bench.number = 0
    assert (await person.exchange(code)).status == 200
    url = bench.token_url.replace(bench.tenant, NEVER)
    said = await bench.call("POST", url, data={"grant_type": "authorization_code", "code": code})
    assert_refused(said, 400, "invalid_grant", "code:tenant-invalid")


async def test_another_redirect_address_at_the_exchange(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    for changed in (REDIRECT + "/", None):
        said = await person.exchange(await person.code(), redirect_uri=changed)
        assert_refused(said, 400, "invalid_grant", "invalid-redirect-uri")


async def test_scopes_that_all_vanish_and_patient_scopes_without_a_patient(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    said = await person.exchange(await person.code(scope="user/*.rs patient/Patient.read system/Patient.rs"))
    assert_refused(said, 400, "invalid_scope", "empty-scopes")
    said = await person.exchange(await person.code(scope="patient/Patient.rs"))
    assert_refused(said, 400, "invalid_scope", "patient-scope-requires-one-patient-id")


async def test_each_persona_has_its_grants(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    said = await person.token(grant_type="client_credentials", scope="system/Patient.rs")
    assert_refused(said, 400, "unsupported_grant_type", "unsupported-grant-type")
    said = await user_bench.ask_token(grant_type="authorization_code", code=await person.code())
    assert_refused(said, 400, "unsupported_grant_type", "unsupported-grant-type")


async def test_a_confidential_app_has_to_prove_itself(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    form = {"grant_type": "authorization_code", "code": await person.code(), "client_id": person.app["client_id"]}
    said = await user_bench.call("POST", user_bench.token_url, data=form)
    assert_refused(said, 400, "invalid_client", "invalid-authorization-header")
    said = await person.exchange(form["code"], client_id="another")
    assert_refused(said, 401, "invalid_client", "invalid-client-credentials")


async def test_an_app_of_users_may_sign_instead(open_bench: Open) -> None:
    key = ECKey.generate_key("P-384", {"kid": "e"})
    app = Client("signer", persona="provider", redirect_uris=(REDIRECT,), jwks=dict(KeySet([key]).as_dict(private=False)))
    bench = await open_bench(signed_in=False, clients=(Client("system"), app))
    person = Person(bench, "provider")
    assert person.app["signs_assertions"] is True
    code = await person.code()

    def claims(number: int) -> str:
        made = {"iss": "signer", "sub": "signer", "aud": bench.token_url, "exp": int(bench.clock[0]) + 60, "jti": str(number)}
        return jwt.encode({"alg": "ES384", "kid": "e"}, made, key, ["ES384"])

    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": claims(1)}
    unproven = await bench.call("POST", bench.token_url, data={**form, "client_id": "signer"})
    assert_refused(unproven, 400, "invalid_client", "invalid-authorization-header")
    assert (await bench.call("POST", bench.token_url, data={**form, **proof})).status == 200
    assert_refused(
        await bench.call("POST", bench.token_url, data={**form, **proof}), 401, "invalid_client", "invalid-client-credentials"
    )


async def test_a_public_app_names_itself_and_no_more(open_bench: Open) -> None:
    app = Client("public", persona="provider", redirect_uris=(REDIRECT,), public=True)
    bench = await open_bench(signed_in=False, clients=(Client("system"), app))
    person = Person(bench, "provider")
    body = await person.arrive(scope="user/Patient.rs offline_access")
    said = await person.token(grant_type="refresh_token", refresh_token=body["refresh_token"])
    assert said.status == 200
    said = await bench.call("POST", bench.token_url, data={"grant_type": "refresh_token", "refresh_token": body["refresh_token"]})
    assert_refused(said, 400, "invalid_client", "invalid-authorization-header")


# --- on demand


@pytest.mark.parametrize("urn", sorted({**ON_PAGE, **ON_CALLBACK, **AT_TOKEN}))
async def test_every_known_urn_on_demand(user_bench: Bench, urn: str) -> None:
    person = Person(user_bench, "provider")
    code = await person.code()
    url = f"{user_bench.running.url}/_simulator/authorization/errors"
    demand = {"urn": f"urn:cerner:error:authorization-server:{urn}", "client": person.app["client_id"]}
    assert (await user_bench.call("POST", url, data=json.dumps(demand))).status == 200
    if urn in AT_TOKEN:
        said = await person.exchange(code)
        assert_refused(said, 401 if urn.endswith("credentials") else 400, AT_TOKEN[urn], urn.removeprefix("oauth2:token:"))
    elif urn in ON_CALLBACK:
        come = callback(await person.ask())
        assert (come.urn, come.fields["error"]) == (urn, ON_CALLBACK[urn])
    else:
        said = await person.ask()
        assert (said.status, urn_on(said.body)) == (400, urn)
    assert (await person.ask()).status == 200
    assert (await person.exchange(await person.code())).status == 200


async def test_only_known_errors_can_be_asked_for(user_bench: Bench) -> None:
    url = f"{user_bench.running.url}/_simulator/authorization"
    for wrong in ({"urn": "oauth2:token:made-up"}, {}, {"urn": "oauth2:token:code:invalid", "count": 0}, []):
        assert (await user_bench.call("POST", f"{url}/errors", data=json.dumps(wrong))).status == 400
    await user_bench.call("POST", f"{url}/errors", data=json.dumps({"urn": "oauth2:grant:server-error", "count": None}))
    assert callback(await Person(user_bench, "provider").ask()).urn == "oauth2:grant:server-error"
    assert (await user_bench.get(url)).json["errors"] == [{"urn": "oauth2:grant:server-error", "count": None}]
    assert (await user_bench.call("DELETE", url)).status == 204
    assert (await Person(user_bench, "provider").ask()).status == 200
    assert (await user_bench.call("POST", f"{url}/nothing")).status == 404
