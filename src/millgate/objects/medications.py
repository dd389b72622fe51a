"""What a medication is: a concept, or a Medication resource with its ingredients, contained or beside.

And how much of each ingredient a dose holds, where that is arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any

from millgate.canonical.references import contained_resource, parse_element
from millgate.objects.concepts import NO_ORDER, concept_of
from millgate.objects.declaration import about
from millgate.objects.elements import identifier, listed, ratio, reference, single
from millgate.objects.notes import Notes
from millgate.objects.primitives import flag, member, moment, text
from millgate.objects.shared import Code, Identifier, Quantity, Ratio, Reference, Shared


class Ingredient(Shared, frozen=True, kw_only=True):
    """One ingredient of a compound or an infusion."""

    item: Annotated[Code | None, about("Medication.ingredient.itemCodeableConcept", "What it is; RxNorm is lifted first.")] = None
    reference: Annotated[Reference | None, about("Medication.ingredient.itemReference", "What it is, as a pointer.")] = None
    is_active: Annotated[bool | None, about("Medication.ingredient.isActive", "Whether it is meant to have an effect.")] = None
    strength: Annotated[Ratio | None, about("Medication.ingredient.strength", "How much of it is in how much of the whole.")] = (
        None
    )


class Medication(Code, frozen=True, kw_only=True):
    """A medication as a concept, with what the Medication resource says that came along, if one did."""

    reference: Annotated[
        Reference | None, about("medicationReference", "The Medication; one that is contained has a display and no id.")
    ] = None
    form: Annotated[Code | None, about("Medication.form", "Tablet, solution, …")] = None
    amount: Annotated[Ratio | None, about("Medication.amount", "How much is in the package.")] = None
    ingredients: Annotated[tuple[Ingredient, ...], about("Medication.ingredient", "What it is made of.")] = ()
    status: Annotated[str | None, about("Medication.status", "active, inactive or entered-in-error.")] = None
    manufacturer: Annotated[Reference | None, about("Medication.manufacturer", "Who made it.")] = None
    lot_number: Annotated[str | None, about("Medication.batch.lotNumber", "Number of its batch.")] = None
    expires_at: Annotated[str | None, about("Medication.batch.expirationDate", "When its batch expires.")] = None
    identifiers: Annotated[tuple[Identifier, ...], about("Medication.identifier", "Its numbers.")] = ()


class IngredientDose(Shared, frozen=True, kw_only=True):
    """How much of one ingredient a dose holds: the dose times the ingredient's strength, exactly."""

    ingredient: Annotated[int, about(None, "Position among the medication's ingredients, from 0.")]
    text: Annotated[str | None, about(None, "The source's words for the ingredient.")] = None
    quantity: Annotated[Quantity, about(None, "The amount, in the unit of the strength's numerator.")]


_NO_MEDICATION = Medication()
_NO_INGREDIENT = Ingredient()


def medication(source: dict[str, Any], notes: Notes, order: Mapping[str, int] = NO_ORDER) -> Medication | None:
    """The `medication[x]` of a resource. Its text falls back to the reference's display, which is the source's words too."""
    field = "medication"
    coded = concept_of(source, "medicationCodeableConcept", field, notes, order)
    pointed = single(source, "medicationReference", field + ".reference", notes, reference)
    details = _details(source, field, notes, order)
    own = details.pop("code", None)
    if coded is not None and own is not None:
        notes.warn("more_than_one", field, "The source has both a concept and a Medication with a code; the concept is shown.")
    code = coded or own or Code()
    words = code.text or (pointed.display if pointed is not None else None)
    found = Medication(text=words, system=code.system, code=code.code, codings=code.codings, reference=pointed, **details)
    if found == _NO_MEDICATION:
        notes.fold(field + ".reference", field)
        return None
    return found


def _details(source: dict[str, Any], field: str, notes: Notes, order: Mapping[str, int]) -> dict[str, Any]:
    """What the Medication says that the reference points to, where it is contained or came along; else nothing."""
    resource, inner = _medication_resource(source, notes)
    if resource is None:
        return {}
    batch = member(resource, "batch", field + ".lot_number", inner) or {}
    return {
        "code": concept_of(resource, "code", field, inner, order),
        "form": concept_of(resource, "form", field + ".form", inner),
        "amount": single(resource, "amount", field + ".amount", inner, ratio),
        "ingredients": listed(
            resource,
            "ingredient",
            field + ".ingredients",
            inner,
            lambda element, at, to: _ingredient(element, at, to, resource, order),
        ),
        "status": text(resource, "status", field + ".status", inner),
        "manufacturer": single(resource, "manufacturer", field + ".manufacturer", inner, reference),
        "lot_number": text(batch, "lotNumber", field + ".lot_number", inner),
        "expires_at": moment(batch, "expirationDate", field + ".expires_at", inner),
        "identifiers": listed(resource, "identifier", field + ".identifiers", inner, identifier),
    }


