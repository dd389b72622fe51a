"""What the doctor makes of what it saw: each finding says what was seen, what that means, and what to do. No I/O.

Source of the thresholds: SMART App Launch 2.2 §4.1.2 (assertions live five minutes at most; the gateway's live four);
Millennium fact sheet §2.2, §2.3, §2.5, §2.6 and §10.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol
from urllib.parse import urlsplit

from millgate.access.addresses import LOOPBACK, is_private
from millgate.access.parties import Persona, Registration
from millgate.errors import GatewayError, TryLater

Result = Literal["ok", "warning", "failed", "skipped"]

SKEW_SEEN: Final = timedelta(seconds=10)
SKEW_REFUSED: Final = timedelta(seconds=60)
CERTIFICATE_ENDS_SOON: Final = timedelta(days=21)
SHOWN: Final = 12
PORTAL: Final = "Changes at the vendor's portal take about 15 minutes to act."


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's: never a secret, never anything of a patient."""

    check: str
    result: Result
    saw: str
    means: str = ""
    do: str = ""

    def as_json(self) -> dict[str, str]:
        """Its members, all of them."""
        return {"check": self.check, "result": self.result, "saw": self.saw, "means": self.means, "do": self.do}


class Tls(Protocol):
    """How a server's TLS looked."""

    @property
    def host(self) -> str: ...

    @property
    def version(self) -> str | None: ...

    @property
    def not_after(self) -> datetime | None: ...

    @property
    def problem(self) -> str | None: ...

    @property
    def untrusted(self) -> bool: ...


def of_retired(
    tenant: str, registration: Registration | None, orders: Mapping[str, Sequence[str]], offered: Mapping[str, str]
) -> Finding | None:
    """Where a tenant still relies on DSTU2 (registered, or in an order), or None. `offered`: its types, and what R4 gives instead."""
    ordered = [name for name, pathways in orders.items() if "fhir-dstu2" in pathways]
    if registration is None and not ordered:
        return None
    told = [f"registered by DSTU2 at {registration.fhir_base}"] if registration is not None else []
    told += [f"DSTU2 is in the order for {', '.join(ordered)}"] if ordered else []
    same = ", ".join(kind for kind, instead in offered.items() if kind == instead)
    instead = [f"{instead} in place of {kind}" for kind, instead in offered.items() if kind != instead]
    undo = [f"`millgate tenants order {tenant} {name} default`" for name in ordered]
    return Finding(
        "dstu2",
        "warning",
        "; ".join(told),
        "the vendor has retired DSTU2: what comes by it alone may end without notice",
        "; ".join([f"go over to R4, which gives {same} by the same names", *instead, *undo]) + ".",
    )


def of_address(fhir_base: str, private_allowed: bool) -> Finding:
    """Whether the address itself is one that calls may go to."""
    parts = urlsplit(fhir_base)
    host = parts.hostname or ""
    if host in LOOPBACK:
        return Finding("address", "ok", f"{fhir_base}, on this machine", "a simulator or a proxy here; plain http is fine")
    if parts.scheme == "http":
        told = "tokens and charts cross a network in the clear" if private_allowed else "the gateway refuses to call it"
        return Finding("address", "warning" if private_allowed else "failed", f"{fhir_base} is plain http", told, "Use https.")
    if is_private(host):
        means = "allowed, as it was added with --allow-private-address" if private_allowed else "not allowed for this tenant"
        do = "" if private_allowed else "Add the tenant again with --allow-private-address, if that is meant."
        return Finding("address", "ok" if private_allowed else "failed", f"{host} is a private address", means, do)
    return Finding("address", "ok", fhir_base)


def of_tls(seen: Tls, now: datetime) -> Finding:
    """What the handshake with one host came to."""
    check = f"tls {seen.host}"
    if seen.untrusted:
        means = "this machine does not trust it: it has expired, is for another name, or something in between replaces it"
        do = "Look at the certificate from this machine; if a proxy of your own ends TLS, add its authority to the trust store."
        return Finding(check, "failed", f"certificate not accepted: {seen.problem}", means, do)
    if seen.problem or seen.version is None:
        do = "Check name resolution, firewall and proxy rules from this machine to that host and port."
        return Finding(check, "failed", f"no TLS: {seen.problem}", "the gateway cannot speak to this host at all", do)
    if seen.not_after is None:
        return Finding(check, "ok", seen.version)
    left = seen.not_after - now
    saw = f"{seen.version}, certificate good until {seen.not_after:%Y-%m-%d}"
    if left < CERTIFICATE_ENDS_SOON:
        return Finding(
            check, "warning", saw, f"it ends in {left.days} days; after that nothing works", "Tell whoever runs that host."
        )
    return Finding(check, "ok", saw)


