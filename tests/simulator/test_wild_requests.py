"""Whatever an app sends to `authorize`: a request in order, or a known error, and never an address that is not registered. Pure."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from millgate.simulator import scopes
from millgate.simulator.authorize_request import FlowRefused, Registry, read_request
from millgate.simulator.clients import USER_PERSONAS, Client, Persona
from millgate.simulator.demands import Demands
from millgate.simulator.discovery import Addresses
from millgate.simulator.launches import Launches
from millgate.simulator.oauth_errors import ON_CALLBACK, ON_PAGE
from millgate.simulator.pages import told_scopes
from millgate.simulator.sign_in import Where, refusal_of

ADDRESSES = Addresses("https://host", "t")
REGISTERED = ("https://app.example/callback", "https://app.example/other?kept=1", "app:/callback")
CLIENTS = [
    Client("system"),
    Client("p", persona="provider", redirect_uris=REGISTERED),
    Client("old", persona="provider", smart_version="v1", redirect_uris=REGISTERED[:1]),
    Client("q", persona="patient", redirect_uris=REGISTERED[1:2], offline=False),
]
REGISTRY = Registry("t", CLIENTS, frozenset({"elsewhere"}), Launches(lambda: 0.0), Demands())
ADVERTISED = sorted({*scopes.advertised("provider"), *scopes.advertised("patient")})
SCOPES = st.lists(
    st.sampled_from(ADVERTISED)
    | st.text(max_size=8)
    | st.from_regex(r"(user|patient|system)/[A-Z]?[a-z*]*\.[a-z]*", fullmatch=True)
)
VALUES = {
    "client_id": st.sampled_from(["p", "old", "q", "system", "elsewhere", "nobody"]),
    "redirect_uri": st.sampled_from(
        [*REGISTERED, REGISTERED[0] + "/", "https://evil.example", "//evil.example", "javascript:alert(1)"]
    ),
    "response_type": st.sampled_from(["code", "token"]),
    "aud": st.sampled_from([ADDRESSES.fhir, ADDRESSES.fhir + "/", ADDRESSES.patient_fhir, ADDRESSES.open, "https://x"]),
    "scope": SCOPES.map(" ".join),
    "state": st.text(max_size=5),
    "launch": st.just("no such launch"),
    "code_challenge": st.just("c" * 43) | st.text(max_size=44),
    "code_challenge_method": st.sampled_from(["S256", "plain"]),
}
PAIRS = st.lists(
    st.one_of(*(st.tuples(st.just(name), value | st.text(max_size=12)) for name, value in VALUES.items())), max_size=12
)
USUAL = st.fixed_dictionaries({"client_id": VALUES["client_id"], "response_type": st.just("code"), "scope": VALUES["scope"]}).map(
    lambda fields: list(fields.items())
)


@given(USUAL, PAIRS, st.sampled_from(USER_PERSONAS))
def test_a_wild_request(usual: list[tuple[str, str]], more: list[tuple[str, str]], persona: Persona) -> None:
    where = Where("https://host", ADDRESSES.authorize(persona), persona, "00000000-0000-4000-8000-000000000000")
    try:
        request = read_request(REGISTRY, persona, ADDRESSES, [*usual, *more])
    except FlowRefused as refused:
        assert refused.urn in (ON_PAGE if refused.redirect_uri is None else ON_CALLBACK)
        answer = refusal_of(refused, "t", "House", where)
        if answer.status == 302:
            assert answer.headers["Location"].startswith(REGISTERED)
            assert not set("\r\n") & set(answer.headers["Location"])
            assert dict(parse_qsl(urlsplit(answer.headers["Location"]).query))["error"] == ON_CALLBACK[refused.urn]
        else:
            assert answer.status == 400
        return
    assert request.client.persona == persona
    assert request.redirect_uri in request.client.redirect_uris
    assert request.launch is None
    assert scopes.LAUNCH not in request.scopes


@given(SCOPES.map(" ".join), st.sampled_from(CLIENTS))
def test_what_is_granted_is_asked_for_and_of_the_clients_own_kind(asked: str, client: Client) -> None:
    granted = scopes.grant(asked, client)
    assert set(granted) <= set(asked.split())
    assert scopes.grant(" ".join(granted), client) == granted
    contexts = {scope.partition("/")[0] for scope in granted if "/" in scope and scope != scopes.LAUNCH_PATIENT}
    assert contexts <= set(scopes.CONTEXTS[client.persona])
    assert not [scope for scope in granted if client.persona == "patient" and scopes.permitted_letters(scope, client).strip("rs")]
    assert all(told_scopes(granted, client))
