"""The errors of the authorization server: the vendor's URNs, the RFC's word for each, and how the token endpoint says them.

Source: fact sheet section 2.6. Not known from public sources, chosen here: which RFC word goes with which URN where it is not plain
from its name, and that errors about the client, its redirect address or the tenant stay on a page of the server.
"""

from __future__ import annotations

import uuid
from urllib.parse import quote, urlencode

from millgate.simulator.answers import JSON, Answer, encode

URN = "urn:cerner:error:authorization-server:"
GRANT, TOKEN, LAUNCH = "oauth2:grant:", "oauth2:token:", "smart-v1:grant:launch:"
_HEADERS = {
    "Access-Control-Allow-Headers": "Content-Type, Authorization, Accept, Cerner-Correlation-Id",
    "Access-Control-Allow-Methods": "OPTIONS, POST",
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-store",
    "Expect-CT": "enforce, max-age=30",
    "Pragma": "no-cache",
    "Server": "cloud_authorization_server1",
}
# Errors that are told on a page: there is no address that could be trusted with them.
ON_PAGE: dict[str, str] = {
    GRANT + "unknown-client": "unauthorized_client",
    GRANT + "invalid-redirect-uri": "invalid_request",
    GRANT + "invalid-redirect-uri-trailing-slash": "invalid_request",
    GRANT + "redirect-uri-not-absolute": "invalid_request",
    GRANT + "redirect-uri-not-registered": "invalid_request",
    GRANT + "unknown-tenant": "invalid_request",
    GRANT + "tenant-not-configured": "unauthorized_client",
    GRANT + "unauthorized-client-for-tenant": "unauthorized_client",
    GRANT + "client-persona-mismatch": "unauthorized_client",
}
ON_CALLBACK: dict[str, str] = {
    GRANT + "invalid-request": "invalid_request",
    GRANT + "unsupported-response-type": "unsupported_response_type",
    GRANT + "csrf-security-failure": "invalid_request",
    GRANT + "denied-by-server": "access_denied",
    GRANT + "denied-by-user": "access_denied",
    GRANT + "invalid-patient-id": "invalid_request",
    GRANT + "authorized-representative-server-error": "server_error",
    GRANT + "server-error": "server_error",
    LAUNCH + "audience-required": "invalid_request",
    LAUNCH + "audience-not-white-listed": "invalid_request",
    LAUNCH + "launch-code-required": "invalid_request",
    LAUNCH + "invalid-code": "invalid_request",
    LAUNCH + "unknown-resource-server": "invalid_request",
    LAUNCH + "mismatchted-identity": "access_denied",
    LAUNCH + "unsupported-version": "invalid_request",
    LAUNCH + "unregistered-service": "unauthorized_client",
    LAUNCH + "unspecified": "server_error",
}
AT_TOKEN: dict[str, str] = {
    TOKEN + "unsupported-grant-type": "unsupported_grant_type",
    TOKEN + "invalid-redirect-uri": "invalid_grant",
    TOKEN + "empty-scopes": "invalid_scope",
    TOKEN + "terminated-client": "invalid_client",
    TOKEN + "code:invalid": "invalid_grant",
    TOKEN + "code:client:mismatch": "invalid_grant",
    TOKEN + "code:tenant:mismatch": "invalid_grant",
    TOKEN + "code:tenant-terminated": "invalid_grant",
    TOKEN + "code:tenant-invalid": "invalid_grant",
    TOKEN + "invalid-authorization-header": "invalid_client",
    TOKEN + "invalid-client-credentials": "invalid_client",
    TOKEN + "patient-scope-requires-one-patient-id": "invalid_scope",
    TOKEN + "refresh-token:token-invalid": "invalid_grant",
    TOKEN + "refresh-token:session-invalid": "invalid_grant",
    TOKEN + "refresh-token:tenant-terminated": "invalid_grant",
}


class OAuthRefused(Exception):
    """One OAuth error: the RFC's word, the vendor's URN behind it (without the common prefix), the status."""

    def __init__(self, error: str, urn: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.urn, self.status = error, urn, status


WRONG_CREDENTIALS = ("invalid_client", TOKEN + "invalid-client-credentials", 401)
BAD_HEADER = ("invalid_client", TOKEN + "invalid-authorization-header", 400)


def token_error(name: str) -> OAuthRefused:
    """The error of the token endpoint with the given last part of its URN, as in `code:invalid`."""
    urn = TOKEN + name
    return OAuthRefused(AT_TOKEN[urn], urn, 401 if urn == WRONG_CREDENTIALS[1] else 400)


def oauth_headers(correlation_id: str) -> dict[str, str]:
    return {**_HEADERS, "Cerner-Correlation-ID": correlation_id}


def error_uri(urn: str, root: str, correlation_id: str, *, client: str | None, tenant: str | None, persona: str | None) -> str:
    """The address that explains an error to people; its last segment is the correlation id."""
    named = {"client": client, "tenant": tenant, "persona": persona}
    query = urlencode({name: value for name, value in named.items() if value})
    return f"{root}/errors/{quote(URN + urn, safe='')}/instances/{correlation_id}?{query}"


def refusal(refused: OAuthRefused, root: str, tenant: str, correlation_id: str, client_id: str | None) -> Answer:
    """The JSON error of the token endpoint. The id at the end of `error_uri` is the correlation id of the headers."""
    uri = error_uri(refused.urn, root, correlation_id, client=client_id, tenant=tenant, persona=None)
    return Answer(refused.status, encode({"error": refused.error, "error_uri": uri}), JSON, oauth_headers(correlation_id))


def correlation_id(sent: str | None) -> str:
    """The caller's correlation id if it is a UUID, a new one otherwise."""
    try:
        return str(uuid.UUID(sent)) if sent else str(uuid.uuid4())
    except ValueError:
        return str(uuid.uuid4())
