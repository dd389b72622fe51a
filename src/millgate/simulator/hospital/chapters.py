"""The chapters of a chart: which resource type is written by whom. A chapter makes all of a chart's resources of its types at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from millgate.simulator.hospital.accounts import Accounts
from millgate.simulator.hospital.allergies import Allergies
from millgate.simulator.hospital.care import Care
from millgate.simulator.hospital.coding import Resource
from millgate.simulator.hospital.conditions import Conditions
from millgate.simulator.hospital.diets import Diets
from millgate.simulator.hospital.documents import Documents
from millgate.simulator.hospital.family_history import FamilyHistory
from millgate.simulator.hospital.house import House
from millgate.simulator.hospital.immunizations import Immunizations
from millgate.simulator.hospital.medications import Medications
from millgate.simulator.hospital.orders import Orders
from millgate.simulator.hospital.payors import Coverages
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.procedures import Procedures
from millgate.simulator.hospital.questionnaires import QuestionnaireResponses
from millgate.simulator.hospital.relations import Relations
from millgate.simulator.hospital.specimens import Specimens

Chapter: TypeAlias = Callable[[Chart], Iterable[Resource]]


def chapters(house: House) -> dict[str, Chapter]:
    """What writes the resources of a type, by that type."""
    medications, care, relations, accounts = Medications(house), Care(house), Relations(house), Accounts(house)
    return {
        "Condition": Conditions(house).of_chart,
        "AllergyIntolerance": Allergies(house).of_chart,
        "MedicationRequest": medications.requests,
        "MedicationAdministration": medications.administrations,
        "MedicationDispense": medications.dispenses,
        "Immunization": Immunizations(house).of_chart,
        "Procedure": Procedures(house).of_chart,
        "DocumentReference": Documents(house).of_chart,
        "CarePlan": care.plans,
        "CareTeam": care.teams,
        "Goal": care.goals,
        "Device": care.devices,
        "ServiceRequest": Orders(house).of_chart,
        "FamilyMemberHistory": FamilyHistory(house).of_chart,
        "RelatedPerson": relations.related_persons,
        "Consent": relations.consents,
        "Coverage": Coverages(house).of_chart,
        "Account": accounts.accounts,
        "ChargeItem": accounts.charge_items,
        "NutritionOrder": Diets(house).of_chart,
        "Specimen": Specimens(house).of_chart,
        "QuestionnaireResponse": QuestionnaireResponses(house).of_chart,
    }


CHAPTER_TYPES = (
    "Condition",
    "AllergyIntolerance",
    "MedicationRequest",
    "MedicationAdministration",
    "MedicationDispense",
    "Immunization",
    "Procedure",
    "DocumentReference",
    "CarePlan",
    "CareTeam",
    "Goal",
    "Device",
    "ServiceRequest",
    "FamilyMemberHistory",
    "RelatedPerson",
    "Consent",
    "Coverage",
    "Account",
    "ChargeItem",
    "NutritionOrder",
    "Specimen",
    "QuestionnaireResponse",
)
