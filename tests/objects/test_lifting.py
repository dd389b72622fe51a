"""Which coding of several is lifted."""

from __future__ import annotations

import pytest

from millgate.objects.concepts import lift
from millgate.objects.shared import Coding
from millgate.terminology import lifting_order

LOINC = Coding(system="http://loinc.org", code="2823-3")
SNOMED = Coding(system="http://snomed.info/sct", code="59573005")
V3 = Coding(system="http://terminology.hl7.org/CodeSystem/v3-ActCode", code="AMB")
SELECTED = Coding(system="https://fhir.cerner.com/t/codeSet/72", code="1", user_selected=True)
UNSELECTED = Coding(system="https://fhir.cerner.com/t/codeSet/72", code="2", user_selected=False)
BARE = Coding(code="K")
DISPLAY_ONLY = Coding(system="http://loinc.org", display="Potassium")
ABSENT = Coding(system="http://terminology.hl7.org/CodeSystem/data-absent-reason", code="masked")
ORDER = lifting_order("observation", "code")


@pytest.mark.parametrize(
    ("codings", "expected"),
    [
        ((SELECTED, SNOMED, LOINC), LOINC),
        ((SELECTED, SNOMED), SNOMED),
        ((SNOMED, V3), SNOMED),
        ((V3, SNOMED), V3),
        ((UNSELECTED, SELECTED), SELECTED),
        ((UNSELECTED,), UNSELECTED),
        ((BARE,), BARE),
        ((UNSELECTED, BARE), None),
        ((DISPLAY_ONLY, SELECTED), SELECTED),
        ((ABSENT, SELECTED), SELECTED),
        ((ABSENT,), None),
        ((), None),
    ],
)
def test_the_first_hit_wins(codings: tuple[Coding, ...], expected: Coding | None) -> None:
    assert lift(codings, ORDER) == expected


def test_the_order_of_a_field_goes_before_source_order() -> None:
    order = lifting_order("condition", "code")
    icd = Coding(system="http://hl7.org/fhir/sid/icd-10-cm", code="E87.6")
    assert lift((icd, SNOMED), order) == SNOMED
    assert lift((icd, LOINC), order) == icd
