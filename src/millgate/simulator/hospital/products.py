"""What is ordered, as codings and as contained Medications. Source: published MedicationRequest and -Administration examples."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from millgate.simulator.hospital.coding import Coder, Resource, coding, quantity
from millgate.simulator.hospital.prescribing import INFUSION, Order
from millgate.simulator.hospital.terms import term

# Units as doses that were given name them, beside the short ones of orders. Source: published MedicationAdministration examples.
_LONG_UNITS = {"mL": "milliliter (iso1000)", "meq": "milliequivalents (chemical)", "mg": "milligram"}


def number(text: str) -> Decimal | int:
    """As it stands in the table: whole numbers without a point."""
    return int(text) if text.isdigit() else Decimal(text)


def medication(coder: Coder, order: Order, random: Random, contained_id: str, *, administered: bool = False) -> Resource:
    """`medicationCodeableConcept`, or for a mixture `contained` and `medicationReference`."""
    if order.setting == INFUSION:
        return _mixture(coder, order.row, contained_id, administered=administered)
    return {"medicationCodeableConcept": concept(coder, order.row, random, administered=administered)}


def concept(coder: Coder, row: dict[str, str], random: Random, *, administered: bool = False) -> Resource:
    """RxNorm first, then the tenant's synonym; some products have only the one or the other, and a few nothing but a text."""
    codings = [term("rxnorm", row["rxnorm"], selected=False)] if row["rxnorm"] else []
    if not administered:
        codings.append(coding(f"{coder.base}/synonym", row["synonym"], row["name"], selected=True))
    text = row["short"] if administered else f"{row['short']} ({row['name']})"
    if not codings or random.random() < 0.03:
        return {"text": text}
    return {"coding": codings, "text": text}


def _mixture(coder: Coder, row: dict[str, str], contained_id: str, *, administered: bool) -> Resource:
    total = next(part.split("|") for part in reversed(row["ingredients"].split(";")))
    ingredients = []
    for place, part in enumerate(row["ingredients"].split(";")):
        name, rxnorm, amount, unit, ucum = part.split("|")
        codings = [term("rxnorm", rxnorm, selected=False)] if rxnorm else []
        if not administered:
            codings.append(coding(f"{coder.base}/synonym", str(21_268_100 + place + len(name)), name, selected=True))
        item: Resource = {"coding": codings, "text": name} if codings else {"text": name}
        strength = {
            "numerator": _amount(amount, unit, ucum, administered=administered),
            "denominator": _amount(total[2], total[3], total[4], administered=administered),
        }
        ingredients.append({"itemCodeableConcept": item, "strength": strength})
    contained = {"resourceType": "Medication", "id": contained_id, "code": {"text": row["name"]}, "ingredient": ingredients}
    return {"contained": [contained], "medicationReference": {"reference": f"#{contained_id}", "display": row["name"]}}


def _amount(value: str, unit: str, ucum: str, *, administered: bool) -> Resource:
    return quantity(number(value), _LONG_UNITS.get(unit, unit) if administered else unit, ucum)


def volume(row: dict[str, str]) -> tuple[str, str, str]:
    """Of an infusion: the whole volume with its unit and UCUM code."""
    _, _, amount, unit, ucum = row["ingredients"].split(";")[-1].split("|")
    return amount, unit, ucum


def told(order: Order) -> str:
    return order.row["name"] if order.setting == INFUSION else f"{order.row['short']} ({order.row['name']})"
