"""DSTU2's datatypes into R4's, wherever they stand: names, timings, references, extensions, and the URIs of code systems.

Source: FHIR R4 datatypes (changes since DSTU2); HL7 Terminology for the code systems that moved.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from millgate.canonical.extensions import BIRTH_SEX, ETHNICITY, RACE
from millgate.pathways.fhir_dstu2.decode.codes import TERMINOLOGY, table
from millgate.pathways.fhir_dstu2.decode.rules import Element, kept, listed

RENAMED_TYPES = {"MedicationOrder": "MedicationRequest", "ProcedureRequest": "ServiceRequest", "DiagnosticOrder": "ServiceRequest",
                 "Contract": "Consent"}  # fmt: skip
_REFERENCE = re.compile(r"(?P<before>(?:https?://[^\s?#]+/)?)(?P<type>[A-Z][A-Za-z]+)/(?P<after>[^\s?#]+)")
_V2, _V3 = re.compile(r"http://hl7\.org/fhir/v2/(?:vs/)?(\d{4})"), re.compile(r"http://hl7\.org/fhir/v3/(?:vs/)?([A-Za-z]+)")
_REPEAT = {"durationUnits": "durationUnit", "periodUnits": "periodUnit", "boundsQuantity": "boundsDuration"}


def modernized(value: Any) -> Any:
    """The value with every datatype in it as R4 has it."""
    if isinstance(value, list):
        return [modernized(item) for item in value]
    if not isinstance(value, dict):
        return value
    new = {key: modernized(member) for key, member in value.items()}
    if isinstance(new.get("family"), list):
        _join_family(new)
    if isinstance(new.get("repeat"), dict):
        new["repeat"] = _repeat(new["repeat"])
    if isinstance(new.get("units"), str) and "value" in new and "unit" not in new:
        new["unit"] = new.pop("units")  # FHIR's name for it before DSTU2; published bodies still have it
    if isinstance(new.get("system"), str) and "code" in new:
        new["system"] = system(new["system"])
    if isinstance(new.get("reference"), str):
        new["reference"] = reference(new["reference"])
    if isinstance(new.get("extension"), list):
        new["extension"] = [one for extension in new["extension"] for one in _spread(extension)]
    if isinstance(new.get("url"), str):
        return _extension(new)
    return new


@cache
def _systems() -> dict[str, str]:
    return {row["dstu2"]: row["r4"] for row in table("systems")}


def system(uri: str) -> str:
    """The URI that R4 and HL7 Terminology give to a code system; any that did not move as it came."""
    if uri in _systems():
        return _systems()[uri]
    if (match := _V2.fullmatch(uri)) is not None:
        return f"{TERMINOLOGY}v2-{match[1]}"
    if (match := _V3.fullmatch(uri)) is not None:
        return f"{TERMINOLOGY}v3-{match[1]}"
    return uri


def reference(text: str) -> str:
    """The reference with the type's name of R4: a medication order has the same id as the request that it is in R4.

    Blanks around it, as Soarian's have them, belong to no reference.
    """
    text = text.strip()
    match = _REFERENCE.fullmatch(text)
    if match is None or match["type"] not in RENAMED_TYPES:
        return text
    return f"{match['before']}{RENAMED_TYPES[match['type']]}/{match['after']}"


def _join_family(name: Element) -> None:
    """R4 has one family name; several of DSTU2 are its parts, in order. What stood beside them stays beside it."""
    parts = [part for part in name["family"] if isinstance(part, str)]
    name["family"] = " ".join(parts)
    if not parts:
        del name["family"]
    beside = [one for one in listed(name.pop("_family", None)) if isinstance(one, dict)]
    extensions = [extension for one in beside for extension in listed(one.get("extension"))]
    if extensions:
        name["_family"] = {"extension": extensions}


def _repeat(repeat: Element) -> Element:
    new = {_REPEAT.get(key, key): value for key, value in repeat.items()}
    if isinstance(new.get("when"), str):
        new["when"] = [new["when"]]
    return new


def _extension(new: Element) -> Element:
    """An extension under its R4 URL. US Core's race and ethnicity were one concept, and are parts in R4."""
    was: str = new["url"]
    url = _systems().get(was, was)
    if "/StructureDefinition/" in url:
        url = url.replace("//fhir-ehr.cerner.com/dstu2/", "//fhir-ehr.cerner.com/r4/")
    concept = new.get("valueCodeableConcept")
    if url not in (RACE, ETHNICITY) or not isinstance(concept, dict):
        return {**new, "url": url}
    codings = [coding for coding in listed(concept.get("coding")) if isinstance(coding, dict)]
    words = concept.get("text") or next((coding["display"] for coding in codings if coding.get("display")), None)
    parts: list[Element] = [{"url": _part(coding), "valueCoding": coding} for coding in codings]
    return {"url": url, "extension": parts + ([{"url": "text", "valueString": words}] if words else [])}


def _spread(extension: Any) -> list[Any]:
    """The extension; a birth sex that is a concept, as the first US Core (DAF) had it, as R4's code and the concept behind it."""
    concept = extension.get("valueCodeableConcept") if isinstance(extension, dict) else None
    if not isinstance(concept, dict) or extension.get("url") != BIRTH_SEX:
        return [extension]
    coded = [one["code"] for one in listed(concept.get("coding")) if isinstance(one, dict) and isinstance(one.get("code"), str)]
    as_code = [{"url": BIRTH_SEX, "valueCode": coded[0]}] if coded else []
    return as_code + listed(kept("Patient", "birthSex", concept)["extension"])


# The categories of the Office of Management and Budget, and that it is not known; all other codes are detailed.
# Source: US Core 6.1.0, omb-race-category.
_CATEGORIES = frozenset({"1002-5", "2028-9", "2054-5", "2076-8", "2106-3", "2135-2", "2186-5", "ASKU", "UNK"})


def _part(coding: Element) -> str:
    return "ombCategory" if coding.get("code") in _CATEGORIES else "detailed"
