"""Clinical notes: what DocumentReference says of them, and their words. Source: published examples, oracle-health fact sheet 3.2 and 7.

`TR-` are transcribed notes, `XR-` renditions as PDF, `XML-` and `R-` reports: the prefix goes with the format, as in the examples.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from millgate.simulator.hospital import moments, series
from millgate.simulator.hospital.coding import ABSENT_REASON, HL7_CODES, Resource, coding
from millgate.simulator.hospital.house import House, encounter_reference, patient_reference
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.note_text import NoteText
from millgate.simulator.hospital.numbers import EVENTS_EACH_ENCOUNTER
from millgate.simulator.hospital.observations import CEUUID_SYSTEM, event_source
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.staff import Practitioner
from millgate.simulator.hospital.tables import rows
from millgate.simulator.hospital.terms import term
from millgate.simulator.hospital.visits import Visit

PREFIXES = {
    "text/plain": "R",
    "text/rtf": "R",
    "application/xml": "XML",
    "application/pdf": "XR",
    "text/html": "TR",
    "application/xhtml+xml": "TR",
}
_FORMAT = coding(
    "http://ihe.net/fhir/ValueSet/IHE.FormatCode.codesystem",
    "urn:ihe:iti:xds:2017:mimeTypeSufficient",
    "mimeType Sufficient",
)
_CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"


class Documents:
    """Renders the notes of one hospital."""

    def __init__(self, house: House) -> None:
        self._house = house

    def of_chart(self, chart: Chart) -> Iterator[Resource]:
        for ordinal, (visit, row) in enumerate(self._notes(chart)):
            yield self._document(chart, visit, row, ordinal)

    def text_of(self, chart: Chart, document_id: str) -> NoteText | None:
        """The words of a note; None for an id that no note has."""
        place = series.DOCUMENT.place(document_id)
        notes = list(self._notes(chart))
        if place is None or place.ordinal >= len(notes):
            return None
        visit, row = notes[place.ordinal]
        return self._words(chart, visit, row)

    def _notes(self, chart: Chart) -> Iterator[tuple[Visit, dict[str, str]]]:
        count = 0
        for visit in chart.charted:
            random = self._house.dice("notes", chart.person.index, visit.ordinal)
            for row in rows("notes"):
                if (
                    visit.kind in row["kinds"].split(";")
                    and random.random() < float(row["share"])
                    and count < series.DOCUMENT.each
                ):
                    count += 1
                    yield visit, row

    def _author(self, visit: Visit, row: dict[str, str]) -> Practitioner:
        if row["author"] == "nurse":
            return self._house.staff.one_of("nurse", visit.ordinal)
        return visit.practitioner if row["author"] == "doctor" else self._house.staff.one_of("cardiology", visit.ordinal)

    def _document(self, chart: Chart, visit: Visit, row: dict[str, str], ordinal: int) -> Resource:
        person = chart.person
        random = self._house.dice("document", person.index, visit.ordinal, row["key"])
        number = series.DOCUMENT.id(person.index, ordinal)
        author, chance = self._author(visit, row), random.random()
        begun = (
            (visit.end or visit.start) + timedelta(minutes=random.randint(1, 30)) if row["key"] == "discharge" else visit.start
        )
        begun = min(begun, person.known_until)
        noted = self._house.recorded(person, begun, random, most_minutes=300)
        wrong, unsigned = chance < 0.02, 0.02 <= chance < 0.07
        value = f"{event_source(self._house.seed)}-{number}-{moments.packed(noted)}"
        made: Resource = {
            "resourceType": "DocumentReference",
            "id": number,
            "meta": {"versionId": str(random.randint(1, 3)), "lastUpdated": moments.milliseconds(noted)},
            "text": {},
            "identifier": [{"system": CEUUID_SYSTEM, "value": value}],
            "status": "entered-in-error" if wrong else "current",
            "docStatus": "entered-in-error" if wrong else "preliminary" if unsigned else "amended" if chance > 0.95 else "final",
            "type": self._type(row),
            "category": _categories(row),
            "subject": patient_reference(person),
            "date": moments.seconds(noted),
            "author": [author.reference],
        }
        if not unsigned:
            made["authenticator"] = author.reference
        if random.random() < 0.8:
            organization = visit.practitioner.location.organization
            made["custodian"] = {"reference": f"Organization/{organization.id}", "display": organization.name}
        unknown = coding(ABSENT_REASON, "unknown", "Unknown")
        made["content"] = [
            {
                "attachment": {
                    "contentType": each,
                    "url": f"Binary/{PREFIXES[each]}-{number}",
                    "title": row["title"],
                    "creation": moments.milliseconds(noted),
                },
                "format": dict(_FORMAT if row["loinc"] else unknown),
            }
            for each in row["formats"].split(";")
        ]
        period = {"start": moments.milliseconds(begun), "end": moments.milliseconds(begun)}
        made["context"] = {"encounter": [encounter_reference(person, visit)], "period": period}
        if row["key"] == "consult" and random.random() < 0.8:
            order = series.SERVICE.id(person.index, visit.ordinal * EVENTS_EACH_ENCOUNTER)
            made["context"]["related"] = [{"reference": f"ServiceRequest/{order}"}]
        made["text"] = narrative(
            "Document Reference",
            ("Patient", made["subject"]["display"]),
            ("Document Type", row["title"]),
            ("Status", made["status"].replace("-", " ").title()),
            ("Created Date", moments.told(noted)),
            ("Author", author.display),
        )
        return made

    def _type(self, row: dict[str, str]) -> Resource:
        own = self._house.coder.own(72, row["own"], row["title"])
        unknown = coding(HL7_CODES + "v3-NullFlavor", "UNK", "unknown")
        standard = term("loinc", row["loinc"], selected=False) if row["loinc"] else unknown
        return {"coding": [own, standard], "text": row["title"]}

    def _words(self, chart: Chart, visit: Visit, row: dict[str, str]) -> NoteText:
        person = chart.person
        told = moments.told(visit.start)
        active = [problem for problem in chart.problems if problem.is_active(visit.start.date())]
        medicines = [each.name for problem in active for each in problem.medications if each.since <= visit.start.date()]
        author = self._author(visit, row)
        paragraphs = [
            ("", f"Patient: {person.names.current.text}\nDate of service: {told}\nAuthor: {author.display}"),
            ("Reason for Visit", visit.reason),
            ("Problem List", "\n".join(each.name for each in active) or "None recorded"),
            ("Medications", "\n".join(medicines) or "None recorded"),
        ]
        if visit.problem:
            paragraphs.append(("Assessment and Plan", f"{visit.problem.name}: continue treatment, return for follow-up."))
        return NoteText(row["title"], tuple(paragraphs))


def _categories(row: dict[str, str]) -> list[Resource]:
    if not row["loinc"]:
        return [{"coding": [coding(ABSENT_REASON, "unknown", "Unknown")], "text": "Unknown"}]
    note = coding(_CATEGORY, "clinical-note", "Clinical Note", selected=False)
    return [{"coding": [term("loinc", row["loinc"], selected=False)]}, {"coding": [note], "text": "Clinical Note"}]


def report_text(report: Resource) -> NoteText:
    """The words of a laboratory, imaging or pathology report, as its renditions show them."""
    paragraphs = [("", f"Patient: {report['subject']['display']}\nStatus: {report['status']}\nIssued: {report['issued']}")]
    if "conclusion" in report:
        paragraphs.append(("Impression", report["conclusion"]))
    if "result" in report:
        paragraphs.append(("Results", f"{len(report['result'])} results, see the laboratory section of the chart."))
    return NoteText(str(report["code"]["text"]), tuple(paragraphs))
