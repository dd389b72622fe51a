"""Who may do what: the one place that says no to a call for want of a scope or of the right patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from millgate.access.parties import Persona, Session
from millgate.access.scopes import Conditions, ScopeSet
from millgate.errors import NeedAccess

# Which contexts of a scope count for a persona, the widest first. A patient's session holds `user/` for Location, Organization
# and Practitioner, which Millennium has in no `patient/` scope.
CONTEXTS_OF: Final[Mapping[Persona, tuple[str, ...]]] = {
    "system": ("system",),
    "provider": ("user", "patient"),
    "patient": ("patient", "user"),
}


def require(session: Session, resource_type: str, interaction: str, query: Mapping[str, str] | None = None) -> str:
    """The context (`system`, `user` or `patient`) under which the session may do this.

    `interaction` is one letter of `cruds`; `query` holds the conditions that the call itself is held to, so that a scope with a
    query part is enough for a search which is at least as narrow. NeedAccess `scope_missing`, or `scope_narrowed` if the scope
    was asked for and not granted.
    """
    context = _context(session.scopes, session.persona, resource_type, interaction, tuple(sorted((query or {}).items())))
    if context is None:
        raise _refusal(session, ScopeSet.parse(session.scopes), resource_type, interaction)
    return context


def allowed(session: Session, resource_type: str, interaction: str) -> bool:
    """Whether the session may do this without conditions."""
    return _context(session.scopes, session.persona, resource_type, interaction, ()) is not None


@lru_cache(maxsize=4096)
def _context(scopes: tuple[str, ...], persona: Persona, resource_type: str, interaction: str, query: Conditions) -> str | None:
    """The first context in which these scopes cover the call. Remembered: a session asks the same things again and again."""
    held = ScopeSet.parse(scopes)
    return next((one for one in CONTEXTS_OF[persona] if held.covers(one, resource_type, interaction, dict(query))), None)


def held_patient(session: Session, context: str) -> str | None:
    """The one patient that a call is held to, or None where it is held to none; `context` is what `require` answered.

    NeedAccess `patient_out_of_context` where the call is held to one patient and the session has none.
    """
    if session.persona != "patient" and context != "patient":
        return None
    if session.patient_id is None:
        raise NeedAccess("patient_out_of_context", "The session is held to one patient, and it has none in context.")
    return session.patient_id


def is_only_about(patients: Sequence[str], patient_id: str, *, scoped: bool) -> bool:
    """Whether a resource may be shown to somebody held to this patient: it names no other patient, and (`scoped`: a resource of a
    patient's chart) this one."""
    return set(patients) == {patient_id} if scoped else set(patients) <= {patient_id}


def allow_patient(session: Session, patient_id: str, context: str | None = None) -> None:
    """Nothing, if the session may see this patient; else NeedAccess `patient_out_of_context`.

    `context` is what `require` answered: under a `patient/` scope a provider, too, sees only the patient in context.
    """
    confined = session.persona == "patient" or context == "patient"
    if confined and (session.patient_id is None or patient_id != session.patient_id):
        raise NeedAccess("patient_out_of_context", "The session is held to one patient, and this is not that patient's record.")


def _refusal(session: Session, held: ScopeSet, resource_type: str, interaction: str) -> NeedAccess:
    contexts = CONTEXTS_OF[session.persona]
    scope = f"{contexts[0]}/{resource_type}.{interaction}"
    denied = ScopeSet.parse(session.denied_scopes)
    conditions = [c for context in contexts for c in held.conditions(context, resource_type, interaction)]
    if conditions:
        accepted = " or ".join("&".join(f"{parameter}={value}" for parameter, value in sorted(one.items())) for one in conditions)
        return NeedAccess("scope_missing", f"The session holds {scope} only for {accepted}; the call has to be held to that.")
    if any(denied.conditions(context, resource_type, interaction) for context in contexts):
        return NeedAccess(
            "scope_narrowed", f"{scope} was asked for, but not granted: the client's ceiling or the tenant does not allow it."
        )
    return NeedAccess("scope_missing", f"The session lacks the scope {scope}.")
