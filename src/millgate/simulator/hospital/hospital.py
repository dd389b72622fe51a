"""One hospital: everything that the simulated tenant's server can be asked for. Source of all shapes: oracle-health fact sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from millgate.simulator.hospital import index, numbers, provenances, series, summary_document
from millgate.simulator.hospital.appointments import Appointments
from millgate.simulator.hospital.booking import Bookings
from millgate.simulator.hospital.calendar import Calendar
from millgate.simulator.hospital.chapters import CHAPTER_TYPES
from millgate.simulator.hospital.chart import Charts
from millgate.simulator.hospital.coding import Coder, Resource
from millgate.simulator.hospital.house import House
from millgate.simulator.hospital.identifiers import draw_identifiers
from millgate.simulator.hospital.messages import Messages
from millgate.simulator.hospital.patient_record import PatientRecords
from millgate.simulator.hospital.payors import InsurancePlans
from millgate.simulator.hospital.people import Person, draw_person
from millgate.simulator.hospital.persons import person_of
from millgate.simulator.hospital.places import Places
from millgate.simulator.hospital.questionnaires import questionnaire
from millgate.simulator.hospital.region import draw_region
from millgate.simulator.hospital.staff import Staff
from millgate.simulator.hospital.stays import heavy_patient as heavy_patient_of

CHART_TYPES = ("Encounter", "Observation", "DiagnosticReport", "Appointment", *CHAPTER_TYPES)


class Hospital:
    """A population with its staff, places, charts and calendars, made from a seed.

    Patient number i is the same, byte for byte, whatever the number of patients. `today` is the only time that enters. On it
    depend: the calendars (schedules, slots, appointments) and the encounters that kept appointments led to, which lie around
    it; who is in the house today; how far charts reach, since nothing clinical happens after it; and the birth dates of
    children under three. All else has fixed dates: a later `today` lets charts grow, and changes nothing that was in them.

    Charts are made when they are asked for. On disk is only the search index (`index_path`, or a temporary file), which a
    later start with the same arguments and the same program takes over.

    With `heavy_patient` one patient, whose id the attribute of that name then holds, has years of intensive care with twenty
    thousand observations. Raises ValueError if the population has nobody whom that would fit.

    Every resource that is returned is fresh: the caller may change it. References are relative.
    """

    def __init__(
        self,
        *,
        seed: int,
        patients: int,
        tenant: str,
        today: date,
        name: str | None = None,
        time_zone: str = "America/Chicago",
        index_path: Path | None = None,
        heavy_patient: bool = False,
    ) -> None:
        self.tenant, self.patient_count, self.time_zone = tenant, patients, time_zone
        self._seed, self._today = seed, today
        self._coder = Coder(tenant)
        self._region = draw_region(seed, time_zone, name)
        self._places = Places(seed, self._region, self._coder)
        self._plans = InsurancePlans(self._places, self._coder)
        self._staff = Staff(seed, self._places, self._coder)
        self._records = PatientRecords(seed, self._coder, self._places.organizations["hospital"])
        self.name = self._places.organizations["hospital"].name
        self._person: Callable[[int], Person] = lru_cache(maxsize=4096)(self._draw_person)
        self._calendar = Calendar(seed, self._places, self._staff, self._coder, today, ZoneInfo(time_zone))
        self._bookings = Bookings(seed, self._calendar, self._staff, today, self._person, patients)
        house = House(seed, self._coder, self._places, self._staff, today, ZoneInfo(time_zone))
        heavy = heavy_patient_of(patients, self._person) if heavy_patient else None
        self.heavy_patient = numbers.person_id(heavy) if heavy is not None else None
        self._charts = Charts(house, self._bookings, self._person, heavy)
        self._messages = Messages(house, patients, self._charts.plan)
        self._appointments = Appointments(seed, self._calendar, self._bookings, self._coder, self._person)
        fingerprint = f"{seed} {patients} {tenant} {today} {name} {time_zone} {index.program_fingerprint()}"
        self._index = index.Index(index_path, fingerprint)
        if not self._index.is_built():
            self._index.build(
                (person, draw_identifiers(seed, tenant, person)) for person in map(self._draw_person, range(patients))
            )

    def close(self) -> None:
        """Let go of the index; a temporary one is removed."""
        self._index.close()

    def _draw_person(self, number: int) -> Person:
        return draw_person(self._seed, number, self._region, self._today)

    # --- by id --------------------------------------------------------------------------------------------------------

    def read(self, resource_type: str, resource_id: str) -> Resource | None:
        """The resource with that logical id, if there is one. Combined records are found here, and only here."""
        match resource_type:
            case "Patient":
                return self._patient(resource_id)
            case "Person":
                patient = self._patient(resource_id)
                return person_of(patient) if patient else None
            case "Practitioner":
                practitioner = self._staff.by_id.get(resource_id)
                return self._staff.resource(practitioner) if practitioner else None
            case "Location":
                location = self._places.locations_by_id.get(resource_id)
                return self._places.location_resource(location) if location else None
            case "Organization":
                organization = self._places.organizations_by_id.get(resource_id)
                return self._places.organization_resource(organization) if organization else None
            case "Questionnaire":
                held = self._read_from_chart("QuestionnaireResponse", resource_id)
                return questionnaire(self._coder, resource_id) if held else None
            case "Communication":
                return self._messages.read(resource_id)
            case "Binary" if (words := self._messages.binary(resource_id)) is not None:
                return words
            case "InsurancePlan":
                return self._plans.read(resource_id)
            case "Schedule":
                return self._calendar.schedule(resource_id)
            case "Slot":
                return self._calendar.slot(resource_id, self._bookings.holder)
            case "Provenance":
                target = provenances.target_of(resource_id)
                held = self.read(*target) if target else None
                return self.provenance(held) if held else None
            case _:
                return self._read_from_chart(resource_type, resource_id)

    def _patient(self, resource_id: str) -> Resource | None:
        place = numbers.person_place(resource_id)
        if place is None or place.patient >= self.patient_count:
            return None
        person = self._person(place.patient)
        if place.ordinal == 0:
            return self._records.resource(person, self._staff.primary_care_of(person.index, person.age(self._today)))
        return self._records.combined(person) if place.ordinal == 1 and person.has_combined_record else None

    def _read_from_chart(self, resource_type: str, resource_id: str) -> Resource | None:
        patient = self._number_of(resource_type, resource_id)
        if patient is None:
            return None
        if resource_type == "Appointment":
            return self._appointments.read(patient, resource_id)
        return self._charts.read(patient, resource_type, resource_id)

    def _number_of(self, resource_type: str, resource_id: str) -> int | None:
        """Number of the patient in whose chart an id belongs; the id itself need not exist."""
        if resource_type in CHAPTER_TYPES:
            patient = series.patient_in(resource_type, resource_id)
            return patient if patient is not None and patient < self.patient_count else None
        if (patient := self._messages.patient_in(resource_id)) is not None and resource_type in ("Binary", "Communication"):
            return patient
        if resource_type == "Binary":
            number = resource_id.partition("-")[2]
            return self._number_of("DocumentReference" if series.DOCUMENT.place(number) else "DiagnosticReport", number)
        decode = {
            "Encounter": numbers.encounter_place,
            "Observation": numbers.observation_place,
            "DiagnosticReport": numbers.event_place,
            "Appointment": numbers.appointment_place,
        }.get(resource_type)
        place = decode(resource_id) if decode else None
        return place.patient if place and place.patient < self.patient_count else None

    def patient_of(self, resource_type: str, resource_id: str) -> str | None:
        """Logical id of the patient whom a resource is about; None if it is about none or does not exist."""
        if self.read(resource_type, resource_id) is None:
            return None
        if resource_type in ("Patient", "Person"):
            return resource_id
        if resource_type == "Provenance":
            target = provenances.target_of(resource_id)
            return self.patient_of(*target) if target else None
        patient = self._number_of(resource_type, resource_id)
        return None if patient is None else numbers.person_id(patient)

    # --- patients -----------------------------------------------------------------------------------------------------

    def find_patients(
        self,
        *,
        ids: list[str] | None = None,
        identifier: tuple[str | None, str] | None = None,
        name: str | None = None,
        family: str | None = None,
        given: str | None = None,
        birthdate: list[tuple[str, str]] | None = None,
        phone: str | None = None,
        email: str | None = None,
        postal_code: str | None = None,
        gender: str | None = None,
        exact: set[str] | frozenset[str] = frozenset(),
        limit: int = 1001,
    ) -> list[str]:
        """Logical ids of the patients that meet all criteria, in the same order every time.

        Names and postal codes are compared from their start, without regard to case and accents; those in `exact` (of `name`,
        `family`, `given`) as written and with current names only. Telephones are compared by their digits. `identifier` is
        system (or None for any) and value; the social security number finds, though it is never shown. Combined records are
        never found. Raises ValueError for a birth date that is none.
        """
        conditions: list[index.Condition] = []
        if ids is not None:
            conditions.append(index.identified(ids))
        if identifier is not None:
            conditions.append(index.numbered(*identifier))
        for kinds, text in ((("family", "given", "name"), name), (("family",), family), (("given",), given)):
            if text is not None:
                which = "name" if len(kinds) > 1 else kinds[0]
                conditions.append(index.having(kinds, text, exact=which in exact))
        conditions += [index.born(prefix, text) for prefix, text in birthdate or ()]
        if phone is not None:
            conditions.append(index.having(("phone",), "".join(filter(str.isdigit, phone)), whole=True))
        if email is not None:
            conditions.append(index.having(("email",), email, whole=True))
        if postal_code is not None:
            conditions.append(index.having(("postal_code",), postal_code))
        if gender is not None:
            conditions.append(("gender = ?", [gender]))
        return [numbers.person_id(number) for number in self._index.find(conditions, limit)]

    def chart(self, resource_type: str, patient_id: str, *, flowsheet: bool = True) -> list[Resource]:
        """All resources of one of CHART_TYPES about one patient; without `flowsheet` all but those that `outlines` tells of."""
        place = numbers.person_place(patient_id)
        if resource_type not in CHART_TYPES or place is None or place.ordinal or place.patient >= self.patient_count:
            return []
        if resource_type == "Appointment":
            return self._appointments.of_patient(place.patient)
        further = self._charts.of_flowsheet(place.patient) if flowsheet and resource_type == "Observation" else ()
        return [*self._charts.resources(place.patient, resource_type), *further]

    def outlines(self, resource_type: str, patient_id: str) -> list[Resource]:
        """Of what a chart has too much of to be kept: all that a search may ask for, and the id to read the rest by."""
        place = numbers.person_place(patient_id)
        mine = patient_id == self.heavy_patient and resource_type == "Observation"
        return self._charts.flowsheet(place.patient) if place and mine else []

    @staticmethod
    def is_outlined(resource_type: str, resource_id: str) -> bool:
        """Whether a record is one of those that are made when they are read, and not to be kept."""
        return resource_type == "Observation" and numbers.flow_place(resource_id) is not None

    def provenance(self, target: Resource) -> Resource | None:
        """Where a resource came from; None for types that have no Provenance."""
        if target["resourceType"] not in provenances.KINDS:
            return None
        return provenances.provenance(target, self._places.organizations["hospital"])

    def summary(self, patient_id: str, made: datetime, document_id: str) -> bytes | None:
        """A patient's chart as a generated CCD; None for a patient who is not there."""
        patient = self.read("Patient", patient_id)
        if patient is None or not patient.get("name"):
            return None
        sections = {kind: self.chart(kind, patient_id) for kind in summary_document.SECTION_TYPES}
        return summary_document.summary(patient, sections, made, document_id, self.name)

    def find_encounters(self, identifier: tuple[str | None, str]) -> list[str]:
        """Logical ids of the encounters with that number (FIN); its system may be None for any."""
        system, value = identifier
        place = numbers.fin_place(value)
        encounter = self.read("Encounter", numbers.encounter_id(*place)) if place else None
        held = encounter.get("identifier", ()) if encounter else ()
        fits = any(each.get("value") == value and system in (None, each.get("system")) for each in held)
        return [encounter["id"]] if encounter and fits else []

    def find_relatives(self, identifier: tuple[str | None, str]) -> list[str]:
        """Logical ids of the persons around patients with that number, at the level of patients."""
        system, value = identifier
        place = numbers.relative_place(value)
        if place is None or place.patient >= self.patient_count:
            return []
        held = self.chart("RelatedPerson", numbers.person_id(place.patient))
        return [
            each["id"]
            for each in held
            for number in each.get("identifier", ())
            if number["value"] == value and system in (None, number["system"])
        ]

    # --- the house ----------------------------------------------------------------------------------------------------

    def practitioners(self) -> Iterator[Resource]:
        return self._staff.resources()

    def locations(self) -> Iterator[Resource]:
        return self._places.location_resources()

    def organizations(self) -> Iterator[Resource]:
        return self._places.organization_resources()

    def communications(self, practitioner_id: str | None = None) -> Iterator[Resource]:
        """The messages that one of the staff has got, or all of them."""
        return self._messages.to_practitioner(practitioner_id) if practitioner_id is not None else self._messages.all()

    def insurance_plans(self) -> Iterator[Resource]:
        return self._plans.resources()

    # --- calendars ----------------------------------------------------------------------------------------------------

    def schedules(self) -> Iterator[Resource]:
        return self._calendar.schedules()

    def slots(self, *, schedule_id: str, start: datetime, end: datetime) -> list[Resource]:
        """The slots of a schedule that start in the window, free and busy as seeded, ascending."""
        return self._calendar.slots(schedule_id, start, end, self._bookings.holder)

    def appointments(
        self, *, practitioner_id: str | None = None, location_id: str | None = None, start: datetime, end: datetime
    ) -> list[Resource]:
        """Seeded appointments with that practitioner or at that location that start in the window, ascending.

        Proposed ones have no start: they belong to a window that their requested period meets.
        """
        return self._appointments.between(practitioner_id, location_id, start, end)

    def service_types(self) -> list[Resource]:
        """The bookable appointment types: own `system`, `code`, `display`, and the `standard` coding if there is one."""
        return self._calendar.service_types()