def _medication_resource(source: dict[str, Any], notes: Notes) -> tuple[dict[str, Any] | None, Notes]:
    """The Medication and the notes to read it with: its own `#` references are looked up where it stands."""
    parsed = parse_element(source.get("medicationReference"))
    if parsed is None:
        return None, notes
    if parsed.contained is not None:
        resource = notes.contained(parsed.contained)
        return (resource if resource is not None and resource.get("resourceType") == "Medication" else None), notes
    place = notes.context.urns.get(parsed.urn, "") if parsed.urn is not None else f"Medication/{parsed.id}"
    resource = notes.context.included.get(place)
    if resource is None or resource.get("resourceType") != "Medication":
        return None, notes
    inner = Notes(resource, notes.context)
    inner.absent, inner.warnings = notes.absent, notes.warnings
    return resource, inner


def _ingredient(
    element: dict[str, Any], field: str, notes: Notes, resource: dict[str, Any], order: Mapping[str, int]
) -> Ingredient | None:
    pointed = single(element, "itemReference", field + ".reference", notes, reference)
    item = concept_of(element, "itemCodeableConcept", field + ".item", notes, order)
    if item is None and pointed is not None:
        parsed = parse_element(element.get("itemReference"))
        inside = parsed.contained if parsed is not None else None
        target = (contained_resource(notes.resource, inside) or contained_resource(resource, inside)) if inside else None
        item = concept_of(target, "code", field + ".item", notes, order) if target is not None else None
    found = Ingredient(
        item=item,
        reference=pointed,
        is_active=flag(element, "isActive", field + ".is_active", notes),
        strength=single(element, "strength", field + ".strength", notes, ratio),
    )
    return found if found != _NO_INGREDIENT else None


def ingredient_doses(dose: Quantity | None, made_of: Medication | None) -> tuple[IngredientDose, ...]:
    """How much of each ingredient a dose holds, for those of which the dose is in the very unit of the strength's denominator.

    Nothing is converted and nothing rounded: an amount that has no end as a decimal is left out.
    """
    if dose is None or made_of is None:
        return ()
    found: list[IngredientDose] = []
    for position, each in enumerate(made_of.ingredients):
        amount = _amount_of(dose, each.strength)
        if amount is not None:
            words = each.item.text if each.item is not None else None
            found.append(IngredientDose(ingredient=position, text=words, quantity=amount))
    return tuple(found)


def _amount_of(dose: Quantity, strength: Ratio | None) -> Quantity | None:
    if strength is None or strength.numerator is None or strength.denominator is None:
        return None
    part, whole = strength.numerator, strength.denominator
    if any(each.comparator is not None for each in (dose, part, whole)) or not _same_unit(dose, whole):
        return None
    value = _exact_share(dose.value, part.value, whole.value)
    return Quantity(value=value, unit=part.unit, system=part.system, code=part.code) if value is not None else None


def _same_unit(one: Quantity, other: Quantity) -> bool:
    """Whether both have the same code of the same system or, both without a code, the same words."""
    if one.code is None and other.code is None:
        return one.unit is not None and one.unit == other.unit
    return one.code == other.code and one.system == other.system


def _exact_share(dose: Decimal | None, part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    """`dose * part / whole`, or None where a number is missing, not positive, beyond any dose, or the result has no end."""
    if dose is None or part is None or whole is None or not all(_is_dosable(each) for each in (dose, part, whole)):
        return None
    share = Fraction(dose) * Fraction(part) / Fraction(whole)
    rest, places = share.denominator, {2: 0, 5: 0}
    for factor in places:
        while rest % factor == 0:
            rest //= factor
            places[factor] += 1
    if rest != 1:
        return None
    scale = max(places.values())
    digits = share.numerator * 10**scale // share.denominator
    return Decimal((0, tuple(int(digit) for digit in str(digits)), -scale))


def _is_dosable(value: Decimal) -> bool:
    return value > 0 and -20 < value.adjusted() < 20 and len(value.as_tuple().digits) < 30
