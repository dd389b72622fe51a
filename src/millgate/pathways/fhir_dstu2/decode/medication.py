"""A medication, mostly contained: the parts of the product are its own in R4.

Source: FHIR DSTU2 Medication; FHIR R4 Medication.
"""

from __future__ import annotations

from typing import Any

from millgate.pathways.fhir_dstu2.decode.rules import Element, Rule, Rules, each, renamed, rewritten, same

_PRODUCT: Rules = {
    **same("form"),
    "ingredient": each("ingredient", renamed(item="itemReference", amount="strength"), "Medication.product.ingredient"),
    "batch": Rule(
        "batch", lambda value, _: {"batch": value[0] if isinstance(value, list) and len(value) == 1 else value}, primitive=False
    ),
}


def _product(value: Any, _: Element) -> Element:
    return rewritten(value, _PRODUCT, "Medication.product") if isinstance(value, dict) else {}


RULES: Rules = {
    **same("code", "manufacturer"),
    "product": Rule("ingredient", _product, primitive=False),
}
