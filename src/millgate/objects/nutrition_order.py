"""An order for what a patient is to eat and drink, or to be fed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import BASED_ON, extensions_of
from millgate.objects.choices import choice, kinds
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import PATIENT_ID, STATUS, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import identifier, listed, note, quantity, reference, reference_id_of, reference_ids, single
from millgate.objects.notes import Notes
from millgate.objects.primitives import moment, text
from millgate.objects.shared import Code, Identifier, Note, Object, Quantity, Ratio, Reference, Shared, Timing
from millgate.objects.timings import timing


class Nutrient(Shared, frozen=True, kw_only=True):
    """One nutrient that is given more or less of."""

    modifier: Annotated[Code | None, about("NutritionOrder.oralDiet.nutrient.modifier", "Which nutrient, and how.")] = None
    amount: Annotated[Quantity | None, about("NutritionOrder.oralDiet.nutrient.amount", "How much.")] = None


class Texture(Shared, frozen=True, kw_only=True):
    """How food is to be cut or ground."""

    modifier: Annotated[Code | None, about("NutritionOrder.oralDiet.texture.modifier", "How: pureed, chopped, …")] = None
    food_type: Annotated[Code | None, about("NutritionOrder.oralDiet.texture.foodType", "Which food.")] = None


class OralDiet(Shared, frozen=True, kw_only=True):
    """What the patient eats and drinks."""

    types: Annotated[tuple[Code, ...], about("NutritionOrder.oralDiet.type", "Kinds of diet.")] = ()
    schedules: Annotated[tuple[Timing, ...], about("NutritionOrder.oralDiet.schedule", "When.")] = ()
    nutrients: Annotated[tuple[Nutrient, ...], about("NutritionOrder.oralDiet.nutrient", "Nutrients to mind.")] = ()
    textures: Annotated[tuple[Texture, ...], about("NutritionOrder.oralDiet.texture", "How food is cut or ground.")] = ()
    fluid_consistencies: Annotated[
        tuple[Code, ...], about("NutritionOrder.oralDiet.fluidConsistencyType", "How thick drinks are.")
    ] = ()
    instruction: Annotated[str | None, about("NutritionOrder.oralDiet.instruction", "What else is to be minded.")] = None


class Supplement(Shared, frozen=True, kw_only=True):
    """What is given besides the diet."""

    type: Annotated[Code | None, about("NutritionOrder.supplement.type", "Kind of supplement.")] = None
    product_name: Annotated[str | None, about("NutritionOrder.supplement.productName", "Its name in trade.")] = None
    schedules: Annotated[tuple[Timing, ...], about("NutritionOrder.supplement.schedule", "When.")] = ()
    quantity: Annotated[Quantity | None, about("NutritionOrder.supplement.quantity", "How much.")] = None
    instruction: Annotated[str | None, about("NutritionOrder.supplement.instruction", "What else is to be minded.")] = None


class FeedingRate(Shared, frozen=True, kw_only=True):
    """How fast; exactly the field that `kind` names is there."""

    kind: Annotated[
        Literal["quantity", "ratio"], about("NutritionOrder.enteralFormula.administration.rate[x]", "Which field is there.")
    ]
    quantity: Annotated[Quantity | None, about("NutritionOrder.enteralFormula.administration.rateQuantity", "A speed.")] = None
    ratio: Annotated[Ratio | None, about("NutritionOrder.enteralFormula.administration.rateRatio", "An amount in a time.")] = None


class Feeding(Shared, frozen=True, kw_only=True):
    """One way in which a formula is given."""

    schedule: Annotated[Timing | None, about("NutritionOrder.enteralFormula.administration.schedule", "When.")] = None
    quantity: Annotated[Quantity | None, about("NutritionOrder.enteralFormula.administration.quantity", "How much.")] = None
    rate: Annotated[FeedingRate | None, about("NutritionOrder.enteralFormula.administration.rate[x]", "How fast.")] = None


class EnteralFormula(Shared, frozen=True, kw_only=True):
    """What is fed through a tube."""

    base_type: Annotated[Code | None, about("NutritionOrder.enteralFormula.baseFormulaType", "Kind of formula.")] = None
    base_product_name: Annotated[
        str | None, about("NutritionOrder.enteralFormula.baseFormulaProductName", "Its name in trade.")
    ] = None
    additive_type: Annotated[Code | None, about("NutritionOrder.enteralFormula.additiveType", "What is added.")] = None
    additive_product_name: Annotated[
        str | None, about("NutritionOrder.enteralFormula.additiveProductName", "Its name in trade.")
    ] = None
    caloric_density: Annotated[
        Quantity | None, about("NutritionOrder.enteralFormula.caloricDensity", "Calories in a volume.")
    ] = None
    route: Annotated[Code | None, about("NutritionOrder.enteralFormula.routeofAdministration", "How it gets into the body.")] = (
        None
    )
    administrations: Annotated[
        tuple[Feeding, ...], about("NutritionOrder.enteralFormula.administration", "When, how much, how fast.")
    ] = ()
    max_volume: Annotated[
        Quantity | None, about("NutritionOrder.enteralFormula.maxVolumeToDeliver", "What must not be exceeded.")
    ] = None
    instruction: Annotated[
        str | None, about("NutritionOrder.enteralFormula.administrationInstruction", "The order in words.")
    ] = None


class NutritionOrder(Object, frozen=True, kw_only=True):
    """An order for what a patient is to eat and drink, or to be fed."""

    patient_id: Annotated[str | None, about("NutritionOrder.patient", "The patient.")] = None
    encounter_id: Annotated[str | None, about("NutritionOrder.encounter", "The encounter it was made in.")] = None
    status: Annotated[str | None, about("NutritionOrder.status", "draft, active, on-hold, revoked, completed, …")] = None
    source_status: Annotated[str | None, about("NutritionOrder.status.extension", "The source's own, finer status.")] = None
    intent: Annotated[str | None, about("NutritionOrder.intent", "proposal, plan, order, …")] = None
    ordered_at: Annotated[str | None, about("NutritionOrder.dateTime", "When it was ordered.")] = None
    orderer: Annotated[Reference | None, about("NutritionOrder.orderer", "Who ordered it.")] = None
    oral_diet: Annotated[OralDiet | None, about("NutritionOrder.oralDiet", "What the patient eats and drinks.")] = None
    supplements: Annotated[tuple[Supplement, ...], about("NutritionOrder.supplement", "What is given besides.")] = ()
    enteral_formula: Annotated[EnteralFormula | None, about("NutritionOrder.enteralFormula", "What is fed through a tube.")] = (
        None
    )
    food_preferences: Annotated[tuple[Code, ...], about("NutritionOrder.foodPreferenceModifier", "Vegetarian, kosher, …")] = ()
    excluded_foods: Annotated[tuple[Code, ...], about("NutritionOrder.excludeFoodModifier", "What must not be served.")] = ()
    allergy_ids: Annotated[
        tuple[str, ...], about("NutritionOrder.allergyIntolerance", "Ids of the allergies that the kitchen has to mind.")
    ] = ()
    based_on: Annotated[
        tuple[Reference, ...], about("NutritionOrder.extension(event-basedOn)", "The order or plan that it is a part of.")
    ] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("NutritionOrder.identifier", "Its numbers.")] = ()
    notes: Annotated[tuple[Note, ...], about("NutritionOrder.note", "Comments.")] = ()


def normalize(resource: Resource, context: Context) -> NutritionOrder:
    """The order that this canonical NutritionOrder describes. Raises FixMessage where it is no NutritionOrder with an id."""
    notes = opened(resource, "NutritionOrder", context)
    bases = [each["valueReference"] for each in extensions_of(resource, BASED_ON) if "valueReference" in each]
    return NutritionOrder(
        patient_id=reference_id_of(resource, "patient", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(resource, "encounter", "Encounter", "encounter_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        intent=text(resource, "intent", "intent", notes),
        ordered_at=moment(resource, "dateTime", "ordered_at", notes),
        orderer=single(resource, "orderer", "orderer", notes, reference),
        oral_diet=single(resource, "oralDiet", "oral_diet", notes, _oral_diet),
        supplements=listed(resource, "supplement", "supplements", notes, _supplement),
        enteral_formula=single(resource, "enteralFormula", "enteral_formula", notes, _enteral_formula),
        food_preferences=concepts(resource, "foodPreferenceModifier", "food_preferences", notes),
        excluded_foods=concepts(resource, "excludeFoodModifier", "excluded_foods", notes),
        allergy_ids=reference_ids(resource, "allergyIntolerance", "AllergyIntolerance", "allergy_ids", notes),
        based_on=listed({"of": bases}, "of", "based_on", notes, reference),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        notes=listed(resource, "note", "notes", notes, note),
        **common_fields(notes),
    )


def _oral_diet(element: dict[str, Any], field: str, notes: Notes) -> OralDiet | None:
    found = OralDiet(
        types=concepts(element, "type", field + ".types", notes),
        schedules=listed(element, "schedule", field + ".schedules", notes, timing),
        nutrients=listed(element, "nutrient", field + ".nutrients", notes, _nutrient),
        textures=listed(element, "texture", field + ".textures", notes, _texture),
        fluid_consistencies=concepts(element, "fluidConsistencyType", field + ".fluid_consistencies", notes),
        instruction=text(element, "instruction", field + ".instruction", notes),
    )
    return found if found != OralDiet() else None


def _nutrient(element: dict[str, Any], field: str, notes: Notes) -> Nutrient | None:
    found = Nutrient(
        modifier=concept_of(element, "modifier", field + ".modifier", notes),
        amount=single(element, "amount", field + ".amount", notes, quantity),
    )
    return found if found != Nutrient() else None


def _texture(element: dict[str, Any], field: str, notes: Notes) -> Texture | None:
    found = Texture(
        modifier=concept_of(element, "modifier", field + ".modifier", notes),
        food_type=concept_of(element, "foodType", field + ".food_type", notes),
    )
    return found if found != Texture() else None


def _supplement(element: dict[str, Any], field: str, notes: Notes) -> Supplement | None:
    found = Supplement(
        type=concept_of(element, "type", field + ".type", notes),
        product_name=text(element, "productName", field + ".product_name", notes),
        schedules=listed(element, "schedule", field + ".schedules", notes, timing),
        quantity=single(element, "quantity", field + ".quantity", notes, quantity),
        instruction=text(element, "instruction", field + ".instruction", notes),
    )
    return found if found != Supplement() else None


def _enteral_formula(element: dict[str, Any], field: str, notes: Notes) -> EnteralFormula | None:
    found = EnteralFormula(
        base_type=concept_of(element, "baseFormulaType", field + ".base_type", notes),
        base_product_name=text(element, "baseFormulaProductName", field + ".base_product_name", notes),
        additive_type=concept_of(element, "additiveType", field + ".additive_type", notes),
        additive_product_name=text(element, "additiveProductName", field + ".additive_product_name", notes),
        caloric_density=single(element, "caloricDensity", field + ".caloric_density", notes, quantity),
        route=concept_of(element, "routeofAdministration", field + ".route", notes),
        administrations=listed(element, "administration", field + ".administrations", notes, _feeding),
        max_volume=single(element, "maxVolumeToDeliver", field + ".max_volume", notes, quantity),
        instruction=text(element, "administrationInstruction", field + ".instruction", notes),
    )
    return found if found != EnteralFormula() else None


_RATES = kinds(Quantity="quantity", Ratio="ratio")


def _feeding(element: dict[str, Any], field: str, notes: Notes) -> Feeding | None:
    found = Feeding(
        schedule=single(element, "schedule", field + ".schedule", notes, timing),
        quantity=single(element, "quantity", field + ".quantity", notes, quantity),
        rate=choice(element, "rate", field + ".rate", notes, FeedingRate, _RATES),
    )
    return found if found != Feeding() else None


DECLARATION = Declaration(
    name="nutrition_order",
    plural="nutrition_orders",
    resource_type="NutritionOrder",
    struct=NutritionOrder,
    normalize=normalize,
    filters=(PATIENT_ID, STATUS, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "ordered_at", "oral_diet", "status"),
)
