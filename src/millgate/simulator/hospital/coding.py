"""Codings as Millennium writes them: the tenant's own value and the standard one side by side, and the marks for what is absent.

Source: oracle-health fact sheet, 3.4 (code sets) and 4.5 (missing and masked data).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from millgate.simulator.hospital.tables import rows

Resource = dict[str, Any]

STRUCTURE = "https://fhir-ehr.cerner.com/r4/StructureDefinition/"
HL7_STRUCTURE = "http://hl7.org/fhir/StructureDefinition/"
DATA_ABSENT = HL7_STRUCTURE + "data-absent-reason"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
HL7_CODES = "http://terminology.hl7.org/CodeSystem/"
UCUM = "http://unitsofmeasure.org"
V2_IDENTIFIER = "http://terminology.hl7.org/CodeSystem/v2-0203"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


@cache
def _pairs() -> dict[tuple[str, str], dict[str, str]]:
    return {(row["table"], row["key"]): row for row in rows("codes")}


def coding(system: str, code: str, display: str = "", *, selected: bool | None = None) -> Resource:
    """One coding; an empty display and an unknown `selected` are left out."""
    made: Resource = {"system": system, "code": code}
    if display:
        made["display"] = display
    if selected is not None:
        made["userSelected"] = selected
    return made


def hl7(system: str, code: str, display: str, *, selected: bool | None = None) -> Resource:
    """A concept of one of HL7's own code systems, named by the last part of its address."""
    return {"coding": [coding(HL7_CODES + system, code, display, selected=selected)], "text": display}


def absent(reason: str = "unknown") -> Resource:
    """An element that holds nothing but the reason why it is empty."""
    return {"extension": [{"valueCode": reason, "url": DATA_ABSENT}]}


def absent_concept(text: str, reason: str = "unknown") -> Resource:
    """A concept with text whose only coding is a mark of absence: legal here, and seen live."""
    return {"coding": [absent(reason)], "text": text}


class Coder:
    """Writes codings for one tenant, since the systems of Millennium's code sets carry the tenant's id."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.base = f"https://fhir.cerner.com/{tenant}"

    def code_set(self, number: int | str) -> str:
        return f"{self.base}/codeSet/{number}"

    def own(self, number: int | str, code: str, display: str = "") -> Resource:
        """A value of the tenant's code set, as the one the user chose."""
        return coding(self.code_set(number), code, display, selected=True)

    def concept(self, table: str, key: str, *, mark_standard: bool = True) -> Resource:
        """A concept of the table `codes`: own value first, then the standard counterpart if there is one.

        `mark_standard` writes `userSelected: false` on the standard coding, which some resources do and others do not.
        """
        row = _pairs()[table, key]
        codings = [self.own(row["code_set"], row["code"], row["display"])]
        if row["standard_system"]:
            selected = False if mark_standard else None
            codings.append(coding(row["standard_system"], row["standard_code"], row["standard_display"], selected=selected))
        return {"coding": codings, "text": row["display"]}

    def display(self, table: str, key: str) -> str:
        return _pairs()[table, key]["display"]


def keys_of(table: str) -> list[str]:
    """The keys of one table of codes, in file order."""
    return [row["key"] for row in rows("codes") if row["table"] == table]


def quantity(value: Any, unit: str = "", code: str = "") -> Resource:
    """A quantity in UCUM; without a code there is no system either, as Millennium does for unmapped units."""
    made: Resource = {"value": value}
    if unit:
        made["unit"] = unit
    if code:
        made |= {"system": UCUM, "code": code}
    return made
