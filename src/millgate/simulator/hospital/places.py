"""The organizations and locations of the hospital: facility, building, unit, room, bed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from millgate.simulator.hospital import moments, numbers
from millgate.simulator.hospital.coding import Coder, Resource
from millgate.simulator.hospital.dice import dice
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.region import City, Region
from millgate.simulator.hospital.tables import rows

TAX_SYSTEM = "urn:oid:2.16.840.1.113883.4.4"
NPI_SYSTEM = "http://hl7.org/fhir/sid/us-npi"
_WARDS = {"medical": (3, 2), "surgical": (2, 2), "telemetry": (2, 2), "intensive": (3, 1), "labor": (2, 1), "emergency": (4, 1)}


@dataclass(frozen=True, slots=True)
class Organization:
    id: str
    key: str
    name: str
    short: str
    row: dict[str, str]
    city: City
    phone: str


@dataclass(frozen=True, slots=True)
class Location:
    """One place; `path` is its name with those of the places around it, as encounters show it."""

    id: str
    key: str
    name: str
    alias: str
    physical: str
    type: str
    parent: str | None
    organization: Organization
    path: str


def npi(number: int) -> str:
    """A National Provider Identifier with its check digit, from the range (2…) that has not been given out.

    Source: CMS NPI check digit (Luhn over the number with prefix 80840).
    """
    digits = f"2{number:08d}"
    total = 24 + sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(digits))
    return digits + str(-total % 10)


class Places:
    """All organizations and locations of one hospital, by id and by key."""

    def __init__(self, seed: int, region: Region, coder: Coder) -> None:
        self._seed, self._region, self._coder = seed, region, coder
        self.organizations: dict[str, Organization] = {}
        self.locations: dict[str, Location] = {}
        for number, row in enumerate(rows("organizations")):
            self._add_organization(number, row)
        for row in rows("locations"):
            self._add_location(row)
        for ward, (room_count, bed_count) in _WARDS.items():
            self._add_rooms(self.locations[ward], room_count, bed_count)
        self.organizations_by_id = {organization.id: organization for organization in self.organizations.values()}
        self.locations_by_id = {location.id: location for location in self.locations.values()}

    def _names(self) -> dict[str, str]:
        system = self._region.health_system
        initials = "".join(word[0] for word in system.split())
        return {"system": system, "initials": initials} | {key: each.name for key, each in self.organizations.items()}

    def _add_organization(self, number: int, row: dict[str, str]) -> None:
        cities = self._region.cities.things
        city = cities[int(row["place"]) % len(cities)]
        names = self._names()
        name, short = row["name"].format_map(names), row["short"].format_map(names)
        phone = f"{city.area_code}555{9000 + number * 10:04d}"
        organization_id = numbers.organization_id(number)
        self.organizations[row["key"]] = Organization(organization_id, row["key"], name, short, row, city, phone)

    def _add_location(self, row: dict[str, str]) -> None:
        names = self._names()
        self._place(row["key"], row["name"].format_map(names), row["alias"].format_map(names), row, row["parent"] or None)

    def _place(self, key: str, name: str, alias: str, row: dict[str, str], parent: str | None) -> None:
        path = f"{self.locations[parent].path}, {name}" if parent else name
        organization = self.organizations[row["organization"]]
        location_id = numbers.location_id(len(self.locations))
        physical, kind = row["physical"], row["type"]
        self.locations[key] = Location(location_id, key, name, alias, physical, kind, parent, organization, path)

    def _add_rooms(self, ward: Location, room_count: int, bed_count: int) -> None:
        for room in range(room_count):
            key, name = f"{ward.key}-{room}", f"{101 + room}"
            row = {"organization": ward.organization.key, "physical": "room", "type": "room"}
            self._place(key, name, f"{ward.alias} {name}", row, ward.key)
            for bed in "AB"[: bed_count if room == 0 else 1]:
                self._place(f"{key}-{bed}", bed, f"{ward.alias} {name}{bed}", row | {"physical": "bed", "type": "bed"}, key)

    def beds(self, ward: str) -> list[Location]:
        """The beds of a ward; the ward itself if it has none."""
        beds = [each for key, each in self.locations.items() if key.startswith(f"{ward}-") and each.physical == "bed"]
        return beds or [self.locations[ward]]

    def organization_resources(self) -> Iterator[Resource]:
        for organization in self.organizations.values():
            yield self.organization_resource(organization)

    def organization_resource(self, organization: Organization) -> Resource:
        random = dice(self._seed, "organization", organization.key)
        identifiers = self._organization_identifiers(organization, random)
        told = [
            (identifier["type"]["coding"][0]["code"], identifier["value"]) for identifier in identifiers if "type" in identifier
        ]
        telecom = [{"system": "phone", "value": organization.phone, "use": "work"}]
        if "chart" in organization.row["types"] or "pharmacy" in organization.row["types"]:
            telecom += [
                {"system": "sms", "value": organization.phone[:-1] + "7", "use": "mobile"},
                {"system": "email", "value": f"{organization.key.replace('_', '.')}@example.org"},
            ]
        return {
            "resourceType": "Organization",
            "id": organization.id,
            "meta": {"versionId": str(random.randint(1, 30)), "lastUpdated": moments.seconds(_changed(random))},
            "text": narrative("Organization", ("Name", organization.name), ("Status", "Active"), *told),
            "identifier": identifiers,
            "active": True,
            "type": [
                self._coder.concept("organization_type", key, mark_standard=False) for key in organization.row["types"].split(";")
            ],
            "name": organization.name,
            "telecom": telecom,
            "address": [_address(organization, "work"), _address(organization, "billing"), _address(organization, "")],
        }

    def _organization_identifiers(self, organization: Organization, random: Random) -> list[Resource]:
        own = int(organization.id)
        values = {
            "tax": (TAX_SYSTEM, f"00{own % 10_000_000:07d}"),
            "npi": (NPI_SYSTEM, npi(random.randint(10_000_000, 99_999_999))),
            "oid": ("urn:ietf:rfc:3986", f"urn:oid:2.16.840.1.113883.3.787.{own}"),
        }
        made: list[Resource] = []
        for key in organization.row["identifiers"].split(";"):
            system, value = values[key]
            concept = self._coder.concept("organization_identifier", key, mark_standard=False)
            made.append({"use": "official", "type": concept, "system": system, "value": value})
        if organization.key == "specialty":
            del made[0]["type"]  # one alias of the table has lost its type, as seen in the published caregiver example
        return made

    def location_resources(self) -> Iterator[Resource]:
        for location in self.locations.values():
            yield self.location_resource(location)

    def location_resource(self, location: Location) -> Resource:
        random = dice(self._seed, "location", location.key)
        physical = self._coder.concept("physical_type", location.physical, mark_standard=False)
        parent = self.locations[location.parent] if location.parent else None
        made: Resource = {
            "resourceType": "Location",
            "id": location.id,
            "meta": {"versionId": str(random.randint(0, 20)), "lastUpdated": moments.seconds(_changed(random))},
            "text": narrative(
                "Location",
                ("Name", location.name),
                ("Alias", location.alias),
                ("Managing Organization", location.organization.name),
                ("Part Of", parent.id if parent else None),
                ("Physical Type", physical["text"]),
                ("Status", "Active"),
            ),
        }
        made |= self._location_numbers(location)
        made |= {"status": "active", "name": location.name, "alias": [location.alias], "mode": "instance"}
        if location.physical in ("facility", "ambulatory", "department"):
            made["telecom"] = [
                {"system": "phone", "value": f"{location.organization.phone[:-2]}{int(location.id) // 4 % 100:02d}"}
            ]
            made["address"] = _address(location.organization, "work") | (
                {"district": location.organization.city.county} if location.physical != "facility" else {}
            )
        made["type"] = [self._coder.concept("location_type", location.type, mark_standard=False)]
        made["physicalType"] = physical
        made["managingOrganization"] = {
            "reference": f"Organization/{location.organization.id}",
            "display": location.organization.name,
        }
        if parent:
            made["partOf"] = {"reference": f"Location/{parent.id}"}
        return made

    def _location_numbers(self, location: Location) -> Resource:
        """Aliases: facilities by their account number, units by the name that foreign systems know them by."""
        made: Resource = {}
        if location.key in ("emergency", "intensive"):
            measure = {"valueCodeableConcept": self._coder.concept("core_measure", location.key), "url": "custom-attribute-value"}
            attribute = {"id": "20356268", "valueString": "Core Measure Locations", "url": "custom-attribute-name"}
            url = "https://fhir-ehr.cerner.com/r4/StructureDefinition/custom-attribute"
            made["extension"] = [{"extension": [attribute, measure], "url": url}]
        if location.physical == "facility":
            made["identifier"] = [self._location_identifier("fin", "FIN NBR", str(int(location.id) % 10_000 + 10_000))]
        elif location.physical in ("unit", "ambulatory", "department") and location.parent:
            above = self.locations[location.parent]
            value = f"{location.organization.short}^~{above.alias}^~{location.alias}"
            made["identifier"] = [self._location_identifier("foreign", "653385", value.replace(" ", ""))]
        return made

    def _location_identifier(self, key: str, system: str, value: str) -> Resource:
        return {
            "use": "official",
            "type": {"coding": self._coder.concept("location_identifier", key)["coding"]},
            "system": system,
            "value": value,
        }


def _changed(random: Random) -> datetime:
    return datetime(
        2018 + random.randint(0, 5), random.randint(1, 12), random.randint(1, 28), random.randint(13, 21), 42, 7, tzinfo=UTC
    )


def _address(organization: Organization, use: str) -> Resource:
    street, city = organization.row["street"], organization.city
    made: Resource = {"use": use} if use else {}
    return made | {
        "text": f"{street}\n{city.name}, {city.state} {city.postal_code}\nUS",
        "line": [street],
        "city": city.name,
        "state": city.state,
        "postalCode": city.postal_code,
        "country": "US",
    }