def of_clock(server_time: datetime | None, asked_at: datetime) -> Finding:
    """How the server's clock stands to ours; a `Date` header is exact to a second."""
    if server_time is None:
        return Finding("clock", "skipped", "the server's answer has no Date header", "its clock cannot be compared")
    skew = server_time - asked_at
    seconds = abs(skew.total_seconds())
    side = "ahead of" if skew > timedelta() else "behind"
    if abs(skew) < SKEW_SEEN:
        return Finding("clock", "ok", f"the server's clock is within {int(seconds) + 1} s of ours")
    saw = f"the server's clock is {seconds:.0f} s {side} ours"
    do = "Check this machine's time synchronisation (NTP) first; if it is right, tell whoever runs the server."
    if abs(skew) < SKEW_REFUSED:
        return Finding("clock", "warning", saw, "signed assertions and token life still work, with less margin", do)
    means = "signed assertions may be refused as expired or not yet valid, and tokens may die earlier than they seem to"
    return Finding("clock", "failed", saw, means, do)


def of_discovery(texts: Mapping[str, str], scopes: int, resources: Iterable[str], base: str) -> list[Finding]:
    """What the two documents came to."""
    types = sorted(resources)
    found = [Finding("discovery metadata", "ok", f"a CapabilityStatement of FHIR R4 with {len(types)} resource types")]
    if "smart-configuration" in texts:
        found.append(Finding("discovery smart-configuration", "ok", f"{scopes} scopes"))
        return found
    means = f"{base} may be an open server; without it there is no token endpoint and there are no scopes"
    do = "Use the tenant's secure base (at Millennium, fhir-ehr.cerner.com, not fhir-open.cerner.com)."
    return [*found, Finding("discovery smart-configuration", "failed", "the server has none (404)", means, do)]


def of_unreachable(check: str, error: GatewayError) -> Finding:
    """The server could not be asked."""
    means = "nothing else can be looked at until this works"
    do = "Check the address, and that this machine reaches it: DNS, firewall, proxy, TLS."
    if not isinstance(error, TryLater):
        do = "Compare the base with what the health system gave you: host, version (r4) and tenant id; no trailing parts."
    return Finding(check, "failed", _said(error), means, do)


def of_token(registration: Registration, scopes: Sequence[str], expires_in: float) -> Finding:
    """A token came."""
    how = "a signed assertion" if registration.method == "private_key_jwt" else "the client secret"
    saw = f"a token for {registration.client_id}, by {how}, good for {expires_in:.0f} s, with {len(scopes)} scopes"
    return Finding(f"{registration.persona} token", "ok", saw)


def of_refused_token(registration: Registration, error: GatewayError) -> Finding:
    """No token came; the detail says in plain words what the authorization server's own code means."""
    check = f"{registration.persona} token"
    name, persona = registration.tenant, registration.persona
    outcome = (error.upstream.outcome if error.upstream else None) or ""
    if isinstance(error, TryLater):
        return Finding(
            check, "failed", _said(error), "the authorization server did not answer as it should", "Try again in a minute."
        )
    if "invalid_client" in outcome and registration.method == "private_key_jwt":
        do = (
            f"Register the public key with the vendor (key id {registration.key_id}; the gateway serves it at "
            f"/.well-known/jwks.json), and check the client id. {PORTAL}"
        )
        return Finding(check, "failed", _said(error), "the client id is unknown, or its key is not the one registered", do)
    if "invalid_client" in outcome:
        do = f"Check the client id; set the secret anew: `millgate tenants rotate-secret {name} --persona {persona} --secret-stdin`. {PORTAL}"
        return Finding(check, "failed", _said(error), "the client id is unknown, or the secret is not the one registered", do)
    if "invalid_scope" in outcome or "empty-scopes" in outcome:
        do = "Compare the scopes of the registration with what is asked for; see the line about scope forms."
        return Finding(check, "failed", _said(error), "the registration holds none of the scopes that were asked for", do)
    do = f"Ask the health system whether the app is enabled in its tenant, for the {persona} persona. {PORTAL}"
    return Finding(check, "failed", _said(error), "the authorization server does not let this registration in", do)


