"""The search rules of every resource type that the simulated tenant serves, as data.

Source: fact sheet section 3.2; parameter documentation of the live CapabilityStatement, 2026-08, where the sheet leaves a point open
(a time in Encounter `date`). Not known from public sources, chosen here: the default page sizes of Appointment and Practitioner
(20) and all maxima but those of DiagnosticReport, Observation and Slot (100; Patient 1,000); a `_count` outside the range is moved to
its nearer end; DiagnosticReport and DocumentReference come newest first.
"""

from __future__ import annotations

from millgate.simulator.search.rules import SearchRule
from millgate.simulator.search.table.answers import NUTRITION_ORDER, QUESTIONNAIRE, QUESTIONNAIRE_RESPONSE, SPECIMEN
from millgate.simulator.search.table.calendar import APPOINTMENT, SCHEDULE, SLOT
from millgate.simulator.search.table.care import CARE_PLAN, CARE_TEAM, DEVICE, GOAL, SERVICE_REQUEST
from millgate.simulator.search.table.chart import DIAGNOSTIC_REPORT, ENCOUNTER, OBSERVATION, PATIENT
from millgate.simulator.search.table.documents import BINARY, DOCUMENT_REFERENCE
from millgate.simulator.search.table.house import LOCATION, ORGANIZATION, PRACTITIONER
from millgate.simulator.search.table.medications import (
    MEDICATION_ADMINISTRATION,
    MEDICATION_DISPENSE,
    MEDICATION_REQUEST,
)
from millgate.simulator.search.table.money import ACCOUNT, CHARGE_ITEM, COVERAGE, INSURANCE_PLAN
from millgate.simulator.search.table.origins import PROVENANCE_RULE
from millgate.simulator.search.table.problems import (
    ALLERGY_INTOLERANCE,
    CONDITION,
    FAMILY_MEMBER_HISTORY,
    IMMUNIZATION,
    PROCEDURE,
)
from millgate.simulator.search.table.relations import COMMUNICATION, CONSENT, PERSON, RELATED_PERSON

RULES: dict[str, SearchRule] = {
    rule.resource_type: rule
    for rule in (
        ACCOUNT,
        ALLERGY_INTOLERANCE,
        APPOINTMENT,
        BINARY,
        CARE_PLAN,
        CARE_TEAM,
        CHARGE_ITEM,
        COMMUNICATION,
        CONDITION,
        CONSENT,
        COVERAGE,
        DEVICE,
        DIAGNOSTIC_REPORT,
        DOCUMENT_REFERENCE,
        ENCOUNTER,
        FAMILY_MEMBER_HISTORY,
        GOAL,
        IMMUNIZATION,
        INSURANCE_PLAN,
        LOCATION,
        MEDICATION_ADMINISTRATION,
        MEDICATION_DISPENSE,
        MEDICATION_REQUEST,
        NUTRITION_ORDER,
        OBSERVATION,
        ORGANIZATION,
        PATIENT,
        PERSON,
        PRACTITIONER,
        PROCEDURE,
        PROVENANCE_RULE,
        QUESTIONNAIRE,
        QUESTIONNAIRE_RESPONSE,
        RELATED_PERSON,
        SCHEDULE,
        SERVICE_REQUEST,
        SLOT,
        SPECIMEN,
    )
}
