"""What an object is called, by the FHIR resource type that it is made from."""

from __future__ import annotations

import re
from functools import lru_cache

# Where the object's name is not FHIR's own in snake_case.
_OWN_NAMES = {
    "AllergyIntolerance": "allergy",
    "Basic": "financial_transaction",  # the only Basic that Millennium has
    "ChargeItem": "charge",
    "DocumentReference": "document",
    "FamilyMemberHistory": "family_history",
}


@lru_cache(maxsize=512)
def object_name(resource_type: str | None) -> str | None:
    """The object's singular name (`medication_request`), or None for None."""
    if resource_type is None:
        return None
    return _OWN_NAMES.get(resource_type) or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", resource_type).lower()
