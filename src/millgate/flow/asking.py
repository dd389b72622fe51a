"""What a sign-in asks the source for: the wish, what client and tenant allow of it, and the exact strings."""

from __future__ import annotations

from collections.abc import Sequence

from millgate.access.parties import Client, Persona, Registration
from millgate.access.scopes import ScopeSet, expand, of_form, translate
from millgate.errors import NeedAccess
from millgate.flow.authenticate import of_persona, read_scopes

# What a sign-in asks for besides data, where the tenant advertises it. Source: SMART App Launch 2.2 §3.0.
ALWAYS = ("openid", "fhirUser")
LAUNCH, LAUNCH_PATIENT = "launch", "launch/patient"
ONLINE, OFFLINE = "online_access", "offline_access"


def scopes_to_ask(
    client: Client,
    registration: Registration,
    persona: Persona,
    scopes: Sequence[str] | None,
    supported: Sequence[str],
    launch: str | None,
) -> tuple[ScopeSet, ScopeSet, tuple[str, ...]]:
    """What is wanted, what of it the client may have, and the exact strings to ask for."""
    advertised = of_form(supported, registration.scope_form)
    ceiling = ScopeSet.parse(client.scopes)
    given = of_persona(ceiling, persona) if scopes is None else read_scopes(scopes, persona)
    if scopes is None and persona == "provider" and launch is None:
        # Nobody picks a patient outside of a chart, and the source refuses `patient/` scopes without one.
        given = ScopeSet(frozenset(atom for atom in given.atoms if atom.context == "user"))
    wanted = expand(ScopeSet(given.atoms), advertised)
    allowed = wanted.intersect(ceiling)
    if not allowed.atoms:
        raise NeedAccess(
            "scope_missing",
            f"None of the scopes asked for is allowed to this client on this tenant. It may have: {' '.join(client.scopes)}.",
        )
    words = {word for word in ALWAYS if word in advertised}
    if launch is not None:
        words.add(LAUNCH)
    elif persona == "patient" and LAUNCH_PATIENT in advertised:
        words.add(LAUNCH_PATIENT)
    asked_words = set(given.words) | (set(ceiling.words) if scopes is None else set())
    if OFFLINE in asked_words and OFFLINE in ceiling.words:
        words.add(OFFLINE)
    elif ONLINE in advertised:
        words.add(ONLINE)
    data = translate(allowed, registration.scope_form, advertised).asked
    told = ScopeSet(wanted.atoms, given.words & {OFFLINE})
    return told, allowed, tuple(sorted({*data, *words}))
