"""A few patients whose names, numbers and words occur nowhere else."""

from __future__ import annotations

from typing import Any

Resource = dict[str, Any]


def patient(number: int, **changed: Any) -> Resource:
    """A patient; `number` makes every identifying value differ."""
    return {
        "resourceType": "Patient",
        "id": f"127{number:05}99",
        "identifier": [{"system": "urn:oid:1.2.3.4", "value": f"MRN-778{number:04}"}],
        "name": [{"family": f"Quillfeather{_word(number)}", "given": [f"Ximenes{_word(number)}"]}],
        "birthDate": f"19{60 + number % 40}-07-{1 + number % 28:02}",
        "telecom": [
            {"system": "phone", "value": f"816-555-{number:04}"},
            {"system": "email", "value": f"quill{number}@feathers.example"},
        ],
        "gender": "female",
    } | changed


def observation(number: int, value: Any = 5, **changed: Any) -> Resource:
    """A result of patient `number`."""
    return {
        "resourceType": "Observation",
        "id": f"obs-{number}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}], "text": "Glucose Zanzibarine"},
        "subject": {"reference": f"Patient/127{number:05}99"},
        "valueQuantity": {"value": value, "unit": "mg/dL"},
    } | changed


def _word(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in f"{number:03}")
