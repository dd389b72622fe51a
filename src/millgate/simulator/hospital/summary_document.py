"""The generated summary of a patient: a CCD with the sections that a chart has. Source: oracle-health fact sheet 7; C-CDA R2.1.

Every section is narrative, made from the chart's resources as they stand. Coded entries are not made: whoever wants codes reads the
resources.
"""

from __future__ import annotations

from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

from millgate.simulator.hospital.coding import Resource

_ROOT = "2.16.840.1.113883"
_SECTIONS = (
    ("Condition", "11450-4", "Problem list", f"{_ROOT}.10.20.22.2.5", "code"),
    ("AllergyIntolerance", "48765-2", "Allergies", f"{_ROOT}.10.20.22.2.6", "code"),
    ("MedicationRequest", "10160-0", "History of medication use", f"{_ROOT}.10.20.22.2.1", "medicationCodeableConcept"),
    ("Immunization", "11369-6", "History of immunization", f"{_ROOT}.10.20.22.2.2", "vaccineCode"),
    ("Procedure", "47519-4", "History of procedures", f"{_ROOT}.10.20.22.2.7", "code"),
)
SECTION_TYPES = tuple(kind for kind, *_ in _SECTIONS)


def summary(patient: Resource, chart: dict[str, list[Resource]], made: datetime, document_id: str, custodian: str) -> bytes:
    """The document as XML. `chart` holds the resources of SECTION_TYPES by type."""
    stamp = made.strftime("%Y%m%d%H%M%S+0000")
    sections = "".join(_section(chart.get(kind, []), *rest) for kind, *rest in _SECTIONS)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ClinicalDocument xmlns="urn:hl7-org:v3"><realmCode code="US"/>'
        f'<typeId root="{_ROOT}.1.3" extension="POCD_HD000040"/>'
        f'<templateId root="{_ROOT}.10.20.22.1.1" extension="2015-08-01"/>'
        f'<templateId root="{_ROOT}.10.20.22.1.2" extension="2015-08-01"/>'
        f'<id root={quoteattr(document_id)}/><code code="34133-9" codeSystem="{_ROOT}.6.1" displayName="Summary of episode note"/>'
        f'<title>Continuity of Care Document</title><effectiveTime value="{stamp}"/>'
        f'<confidentialityCode code="N" codeSystem="{_ROOT}.5.25"/><languageCode code="en-US"/>'
        f"{_person(patient)}{_author(stamp, custodian)}"
        f"<component><structuredBody>{sections}</structuredBody></component></ClinicalDocument>"
    ).encode()


def _person(patient: Resource) -> str:
    name = patient["name"][0]
    given = "".join(f"<given>{escape(each)}</given>" for each in name.get("given", ()))
    family = f"<family>{escape(name['family'])}</family>" if name.get("family") else ""
    gender = {"male": "M", "female": "F"}.get(patient.get("gender", ""), "UN")
    born = f'<birthTime value="{patient["birthDate"].replace("-", "")}"/>' if patient.get("birthDate") else ""
    return (
        f'<recordTarget><patientRole><id root="{_ROOT}.3.787.0.0" extension={quoteattr(patient["id"])}/>'
        f'<patient><name>{given}{family}</name><administrativeGenderCode code="{gender}" codeSystem="{_ROOT}.5.1"/>{born}</patient>'
        "</patientRole></recordTarget>"
    )


def _author(stamp: str, custodian: str) -> str:
    name = escape(custodian)
    organization = f'<id nullFlavor="NI"/><name>{name}</name>'
    device = (
        "<assignedAuthoringDevice><softwareName>Millennium Clinical Document Generator</softwareName></assignedAuthoringDevice>"
    )
    return (
        f'<author><time value="{stamp}"/><assignedAuthor><id nullFlavor="NI"/>{device}'
        f"<representedOrganization>{organization}</representedOrganization></assignedAuthor></author>"
        "<custodian><assignedCustodian><representedCustodianOrganization>"
        f"{organization}</representedCustodianOrganization></assignedCustodian></custodian>"
    )


def _section(resources: list[Resource], code: str, title: str, template: str, content: str) -> str:
    told = [text for each in resources if (text := _told(each, content))]
    items = "".join(f"<item>{escape(text)}</item>" for text in told)
    body = f"<list>{items}</list>" if items else "No information"
    absent = "" if items else ' nullFlavor="NI"'
    return (
        f'<component><section{absent}><templateId root="{template}"/><code code="{code}" codeSystem="{_ROOT}.6.1"/>'
        f"<title>{title}</title><text>{body}</text></section></component>"
    )


def _told(resource: Resource, content: str) -> str | None:
    verification = resource.get("verificationStatus", {}).get("coding", [{}])[0].get("code")
    if "entered-in-error" in (resource.get("status"), verification):
        return None
    text = resource.get(content, {}).get("text") or resource.get("medicationReference", {}).get("display")
    return str(text) if text else None
