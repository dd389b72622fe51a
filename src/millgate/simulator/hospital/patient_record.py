"""A person as the Patient resource that Millennium shows. Source: published Patient examples, oracle-health fact sheet 3.2 and 3.4."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from millgate.simulator.hospital import moments, numbers
from millgate.simulator.hospital.coding import HL7_STRUCTURE, STRUCTURE, Coder, Resource, absent, coding
from millgate.simulator.hospital.contacts import contacts
from millgate.simulator.hospital.dice import dice
from millgate.simulator.hospital.identifiers import Identifier, draw_identifiers
from millgate.simulator.hospital.naming import Name
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.people import Address, Person, Phone
from millgate.simulator.hospital.places import Organization
from millgate.simulator.hospital.staff import Practitioner

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
RACE_SYSTEM = "urn:oid:2.16.840.1.113883.6.238"
NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
# Source: CDC Race and Ethnicity code set 1.0, as bound by US Core.
_RACES = {
    "white": [("2106-3", "White")],
    "black": [("2054-5", "Black or African American")],
    "asian": [("2028-9", "Asian")],
    "native": [("1002-5", "American Indian or Alaska Native")],
    "pacific": [("2076-8", "Native Hawaiian or Other Pacific Islander")],
    "two": [("2054-5", "Black or African American"), ("2106-3", "White")],
    "other": [("2131-1", "Other Race")],
}
_RACE_DETAILS = {
    "Arab": "2129-5", "Haitian": "2071-9", "Chinese": "2034-7", "Asian Indian": "2029-7", "Filipino": "2036-2",
    "Vietnamese": "2047-9", "Korean": "2040-4", "Japanese": "2039-6", "Hmong": "2037-0", "Navajo": "1382-1", "Native Hawaiian": "2079-2",
}  # fmt: skip
_GENDER_IDENTITIES = {
    "female": ("446141000124107", "Identifies as female gender (finding)"),
    "male": ("446151000124109", "Identifies as male gender (finding)"),
    "other": ("33791000087105", "Identifies as nonbinary gender (finding)"),
}


class PatientRecords:
    """Renders persons as Patient resources of one tenant."""

    def __init__(self, seed: int, coder: Coder, organization: Organization) -> None:
        self._seed, self._coder, self._organization = seed, coder, organization

    def resource(self, person: Person, primary_care: Practitioner) -> Resource:
        random = dice(self._seed, "patient-record", person.index)
        updated = person.after_registration(days=random.randint(0, 700), seconds=random.randint(0, 80_000))
        extensions = self._extensions(person, random)
        made: Resource = {
            "resourceType": "Patient",
            "id": numbers.person_id(person.index),
            "meta": {"versionId": str(random.randint(0, 40)), "lastUpdated": moments.milliseconds(updated)},
            "text": self._text(person, extensions),
        }
        if extensions:
            made["extension"] = extensions
        made["identifier"] = self._identifiers(person)
        made["active"] = True
        made["name"] = [self._name(person, place, name, updated) for place, name in enumerate(person.names)]
        made |= self._reach(person)
        made |= _sex_and_life(person, random)
        made |= self._home(person)
        if person.marital_status:
            made["maritalStatus"] = self._coder.concept("marital_status", person.marital_status)
        if found := contacts(self._seed, self._coder, person):
            made["contact"] = found
        if person.language:
            made["communication"] = [{"language": self._coder.concept("language", person.language), "preferred": True}]
        if random.random() < 0.93:
            row = numbers.row_number(person.index, 20)
            made["generalPractitioner"] = [{"id": f"CI-{row}-0"} | primary_care.reference]
        if random.random() < 0.25:
            made["managingOrganization"] = self._organization_reference()
        return made

    def combined(self, person: Person) -> Resource:
        """The record that was combined into this person's: it says only by which it was replaced."""
        target = f"Patient/{numbers.person_id(person.index)}"
        return {
            "resourceType": "Patient",
            "id": numbers.person_id(person.index, 1),
            "meta": {"versionId": "0"},
            "text": narrative("Patient", ("Status", "Inactive"), ("Replaced By", target)),
            "identifier": [absent()],
            "active": False,
            "name": [absent()],
            "_gender": absent(),
            "link": [{"other": {"reference": target}, "type": "replaced-by"}],
        }

    def _organization_reference(self) -> Resource:
        return {"reference": f"Organization/{self._organization.id}", "display": self._organization.name}

    def _text(self, person: Person, extensions: list[Resource]) -> Resource:
        birth_sex = any(each["url"].endswith("birthsex") for each in extensions)
        full = len(person.birth_date) == 10
        return narrative(
            "Patient",
            ("Name", person.names.current.text),
            ("Status", "Active"),
            ("DOB", moments.told_date(person.born) if full else person.birth_date),
            ("Birth Sex", person.sex.capitalize() if birth_sex else None),
            ("Administrative Gender", person.gender.capitalize()),
            ("Marital Status", self._coder.display("marital_status", person.marital_status) if person.marital_status else None),
            status="extensions" if birth_sex else "generated",
        )

    # --- extensions ---------------------------------------------------------------------------------------------------

    def _extensions(self, person: Person, random: Random) -> list[Resource]:
        made: list[Resource] = []
        if random.random() < 0.12:
            made.append(self._communication_preference(person, random))
        if random.random() < 0.6:
            code = "UNK" if random.random() < 0.02 else person.sex[0].upper()
            made.append({"valueCode": code, "url": US_CORE + "us-core-birthsex"})
        if random.random() < 0.95:
            made += [_race(person, random), _ethnicity(person, random)]
        if random.random() < 0.3:
            code = "248152002" if person.sex == "female" else "248153007"
            made.append({"valueCode": code, "url": US_CORE + "us-core-sex"})
        if (person.gender not in ("unknown", person.sex)) or random.random() < 0.1:
            made.append(_gender_identity(person, random))
        return made

    def _communication_preference(self, person: Person, random: Random) -> Resource:
        method, kind = random.choice(("email", "sms", "phone", "fax")), random.choice(("home", "mobile", "work"))
        verified = person.after_registration(days=random.randint(0, 900))
        parts = [
            {"valueCodeableConcept": self._coder.concept("communication_type", "reminders"), "url": "communication-type"},
            {"valueCodeableConcept": self._coder.concept("contact_method", method), "url": "contact-method"},
            {"valueCodeableConcept": self._coder.concept("contact_type", kind), "url": "contact-type"},
            {"valueDateTime": moments.milliseconds(verified), "url": "verified-datetime"},
        ]
        row = str(59_000_000 + person.index)
        return {"id": row, "extension": parts, "url": STRUCTURE + "communication-preference"}

    # --- identifiers --------------------------------------------------------------------------------------------------

    def _identifiers(self, person: Person) -> list[Resource]:
        found = draw_identifiers(self._seed, self._coder.tenant, person)
        return [self._identifier(person, place, each) for place, each in enumerate(found)] or [absent()]

    def _identifier(self, person: Person, place: int, identifier: Identifier) -> Resource:
        made: Resource = {
            "id": f"CI-{numbers.row_number(person.index, place)}-{place}",
            "use": "usual",
            "type": self._coder.concept("person_identifier", identifier.type),
        }
        made |= {"system": identifier.system} if identifier.system else {"_system": absent()}
        made |= {
            "value": identifier.value,
            "_value": {"extension": [{"valueString": identifier.rendered, "url": HL7_STRUCTURE + "rendered-value"}]},
            "period": {"start": moments.milliseconds(person.after_registration(seconds=place * 4))},
        }
        if identifier.former:  # of a number that is no longer valid only the end is known
            made["period"] = {"end": moments.milliseconds(person.after_registration(days=190))}
        if identifier.assigned_here:
            made["assigner"] = self._organization_reference()
        return made

    # --- names and ways to reach --------------------------------------------------------------------------------------

    def _name(self, person: Person, place: int, name: Name, updated: datetime) -> Resource:
        row = numbers.person_id(person.index) if place == 0 else str(numbers.row_number(person.index, 8 + place))
        made: Resource = {"id": f"CI-{row}-0", "use": name.use, "text": name.text, "family": name.family}
        if name.given:
            made["given"] = list(name.given)
        if name.prefix:
            made["prefix"] = [name.prefix]
        if name.suffix:
            made["suffix"] = [name.suffix]
        if name.use in ("maiden", "old"):
            made["period"] = {"end": moments.milliseconds(updated)}
        elif place == 0:
            made["period"] = {"start": moments.milliseconds(person.registered)}
        return made

    def _reach(self, person: Person) -> Resource:
        if person.hides_contact:
            return {"telecom": [absent("masked")]}
        made = [_phone(person, place, phone) for place, phone in enumerate(person.phones)]
        if person.email:
            row = numbers.row_number(person.index, 18)
            since = moments.milliseconds(person.after_registration(days=95))
            made.append(
                {
                    "id": f"CI-EM-{row}-0",
                    "system": "email",
                    "value": person.email,
                    "use": "home",
                    "rank": 1,
                    "period": {"start": since},
                }
            )
        return {"telecom": made} if made else {}

    def _home(self, person: Person) -> Resource:
        if person.hides_contact:
            return {"address": [absent("masked")]}
        return {"address": [_address(person, place, address) for place, address in enumerate(person.addresses)]}


