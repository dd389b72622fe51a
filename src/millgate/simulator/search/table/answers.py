"""The rules of meals, forms, answers, and specimens.

Source: fact sheet 3.2; parameter documentation of the live CapabilityStatement, 2026-08. Not known, chosen here: the page sizes of
NutritionOrder (20, at most 100).
"""

from __future__ import annotations

from millgate.simulator.search.rules import Page, SearchRule
from millgate.simulator.search.table.parts import FROM_TO, PROVENANCE, R4, count, last_updated, patient, resource_id, token

NUTRITION_ORDER = SearchRule(
    resource_type="NutritionOrder",
    any_of=("_id", "patient"),
    page=Page(default=20, maximum=100),
    revincludes=PROVENANCE,
    parameters=(
        resource_id("NutritionOrder"),
        patient(R4 + "clinical-patient", "patient"),
        token("status", "One or several statuses, by comma.", "status", definition=R4 + "NutritionOrder-status"),
        last_updated(FROM_TO),
        count(),
    ),
)

QUESTIONNAIRE = SearchRule(resource_type="Questionnaire", any_of=("_id",), parameters=(resource_id("Questionnaire"),))

QUESTIONNAIRE_RESPONSE = SearchRule(
    resource_type="QuestionnaireResponse",
    any_of=("_id", "patient"),
    parameters=(resource_id("QuestionnaireResponse"), patient(R4 + "QuestionnaireResponse-patient")),
)

SPECIMEN = SearchRule(resource_type="Specimen", any_of=("_id",), parameters=(resource_id("Specimen"),))
