"""A person signs in at the source's authorization server: where to send the browser, and what its answer brings.

Authorization code with PKCE S256. The id token is checked against the identity provider's published keys.
Source: SMART App Launch 2.2 §2, RFC 7636, OpenID Connect Core §3.1.3.7; Millennium fact sheet §2.4.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from millgate.access.grants import UserGrant
from millgate.access.parties import Registration
from millgate.canonical.exchange import Call
from millgate.canonical.json import decode
from millgate.errors import CallOperator, FixMessage, GatewayError, NeedAccess, TryLater, Upstream
from millgate.pathways.credentials import Credentials
from millgate.pathways.http import Answer, Transport
from millgate.pathways.oauth_errors import explain, shown_uri, urn_of
from millgate.pathways.tokens import AccessToken, prove, read_token, refusal_of

ID_TOKEN_ALGORITHMS: Final = ["RS256", "RS384", "ES256", "ES384"]  # never none, never one with a shared secret
LEEWAY: Final = timedelta(seconds=60)
KEYS_LIFE: Final = timedelta(hours=1)
BETWEEN_REFRESHES: Final = timedelta(minutes=1)
MOST_KEY_SETS: Final = 1_000


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What the token endpoint gave for a code: the grant, the launch context, and who signed in."""

    grant: UserGrant
    patient_id: str | None
    encounter_id: str | None
    user: str | None  # Practitioner/…, Patient/… or Person/…, from the id token's fhirUser or the proprietary `user`
    need_patient_banner: bool | None
    tenant_id: str | None
    calls: tuple[Call, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class _Expected:
    """Whom an id token has to be for, and from."""

    client_id: str
    issuer: str | None
    fhir_base: str
    nonce: str | None = field(repr=False)


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier. Source: RFC 7636 §4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")


class SignInDesk:
    """Exchanges codes, checks id tokens and revokes refresh tokens at the tenants' authorization servers."""

    def __init__(
        self,
        transport: Transport,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        credentials: Credentials | None = None,
    ) -> None:
        self._transport = transport
        self._now = now
        self._credentials = credentials or Credentials(now)
        self._keys: dict[str, tuple[datetime, KeySet]] = {}

    def authorization_url(
        self,
        endpoint: str,
        *,
        client_id: str,
        redirect_uri: str,
        scopes: tuple[str, ...],
        state: str,
        verifier: str,
        audience: str,
        launch: str | None,
        nonce: str | None = None,
    ) -> str:
        """Where to send the browser."""
        parameters = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes),
            "state": state,
            "aud": audience,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        } | {name: value for name, value in (("launch", launch), ("nonce", nonce)) if value is not None}
        separator = "&" if urlsplit(endpoint).query else "?"
        return f"{endpoint}{separator}{urlencode(parameters)}"

    def denial(self, error: str, error_uri: str | None) -> GatewayError:
        """What an error at the callback means, in plain words, with the vendor's own id of it."""
        urn = urn_of(error_uri)
        word = error[:64] if error.replace("_", "").isalpha() else "error"
        said = explain(urn) or "The source did not let the person in, or the person did not allow it."
        outcome = " ".join(part for part in (word, urn) if part)
        return NeedAccess(
            "scope_narrowed",
            f"The sign-in was refused ({outcome}). {said}",
            upstream=Upstream(None, _instance(error_uri), outcome, shown_uri(error_uri)),
        )

    async def exchange(
        self,
        registration: Registration,
        *,
        endpoint: str,
        code: str,
        redirect_uri: str,
        verifier: str,
        asked: tuple[str, ...],
        issuer: str | None,
        fhir_base: str,
        nonce: str | None = None,
    ) -> SignedIn:
        """What the code brings. Raises CallOperator("upstream_error") with the server's reason, or NeedAccess for a bad id token."""
        calls: list[Call] = []
        now = self._now()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": registration.client_id,
            "code_verifier": verifier,
        }

        async def attempt(one: Registration) -> tuple[AccessToken, Answer]:
            answer = await self._redeem(one, endpoint, form, calls)
            return read_token(answer, asked, now), answer

        try:
            token, answer = await self._credentials.use(registration, attempt)
            members = _members(answer.body)
            expected = _Expected(registration.client_id, issuer, fhir_base, nonce)
            user = await self._user(members, expected, calls)
        except GatewayError as error:
            error.calls = tuple(calls)
            raise
        # A code's token is no refresh: where the source takes it back at once, the first refresh need not wait for its minute.
        grant = UserGrant(
            token.value, _text(members.get("refresh_token")), token.scopes, token.expires_at, now - BETWEEN_REFRESHES
        )
        return SignedIn(
            grant=grant,
            patient_id=_text(members.get("patient")),
            encounter_id=_text(members.get("encounter")),
            user=user,
            need_patient_banner=_flag(members.get("need_patient_banner")),
            tenant_id=_text(members.get("tenant")),
            calls=tuple(calls),
        )

    async def _redeem(self, registration: Registration, endpoint: str, form: Mapping[str, str], calls: list[Call]) -> Answer:
        proven = dict(form)
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        prove(registration, endpoint, self._now(), str(uuid.uuid4()), proven, headers)
        return await self._transport.request(
            "POST",
            endpoint,
            within=endpoint,
            calls=calls,
            resource_type="token",
            headers=headers,
            body=urlencode(proven).encode(),
        )

    async def revoke(self, registration: Registration, endpoint: str, refresh_token: str, calls: list[Call]) -> None:
        """Tell the source that a refresh token is not used any more; the exchanges are appended to `calls`. Source: RFC 7009.

        Raises CallOperator with the server's reason where it does not take that; a token that it does not know is no error there.
        """

        async def attempt(one: Registration) -> None:
            await self._revoke_by(one, endpoint, refresh_token, calls)

        await self._credentials.use(registration, attempt)

    async def _revoke_by(self, registration: Registration, endpoint: str, refresh_token: str, calls: list[Call]) -> None:
        form = {"token": refresh_token, "token_type_hint": "refresh_token", "client_id": registration.client_id}
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        prove(registration, endpoint, self._now(), str(uuid.uuid4()), form, headers)
        answer = await self._transport.request(
            "POST",
            endpoint,
            within=endpoint,
            calls=calls,
            resource_type="revoke",
            headers=headers,
            body=urlencode(form).encode(),
            repeatable=True,
        )
        if answer.status >= 400:
            raise refusal_of(answer, self._now(), "a revocation")

    async def _user(self, members: Mapping[str, Any], expected: _Expected, calls: list[Call]) -> str | None:
        """Who signed in: the checked id token's fhirUser; without an id token, the proprietary member as it came."""
        id_token = _text(members.get("id_token"))
        if id_token is None:
            return _text(members.get("user"))
        claims = await self._claims(id_token, expected, calls)
        fhir_user = _text(claims.get("fhirUser")) or _text(claims.get("profile"))
        if fhir_user is None:
            return _text(members.get("user"))
        prefix = expected.fhir_base.rstrip("/") + "/"
        return fhir_user.removeprefix(prefix) if fhir_user.startswith(prefix) else "/".join(fhir_user.split("/")[-2:])

    async def _claims(self, id_token: str, expected: _Expected, calls: list[Call]) -> Mapping[str, Any]:
        """The id token's claims, if it is signed by a key of its identity provider, for us, now, and under this tenant's issuer."""
        named, issuer = _unchecked_issuer(id_token), expected.issuer
        if issuer is None or named is None or not _under(named, issuer):
            raise _bad("it was issued by another authorization server than the tenant's")
        checked = await self._signed(id_token, named, issuer, calls)
        now = self._now()
        audience = checked.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if checked.get("iss") != named or expected.client_id not in audiences:
            raise _bad("it is for another application")
        if len(audiences) > 1 and checked.get("azp") != expected.client_id:
            raise _bad("it is for several applications and was not asked for by this one")
        expires, issued = _moment(checked.get("exp")), _moment(checked.get("iat"))
        if expires is None or expires <= now - LEEWAY:
            raise _bad("it has expired; compare this machine's clock with the source's")
        if issued is None or issued > now + LEEWAY:  # Source: OpenID Connect Core §2, both are required
            raise _bad("it was issued in the future; compare this machine's clock with the source's")
        # Whether Millennium gives it back is not known; the code itself is bound by PKCE. One that comes has to be ours.
        if checked.get("nonce") not in (None, expected.nonce):
            raise _bad("it is of another sign-in")
        return checked

    async def _signed(self, id_token: str, named: str, issuer: str, calls: list[Call]) -> Mapping[str, Any]:
        """The claims under a signature by a key of the identity provider, whose keys rotate about every two days."""
        known = self._keys.get(named)
        if known is not None and self._now() < known[0] + KEYS_LIFE:
            try:
                return jwt.decode(id_token, known[1], algorithms=ID_TOKEN_ALGORITHMS).claims
            except (JoseError, ValueError, TypeError):
                pass  # it may be by a key that is newer than what is known
        keys = await self._fetch_keys(named, issuer, calls)
        try:
            return jwt.decode(id_token, keys, algorithms=ID_TOKEN_ALGORITHMS).claims
        except (JoseError, ValueError, TypeError) as error:
            raise _bad("its signature is not by a key of its identity provider") from error

    async def _fetch_keys(self, named: str, issuer: str, calls: list[Call]) -> KeySet:
        """The identity provider's keys as they are now; remembered for an hour."""
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(issuer))
        configuration = await self._document(named.rstrip("/") + "/.well-known/openid-configuration", issuer, calls)
        if str(configuration.get("issuer", "")).rstrip("/") != named.rstrip("/"):  # OpenID Connect Discovery §4.3
            raise _bad("its identity provider's document is another one's")
        address = _text(configuration.get("jwks_uri"))
        if address is None:
            raise _bad("its identity provider publishes no keys")
        try:
            keys = KeySet.import_key_set(await self._document(address, origin, calls))  # type: ignore[arg-type]
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise _bad("its identity provider's keys cannot be read") from error
        if len(self._keys) >= MOST_KEY_SETS:
            self._keys.clear()
        self._keys[named] = (self._now(), keys)
        return keys

    async def _document(self, url: str, within: str, calls: list[Call]) -> Mapping[str, Any]:
        answer = await self._transport.request(
            "GET", url, within=within, calls=calls, resource_type="keys", headers={"Accept": "application/json"}
        )
        if answer.status != 200:
            raise TryLater("upstream_unavailable", "The identity provider's keys cannot be fetched.")
        return _members(answer.body)


