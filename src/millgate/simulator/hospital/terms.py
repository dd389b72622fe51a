"""Standard codes with their names: the part of each code system that this hospital uses. The names are those of the systems."""

from __future__ import annotations

from functools import cache

from millgate.simulator.hospital.coding import LOINC, SNOMED, Resource, coding
from millgate.simulator.hospital.tables import rows

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX = "http://hl7.org/fhir/sid/cvx"
CPT = "http://www.ama-assn.org/go/cpt"
_SYSTEMS = {"icd10": ICD10, "snomed": SNOMED, "loinc": LOINC, "rxnorm": RXNORM, "cvx": CVX, "cpt": CPT}


@cache
def _names() -> dict[tuple[str, str], str]:
    return {(row["system"], row["code"]): row["display"] for row in rows("terms")}


def name_of(system: str, code: str) -> str:
    """What the code system calls a code. KeyError for a code that the table does not have: names are never made up."""
    return _names()[system, code]


def term(system: str, code: str, *, selected: bool | None = None) -> Resource:
    """The coding of a standard code; `system` is `icd10`, `snomed`, `loinc`, `rxnorm`, `cvx` or `cpt`."""
    return coding(_SYSTEMS[system], code, name_of(system, code), selected=selected)
