"""What the tenant says of itself: the CapabilityStatement of each surface and the smart-configuration of the secure ones.

Source: captures of 2026-05 (open) and 2026-08 (provider and patient host). Only what the simulator offers is listed, on the
patients' host without the types that it does not have. `batch` is listed as live, and as live it takes next to nothing.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal
from urllib.parse import urlsplit

from millgate.simulator import scopes
from millgate.simulator.clients import Persona
from millgate.simulator.search.rules import Parameter, SearchRule
from millgate.simulator.search.table import RULES

_DESCRIPTION = "Oracle Health implementation of FHIR on top of Millennium"
_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_SECURITY_SERVICE = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_PROFILE = "protocols/oauth2/profiles/smart-v1"

Surface = Literal["ehr", "open", "patient"]
_EITHER_HOST = (
    "authorize-post",
    "launch-ehr",
    "launch-standalone",
    "client-public",
    "client-confidential-asymmetric",
    "client-confidential-symmetric",
    "sso-openid-connect",
    "context-banner",
    "context-style",
    "context-ehr-patient",
    "permission-patient",
    "permission-user",
    "permission-offline",
    "permission-online",
    "permission-v1",
    "permission-v2",
)
_OWN: dict[Persona, str] = {"provider": "context-ehr-encounter", "patient": "context-standalone-patient"}

WRITES: dict[str, tuple[str, ...]] = {"Appointment": ("create", "patch"), "Slot": ("patch",)}


class Addresses:
    """The absolute addresses of one tenant, below the address at which the simulator was called."""

    def __init__(self, origin: str, tenant: str) -> None:
        self.origin = origin
        self.fhir = f"{origin}/r4/{tenant}"
        self.open = f"{origin}/open/r4/{tenant}"
        self.patient_fhir = f"{origin}/patient/r4/{tenant}"
        self.dstu2 = f"{origin}/dstu2/{tenant}"
        self.dstu2_open = f"{origin}/open/dstu2/{tenant}"
        self.issuer = f"{origin}/tenants/{tenant}"
        self.token = f"{self.issuer}/hosts/{urlsplit(origin).netloc}/{_PROFILE}/token"
        self.legacy_token = f"{self.issuer}/{_PROFILE}/token"
        self.revoke = f"{self.legacy_token}/revoke"
        self.introspect = f"{origin}/tokeninfo"
        self.jwks = f"{origin}/jwk"

    def base(self, surface: Surface) -> str:
        """The FHIR base of a surface."""
        return {"ehr": self.fhir, "open": self.open, "patient": self.patient_fhir}[surface]

    def authorize(self, persona: Persona) -> str:
        return f"{self.issuer}/{_PROFILE}/personas/{persona}/authorize"

    def manage(self, persona: Persona) -> str:
        return f"{self.issuer}/personas/{persona}/my-authorizations"


def smart_configuration(addresses: Addresses, host: Persona, *, names_issuer: bool = False) -> dict[str, Any]:
    """The smart-configuration of the provider or the patient host; `names_issuer`: it says that callbacks carry `iss`."""
    return {
        "issuer": addresses.issuer,
        "authorization_endpoint": addresses.authorize(host),
        "token_endpoint": addresses.token,
        "revocation_endpoint": addresses.revoke,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
        "jwks_uri": addresses.jwks,
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "scopes_supported": scopes.advertised(host),
        "response_types_supported": ["code"],
        "management_endpoint": addresses.manage(host),
        "introspection_endpoint": addresses.introspect,
        "capabilities": [*_EITHER_HOST, _OWN[host]],
        "code_challenge_methods_supported": ["S256"],
        **({"authorization_response_iss_parameter_supported": True} if names_issuer else {}),
    }


def capability_statement(addresses: Addresses, today: date, surface: Surface) -> dict[str, Any]:
    """The statement of one surface. Its date is today's, whenever it is asked for."""
    base = addresses.base(surface)
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{base}/metadata",
        "name": "OracleHealthCapabilityStatement",
        "title": "Oracle Health Capability Statement",
        "status": "active",
        "date": today.isoformat(),
        "publisher": "Oracle Health",
        "description": _DESCRIPTION,
        "kind": "instance",
        "instantiates": ["http://hl7.org/fhir/us/core/CapabilityStatement/us-core-server"],
        "implementation": {"description": _DESCRIPTION, "url": base},
        "fhirVersion": "4.0.1",
        "format": ["json", "application/fhir+json"],
        "patchFormat": ["application/json-patch+json"],
        "rest": [
            {
                "mode": "server",
                "documentation": _DESCRIPTION,
                "security": {"cors": True}
                if surface == "open"
                else _security(addresses, "patient" if surface == "patient" else "provider"),
                "resource": _resources(surface),
                "interaction": [{"code": "batch", "documentation": "Implemented per the specification"}],
            }
        ],
    }


def _security(addresses: Addresses, host: Persona) -> dict[str, Any]:
    uris = {
        "token": addresses.token,
        "revoke": addresses.revoke,
        "authorize": addresses.authorize(host),
        "manage": addresses.manage(host),
        "introspect": addresses.introspect,
    }
    return {
        "extension": [{"extension": [{"valueUri": uri, "url": name} for name, uri in uris.items()], "url": _OAUTH_URIS}],
        "cors": True,
        "service": [
            {
                "coding": [{"system": _SECURITY_SERVICE, "code": "SMART-on-FHIR"}],
                "text": "OAuth2 using SMART-on-FHIR profile (see http://docs.smarthealthit.org/).",
            }
        ],
        "description": "OAuth2 plus SMART extensions",
    }


def _resources(surface: Surface) -> list[dict[str, Any]]:
    shown = [rule for name, rule in RULES.items() if offers(surface, name)]
    return [_resource(rule, writable=surface == "ehr") for rule in shown]


def offers(surface: Surface, resource_type: str) -> bool:
    """Whether a surface has a resource type."""
    return resource_type in RULES and not (surface == "patient" and resource_type in scopes.NOT_FOR_PATIENTS)


def _resource(rule: SearchRule, *, writable: bool) -> dict[str, Any]:
    writes = WRITES.get(rule.resource_type, ()) if writable else ()
    searches = ("search-type",) if rule.searchable else ()
    resource: dict[str, Any] = {
        "type": rule.resource_type,
        "interaction": [{"code": code} for code in ("read", *searches, *writes)],
    }
    if not rule.searchable:
        return resource
    if rule.includes:
        resource["searchInclude"] = [include.value for include in rule.includes]
    if rule.revincludes:
        resource["searchRevInclude"] = list(rule.revincludes)
    resource["searchParam"] = [_search_parameter(parameter) for parameter in rule.parameters if parameter.advertised]
    return resource


def _search_parameter(parameter: Parameter) -> dict[str, str]:
    definition = {"definition": parameter.definition} if parameter.definition else {}
    return {"name": parameter.name, **definition, "type": parameter.kind, "documentation": parameter.about}