def _phone(person: Person, place: int, phone: Phone) -> Resource:
    digits, row = phone.digits, numbers.row_number(person.index, 12 + place)
    written = f"({digits[:3]}){digits[3:6]}-{digits[6:]}" if len(digits) == 10 else digits
    extensions: list[Resource] = [{"valueUrl": written, "url": HL7_STRUCTURE + "iso21090-TEL-address"}]
    if phone.extension:
        extensions.append({"valueString": phone.extension, "url": HL7_STRUCTURE + "contactpoint-extension"})
    made: Resource = {"id": f"CI-PH-{row}-{place}", "extension": extensions, "system": phone.system, "value": digits}
    if phone.use:
        made["use"] = phone.use
    start = person.after_registration(days=place)
    made |= {"rank": 1, "period": {"start": moments.milliseconds(start)}}
    if phone.ended:
        made["period"]["end"] = moments.milliseconds(person.after_registration(days=59 + place))
    return made


def _address(person: Person, place: int, address: Address) -> Resource:
    city, street = address.city, "\n".join(address.line)
    start = person.registered - timedelta(seconds=36)
    made: Resource = {
        "id": f"CI-{numbers.row_number(person.index, 22 + place)}-{place}",
        "use": "old" if address.ended else address.use,
        "text": f"{street}\n{city.name}, {city.state} {address.postal_code}\nUS",
        "line": list(address.line),
        "city": city.name,
        "district": city.county,
        "state": city.state,
        "postalCode": address.postal_code,
        "country": "US",
        "period": {"start": moments.milliseconds(start)},
    }
    if address.ended:
        made["period"]["end"] = moments.milliseconds(person.after_registration(days=240))
    return made


