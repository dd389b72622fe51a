"""Code systems and code tables shared by all pathways: rows with a source each, and lookup."""

from __future__ import annotations

from millgate.terminology.code_sets import CodeSet, parse_code_set
from millgate.terminology.identifier_types import identifier_type_of_code, identifier_type_of_system, identifier_type_of_text
from millgate.terminology.lifting import lifting_order
from millgate.terminology.systems import CodeSystem, canonical_system, is_public_system, short_name, system_by_short_name
from millgate.terminology.units import UCUM, is_ucum
from millgate.terminology.value_sets import ValueSet, value_sets

__all__ = [
    "UCUM",
    "CodeSet",
    "CodeSystem",
    "ValueSet",
    "canonical_system",
    "identifier_type_of_code",
    "identifier_type_of_system",
    "identifier_type_of_text",
    "is_public_system",
    "is_ucum",
    "lifting_order",
    "parse_code_set",
    "short_name",
    "system_by_short_name",
    "value_sets",
]
