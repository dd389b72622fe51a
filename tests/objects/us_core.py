"""What US Core 6.1.0 asks to be supported: the rows of `us_core.csv`, and members of every slice as its discriminator wants them.

`python -m tests.objects.us_core` writes the rows anew from the reference sheet, where that is at hand.
Source: US Core 6.1.0, as inferno-framework/us-core-test-kit (Apache-2.0) has it.
"""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import REPOSITORY

TABLE = Path(__file__).with_name("us_core.csv")
SHEET = Path(os.environ.get("MILLGATE_REFERENCE", REPOSITORY.parent / "shared" / "reference")) / "us-core.md"


@dataclass(frozen=True)
class Asked:
    """One path of one profile: `kind` is element, extension or slice."""

    profile: str
    resource: str
    kind: str
    path: str


def shipped() -> list[Asked]:
    """The rows of our own table."""
    with TABLE.open(encoding="utf-8", newline="") as table:
        return [Asked(**row) for row in csv.DictReader(table)]


def of_sheet(text: str) -> list[Asked]:
    """The rows of the reference sheet's table: profile, resource, elements, extensions, slices."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    found = []
    for profile, resource, *lists in cells[2:]:
        for kind, listed in zip(("element", "extension", "slice"), lists, strict=True):
            found += [Asked(profile, resource, kind, path) for path in map(str.strip, listed.split(",")) if path]
    return found


def _category(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _measured(code: str) -> dict[str, Any]:
    return {
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "valueQuantity": {"value": 1, "unit": "u", "system": "http://unitsofmeasure.org", "code": "[arb'U]"},
    }


_OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_US_CORE_CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category"
_COVERAGE_CLASS = "http://terminology.hl7.org/CodeSystem/coverage-class"
_NPI = {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1770589525"}

# A member of each slice. Source: the discriminators of US Core 6.1.0.
SLICES: dict[str, Any] = {
    "Observation.category:VSCat": _category(_OBSERVATION_CATEGORY, "vital-signs"),
    "Observation.category:us-core": _category(_OBSERVATION_CATEGORY, "laboratory"),
    "Observation.category:socialhistory": _category(_OBSERVATION_CATEGORY, "social-history"),
    "Observation.category:SocialHistory": _category(_OBSERVATION_CATEGORY, "social-history"),
    "Observation.category:survey": _category(_OBSERVATION_CATEGORY, "survey"),
    "Observation.category:screening-assessment": _category(_US_CORE_CATEGORY, "sdoh"),
    "Observation.component:systolic": _measured("8480-6"),
    "Observation.component:diastolic": _measured("8462-4"),
    "Observation.component:FlowRate": _measured("3151-8"),
    "Observation.component:Concentration": _measured("3150-0"),
    "Observation.component:industry": {
        "code": {"coding": [{"system": "http://loinc.org", "code": "86188-0"}]},
        "valueCodeableConcept": _category("urn:oid:2.16.840.1.114222.4.5.327", "722511"),
    },
    "Observation.code.coding:PulseOx": {"system": "http://loinc.org", "code": "59408-5"},
    "Observation.code.coding:O2Sat": {"system": "http://loinc.org", "code": "2708-6"},
    "Observation.value[x]:valueQuantity": {"value": 1, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    "Observation.value[x]:valueCodeableConcept": _category("http://snomed.info/sct", "266919005"),
    "Observation.effective[x]:effectivePeriod": {"start": "2019-05", "end": "2019-06"},
    "Observation.effective[x]:effectiveDateTime": "2019-05-04",
    "CarePlan.category:AssessPlan": _category("http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "assess-plan"),
    "Condition.category:us-core": _category("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item"),
    "Condition.category:screening-assessment": _category(_US_CORE_CATEGORY, "sdoh"),
    "Coverage.identifier:memberid": {
        "type": _category("http://terminology.hl7.org/CodeSystem/v2-0203", "MB"),
        "value": "W123",
    },
    "Coverage.class:group": {"type": _category(_COVERAGE_CLASS, "group"), "value": "G1"},
    "Coverage.class:plan": {"type": _category(_COVERAGE_CLASS, "plan"), "value": "P1", "name": "Gold"},
    "DiagnosticReport.category:LaboratorySlice": _category("http://terminology.hl7.org/CodeSystem/v2-0074", "LAB"),
    "DiagnosticReport.category:us-core": _category("http://loinc.org", "LP29684-5"),
    "DocumentReference.category:uscore": _category(
        "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category", "clinical-note"
    ),
    "MedicationRequest.category:us-core": _category(
        "http://terminology.hl7.org/CodeSystem/medicationrequest-category", "community"
    ),
    "Organization.identifier:NPI": _NPI,
    "Practitioner.identifier:NPI": _NPI,
    "Provenance.agent:ProvenanceAuthor": {
        "type": _category("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "author"),
        "who": {"reference": "Practitioner/1"},
    },
    "Provenance.agent:ProvenanceTransmitter": {
        "type": _category("http://hl7.org/fhir/us/core/CodeSystem/us-core-provenance-participant-type", "transmitter"),
        "who": {"reference": "Organization/1"},
    },
    "ServiceRequest.category:us-core": _category("http://snomed.info/sct", "108252007"),
}

# What each extension that a profile names stands on, and its like. Source: the extensions' own pages in US Core 6.1.0.
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"


def _with_race(name: str) -> dict[str, Any]:
    coding = {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3", "display": "White"}
    parts = [{"url": "ombCategory", "valueCoding": coding}, {"url": "text", "valueString": "White, as told"}]
    return {"extension": [{"url": _US_CORE + name, "extension": parts}]}


_TRIBE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-TribalEntityUS", "code": "187"}]}
EXTENSIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("Patient", "race"): _with_race("us-core-race"),
    ("Patient", "ethnicity"): _with_race("us-core-ethnicity"),
    ("Patient", "tribalAffiliation"): {
        "extension": [
            {
                "url": _US_CORE + "us-core-tribal-affiliation",
                "extension": [{"url": "tribalAffiliation", "valueCodeableConcept": _TRIBE}],
            }
        ]
    },
    ("Patient", "sex"): {"extension": [{"url": _US_CORE + "us-core-sex", "valueCode": "248152002"}]},
    ("Condition", "Condition.extension:assertedDate"): {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate", "valueDateTime": "2019-05-04"}]
    },
    ("QuestionnaireResponse", "QuestionnaireResponse.questionnaire.extension:questionnaireDisplay"): {
        "_questionnaire": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/display", "valueString": "PHQ-9"}]}
    },
    ("QuestionnaireResponse", "QuestionnaireResponse.questionnaire.extension:url"): {
        "_questionnaire": {
            "extension": [{"url": _US_CORE + "us-core-extension-questionnaire-uri", "valueUri": "https://example.org/phq-9"}]
        }
    },
}


def _write() -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("profile", "resource", "kind", "path"))
    writer.writerows((row.profile, row.resource, row.kind, row.path) for row in of_sheet(SHEET.read_text("utf-8")))
    TABLE.write_text(text.getvalue(), "utf-8")


if __name__ == "__main__":
    _write()
