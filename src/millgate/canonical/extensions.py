"""Extensions of canonical resources: the URLs that Millgate reads, and how to find one.

Source: the pages of FHIR R4, US Core 6.1.0 and Millennium's own StructureDefinitions, by URL.
"""

from __future__ import annotations

from typing import Any

RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
ETHNICITY = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"
BIRTH_SEX = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex"
GENDER_IDENTITY = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-genderIdentity"
PERFORMER_FUNCTION = "http://hl7.org/fhir/StructureDefinition/event-performerFunction"
CONTACT_POINT_EXTENSION = "http://hl7.org/fhir/StructureDefinition/contactpoint-extension"
IS_CANCELABLE = "https://fhir-ehr.cerner.com/r4/StructureDefinition/is-cancelable"
IS_RESCHEDULABLE = "https://fhir-ehr.cerner.com/r4/StructureDefinition/is-reschedulable"
SCHEDULING_LOCATION = "https://fhir-ehr.cerner.com/r4/StructureDefinition/scheduling-location"
IS_PHYSICIAN = "https://fhir-ehr.cerner.com/r4/StructureDefinition/is-physician"

ASSERTED_DATE = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
DIAGNOSIS_TYPE = "https://fhir-ehr.cerner.com/r4/StructureDefinition/diagnosis-type"
PRECISION = "https://fhir-ehr.cerner.com/r4/StructureDefinition/precision"
PRECISION_WITHOUT_VERSION = "https://fhir-ehr.cerner.com/StructureDefinition/precision"
EMAIL_STATUS = "https://fhir-ehr.cerner.com/r4/StructureDefinition/email-status"
CONDITION_COURSE = "https://fhir-ehr.cerner.com/r4/StructureDefinition/condition-course"
CONDITION_RESULT = "https://fhir-ehr.cerner.com/r4/StructureDefinition/condition-result"
CONDITION_LIFECYCLE_STATUS = "https://fhir-ehr.cerner.com/r4/StructureDefinition/condition-lifecycle-status"
FAMILY_SEVERITY = "http://hl7.org/fhir/StructureDefinition/familymemberhistory-severity"
CHOICE_ANSWER = "https://fhir-ehr.cerner.com/r4/StructureDefinition/choice-answer"
ITEM_NOTE = "https://fhir-ehr.cerner.com/r4/StructureDefinition/note"
NOTE_ALLOWED = "https://fhir-ehr.cerner.com/r4/StructureDefinition/note-allowed"
MAX_DECIMAL_PLACES = "http://hl7.org/fhir/StructureDefinition/maxDecimalPlaces"
QUESTIONNAIRE_DISPLAY = "http://hl7.org/fhir/StructureDefinition/display"
QUESTIONNAIRE_URI = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-extension-questionnaire-uri"
PRECISIONS = (PRECISION, PRECISION_WITHOUT_VERSION)

_OWN = "https://fhir-ehr.cerner.com/r4/StructureDefinition/"
PHARMACY_VERIFICATION_STATUS = _OWN + "pharmacy-verification-status"
CLINICAL_INSTRUCTION = _OWN + "clinical-instruction"
INFUSE_OVER_TIME = _OWN + "infuse-over-time"
COVERAGE_ENCOUNTER = _OWN + "coverage-encounter"
RELATED_PERSON_ENCOUNTER = _OWN + "related-person-encounter"
RELATIONSHIP_LEVEL = _OWN + "relationship-level"
RELATION = _OWN + "relation"
RELATIONSHIP_PERIOD = _OWN + "period"
ACCOUNT_BALANCE = _OWN + "account-balance"
ACCOUNT_STATE = _OWN + "account-state"
ACCOUNT_RELATED_PARTS = _OWN + "account-related-parts"
ASSOCIATED_ENCOUNTER = _OWN + "associated-encounter"
UNIT_PRICE = _OWN + "unit-price"
NET_PRICE = _OWN + "net-price"
REPLACING = _OWN + "replacing"
PERFORMING_LOCATION = _OWN + "performing-location"
CHARGE_DESCRIPTION = _OWN + "description"
PROCEDURE_CODE = _OWN + "procedure-code"
MODIFIER_CODE = _OWN + "modifier-code"
REVENUE_CODE = _OWN + "revenue-code"
NATIONAL_DRUG_PRODUCT = _OWN + "national-drug-product"
PRIORITY = _OWN + "priority"
QUANTITY_CONVERSION_FACTOR = _OWN + "quantity-conversion-factor"
TRANSACTION_TYPE = _OWN + "financial-transaction-type"
TRANSACTION_METHOD = _OWN + "financial-transaction-method"
TRANSACTION_AMOUNT = _OWN + "financial-transaction-amount"
TRANSACTION_TENDERED_AMOUNT = _OWN + "financial-transaction-tendered-amount"
TRANSACTION_DATE = _OWN + "financial-transaction-date"
TRANSACTION_ACCOUNT_NUMBER = _OWN + "financial-transaction-account-number"
TRANSACTION_CARD_BRAND = _OWN + "financial-transaction-card-brand"
TRANSACTION_ALIAS = _OWN + "financial-transaction-alias"
TRANSACTION_LOCATION = _OWN + "financial-transaction-location"
TRANSACTION_ALLOCATION = _OWN + "financial-transaction-allocation"
APPLY_FIRST_IN_FIRST_OUT = _OWN + "apply-first-in-first-out"
BASED_ON = "http://hl7.org/fhir/StructureDefinition/event-basedOn"

# Millgate's own, on `_status`: the source's finer status code where FHIR's value set is coarser (`valueCode`).
SOURCE_STATUS = "https://github.com/millgate/millgate/extensions/source-status"

# The modifier extensions that the objects read.
KNOWN_MODIFIERS = frozenset({CONDITION_RESULT, CONDITION_LIFECYCLE_STATUS})


def extensions_of(element: Any, url: str) -> list[dict[str, Any]]:
    """The element's extensions of this URL, in source order."""
    listed = element.get("extension") if element.__class__ is dict else None
    if listed.__class__ is not list:
        return []
    return [extension for extension in listed if extension.__class__ is dict and extension.get("url") == url]


def extension_of(element: Any, url: str) -> dict[str, Any] | None:
    """The element's first extension of this URL, or None."""
    found = extensions_of(element, url)
    return found[0] if found else None
