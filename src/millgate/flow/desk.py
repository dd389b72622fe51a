"""What sign-ins and sign-outs need of a pathway: its side of the authorization server at which people sign in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from millgate.access.grants import UserGrant
from millgate.access.parties import Registration
from millgate.canonical.exchange import Call
from millgate.errors import GatewayError


class SignedIn(Protocol):
    """What a code brought; see `pathways.sign_in.SignedIn`."""

    @property
    def grant(self) -> UserGrant: ...
    @property
    def patient_id(self) -> str | None: ...
    @property
    def encounter_id(self) -> str | None: ...
    @property
    def user(self) -> str | None: ...
    @property
    def need_patient_banner(self) -> bool | None: ...
    @property
    def tenant_id(self) -> str | None: ...
    @property
    def calls(self) -> Sequence[Call]: ...


class Desk(Protocol):
    """The pathway's side; see `pathways.sign_in.SignInDesk`."""

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
        nonce: str | None,
    ) -> str: ...

    def denial(self, error: str, error_uri: str | None) -> GatewayError: ...

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
        nonce: str | None,
    ) -> SignedIn: ...

    async def revoke(self, registration: Registration, endpoint: str, refresh_token: str, calls: list[Call]) -> None: ...
