"""What an app asks for at `authorize`, held against its registration: the first thing that is wrong is the error that it gets.

Not known from public sources, chosen here: the order of the checks, and which URN says that `aud` is the open base
(`unregistered-service`), a base of the retired version (`unsupported-version`), another address of this host
(`audience-not-white-listed`) or of another host (`unknown-resource-server`); a launch without its scope, a repeated parameter and a
challenge of another method than S256 are `invalid-request`; identity alone is `denied-by-server` for patients.
Source: fact sheet sections 2.3, 2.4, 2.6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from millgate.simulator import scopes
from millgate.simulator.clients import USER_PERSONAS, Client, Persona
from millgate.simulator.demands import Demands
from millgate.simulator.discovery import Addresses
from millgate.simulator.launches import Launch, Launches
from millgate.simulator.oauth_errors import GRANT, LAUNCH, ON_PAGE

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class AuthorizeRequest:
    """A request that may be put to the user. `sent_redirect_uri` is None if the app sent none."""

    client: Client
    redirect_uri: str
    sent_redirect_uri: str | None
    state: str | None
    scopes: tuple[str, ...]
    launch: Launch | None
    challenge: str | None
    nonce: str | None


class FlowRefused(Exception):
    """An error of the user flow: on a page if `redirect_uri` is None, at the app's redirect address otherwise."""

    def __init__(self, urn: str, redirect_uri: str | None = None, state: str | None = None, client: str | None = None) -> None:
        super().__init__(urn)
        self.urn, self.redirect_uri, self.state, self.client = urn, redirect_uri, state, client


@dataclass(frozen=True, slots=True)
class Registry:
    """What a request is held against. `elsewhere` are apps that are registered, but not enabled in this tenant."""

    tenant: str
    clients: Sequence[Client]
    elsewhere: frozenset[str]
    launches: Launches
    demands: Demands


def read_request(
    registry: Registry, persona: Persona, addresses: Addresses, pairs: Iterable[tuple[str, str]]
) -> AuthorizeRequest:
    """The request in the parameters of an authorize call; FlowRefused with the first error."""
    fields: dict[str, str] = {}
    repeated = False
    for name, value in pairs:
        repeated |= name in fields
        fields.setdefault(name, value)
    client = _client(registry, persona, fields.get("client_id"))
    sent = fields.get("redirect_uri") or None
    redirect_uri, state = _redirect_uri(client, sent), fields.get("state")

    def refuse(urn: str) -> FlowRefused:
        return FlowRefused(urn, None if urn in ON_PAGE else redirect_uri, state, client.client_id)

    if (demanded := registry.demands.take(registry.tenant, client.client_id, at_token=False)) is not None:
        raise refuse(demanded)
    if repeated or not fields.get("response_type"):
        raise refuse(GRANT + "invalid-request")
    if fields["response_type"] != "code":
        raise refuse(GRANT + "unsupported-response-type")
    if (urn := _wrong_audience(persona, addresses, fields.get("aud"))) is not None:
        raise refuse(urn)
    challenge = fields.get("code_challenge")
    if not _is_challenge(challenge, fields.get("code_challenge_method")):
        raise refuse(GRANT + "invalid-request")
    granted = tuple(scopes.grant(fields.get("scope", ""), client))
    if persona == "patient" and granted and set(granted) <= set(scopes.IDENTITY):
        raise refuse(GRANT + "denied-by-server")
    launch = None
    if launch_id := fields.get("launch"):
        if scopes.LAUNCH not in granted:
            raise refuse(GRANT + "invalid-request")
        launch = registry.launches.find(launch_id, client.client_id)
        if launch is None:
            raise refuse(LAUNCH + "invalid-code")
    elif scopes.LAUNCH in granted:
        raise refuse(LAUNCH + "launch-code-required")
    return AuthorizeRequest(client, redirect_uri, sent, state, granted, launch, challenge, fields.get("nonce"))


def _client(registry: Registry, persona: Persona, client_id: str | None) -> Client:
    if not any(client.persona in USER_PERSONAS for client in registry.clients):
        raise FlowRefused(GRANT + "tenant-not-configured", client=client_id)
    client = next((client for client in registry.clients if client.client_id == client_id), None)
    if client is None:
        name = "unauthorized-client-for-tenant" if client_id in registry.elsewhere else "unknown-client"
        raise FlowRefused(GRANT + name, client=client_id)
    if client.persona != persona:
        raise FlowRefused(GRANT + "client-persona-mismatch", client=client_id)
    return client


def _redirect_uri(client: Client, sent: str | None) -> str:
    """The address to answer at: the one sent if it is registered, letter by letter; the only registered one if none was sent."""
    if sent is None:
        if len(client.redirect_uris) == 1:
            return client.redirect_uris[0]
        raise FlowRefused(GRANT + "invalid-redirect-uri", client=client.client_id)
    if sent in client.redirect_uris:
        return sent
    try:
        parts = urlsplit(sent)
    except ValueError:
        raise FlowRefused(GRANT + "invalid-redirect-uri", client=client.client_id) from None
    if not parts.scheme or (parts.scheme in ("http", "https") and not parts.netloc):
        name = "redirect-uri-not-absolute"
    elif parts.fragment:
        name = "invalid-redirect-uri"
    elif sent.rstrip("/") in {uri.rstrip("/") for uri in client.redirect_uris}:
        name = "invalid-redirect-uri-trailing-slash"
    else:
        name = "redirect-uri-not-registered"
    raise FlowRefused(GRANT + name, client=client.client_id)


def _wrong_audience(persona: Persona, addresses: Addresses, audience: str | None) -> str | None:
    """The URN that says what is wrong with `aud`; None if it is the persona's own base, with or without a slash at its end."""
    if not audience:
        return LAUNCH + "audience-required"
    base = audience.rstrip("/")
    if base == (addresses.patient_fhir if persona == "patient" else addresses.fhir):
        return None
    if base == addresses.open:
        return LAUNCH + "unregistered-service"
    if base.startswith(f"{addresses.origin}/dstu2/"):
        return LAUNCH + "unsupported-version"
    return LAUNCH + ("audience-not-white-listed" if base.startswith(addresses.origin + "/") else "unknown-resource-server")


def _is_challenge(challenge: str | None, method: str | None) -> bool:
    if challenge is None:
        return method is None
    return method == "S256" and _CHALLENGE.fullmatch(challenge) is not None
