"""What the tenant says of itself in DSTU2: a Conformance, with the addresses of its authorization server on the secure surface.

There is no smart-configuration: it came after DSTU2. Source: the vendor's published Conformance (secure and open), whose words and
date are kept; listed is what the simulator offers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millgate.simulator.discovery import Addresses
from millgate.simulator.dstu2.types import SEARCH_ONLY
from millgate.simulator.search.rules import SearchRule

_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_SECURITY_SERVICE = "http://hl7.org/fhir/restful-security-service"
_OPERATIONS = (
    (
        "autogen-ccd-if",
        "https://fhir-ehr.cerner.com/dstu2/OperationDefinition/binary-autogen-ccd-if",
        "Generate Continuity of Care Document (CCD)",
    ),
    ("docref", "http://fhir.org/guides/argonaut/OperationDefinition/docref", "Argonaut Get DocumentReferences"),
)


def conformance(addresses: Addresses, base: str, rules: Mapping[str, SearchRule], *, secure: bool) -> dict[str, Any]:
    """The statement of one surface."""
    return {
        "resourceType": "Conformance",
        "text": {"status": "generated", "div": "<div>Generated Conformance Statement</div>"},
        "url": f"{base}/metadata",
        "name": "Cerner Conformance Statement",
        "status": "draft",
        "publisher": "Cerner",
        "date": "2017-02-28",
        "description": "Describes capabilities of this server",
        "kind": "instance",
        "fhirVersion": "1.0.2",
        "acceptUnknown": "no",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "All the functionality defined in FHIR",
                "security": _security(addresses) if secure else {"cors": True},
                "resource": [{"type": "Conformance", "interaction": [{"code": "read"}]}, *map(_resource, rules.values())],
                "operation": [
                    {"name": name, "definition": {"reference": reference, "display": display}}
                    for name, reference, display in _OPERATIONS
                ],
            }
        ],
    }


def _security(addresses: Addresses) -> dict[str, Any]:
    uris = {"token": addresses.legacy_token, "authorize": addresses.authorize("provider")}
    return {
        "extension": [{"url": _OAUTH_URIS, "extension": [{"url": name, "valueUri": uri} for name, uri in uris.items()]}],
        "cors": True,
        "service": [
            {
                "coding": [{"system": _SECURITY_SERVICE, "code": "SMART-on-FHIR"}],
                "text": "OAuth2 using SMART-on-FHIR profile (see http://docs.smarthealthit.org/).",
            }
        ],
        "description": "OAuth2 plus SMART extensions",
    }


def _resource(rule: SearchRule) -> dict[str, Any]:
    codes = [*([] if rule.resource_type in SEARCH_ONLY else ["read"]), *(["search-type"] if rule.searchable else [])]
    resource: dict[str, Any] = {"type": rule.resource_type, "interaction": [{"code": code} for code in codes]}
    if rule.includes:
        resource["searchInclude"] = [include.value for include in rule.includes]
    if rule.parameters:
        resource["searchParam"] = [{"name": p.name, "type": p.kind, "documentation": p.about} for p in rule.parameters]
    return resource
