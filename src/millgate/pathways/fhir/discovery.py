"""What a tenant's server says of itself, out of its smart-configuration and its CapabilityStatement (in DSTU2: Conformance).

Source: SMART App Launch 2.2 §5 (conformance), FHIR R4 CapabilityStatement, FHIR DSTU2 Conformance; Millennium fact sheet §1.2, §2.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from millgate.canonical.json import decode
from millgate.errors import CallOperator, FixMessage

OAUTH_URIS: Final = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


@dataclass(frozen=True, slots=True)
class Release:
    """A release of FHIR: what it is called, the type and version of its servers' statements, and its media type."""

    title: str
    statement: str
    version: str  # as `fhirVersion` begins
    media_type: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """A tenant's endpoints, scopes and capabilities. A server without authorization has no `token_endpoint`."""

    fhir_base: str
    token_endpoint: str | None
    authorization_endpoint: str | None
    revocation_endpoint: str | None
    scopes_supported: tuple[str, ...]
    auth_methods: tuple[str, ...]
    signing_algorithms: tuple[str, ...]
    capabilities: tuple[str, ...]
    interactions: Mapping[str, frozenset[str]]  # by resource type: read, search-type, create, patch …
    search_parameters: Mapping[str, frozenset[str]]
    software: str | None
    fetched_at: datetime
    issuer: str | None = None
    code_challenge_methods: tuple[str, ...] = ()
    names_issuer: bool = False  # whether answers at the callback say which authorization server gives them (RFC 9207)

    def offers(self, resource_type: str, interaction: str) -> bool:
        """Whether the statement lists the interaction for the resource type."""
        return interaction in self.interactions.get(resource_type, frozenset())


def read_discovery(release: Release, fhir_base: str, smart: bytes | None, metadata: bytes, fetched_at: datetime) -> Discovery:
    """The discovery of both documents; `smart` is None where the server has none.

    Raises CallOperator `upstream_error` if the statement is none, or is not of the release.
    """
    statement = _object(metadata, release.statement)
    version = str(statement.get("fhirVersion", ""))
    if statement.get("resourceType") != release.statement or not version.startswith(release.version):
        raise CallOperator(
            "upstream_error",
            f"The address does not answer with a {release.statement} of {release.title}; check the tenant's base.",
        )
    configuration = _object(smart, "smart-configuration") if smart is not None else {}
    rest = next((part for part in _dicts(statement.get("rest"))), {})
    uris = _oauth_uris(rest)
    return Discovery(
        fhir_base=fhir_base,
        token_endpoint=_text(configuration.get("token_endpoint")) or uris.get("token"),
        authorization_endpoint=_text(configuration.get("authorization_endpoint")) or uris.get("authorize"),
        revocation_endpoint=_text(configuration.get("revocation_endpoint")) or uris.get("revoke"),
        scopes_supported=_texts(configuration.get("scopes_supported")),
        auth_methods=_texts(configuration.get("token_endpoint_auth_methods_supported")),
        signing_algorithms=_texts(configuration.get("token_endpoint_auth_signing_alg_values_supported")),
        capabilities=_texts(configuration.get("capabilities")),
        interactions=_by_type(rest, "interaction", "code"),
        search_parameters=_by_type(rest, "searchParam", "name"),
        software=_text(statement.get("title")) or _text(statement.get("name")),
        fetched_at=fetched_at,
        issuer=_text(configuration.get("issuer")),
        code_challenge_methods=_texts(configuration.get("code_challenge_methods_supported")),
        names_issuer=configuration.get("authorization_response_iss_parameter_supported") is True,
    )


def _object(body: bytes, title: str) -> dict[str, Any]:
    try:
        decoded = decode(body)
    except FixMessage as error:
        raise CallOperator("upstream_error", f"The source's {title} cannot be read; check the tenant's base.") from error
    if not isinstance(decoded, dict):
        raise CallOperator("upstream_error", f"The source's {title} is not a JSON object; check the tenant's base.")
    return decoded


def _by_type(rest: Mapping[str, Any], member: str, name: str) -> dict[str, frozenset[str]]:
    return {
        str(resource["type"]): frozenset(
            str(item[name]) for item in _dicts(resource.get(member)) if isinstance(item.get(name), str)
        )
        for resource in _dicts(rest.get("resource"))
        if isinstance(resource.get("type"), str)
    }


def _oauth_uris(rest: Mapping[str, Any]) -> dict[str, str]:
    """The endpoints in the CapabilityStatement's extension, for servers that have no smart-configuration."""
    security = rest.get("security")
    for extension in _dicts(security.get("extension") if isinstance(security, dict) else None):
        if extension.get("url") == OAUTH_URIS:
            parts = _dicts(extension.get("extension"))
            return {str(part.get("url")): part["valueUri"] for part in parts if isinstance(part.get("valueUri"), str)}
    return {}


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
