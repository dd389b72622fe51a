"""Visits as Encounter resources. Source: published Encounter examples, oracle-health fact sheet 3.2 and 3.4."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from millgate.simulator.hospital import moments, numbers
from millgate.simulator.hospital.coding import STRUCTURE, Coder, Resource, absent, coding
from millgate.simulator.hospital.dice import dice
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.places import Location, Places
from millgate.simulator.hospital.staff import Practitioner, Staff
from millgate.simulator.hospital.tables import by_key
from millgate.simulator.hospital.visits import COMBINED, Visit

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
PATIENT_CLASS = "http://terminology.hl7.org/CodeSystem/v2-0004"
FIN_SYSTEM = "urn:oid:5.5.5.5.5.5."
_STAYS = ("inpatient", "observation", "delivery", "birth")
_OVER = ("finished", "cancelled", "entered-in-error", "unknown")
_ADMITTED_FROM = {
    "inpatient": "emergency",
    "observation": "emergency",
    "birth": "born",
    "emergency": "self",
    "delivery": "referral",
}


class Encounters:
    """Renders visits of one tenant."""

    def __init__(self, seed: int, coder: Coder, places: Places, staff: Staff) -> None:
        self._seed, self._coder, self._places, self._staff = seed, coder, places, staff

    def resource(self, person: Person, visit: Visit) -> Resource:
        random = dice(self._seed, "encounter", person.index, visit.ordinal)
        row = by_key("visit_kinds")[visit.kind]
        organization = (
            self._places.organizations["home_health"] if visit.kind == "home" else visit.practitioner.location.organization
        )
        organization = visit.location.organization if visit.location else organization
        made: Resource = {
            "resourceType": "Encounter",
            "id": numbers.encounter_id(person.index, visit.ordinal),
            "meta": {
                "versionId": str(random.randint(0, 4)),
                "lastUpdated": moments.milliseconds(min(_updated(visit, random), max(visit.start, person.known_until))),
            },
            "text": {},
        }
        made |= self._extensions(visit, random)
        contained = self._contained(visit, random)
        if contained:
            made["contained"] = contained
        made["identifier"] = [self._fin(person, visit, random)]
        made |= {"status": visit.status, "class": _class(visit, row, random)}
        made["type"] = [self._coder.concept("encounter_type", row["type"])]
        if visit.practitioner.service and random.random() < 0.7:
            made["serviceType"] = self._coder.concept("service_type", visit.practitioner.service)
        if random.random() < 0.5:
            made["priority"] = self._coder.concept("priority", row["priority"])
        made["subject"] = {"reference": f"Patient/{numbers.person_id(person.index)}", "display": person.names.current.text}
        made["participant"] = self._participants(visit, random)
        if visit.booking:
            made["appointment"] = [{"reference": f"Appointment/{visit.booking.appointment_id}"}]
        made |= _period(visit, random)
        made["reasonCode"] = self._reasons(visit)
        made |= self._hospitalization(person, visit, random, contained)
        made |= self._where(visit, contained)
        made["serviceProvider"] = {"reference": f"Organization/{organization.id}"}
        if random.random() < 0.75:
            made["serviceProvider"]["display"] = organization.name
        if random.random() < 0.15:
            made["account"] = [{"reference": f"Account/F{numbers.encounter_id(person.index, visit.ordinal)}"}]
        made["text"] = self._text(made, visit, organization.name)
        return made

    def combined(self, person: Person, into: Visit) -> Resource:
        """An encounter that was combined into another: it says only into which."""
        return {
            "resourceType": "Encounter",
            "id": numbers.encounter_id(person.index, COMBINED),
            "text": narrative("Encounter", ("Type", "Unknown")),
            "status": "unknown",
            "class": absent(),
            "type": [absent()],
            "subject": absent(),
            "partOf": {"reference": f"Encounter/{numbers.encounter_id(person.index, into.ordinal)}"},
        }

    # --- parts --------------------------------------------------------------------------------------------------------

    def _extensions(self, visit: Visit, random: Random) -> Resource:
        made: list[Resource] = []
        if random.random() < 0.2:
            registered = {"valueDateTime": moments.milliseconds(visit.start), "url": "custom-attribute-value"}
            made.append(_attribute(0, "17368048", "Full Reg Date/Time", registered))
            value = self._coder.concept("encounter_type", "clinic", mark_standard=False)
            value["coding"] = value["coding"][:1]
            made.append(
                _attribute(
                    1, "3339151", "Previous Patient Type", {"valueCodeableConcept": value, "url": "custom-attribute-value"}
                )
            )
        if visit.nomenclature and random.random() < 0.12:
            system = f"{self._coder.base}/nomenclature"
            value = {"coding": [coding(system, visit.nomenclature, visit.reason, selected=False)], "text": visit.reason}
            driving = {"valueCodeableConcept": value, "url": "custom-attribute-value"}
            made.append(_attribute(len(made), "2572582103", "Driving Dx", driving))
        if random.random() < 0.1:
            amount = Decimal(random.randint(0, 60)) * Decimal("5.00") if random.random() < 0.7 else Decimal("0.00")
            url = STRUCTURE + "estimated-financial-responsibility-amount"
            made.append({"url": url, "valueMoney": {"value": amount, "currency": "USD"}})
        if random.random() < 0.06:
            client = self._places.organizations["laboratory"]
            made.append({"valueReference": {"reference": f"Organization/{client.id}"}, "url": STRUCTURE + "client-organization"})
        return {"extension": made} if made else {}

    def _fin(self, person: Person, visit: Visit, random: Random) -> Resource:
        value = numbers.fin(person.index, visit.ordinal)
        made: Resource = {"use": "usual", "type": self._coder.concept("encounter_identifier", "fin")}
        made |= {"_system": absent()} if random.random() < 0.08 else {"system": FIN_SYSTEM}
        return made | {"value": value, "period": {"start": moments.milliseconds(visit.start)}}

    def _participants(self, visit: Visit, random: Random) -> list[Resource]:
        stay = visit.kind in _STAYS or visit.kind == "emergency"
        made = [self._participant("attending" if stay else "office", visit.practitioner, visit.start, None)]
        if stay and random.random() < 0.5:
            referring = self._staff.one_of("internal", random.randint(0, 9))
            made.append(self._participant("referring", referring, visit.start, None))
        if visit.kind in _STAYS and random.random() < 0.6:
            specialist = self._staff.one_of(random.choice(("cardiology", "pulmonology", "nephrology")), random.randint(0, 3))
            since = visit.start + timedelta(hours=9, minutes=random.randint(0, 59))
            made.append(self._participant("consulting", specialist, since, since + timedelta(minutes=random.randint(14, 300))))
        if random.random() < 0.3:
            since = visit.start + timedelta(hours=random.randint(1, 30), minutes=20)
            key, specialty = random.choice((("covering", "hospitalist"), ("chart_review", "nurse"), ("nurse", "nurse")))
            made.append(
                self._participant(key, self._staff.one_of(specialty, random.randint(0, 9)), since, since + timedelta(minutes=60))
            )
        if random.random() < 0.15:
            made.append(
                self._participant("clerk", self._staff.one_of("clerk", 0), visit.start - timedelta(minutes=12), visit.start)
            )
        return made

    def _participant(self, key: str, practitioner: Practitioner, start: datetime, end: datetime | None) -> Resource:
        period = {"start": moments.milliseconds(start)} | ({"end": moments.milliseconds(end)} if end else {})
        return {"type": [self._coder.concept("participant", key)], "period": period, "individual": practitioner.reference}

    def _reasons(self, visit: Visit) -> list[Resource]:
        made: list[Resource] = [{"text": visit.reason}]
        if visit.nomenclature:
            display = visit.problem.name if visit.problem else visit.reason
            system = f"{self._coder.base}/nomenclature"
            made.append({"coding": [coding(system, visit.nomenclature, display, selected=True)], "text": display})
        return made

    # --- places -------------------------------------------------------------------------------------------------------

    def _contained(self, visit: Visit, random: Random) -> list[Resource]:
        """Places that are not Locations of the hospital: where a patient was sent, or was treated, outside of it."""
        made: list[Resource] = []
        if visit.kind == "home":
            made.append({"resourceType": "Location", "id": "1", "name": "Patient residence", "mode": "instance"})
        if visit.kind in ("inpatient", "observation") and visit.status == "finished" and random.random() < 0.2:
            name = random.choice(("Sunrise Care Center", "Riverbend Rehabilitation", "Oak Grove Nursing and Rehab"))
            kind = [{"text": random.choice(("Skilled nursing facility", "Rehabilitation facility"))}]
            made.append({"resourceType": "Location", "id": "destination", "name": name, "type": kind, "mode": "instance"})
        return made

    def _hospitalization(self, person: Person, visit: Visit, random: Random, contained: list[Resource]) -> Resource:
        if visit.kind not in (*_STAYS, "emergency") and random.random() > 0.06:
            return {}
        source = (
            _ADMITTED_FROM.get(visit.kind, "referral")
            if random.random() < 0.7
            else random.choice(("referral", "unavailable", "self"))
        )
        made: Resource = {"admitSource": self._coder.concept("admit_source", source)}
        if random.random() < 0.06:
            made["dietPreference"] = [
                self._coder.concept("diet", random.choice(("diabetic", "vegetarian", "low_sodium", "halal")))
            ]
        if person.hides_contact:
            made["specialCourtesy"] = [self._coder.concept("courtesy", "vip")]
        sent_on = next((each for each in contained if each["id"] == "destination"), None)
        if sent_on:
            made["destination"] = {"reference": "#destination", "display": sent_on["name"]}
        if visit.status == "finished":
            dies = person.died is not None and visit.end is not None and visit.end >= person.died
            chance = random.random()
            where = (
                "home" if chance < 0.85 else "home_health" if chance < 0.93 else "against_advice" if chance < 0.96 else "hospice"
            )
            disposition = "expired" if dies else "nursing_home" if sent_on else where
            made["dischargeDisposition"] = self._coder.concept("discharge_disposition", disposition)
        return {"hospitalization": made}

    def _where(self, visit: Visit, contained: list[Resource]) -> Resource:
        over = "completed" if visit.status in _OVER else "planned" if visit.status == "planned" else "active"
        if visit.kind == "home":
            return {"location": [{"location": {"reference": "#1", "display": contained[0]["name"]}, "status": over}]}
        if visit.location is None:
            return {}
        made = [{"location": _reference(visit.location), "status": over}]
        if visit.kind == "inpatient" and visit.location.physical == "bed":
            emergency = self._places.locations["emergency"]
            made.insert(0, {"location": _reference(emergency), "status": "completed" if visit.status != "planned" else "planned"})
        return {"location": made}

    def _text(self, made: Resource, visit: Visit, provider: str) -> Resource:
        location = visit.location.path if visit.location else None
        period = made.get("period", {})
        service = made.get("serviceType", {}).get("text")
        ended = visit.end if "end" in period else None
        attending = visit.practitioner.display if made["participant"][0]["type"][0]["text"] == "Attending Physician" else None
        return narrative(
            "Encounter",
            ("Patient", made["subject"]["display"]),
            ("Location", location),
            ("Type", made["type"][0]["text"]),
            ("Service Type", service),
            ("Class", made["class"].get("display")),
            ("Status", visit.status.replace("-", " ").title()),
            ("Period Start Date", moments.told(visit.start) if period else None),
            ("Period End Date", moments.told(ended) if ended else None),
            ("Reason For Visit", visit.reason),
            ("Attending Physician", attending),
            ("Service Provider", provider),
        )


def _class(visit: Visit, row: dict[str, str], random: Random) -> Resource:
    """The class in HL7's newer code system; for some outpatients still in the older one."""
    if row["class"] == "AMB" and random.random() < 0.08:
        return coding(PATIENT_CLASS, "O", "Outpatient", selected=False)
    return coding(ACT_CODE, row["class"], row["class_display"], selected=False)


def _period(visit: Visit, random: Random) -> Resource:
    """Outpatient encounters that nobody closed have no period at all, as seen live; other open ones have no end."""
    if visit.status == "in-progress" and visit.kind in ("clinic", "urgent") and random.random() < 0.6:
        return {}
    period = {"start": moments.milliseconds(visit.start)}
    if visit.end:
        period["end"] = moments.milliseconds(visit.end)
    return {"period": period}


def _updated(visit: Visit, random: Random) -> datetime:
    if visit.status == "planned":
        return visit.start - timedelta(days=40, minutes=random.randint(0, 900))
    return (visit.end or visit.start) + timedelta(seconds=random.randint(2, 50_000) if visit.end else random.randint(2, 900))


def _reference(location: Location) -> Resource:
    return {"reference": f"Location/{location.id}", "display": location.path}


def _attribute(place: int, number: str, name: str, value: Resource) -> Resource:
    """One of the encounter fields that a hospital makes up for itself."""
    parts = [{"id": f"ENCNTR:{number}", "valueString": name, "url": "custom-attribute-name"}, value]
    return {"id": f"CA-{place}", "extension": parts, "url": STRUCTURE + "custom-attribute"}