def _unchecked_issuer(id_token: str) -> str | None:
    """The issuer that an id token claims, before anything of it is believed: it only says which keys to hold it against."""
    parts = id_token.split(".")
    if len(parts) != 3 or len(id_token) > 16_384:
        return None
    try:
        claims = decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, FixMessage):
        return None
    return _text(claims.get("iss")) if isinstance(claims, dict) else None


def _under(named: str, issuer: str) -> bool:
    """Whether an identity provider is the tenant's own: the issuer of its smart-configuration, or an address under it."""
    root = issuer.rstrip("/")
    return named.rstrip("/") == root or (named.startswith(root + "/") and ".." not in named)


def _members(body: bytes) -> Mapping[str, Any]:
    try:
        decoded = decode(body)
    except FixMessage as error:
        raise CallOperator("upstream_error", "The authorization server's answer cannot be read.") from error
    return decoded if isinstance(decoded, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _moment(value: object) -> datetime | None:
    """A NumericDate; None if it is none, or lies beyond all calendars."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _bad(reason: str) -> NeedAccess:
    return NeedAccess("invalid_session", f"The sign-in is refused: the source's id token cannot be trusted, for {reason}.")


def _instance(error_uri: str | None) -> str | None:
    """The correlation id in an `error_uri`. Source: Millennium fact sheet §2.6."""
    try:
        path = urlsplit(error_uri or "").path
    except ValueError:
        return None
    _, found, instance = path.rpartition("/instances/")
    return instance[:64] if found and instance else None
