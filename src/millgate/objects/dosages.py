"""How a medication is to be taken or was given: the Dosage, and the dosage of an administration."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from millgate.canonical.absent import extension_reason
from millgate.canonical.extensions import CLINICAL_INSTRUCTION, extension_of
from millgate.objects.choices import choice, kinds
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import about
from millgate.objects.elements import listed, quantity, ratio, single
from millgate.objects.medications import IngredientDose, Medication, ingredient_doses
from millgate.objects.notes import Notes
from millgate.objects.primitives import flag, members, text, whole
from millgate.objects.shared import Code, Quantity, Range, Ratio, Shared, Timing
from millgate.objects.timings import timing


class Dose(Shared, frozen=True, kw_only=True):
    """How much each time; exactly the field that `kind` names is there."""

    kind: Annotated[Literal["quantity", "range"], about("dose[x]", "Which of the other fields is there.")]
    quantity: Annotated[Quantity | None, about("doseQuantity", "An amount.")] = None
    range: Annotated[Range | None, about("doseRange", "From a low to a high amount.")] = None


class Rate(Shared, frozen=True, kw_only=True):
    """How fast; exactly the field that `kind` names is there."""

    kind: Annotated[Literal["ratio", "quantity", "range"], about("rate[x]", "Which of the other fields is there.")]
    ratio: Annotated[Ratio | None, about("rateRatio", "An amount in a time.")] = None
    quantity: Annotated[Quantity | None, about("rateQuantity", "A speed, such as 125 mL/h.")] = None
    range: Annotated[Range | None, about("rateRange", "From a low to a high speed.")] = None


class DoseAndRate(Shared, frozen=True, kw_only=True):
    """One of several ways to say how much and how fast."""

    type: Annotated[Code | None, about("Dosage.doseAndRate.type", "Whether it was ordered or calculated.")] = None
    dose: Annotated[Dose | None, about("Dosage.doseAndRate.dose[x]", "How much each time.")] = None
    rate: Annotated[Rate | None, about("Dosage.doseAndRate.rate[x]", "How fast.")] = None


class MaxDose(Shared, frozen=True, kw_only=True):
    """What must not be exceeded."""

    per_period: Annotated[Ratio | None, about("Dosage.maxDosePerPeriod", "In a time.")] = None
    per_administration: Annotated[Quantity | None, about("Dosage.maxDosePerAdministration", "At one time.")] = None
    per_lifetime: Annotated[Quantity | None, about("Dosage.maxDosePerLifetime", "In a whole life.")] = None


class Dosage(Shared, frozen=True, kw_only=True):
    """How a medication is taken or was given."""

    sequence: Annotated[int | None, about("Dosage.sequence", "Its place among the dosages; equal numbers go together.")] = None
    text: Annotated[str | None, about("Dosage.text", "The whole of it in words.")] = None
    additional_instructions: Annotated[
        tuple[Code, ...], about("Dosage.additionalInstruction", "With food, may cause drowsiness, …")
    ] = ()
    patient_instruction: Annotated[str | None, about("Dosage.patientInstruction", "What the patient is told.")] = None
    clinical_instruction: Annotated[
        str | None, about("Dosage.extension(clinical-instruction)", "The whole of it in words for clinicians.")
    ] = None
    timing: Annotated[Timing | None, about("Dosage.timing", "When.")] = None
    as_needed: Annotated[bool | None, about("Dosage.asNeeded[x]", "Whether only when it is needed.")] = None
    as_needed_for: Annotated[Code | None, about("Dosage.asNeededCodeableConcept", "What it is taken for when needed.")] = None
    site: Annotated[Code | None, about("Dosage.site", "Where on or in the body.")] = None
    route: Annotated[Code | None, about("Dosage.route", "How it gets into the body.")] = None
    method: Annotated[Code | None, about("Dosage.method", "By what technique.")] = None
    dose_type: Annotated[Code | None, about("Dosage.doseAndRate.type", "Whether dose and rate were ordered or calculated.")] = (
        None
    )
    dose: Annotated[Dose | None, about("Dosage.doseAndRate.dose[x]", "How much each time.")] = None
    rate: Annotated[Rate | None, about("Dosage.doseAndRate.rate[x]", "How fast.")] = None
    other_doses_and_rates: Annotated[
        tuple[DoseAndRate, ...], about("Dosage.doseAndRate", "All others than the first, in source order.")
    ] = ()
    ingredient_doses: Annotated[
        tuple[IngredientDose, ...],
        about(None, "How much of each ingredient the dose holds, where its strength is in the unit of the dose."),
    ] = ()
    max_dose: Annotated[MaxDose | None, about("Dosage.maxDose…", "What must not be exceeded.")] = None


_NO_DOSAGE, _NO_MAX_DOSE, _NO_DOSE_AND_RATE = Dosage(), MaxDose(), DoseAndRate()
_DOSES = kinds(Quantity="quantity", Range="range")
_RATES = kinds(Ratio="ratio", Quantity="quantity", Range="range")


def dosages(source: dict[str, Any], key: str, notes: Notes, made_of: Medication | None) -> tuple[Dosage, ...]:
    """The Dosages of a list, in source order."""
    return listed(source, key, "dosages", notes, lambda element, at, to: _dosage(element, at, to, made_of))


def _dosage(element: dict[str, Any], field: str, notes: Notes, made_of: Medication | None) -> Dosage | None:
    told = extension_of(element, CLINICAL_INSTRUCTION)
    needed_for = concept_of(element, "asNeededCodeableConcept", field + ".as_needed_for", notes)
    amounts = members(element, "doseAndRate", field + ".dose", notes)
    for amount in amounts:
        notes.reason(field + ".dose", extension_reason(amount))
    first = (_dose_and_rate(amounts[0], field, notes, "dose_type") if amounts else None) or _NO_DOSE_AND_RATE
    max_dose = MaxDose(
        per_period=single(element, "maxDosePerPeriod", field + ".max_dose.per_period", notes, ratio),
        per_administration=single(element, "maxDosePerAdministration", field + ".max_dose.per_administration", notes, quantity),
        per_lifetime=single(element, "maxDosePerLifetime", field + ".max_dose.per_lifetime", notes, quantity),
    )
    found = Dosage(
        sequence=whole(element, "sequence", field + ".sequence", notes),
        text=text(element, "text", field + ".text", notes),
        additional_instructions=concepts(element, "additionalInstruction", field + ".additional_instructions", notes),
        patient_instruction=text(element, "patientInstruction", field + ".patient_instruction", notes),
        clinical_instruction=text(told, "valueString", field + ".clinical_instruction", notes) if told is not None else None,
        timing=single(element, "timing", field + ".timing", notes, timing),
        as_needed=True if needed_for is not None else flag(element, "asNeededBoolean", field + ".as_needed", notes),
        as_needed_for=needed_for,
        site=concept_of(element, "site", field + ".site", notes),
        route=concept_of(element, "route", field + ".route", notes),
        method=concept_of(element, "method", field + ".method", notes),
        dose_type=first.type,
        dose=first.dose,
        rate=first.rate,
        other_doses_and_rates=_others(amounts[1:], field + ".other_doses_and_rates", notes),
        ingredient_doses=ingredient_doses(first.dose.quantity if first.dose is not None else None, made_of),
        max_dose=max_dose if max_dose != _NO_MAX_DOSE else None,
    )
    return _or_reason(found, element, field, notes)


def _others(elements: list[dict[str, Any]], field: str, notes: Notes) -> tuple[DoseAndRate, ...]:
    kept: list[DoseAndRate] = []
    for element in elements:
        found = _dose_and_rate(element, f"{field}[{len(kept)}]", notes, "type")
        if found is not None:
            kept.append(found)
        else:
            notes.fold(f"{field}[{len(kept)}]", field)
    return tuple(kept)


def _dose_and_rate(element: dict[str, Any], field: str, notes: Notes, type_name: str) -> DoseAndRate | None:
    found = DoseAndRate(
        type=concept_of(element, "type", f"{field}.{type_name}", notes),
        dose=choice(element, "dose", field + ".dose", notes, Dose, _DOSES),
        rate=choice(element, "rate", field + ".rate", notes, Rate, _RATES),
    )
    return found if found != _NO_DOSE_AND_RATE else None


def administered_dosage(element: dict[str, Any], field: str, notes: Notes, made_of: Medication | None) -> Dosage | None:
    """The dosage of an administration. Source: FHIR R4 MedicationAdministration.dosage."""
    dose = single(element, "dose", field + ".dose.quantity", notes, quantity)
    found = Dosage(
        text=text(element, "text", field + ".text", notes),
        site=concept_of(element, "site", field + ".site", notes),
        route=concept_of(element, "route", field + ".route", notes),
        method=concept_of(element, "method", field + ".method", notes),
        dose=Dose(kind="quantity", quantity=dose) if dose is not None else None,
        rate=choice(element, "rate", field + ".rate", notes, Rate, _RATES),
        ingredient_doses=ingredient_doses(dose, made_of),
    )
    return _or_reason(found, element, field, notes)


def _or_reason(found: Dosage, element: dict[str, Any], field: str, notes: Notes) -> Dosage | None:
    if found == _NO_DOSAGE:
        notes.reason(field, extension_reason(element))
        return None
    return found
