"""Code systems by their canonical URI: which are public, what they are called, and what else they are written as."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from millgate.terminology.tables import rows

DATA_ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
NPI = "http://hl7.org/fhir/sid/us-npi"

# Whole families of systems that HL7, ISO and the IETF publish.
_PUBLIC_FAMILIES = (
    "http://terminology.hl7.org/",
    "http://hl7.org/fhir/",
    "urn:iso:std:",
    "urn:ietf:",
)


@dataclass(frozen=True, slots=True)
class CodeSystem:
    """One row of `systems.csv`: how a code system is named, and whether anyone may know it."""

    short_name: str
    uri: str
    title: str
    public: bool
    source: str


def _load() -> dict[str, CodeSystem]:
    return {
        row["uri"]: CodeSystem(row["short_name"], row["uri"], row["title"], row["public"] == "yes", row["source"])
        for row in rows("systems.csv")
    }


SYSTEMS: dict[str, CodeSystem] = _load()
_BY_SHORT_NAME = {system.short_name: system for system in SYSTEMS.values()}
_ALIASES = {row["alias"]: row["uri"] for row in rows("system_aliases.csv")}


@lru_cache(maxsize=4096)
def canonical_system(uri: str) -> str:
    """The canonical URI of a code system: an alias replaced, and a version behind `|` (or `%7C`) cut off; others unchanged."""
    bare, _, _ = uri.replace("%7C", "|").replace("%7c", "|").partition("|")
    return _ALIASES.get(bare, bare)


@lru_cache(maxsize=4096)
def is_public_system(uri: str | None) -> bool:
    """Whether the system at this canonical URI is published for everyone, and not a tenant's or a vendor's own."""
    if uri is None:
        return False
    known = SYSTEMS.get(uri)
    return known.public if known is not None else uri.startswith(_PUBLIC_FAMILIES)


def short_name(uri: str) -> str | None:
    """The table's short name of a system (`loinc`), or None where it has none."""
    known = SYSTEMS.get(canonical_system(uri))
    return known.short_name if known is not None else None


def system_by_short_name(name: str) -> CodeSystem | None:
    """The system with this short name, or None."""
    return _BY_SHORT_NAME.get(name)