def _sex_and_life(person: Person, random: Random) -> Resource:
    made: Resource = {"gender": person.gender, "birthDate": person.birth_date}
    if person.died and not person.died_unknown_when:
        return made | {"deceasedDateTime": moments.milliseconds(person.died)}
    if person.died or random.random() < 0.4:
        made["deceasedBoolean"] = person.died is not None
    return made


def _part(url: str, value: Resource) -> Resource:
    return {"valueCoding": value, "url": url}


def _race(person: Person, random: Random) -> Resource:
    url, chance = US_CORE + "us-core-race", random.random()
    if chance < 0.03:
        code, text = ("ASKU", "asked but unknown") if chance < 0.012 else ("UNK", "unknown")
        told = "Declined to answer" if code == "ASKU" else "Unknown"
        return {"extension": [_part("ombCategory", coding(NULL_FLAVOR, code, text, selected=False)), _told(told)], "url": url}
    races = _RACES[person.race]
    parts = [_part("ombCategory", coding(RACE_SYSTEM, code, display, selected=False)) for code, display in races]
    if person.race_detail:
        code = _RACE_DETAILS[person.race_detail]
        parts.append(_part("detailed", coding(RACE_SYSTEM, code, person.race_detail, selected=False)))
    return {"extension": [*parts, _told(person.race_detail or " and ".join(display for _, display in races))], "url": url}


def _ethnicity(person: Person, random: Random) -> Resource:
    url = US_CORE + "us-core-ethnicity"
    if random.random() < 0.02:
        unknown = coding(NULL_FLAVOR, "UNK", "unknown", selected=False)
        return {"extension": [_part("ombCategory", unknown), _told("Unknown")], "url": url}
    code, display, text = (
        ("2135-2", "Hispanic or Latino", "Hispanic, Latino, or Spanish Origin")
        if person.hispanic
        else ("2186-5", "Not Hispanic or Latino", "Not Hispanic, Latino, or Spanish Origin")
    )
    return {"extension": [_part("ombCategory", coding(RACE_SYSTEM, code, display, selected=False)), _told(text)], "url": url}


def _told(text: str) -> Resource:
    return {"valueString": text, "url": "text"}


def _gender_identity(person: Person, random: Random) -> Resource:
    url = US_CORE + "us-core-genderIdentity"
    if random.random() < 0.12:
        return {
            "valueCodeableConcept": {"coding": [coding(NULL_FLAVOR, "ASKU", "asked but unknown")], "text": "Asked but declined"},
            "url": url,
        }
    code, display = _GENDER_IDENTITIES["other" if person.gender == "other" else person.sex]
    concept = {"coding": [coding("http://snomed.info/sct", code, display)], "text": display.removesuffix(" (finding)")}
    return {"valueCodeableConcept": concept, "url": url}
