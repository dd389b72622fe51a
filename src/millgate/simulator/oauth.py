"""The addresses of the authorization server: token, revoke, introspect, keys, and the user flow, which is closed.

Introspection is asked at an address without a tenant; the caller proves itself as a client of the tenant whose token it asks about.
Revocation succeeds and does nothing: access tokens cannot be revoked, and there are no refresh tokens here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import parse_qsl

from joserfc.jwk import ECKey

from millgate.simulator.answers import JSON, Answer, Refused, encode, not_found
from millgate.simulator.authorization import WRONG_CREDENTIALS, OAuthRefused, TokenCall, correlation_id, oauth_headers, refusal
from millgate.simulator.call import Call
from millgate.simulator.discovery import Addresses
from millgate.simulator.tenant import Tenant

_PROFILE = ("protocols", "oauth2", "profiles", "smart-v1")
_FORM = "application/x-www-form-urlencoded"
_HTML = "text/html; charset=utf-8"


def tenant_answer(tenant: Tenant | None, tenant_id: str, call: Call, rest: Sequence[str]) -> Answer:
    """The answer to an address below `/tenants/<tenant>/`."""
    if rest[:1] == ("hosts",) and len(rest) > 2:
        rest = rest[2:]
    if tuple(rest) == (*_PROFILE, "token"):
        return _token(tenant, tenant_id, call)
    if tuple(rest) == (*_PROFILE, "token", "revoke"):
        return _revoke(tenant, tenant_id, call)
    if tuple(rest[-1:]) in (("authorize",), ("my-authorizations",)) and call.method in ("GET", "POST"):
        return _closed(tenant_id)
    raise not_found()


def form_of(call: Call) -> Mapping[str, str]:
    """The fields of a form body; of a repeated one the first counts, and a body of another media type has none."""
    if call.media_type() != _FORM:
        return {}
    fields: dict[str, str] = {}
    try:
        pairs = parse_qsl(call.body.decode(), keep_blank_values=True, max_num_fields=50)
    except (UnicodeDecodeError, ValueError):
        return {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return fields


def _token(tenant: Tenant | None, tenant_id: str, call: Call) -> Answer:
    correlation = correlation_id(call.header("Cerner-Correlation-ID"))
    if call.method == "OPTIONS":
        return Answer(200, headers=oauth_headers(correlation))
    if call.method != "POST":
        raise Refused(Answer(405, headers={**oauth_headers(correlation), "Allow": "OPTIONS, POST"}))
    addresses = Addresses(call.origin, tenant_id)
    if tenant is None:
        unknown = OAuthRefused("invalid_request", "oauth2:grant:unknown-tenant")
        return refusal(unknown, call.origin, tenant_id, correlation, None)
    form = form_of(call)
    audiences = frozenset({addresses.token, addresses.legacy_token, call.origin + call.path})
    token_call = TokenCall(form, call.header("Authorization"), call.origin, audiences, correlation)
    call.client = tenant.authorization.named_client(token_call)
    return tenant.authorization.token(token_call)


def _revoke(tenant: Tenant | None, tenant_id: str, call: Call) -> Answer:
    correlation = correlation_id(call.header("Cerner-Correlation-ID"))
    try:
        if tenant is None or call.method != "POST":
            raise OAuthRefused("invalid_request", "oauth2:grant:invalid-request")
        tenant.authorization.by_basic(call.header("Authorization"))
    except OAuthRefused as refused:
        return refusal(refused, call.origin, tenant_id, correlation, None)
    return Answer(200, headers=oauth_headers(correlation))


def introspect(tenants: Mapping[str, Tenant], call: Call) -> Answer:
    """RFC 7662: what a token of any tenant is good for, told to a client of that tenant only."""
    value, authorization = form_of(call).get("token", ""), call.header("Authorization")
    for tenant in tenants.values():
        token = tenant.authorization.find(value)
        if token is not None and _is_client(tenant, authorization):
            return tenant.authorization.introspect(token)
    if any(_is_client(tenant, authorization) for tenant in tenants.values()):
        return Answer(200, encode({"active": False}), JSON, {"Cache-Control": "no-store"})
    wrong = OAuthRefused(*WRONG_CREDENTIALS)
    return refusal(wrong, call.origin, "", correlation_id(call.header("Cerner-Correlation-ID")), None)


def _is_client(tenant: Tenant, authorization: str | None) -> bool:
    try:
        tenant.authorization.by_basic(authorization)
    except OAuthRefused:
        return False
    return True


def _closed(tenant_id: str) -> Answer:
    page = f"<html><body><h1>denied-by-server</h1><p>Tenant {escape(tenant_id)} has no user sign-in here.</p></body></html>"
    return Answer(403, page.encode(), _HTML)


def signing_keys(now: datetime) -> list[ECKey]:
    """New public signing keys named like live ones. Nothing is signed with them: access tokens here are opaque."""
    stamp = now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}"
    return [
        ECKey.generate_key(curve, {"kid": f"{stamp}.ec.{name}"}, private=False)
        for curve, name in (("P-256", "es256"), ("P-384", "es384"))
    ]


def key_set(keys: Sequence[ECKey]) -> Answer:
    shown: list[dict[str, Any]] = [dict(key.as_dict(private=False)) for key in keys]
    return Answer(200, encode({"keys": shown}), JSON)