def of_scope_form(registration: Registration, counts: Mapping[str, int], works: str | None) -> Finding:
    """Which form of scopes the tenant advertises, and which the registration takes. `works`: the form that brought data scopes."""
    check = f"{registration.persona} scope form"
    mine = registration.scope_form
    saw = f"the tenant advertises {counts['v1']} v1 and {counts['v2']} v2 scopes for this persona; the registration is kept as {mine}"
    if works is None or works == mine:
        if counts[mine]:
            return Finding(check, "ok", saw)
        do = "Ask the vendor which form the app is registered for, and add the registration again with that --scopes."
        return Finding(check, "failed", saw, f"nothing can be asked for in {mine}", do)
    means = f"an app is registered for one form, and the other is dropped silently: this one is registered for {works}"
    again = f"`millgate tenants register {registration.tenant} --persona {registration.persona} … --scopes {works}`"
    do = f"Say so to the gateway: {again}."
    return Finding(check, "failed", f"{saw}; {works} scopes are granted, {mine} scopes are not", means, do)


def of_granted(persona: Persona, asked: Sequence[str], granted: Sequence[str]) -> Finding:
    """What was asked for against what came."""
    missing = sorted(set(asked) - set(granted))
    check = f"{persona} scopes"
    if not missing:
        return Finding(check, "ok", f"all {len(asked)} scopes that were asked for are granted")
    shown = ", ".join(missing[:SHOWN]) + (f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else "")
    means = "the registration does not hold them: calls that need them fail with `scope_narrowed`, all others work"
    do = f"If they are needed, have them added to the app at the vendor and approved by the health system. {PORTAL}"
    return Finding(check, "warning", f"{len(asked) - len(missing)} of {len(asked)} granted; missing: {shown}", means, do)


def of_call(persona: Persona, resource_type: str, error: GatewayError | None) -> Finding:
    """What a read of a record that cannot be there came to; `not_found` is the good answer."""
    check = f"{persona} call {resource_type}"
    if error is None or error.code == "not_found":
        return Finding(check, "ok", "a read of a record that is not there is answered as it should be")
    if isinstance(error, TryLater):
        return Finding(
            check, "warning", _said(error), "the call was let in or not; the server did not say", "Try again in a minute."
        )
    if error.code == "scope_narrowed" and "list of allowed resources" in error.detail:
        means = "the scope was granted, and a second list, kept at the tenant's portal, still forbids the resource"
        do = f"Ask the health system to allow {resource_type} for this app (at Millennium: the system account's allowed resources). {PORTAL}"
        return Finding(check, "failed", _said(error), means, do)
    do = "Quote the request id to the vendor." if error.upstream and error.upstream.request_id else "Ask the vendor."
    return Finding(check, "failed", _said(error), "the scope was granted, and the call is refused all the same", do)


def of_sign_in(registration: Registration, smart: Mapping[str, Any], authorization_endpoint: str | None) -> list[Finding]:
    """What can be seen of a persona whose users sign in, without one who does."""
    persona = registration.persona
    check = f"{persona} sign-in"
    if authorization_endpoint is None:
        do = "Check the base: patients have a host of their own at Millennium (fhir-myrecord.cerner.com; `tenants register --url`)."
        return [Finding(check, "failed", "the server names no authorization endpoint", "nobody can sign in", do)]
    found = [
        Finding(
            check,
            "skipped",
            f"the registration {registration.client_id} is kept, and the server names an authorization endpoint",
            "whether it lets users in shows only when one signs in",
            f'Open `POST /authenticate` with {{"persona": "{persona}"}}, and sign in at the address that it answers.',
        )
    ]
    if "S256" not in (smart.get("code_challenge_methods_supported") or ()):
        means = "the gateway sends one all the same; a server that knows none ignores it"
        found.append(Finding(f"{persona} pkce", "ok", "the server does not advertise PKCE S256", means))
    else:
        found.append(Finding(f"{persona} pkce", "ok", "the server takes PKCE S256"))
    return found


def of_offline_access(persona: Persona, advertised: bool, held: int, offline: int) -> Finding:
    """What `offline_access` came to: of `held` sessions whose tokens are kept, `offline` hold it."""
    check = f"{persona} offline_access"
    if not advertised:
        means = "sessions end when their users' do; they have to sign in again"
        return Finding(check, "ok", "the server does not advertise it", means)
    if offline:
        return Finding(check, "ok", f"{offline} of {held} sessions hold it; their tokens are renewed without the user")
    if held:
        means = "either it was not asked for, or it was dropped since the app's type of access is not Offline at the vendor"
        do = "Ask for `offline_access` in POST /authenticate; if it comes back in `denied_scopes`, have the type of access changed."
        return Finding(check, "warning", f"none of {held} sessions holds it", means, do)
    return Finding(
        check, "skipped", "no user has a session now", "it shows only when a user has signed in", "Sign in once, and ask again."
    )


def _said(error: GatewayError) -> str:
    """The error in one line, with the id under which the vendor finds it."""
    request_id = error.upstream.request_id if error.upstream else None
    return error.detail + (f" (request id {request_id})" if request_id else "")
