"""What a token lets through of a tenant's records in DSTU2. Portal users have no surface here, so records are shown as they are."""

from __future__ import annotations

from dataclasses import dataclass

from millgate.simulator.authorization import Token, another_patient
from millgate.simulator.dstu2.records import Dstu2Records
from millgate.simulator.records import Record
from millgate.simulator.search.query import Query
from millgate.simulator.view import patients_of

_OF_THE_HOUSE = frozenset({"Practitioner", "Schedule", "Slot"})


@dataclass(frozen=True, slots=True)
class Dstu2View:
    """The records of one resource type through one token. `patients`: whose records are let through; None for everybody's."""

    records: Dstu2Records
    resource_type: str
    patients: frozenset[str] | None = None

    @classmethod
    def of(cls, token: Token | None, records: Dstu2Records, resource_type: str, letter: str) -> Dstu2View:
        """What a token, or nobody's token on the open surface, sees in one interaction."""
        if token is None or resource_type in _OF_THE_HOUSE:
            return cls(records, resource_type)
        return cls(records, resource_type, token.patients(resource_type, letter))

    def lets_through(self, record: Record) -> bool:
        kind, resource_id = record.key
        if self.patients is None or kind in _OF_THE_HOUSE:
            return True
        if kind in ("Patient", "Person"):
            return resource_id in self.patients
        if kind == "Binary":
            return self.records.hospital.patient_of(kind, resource_id) in self.patients
        return bool(self.patients & set(patients_of(record.resource)))

    def shown(self, record: Record) -> Record:
        return record

    def check_query(self, query: Query) -> None:
        """Refused if a search names a patient whose records are not let through."""
        named = [*query.values("patient"), *query.values("subject")]
        self.check_patients(named + list(query.values("_id")) if self.resource_type in ("Patient", "Person") else named)

    def check_patients(self, named: list[str]) -> None:
        if self.patients is not None and not set(named) <= self.patients:
            raise another_patient()
