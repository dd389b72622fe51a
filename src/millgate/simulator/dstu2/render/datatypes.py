"""R4's datatypes as DSTU2 has them, wherever they stand: code systems, references, names, extensions.

The tenant's own code sets are left out of codings: of these DSTU2 shows two, at elements that ask for them (`own_set`).
Source: FHIR DSTU2 datatypes; the vendor's page on proprietary codes; published DSTU2 bodies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]

DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_ARGONAUT = "http://fhir.org/guides/argonaut/StructureDefinition/argo-"
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
_RACE_CODES = "urn:oid:2.16.840.1.113883.6.238"
_RACE, _ETHNICITY = _US_CORE + "race", _US_CORE + "ethnicity"
_R4, _DSTU2 = (f"https://fhir-ehr.cerner.com/{release}/StructureDefinition/" for release in ("r4", "dstu2"))
# The extensions that the vendor's DSTU2 pages and bodies show, by their R4 names.
_EXTENSIONS: dict[str, str] = {
    DATA_ABSENT: DATA_ABSENT,
    "http://hl7.org/fhir/StructureDefinition/rendered-value": "http://hl7.org/fhir/StructureDefinition/rendered-value",
    "http://hl7.org/fhir/StructureDefinition/patient-birthTime": "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
    _RACE: _ARGONAUT + "race",
    _ETHNICITY: _ARGONAUT + "ethnicity",
    _US_CORE + "birthsex": _ARGONAUT + "birthsex",
    _R4 + "scheduling-location": _DSTU2 + "scheduling-location",
    _R4 + "infuse-over-time": _DSTU2 + "infuse-over-time",
}
_SYSTEMS: dict[str, str] = {
    "v3-ObservationInterpretation": "http://hl7.org/fhir/v2/0078",
    "v3-GTSAbbreviation": "http://hl7.org/fhir/timing-abbreviation",
    "v3-NullFlavor": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",  # as published
}
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_OWN_CODES = re.compile(r"https://fhir\.(?:[a-z]{2}\.)?cerner\.com/(?P<below>.*)")
_REFERENCE = re.compile(r"(?P<type>[A-Z][A-Za-z]+)/(?P<id>[^/]+)")
_RENAMED_TYPES = {
    "MedicationRequest": "MedicationOrder",
    "ServiceRequest": "ProcedureRequest",
    "Consent": "Contract",
    "CareTeam": "CarePlan",
}


def aged(value: Any, *, own_set: str | None = None) -> Any:
    """The value with every datatype in it as DSTU2 has it; `own_set` is the code set of the tenant's that is shown in it.

    What nothing is left of is not there.
    """
    if isinstance(value, list):
        return [aged(item, own_set=own_set) for item in value]
    if not isinstance(value, dict):
        return value
    new = {key: _member(key, member, own_set) for key, member in value.items()}
    new = {key: member for key, member in new.items() if member not in ({}, [])}
    if isinstance(new.get("system"), str) and "code" in new:
        new["system"] = system(new["system"])
    if isinstance(new.get("reference"), str):
        new["reference"] = _reference(new["reference"])
    if isinstance(new.get("family"), str):
        new["family"] = [new["family"]]
    return new


def _member(key: str, member: Any, own_set: str | None) -> Any:
    if key == "extension":
        return [_extension(one) for one in member if one["url"] in _EXTENSIONS]
    if key == "coding":
        shown = [one for one in member if not _is_own(str(one.get("system", "")), own_set)]
        return [aged(one) for one in shown]
    made = aged(member, own_set=own_set)
    if isinstance(made, list) and not key.startswith("_"):
        return [one for one in made if one != {} and not _is_absent(one)]
    return {} if not key.startswith("_") and _is_absent(made) else made


def _is_absent(value: Any) -> bool:
    """Whether a structure says nothing but that it is unknown: DSTU2 leaves it out, but for primitives and codings."""
    return (
        isinstance(value, dict) and list(value) == ["extension"] and all(one["url"] == DATA_ABSENT for one in value["extension"])
    )


def _is_own(code_system: str, own_set: str | None) -> bool:
    match = _OWN_CODES.fullmatch(code_system)
    return match is not None and not (own_set is not None and match["below"].endswith(f"/codeSet/{own_set}"))


def _extension(extension: Json) -> Json:
    url = extension["url"]
    if url not in (_RACE, _ETHNICITY):
        return {**aged({key: member for key, member in extension.items() if key != "url"}), "url": _EXTENSIONS[url]}
    own = "http://hl7.org/fhir/v3/" + ("Race" if url == _RACE else "Ethnicity")
    parts = [
        {**part, "valueCoding": {**part["valueCoding"], "system": own}}
        if part.get("valueCoding", {}).get("system") == _RACE_CODES  # an unknown one is of another system
        else part
        for part in extension["extension"]
    ]
    return {"url": _EXTENSIONS[url], "extension": [aged(part) for part in parts]}


def system(uri: str) -> str:
    """The address that DSTU2 has for a code system of HL7's; others as they are."""
    name = uri.removeprefix(_TERMINOLOGY)
    if name == uri:
        return uri
    if name in _SYSTEMS:
        return _SYSTEMS[name]
    version, dash, rest = name.partition("-")
    return f"http://hl7.org/fhir/{version}/{rest}" if dash and version in ("v2", "v3") else f"http://hl7.org/fhir/{name}"


def _reference(text: str) -> str:
    match = _REFERENCE.fullmatch(text)
    return f"{_RENAMED_TYPES.get(match['type'], match['type'])}/{match['id']}" if match is not None else text


def without_lost_references(resource: Json) -> Json:
    """The resource without references to contained resources that it does not hold; their display stays."""
    held = {f"#{one['id']}" for one in resource.get("contained", ())}
    kept = _pruned({key: member for key, member in resource.items() if key != "contained"}, held)
    contained = {"contained": resource["contained"]} if held else {}
    made: Json = {**kept, **contained}
    return made


def _pruned(value: Any, held: Iterable[str]) -> Any:
    if isinstance(value, list):
        return [_pruned(one, held) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _pruned(member, held)
        for key, member in value.items()
        if not (key == "reference" and isinstance(member, str) and member.startswith("#") and member not in held)
    }


# --- how renderers pick elements


def picked(source: Json, *names: str, **renamed: str) -> Json:
    """The elements of these names, and those of other names under new ones (`r4=dstu2`), with what stands beside a primitive."""
    made: Json = {}
    for name, to in [*((name, name) for name in names), *renamed.items()]:
        if name in source:
            made[to] = source[name]
        if f"_{name}" in source:
            made[f"_{to}"] = source[f"_{name}"]
    return made


def first(source: Json, name: str, to: str | None = None) -> Json:
    """The first of several, where DSTU2 takes one."""
    values = source.get(name)
    return {to or name: values[0]} if values else {}


def notes(source: Json, to: str) -> Json:
    """The texts of annotations as one string, paragraph by paragraph."""
    texts = [one["text"] for one in source.get("note", ()) if "text" in one]
    return {to: "\n\n".join(texts)} if texts else {}


def code_of(concept: Json | None) -> str | None:
    """The code of a concept's first coding."""
    codings = (concept or {}).get("coding") or [{}]
    found: str | None = codings[0].get("code")
    return found
