"""Which scopes the simulated tenant knows, what a client is granted of what it asks for, and what a granted scope permits.

Each persona has its contexts: `system` the one of that name, `provider` and `patient` both `user` and `patient`. The v2 forms are those
that a live tenant advertises, one per resource, also where the simulator does not offer every interaction that the letters name.
Source: the advertised scopes of live hosts, 2026-08; fact sheet section 2.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from millgate.simulator.clients import Client, Persona, Release
from millgate.simulator.dstu2.types import letters as dstu2_letters

V2_FORMS: dict[str, str] = {
    "Account": "rs",
    "AllergyIntolerance": "crus",
    "Appointment": "crus",
    "Binary": "r",
    "CarePlan": "rs",
    "CareTeam": "rs",
    "ChargeItem": "crs",
    "Communication": "crus",
    "Condition": "crus",
    "Consent": "rs",
    "Coverage": "cruds",
    "Device": "rs",
    "DiagnosticReport": "crs",
    "DocumentReference": "crus",
    "Encounter": "crus",
    "FamilyMemberHistory": "crus",
    "Goal": "rs",
    "Immunization": "crus",
    "InsurancePlan": "rs",
    "Location": "rs",
    "MedicationAdministration": "rs",
    "MedicationDispense": "rs",
    "MedicationRequest": "crus",
    "NutritionOrder": "rs",
    "Observation": "crus",
    "Organization": "crs",
    "Patient": "crus",
    "Person": "rs",
    "Practitioner": "crs",
    "Procedure": "crs",
    "Provenance": "crs",
    "Questionnaire": "rs",
    "QuestionnaireResponse": "rus",
    "RelatedPerson": "crus",
    "Schedule": "rs",
    "ServiceRequest": "rs",
    "Slot": "rus",
    "Specimen": "rs",
}
CONTEXTS: dict[Persona, tuple[str, ...]] = {
    "system": ("system",),
    "provider": ("user", "patient"),
    "patient": ("user", "patient"),
}
# What the patients' host does not have. Source: fact sheet 1.1.
NOT_FOR_PATIENTS = frozenset({"Account", "ChargeItem", "Communication"})
# A patient's record holds no places and people of the house: for them there is `user/` alone.
NO_PATIENT_CONTEXT = frozenset({"Location", "Organization", "Practitioner"})
LAUNCH, LAUNCH_PATIENT, OPENID, ONLINE, OFFLINE = "launch", "launch/patient", "openid", "online_access", "offline_access"
IDENTITY = (OPENID, "fhirUser", "profile")
_LETTERS = "cruds"
_V1 = {"read": "rs", "write": "cud"}
_SCOPE = re.compile(r"(?P<context>[a-z]+)/(?P<resource>[A-Za-z]+)\.(?P<permission>[a-z]+)")


def form(persona: Persona, context: str, resource: str, release: Release = "r4") -> str:
    """The letters that a tenant offers a persona for a resource type; empty if it offers none."""
    if context not in CONTEXTS[persona] or (context == "patient" and resource in NO_PATIENT_CONTEXT):
        return ""
    offered = dstu2_letters(resource) if release == "dstu2" else V2_FORMS.get(resource, "")
    if persona != "patient":
        return offered
    if resource in NOT_FOR_PATIENTS:
        return ""
    # no writes, and of Observation a lone `.s`
    return "s" if resource == "Observation" else "r" if offered == "r" else "rs" if offered else ""


def advertised(host: Persona = "provider") -> list[str]:
    """Every scope of a host in both versions, sorted, as smart-configuration lists them; the provider host serves system apps too."""
    personas: tuple[Persona, ...] = ("patient",) if host == "patient" else ("provider", "system")
    listed = {LAUNCH, ONLINE, OFFLINE, *IDENTITY} | ({LAUNCH_PATIENT} if host == "patient" else set())
    for persona in personas:
        for context in CONTEXTS[persona]:
            for resource in V2_FORMS:
                listed |= _both_versions(context, resource, form(persona, context, resource))
    return sorted(listed)


def _both_versions(context: str, resource: str, letters: str) -> set[str]:
    prefix = f"{context}/{resource}."
    made = {prefix + letters, prefix + "read"} if letters else set()
    return made | ({prefix + "write"} if set(letters) & set("cud") else set())


def grant(requested: str, client: Client) -> list[str]:
    """The scopes granted of a blank-separated list, in the order asked for; everything else is dropped without a word.

    Dropped are wildcards, contexts of other personas, unknown resources, letters that are not advertised or not in the order `cruds`,
    every scope of the version (`v1` or `v2`) that the client is not registered for, and `offline_access` unless its type of access
    is offline.
    """
    return [scope for scope in dict.fromkeys(requested.split()) if _is_special(scope, client) or permitted_letters(scope, client)]


def _is_special(scope: str, client: Client) -> bool:
    if client.persona == "system":
        return False
    if scope == OFFLINE:
        return client.offline
    if scope == LAUNCH_PATIENT:
        return client.persona == "patient"
    return scope in (LAUNCH, ONLINE, *IDENTITY)


def permitted_letters(scope: str, client: Client) -> str:
    """The letters of c, r, u, d, s that a scope stands for; empty if the tenant does not know it so for this client."""
    match = _SCOPE.fullmatch(scope)
    offered = form(client.persona, match["context"], match["resource"], client.release) if match is not None else ""
    if match is None or not offered:
        return ""
    permission = match["permission"]
    if client.smart_version == "v1":
        searched = offered.replace("s", "rs") if "r" not in offered else offered  # `.read` is whole where v2 has a lone `.s`
        return "".join(letter for letter in _V1.get(permission, "") if letter in searched)
    ordered = "".join(letter for letter in _LETTERS if letter in permission)
    return permission if permission == ordered and set(permission) <= set(offered) else ""


def permitting(granted: Iterable[str], client: Client, resource: str, letter: str) -> set[str]:
    """The contexts (`system`, `user`, `patient`) in which granted scopes allow one interaction on a resource type."""
    return {
        context
        for scope in granted
        for context in CONTEXTS[client.persona]
        if scope.startswith(f"{context}/{resource}.") and letter in permitted_letters(scope, client)
    }
