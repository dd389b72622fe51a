"""Laboratory, imaging, cardiology and pathology reports. Source: published DiagnosticReport examples, oracle-health fact sheet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from millgate.simulator.hospital import moments, numbers
from millgate.simulator.hospital.coding import ABSENT_REASON, LOINC, Coder, Resource, coding
from millgate.simulator.hospital.dice import dice
from millgate.simulator.hospital.measuring import FIRST_REPORT, LAST_REPORT, Drawing
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.observations import CEUUID_SYSTEM, Observations, event_source
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.specimens import specimen_id
from millgate.simulator.hospital.staff import Practitioner, Staff
from millgate.simulator.hospital.tables import by_key
from millgate.simulator.hospital.visits import Visit

_SERVICE_SECTION = "http://terminology.hl7.org/CodeSystem/v2-0074"
_FORMS = {"text/plain": "R", "application/xml": "XML", "application/pdf": "XR", "text/html": "TR"}


class Reports:
    """Renders reports of one tenant."""

    def __init__(self, seed: int, coder: Coder, staff: Staff, observations: Observations) -> None:
        self._seed, self._coder, self._staff, self._observations = seed, coder, staff, observations

    def of_visit(self, person: Person, visit: Visit, drawings: list[Drawing]) -> Iterator[Resource]:
        ordinal = FIRST_REPORT
        for drawing in drawings:
            if by_key("panels")[drawing.panel]["reported"] == "1" and ordinal <= LAST_REPORT:
                yield from self._if_issued(person, self._laboratory(person, visit, drawing, ordinal))
                ordinal += 1
        for study in visit.studies if visit.is_charted else ():
            if ordinal <= LAST_REPORT:
                yield from self._if_issued(person, self._study(person, visit, by_key("studies")[study], ordinal))
                ordinal += 1

    def _if_issued(self, person: Person, report: Resource) -> Iterator[Resource]:
        """Reports that are still being written are not there yet."""
        if report["issued"] < moments.seconds(person.known_until):
            yield report

    def _laboratory(self, person: Person, visit: Visit, drawing: Drawing, ordinal: int) -> Resource:
        random = dice(self._seed, "report", person.index, visit.ordinal, ordinal)
        row = by_key("panels")[drawing.panel]
        signer = self._staff.system if random.random() < 0.7 else self._staff.one_of("pathology", 0)
        issued = drawing.moment + timedelta(minutes=random.randint(25, 240), seconds=random.randint(0, 59))
        category: list[Resource] = [
            {"coding": [coding(_SERVICE_SECTION, "LAB", "Laboratory", selected=True)], "text": "Laboratory"},
            {"coding": [coding(LOINC, "LP29693-6" if drawing.panel != "urine_culture" else "LP7819-8", selected=False)]},
        ]
        made = self._begin(person, visit, row, ordinal, issued, random, category, signer)
        made["effectivePeriod"] = {"start": moments.milliseconds(drawing.moment), "end": moments.milliseconds(drawing.moment)}
        made["result"] = [
            {"reference": f"Observation/{self._observations.id_of(person, visit, each)}"} for each in drawing.measurements
        ]
        if (person.index + visit.ordinal) % 5 == 0:
            made["specimen"] = [{"reference": f"Specimen/{specimen_id(person.index, visit.ordinal, drawing)}"}]
        if drawing.panel.endswith("culture"):
            made["conclusion"] = str(drawing.measurements[0].value)
        made["presentedForm"] = self._forms(made, row["display"], ("text/plain", "application/xml"), drawing.moment)
        return self._told(made, "Laboratory", row["display"], drawing.moment, signer)

    def _study(self, person: Person, visit: Visit, row: dict[str, str], ordinal: int) -> Resource:
        random = dice(self._seed, "report", person.index, visit.ordinal, ordinal)
        reader = {"radiology": "radiology", "pathology": "pathology", "cardiology": "cardiology"}[row["category"]]
        signer = self._staff.one_of(reader, visit.ordinal)
        done = visit.start + timedelta(minutes=random.randint(20, 100), seconds=random.randint(0, 59))
        issued = done + timedelta(minutes=random.randint(10, 600)) if row["category"] != "pathology" else done + timedelta(days=2)
        made = self._begin(person, visit, row, ordinal, issued, random, self._category(row, random), signer)
        accession = f"00000{row['modality']}{done.year}{person.index * 13 % 10_000_000:07d}"
        made["identifier"].append({"system": f"{self._coder.base}/acsn", "value": accession})
        if random.random() < 0.7:
            order = numbers.event_number(person.index, visit.ordinal, ordinal) + 1_000_000_000
            made["basedOn"] = [{"reference": f"ServiceRequest/{order}"}]
        if row["category"] == "cardiology":
            made["effectivePeriod"] = {"start": moments.milliseconds(done), "end": moments.milliseconds(done)}
        elif random.random() < 0.2:
            made["effectivePeriod"] = {"end": moments.milliseconds(done)}
        else:
            made["effectiveDateTime"] = moments.seconds(done)
        if random.random() < 0.8:
            made["conclusion"] = row["conclusion"]
        forms = ("application/pdf",) if row["category"] == "cardiology" else ("application/pdf", "application/xml", "text/html")
        made["presentedForm"] = self._forms(made, row["display"], forms, issued)
        return self._told(made, row["category"].title(), row["display"], done, signer)

    def _category(self, row: dict[str, str], random: Random) -> list[Resource]:
        """Standard categories; for some radiology Millennium knows none."""
        if row["category"] == "cardiology":
            return [{"coding": [coding(LOINC, "8716-3", selected=False)]}, _section("LP29708-2", "Cardiology")]
        if row["category"] == "pathology":
            return [_section("LP7839-6", "Pathology")]
        if random.random() < 0.25:
            return [{"coding": [coding(ABSENT_REASON, "unknown", "Unknown")], "text": "Unknown"}]
        radiology = {"coding": [coding(_SERVICE_SECTION, "RAD", "Radiology", selected=True)], "text": "Radiology"}
        return [_section("LP29684-5", "Radiology"), radiology]

    def _begin(
        self,
        person: Person,
        visit: Visit,
        row: dict[str, str],
        ordinal: int,
        issued: datetime,
        random: Random,
        category: list[Resource],
        signer: Practitioner,
    ) -> Resource:
        number = numbers.event_number(person.index, visit.ordinal, ordinal)
        chance = random.random()
        status = (
            "preliminary" if chance < 0.03 else "amended" if chance < 0.05 else "entered-in-error" if chance < 0.055 else "final"
        )
        style = moments.with_offset if random.random() < 0.2 else moments.milliseconds
        codings = [self._coder.own(72, row["event_code"], row["display"])]
        if row["loinc"]:
            codings.append(coding(LOINC, row["loinc"], row.get("loinc_display", ""), selected=False))
        return {
            "resourceType": "DiagnosticReport",
            "id": str(number),
            "meta": {"versionId": str(random.randint(1, 3)), "lastUpdated": style(issued)},
            "text": {},
            "identifier": [{"system": CEUUID_SYSTEM, "value": f"{event_source(self._seed)}-{number}-{moments.packed(issued)}"}],
            "status": status,
            "category": category,
            "code": {"coding": codings, "text": row["display"]},
            "subject": {"reference": f"Patient/{numbers.person_id(person.index)}", "display": person.names.current.text},
            "encounter": {"reference": f"Encounter/{numbers.encounter_id(person.index, visit.ordinal)}"},
            "issued": moments.seconds(issued),
            "performer": [signer.reference],
            "resultsInterpreter": [signer.reference],
        }

    def _forms(self, made: Resource, title: str, types: tuple[str, ...], moment: datetime) -> list[Resource]:
        creation = moments.milliseconds(moment)
        return [
            {"contentType": each, "url": f"Binary/{_FORMS[each]}-{made['id']}", "title": title, "creation": creation}
            for each in types
        ]

    def _told(self, made: Resource, category: str, title: str, moment: datetime, signer: Practitioner) -> Resource:
        period = made.get("effectivePeriod", {})
        told = moments.told(moment)
        made["text"] = narrative(
            "Diagnostic Report",
            ("Patient", made["subject"]["display"]),
            ("Document Category", category),
            ("Document Title", title),
            ("Status", made["status"].replace("-", " ").title()),
            ("Code", made["code"]["text"]),
            ("Effective Date", told if "effectiveDateTime" in made else None),
            ("Effective Start Date", told if "start" in period else None),
            ("Effective End Date", told if "end" in period else None),
            ("Verifying Provider", signer.display),
        )
        return made


def _section(code: str, text: str) -> Resource:
    return {"coding": [coding(LOINC, code, selected=False)], "text": text}
