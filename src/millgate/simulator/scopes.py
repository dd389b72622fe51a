"""Which scopes the simulated tenant knows, what a client is granted of what it asks for, and what a granted scope permits.

Only the system context: the one grant that the simulator offers is `client_credentials`. The v2 forms are those that a live tenant
advertises, one per resource, also where the simulator does not offer every interaction that the letters name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

CONTEXT = "system"

# Source: the advertised scopes of a live provider host, 2026-08. Provenance has no endpoint here; `_revinclude` asks for its scope.
V2_FORMS: dict[str, str] = {
    "Appointment": "crus",
    "DiagnosticReport": "crs",
    "Encounter": "crus",
    "Location": "rs",
    "Observation": "crus",
    "Organization": "crs",
    "Patient": "crus",
    "Practitioner": "crs",
    "Provenance": "crs",
    "Schedule": "rs",
    "Slot": "rus",
}
_LETTERS = "cruds"
_V1 = {"read": "rs", "write": "cud"}
_SCOPE = re.compile(r"(?P<context>[a-z]+)/(?P<resource>[A-Za-z]+)\.(?P<permission>[a-z]+)")


def advertised() -> list[str]:
    """Every scope of the tenant in both versions, sorted, as smart-configuration lists them."""
    scopes = []
    for resource, form in V2_FORMS.items():
        scopes += [f"{CONTEXT}/{resource}.{form}", f"{CONTEXT}/{resource}.read"]
        if set(form) & set("cud"):
            scopes.append(f"{CONTEXT}/{resource}.write")
    return sorted(scopes)


def grant(requested: str, version: str) -> list[str]:
    """The scopes granted of a blank-separated list, in the order asked for; everything else is dropped without a word.

    Dropped are wildcards, other contexts, unknown resources, letters that are not advertised or not in the order `cruds`, and every
    scope of the version (`v1` or `v2`) that the client is not registered for.
    """
    return [scope for scope in dict.fromkeys(requested.split()) if permitted_letters(scope, version)]


def permitted_letters(scope: str, version: str) -> str:
    """The letters of c, r, u, d, s that a scope stands for in a SMART version; empty if the tenant does not know it so."""
    match = _SCOPE.fullmatch(scope)
    if match is None or match["context"] != CONTEXT or match["resource"] not in V2_FORMS:
        return ""
    form, permission = V2_FORMS[match["resource"]], match["permission"]
    if version == "v1":
        return "".join(letter for letter in _V1.get(permission, "") if letter in form)
    ordered = "".join(letter for letter in _LETTERS if letter in permission)
    return permission if permission == ordered and set(permission) <= set(form) else ""


def permits(granted: Iterable[str], version: str, resource: str, letter: str) -> bool:
    """Whether granted scopes allow one interaction (c, r, u, d or s) on a resource type."""
    prefix = f"{CONTEXT}/{resource}."
    return any(scope.startswith(prefix) and letter in permitted_letters(scope, version) for scope in granted)
