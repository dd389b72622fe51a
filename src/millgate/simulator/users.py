"""Who can sign in at a tenant: a handful of its practitioners, patients with a portal account, and one person who acts for others.

Chosen from the seeded hospital, so that the same seed has the same people; their passwords are new at each start. The person who acts
for others is no patient: such a user is a Person, as a live portal names it.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any

from millgate.simulator.clients import Persona
from millgate.simulator.records import Hospital, Json

PRACTITIONERS, PATIENTS, REPRESENTED = 5, 4, 3
_LOOKED_AT = 150
_FULL_AGE = 18


@dataclass(frozen=True, slots=True)
class User:
    """One account. `fhir_user` is the relative reference of the person: a Practitioner, a Patient, or a Person who acts for patients."""

    persona: Persona
    username: str
    password: str = field(repr=False)
    name: str
    fhir_user: str
    patient_ids: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.fhir_user.rpartition("/")[2]

    def shown(self) -> dict[str, Any]:
        """For the JSON line: how to sign in, and as whom."""
        whose = {"practitioner_id": self.id} if self.persona == "provider" else {"patient_ids": list(self.patient_ids)}
        return {"persona": self.persona, "username": self.username, "password": self.password, "name": self.name, **whose}


def seeded_users(hospital: Hospital, personas: Iterable[Persona], today: date) -> tuple[User, ...]:
    """The accounts of a hospital for the personas that apps are registered for."""
    wanted, taken = set(personas), set[str]()
    users: list[User] = []
    if "provider" in wanted:
        working = (resource for resource in hospital.practitioners() if _works_with_patients(resource))
        for resource in islice(working, PRACTITIONERS):
            users.append(_user("provider", _told(resource), f"Practitioner/{resource['id']}", (), taken))
    if "patient" in wanted:
        users += _portal_users(hospital, today, taken)
    return tuple(users)


def _works_with_patients(practitioner: Json) -> bool:
    """Whether somebody is active and has a national number: the accounts of programs have none."""
    kinds = {str(identifier.get("type", {}).get("text")) for identifier in practitioner.get("identifier", ())}
    return bool(practitioner.get("active")) and "National Provider Identifier" in kinds and bool(_told(practitioner))


def _portal_users(hospital: Hospital, today: date, taken: set[str]) -> Iterator[User]:
    patients = list(_living(hospital))
    grown = [patient for patient in patients if _is_grown(patient, today)]
    for patient in grown[:PATIENTS]:
        yield _user("patient", _told(patient), f"Patient/{patient['id']}", (str(patient["id"]),), taken)
    young = [patient for patient in patients if not _is_grown(patient, today)]
    represented = (young + grown[PATIENTS:])[:REPRESENTED]
    if len(represented) > 1:
        person = _unused_id(hospital, str(represented[0]["id"]))
        name = next((told for told in map(_told, represented[0].get("contact", ())) if told), None)
        name = name or f"Jordan {_family(represented[0])}"
        yield _user("patient", name, f"Person/{person}", tuple(str(patient["id"]) for patient in represented), taken)


def _living(hospital: Hospital) -> Iterator[Json]:
    ids = [i for gender in ("female", "male") for i in hospital.find_patients(gender=gender, limit=_LOOKED_AT)]
    for patient_id in sorted(ids, key=lambda i: (len(i), i)):
        patient = hospital.read("Patient", patient_id)
        if patient is not None and patient.get("active", True) and not any(name.startswith("deceased") for name in patient):
            if _told(patient):
                yield patient


def _is_grown(patient: Json, today: date) -> bool:
    """Whether a patient is of age today, as far as the birth date says; one whose date is not there is not chosen as a child."""
    born = str(patient.get("birthDate", ""))
    return not born or f"{int(born[:4]) + _FULL_AGE:04d}{born[4:]}" <= today.isoformat()


def _names(resource: Json) -> list[Json]:
    """Names in the order in which one would address the person: the official one first. A contact has one name, not a list."""
    names = resource.get("name", ())
    names = [names] if isinstance(names, dict) else list(names)
    return sorted((name for name in names if "family" in name), key=lambda name: name.get("use") != "official")


def _told(resource: Json) -> str:
    name = next(iter(_names(resource)), {})
    return " ".join([*name.get("given", ())[:1], name["family"]]) if name else ""


def _family(resource: Json) -> str:
    return str(_names(resource)[0]["family"])


def _user(persona: Persona, name: str, fhir_user: str, patient_ids: tuple[str, ...], taken: set[str]) -> User:
    given, _, family = name.partition(" ")
    plain = unicodedata.normalize("NFKD", (given[:1] + (family or given)).lower()).encode("ascii", "ignore").decode()
    base = re.sub(r"[^a-z0-9]", "", plain) or "user"
    username = next(n for n in (base, *(f"{base}{number}" for number in range(2, 1000))) if n not in taken)
    taken.add(username)
    return User(persona, username, secrets.token_urlsafe(9), name, fhir_user, patient_ids)


def _unused_id(hospital: Hospital, near: str) -> str:
    """An id of the patients' kind that no patient has."""
    number = int(near) + 900_000_000 if near.isdigit() else 900_000_000
    while hospital.read("Patient", str(number)) is not None:
        number += 1
    return str(number)
