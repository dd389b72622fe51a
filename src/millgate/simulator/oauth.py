"""The addresses of the authorization server: authorize with its pages, token, revoke, introspect, keys, identity providers.

Introspection is asked at an address without a tenant; the caller proves itself as a client of the tenant whose token it asks about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from millgate.simulator.answers import JSON, Answer, Refused, encode, not_found
from millgate.simulator.authorize_request import FlowRefused, read_request
from millgate.simulator.call import Call
from millgate.simulator.client_authentication import TokenCall, named_client
from millgate.simulator.clients import USER_PERSONAS, Persona
from millgate.simulator.discovery import Addresses
from millgate.simulator.identity import openid_configuration, provider_id
from millgate.simulator.oauth_errors import (
    AT_TOKEN,
    GRANT,
    ON_CALLBACK,
    ON_PAGE,
    URN,
    WRONG_CREDENTIALS,
    OAuthRefused,
    correlation_id,
    oauth_headers,
    refusal,
    token_error,
)
from millgate.simulator.pages import error_page
from millgate.simulator.sign_in import Where, refusal_of
from millgate.simulator.tenant import Tenant

_PROFILE = ("protocols", "oauth2", "profiles", "smart-v1")
_FORM = "application/x-www-form-urlencoded"
_NOBODY = "Sign-in"


def tenant_answer(tenant: Tenant | None, tenant_id: str, call: Call, rest: Sequence[str]) -> Answer:
    """The answer to an address below `/tenants/<tenant>/`."""
    if rest[:1] == ("hosts",) and len(rest) > 2:
        rest = rest[2:]
    match tuple(rest):
        case ("protocols", "oauth2", "profiles", "smart-v1", "token"):
            return _token(tenant, tenant_id, call)
        case ("protocols", "oauth2", "profiles", "smart-v1", "token", "revoke"):
            return _revoke(tenant, tenant_id, call)
        case ("protocols", "oauth2", "profiles", "smart-v1", "personas", persona, "authorize", *below):
            return _authorize(tenant, tenant_id, call, persona, below)
        case ("oidc", "idsps", provider, ".well-known", "openid-configuration") if call.method == "GET" and tenant is not None:
            return _identity_provider(tenant_id, call, provider)
        case ("personas", _, "my-authorizations") if call.method in ("GET", "POST"):
            house = tenant.name if tenant is not None else _NOBODY
            return error_page(house, f"{URN}{GRANT}denied-by-server", correlation_id(None), 403)
    raise not_found()


def form_of(call: Call) -> Mapping[str, str]:
    """The fields of a form body; of a repeated one the first counts, and a body of another media type has none."""
    fields: dict[str, str] = {}
    for name, value in _form_pairs(call):
        fields.setdefault(name, value)
    return fields


def _form_pairs(call: Call) -> list[tuple[str, str]]:
    if call.media_type() != _FORM:
        return []
    try:
        return parse_qsl(call.body.decode(), keep_blank_values=True, max_num_fields=50)
    except (UnicodeDecodeError, ValueError):
        return []


def explained(urn: str, correlation: str) -> Answer:
    """The page at an `error_uri`."""
    name = urn.removeprefix(URN)
    if name not in {**AT_TOKEN, **ON_CALLBACK, **ON_PAGE} or correlation_id(correlation) != correlation:
        raise not_found()
    return error_page(_NOBODY, urn, correlation, 200)


# --- the user flow


def _authorize(tenant: Tenant | None, tenant_id: str, call: Call, persona: str, below: Sequence[str]) -> Answer:
    """`authorize` itself, and below it the steps of a flow: `<flow>` shows where it stands, `<flow>/<step>` takes a form."""
    if call.method not in ("GET", "POST") or len(below) > 2:
        raise not_found()
    known: Persona | None = next((each for each in USER_PERSONAS if each == persona), None)
    if known is None:
        raise not_found()
    authorize = f"{call.origin}/tenants/{tenant_id}/{'/'.join(_PROFILE)}/personas/{known}/authorize"
    where = Where(call.origin, authorize, known, correlation_id(call.header("Cerner-Correlation-ID")))
    try:
        if tenant is None:
            raise FlowRefused(GRANT + "unknown-tenant")
        if not below:
            return _begin(tenant, call, where)
        if len(below) == 1 or call.method == "GET":
            return tenant.sign_in.show(below[0], where)
        return tenant.sign_in.submit(below[0], below[1], form_of(call), where)
    except FlowRefused as refused:
        return tenant.sign_in.refusal(refused, where) if tenant is not None else refusal_of(refused, tenant_id, _NOBODY, where)


def _begin(tenant: Tenant, call: Call, where: Where) -> Answer:
    try:
        pairs = (
            parse_qsl(call.raw_query, keep_blank_values=True, max_num_fields=50) if call.method == "GET" else _form_pairs(call)
        )
    except ValueError as error:
        raise FlowRefused(GRANT + "unknown-client") from error
    call.client = dict(pairs).get("client_id")
    request = read_request(tenant.registry, where.persona, Addresses(call.origin, tenant.tenant_id), pairs)
    return tenant.sign_in.start(request, where)


def _identity_provider(tenant_id: str, call: Call, provider: str) -> Answer:
    persona = next((each for each in USER_PERSONAS if provider_id(tenant_id, each) == provider), None)
    if persona is None:
        raise not_found()
    return Answer(200, encode(openid_configuration(call.origin, tenant_id, persona)), JSON)


# --- the token endpoint


def _token(tenant: Tenant | None, tenant_id: str, call: Call) -> Answer:
    correlation = correlation_id(call.header("Cerner-Correlation-ID"))
    if call.method == "OPTIONS":
        return Answer(200, headers=oauth_headers(correlation))
    if call.method != "POST":
        raise Refused(Answer(405, headers={**oauth_headers(correlation), "Allow": "OPTIONS, POST"}))
    token_call = _token_call(tenant_id, call, correlation)
    if tenant is None:
        brought_code = token_call.form.get("grant_type") == "authorization_code"
        unknown = (
            token_error("code:tenant-invalid") if brought_code else OAuthRefused("invalid_request", GRANT + "unknown-tenant")
        )
        return refusal(unknown, call.origin, tenant_id, correlation, None)
    call.client = named_client(token_call)
    return tenant.authorization.token(token_call)


def _token_call(tenant_id: str, call: Call, correlation: str) -> TokenCall:
    addresses = Addresses(call.origin, tenant_id)
    audiences = frozenset({addresses.token, addresses.legacy_token, call.origin + call.path})
    return TokenCall(form_of(call), call.header("Authorization"), call.origin, audiences, correlation)


def _revoke(tenant: Tenant | None, tenant_id: str, call: Call) -> Answer:
    correlation = correlation_id(call.header("Cerner-Correlation-ID"))
    token_call = _token_call(tenant_id, call, correlation)
    try:
        if tenant is None or call.method != "POST":
            raise OAuthRefused("invalid_request", GRANT + "invalid-request")
        call.client = named_client(token_call)
        tenant.authorization.revoke(token_call)
    except OAuthRefused as refused:
        return refusal(refused, call.origin, tenant_id, correlation, None)
    return Answer(200, headers=oauth_headers(correlation))


def introspect(tenants: Mapping[str, Tenant], call: Call) -> Answer:
    """RFC 7662: what a token of any tenant is good for, told to a client of that tenant only."""
    value, authorization = form_of(call).get("token", ""), call.header("Authorization")
    for tenant in tenants.values():
        token = tenant.authorization.find(value)
        if token is not None and tenant.authorization.is_client(authorization):
            return tenant.authorization.introspect(token)
    if any(tenant.authorization.is_client(authorization) for tenant in tenants.values()):
        return Answer(200, encode({"active": False}), JSON, {"Cache-Control": "no-store"})
    wrong = OAuthRefused(*WRONG_CREDENTIALS)
    return refusal(wrong, call.origin, "", correlation_id(call.header("Cerner-Correlation-ID")), None)
