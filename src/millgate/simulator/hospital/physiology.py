"""What a laboratory and a nurse would find in a body: values that go with the patient's age, sex and problems, and with each other.

Nothing is remembered: a value at a moment follows from what the body is like, how long a problem has lasted, and a little chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from random import Random

from millgate.simulator.hospital.dice import dice
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.problems import PREGNANCY, Problem
from millgate.simulator.hospital.tables import rows


@dataclass(frozen=True, slots=True)
class Body:
    """What a person's body is like when nothing is wrong, in standard deviations from what is usual."""

    person: Person
    problems: tuple[Problem, ...]
    tall: float
    heavy: float
    pressure: float
    pulse: float
    sugar: float
    fat: float
    blood: float
    kidney: float
    thyroid: float
    blood_type: str

    def has(self, key: str, on: date) -> Problem | None:
        return next((each for each in self.problems if each.key == key and each.is_active(on)), None)

    def years_with(self, key: str, on: date) -> float:
        """For how long a problem has lasted; 0 if there is none."""
        problem = self.has(key, on)
        return (on - problem.onset).days / 365.25 if problem else 0.0

    def age(self, on: date) -> float:
        return max(0.0, (on - self.person.born).days / 365.25)


def draw_body(seed: int, person: Person, problems: tuple[Problem, ...]) -> Body:
    random = dice(seed, "body", person.index)

    def usual() -> float:
        return max(-2.3, min(2.3, random.gauss(0, 1)))

    tall, heavy, pressure, pulse, sugar, fat, blood, kidney, thyroid = (usual() for _ in range(9))
    # Source: blood groups of US donors (American Red Cross, rounded).
    groups = {"O+": 37, "A+": 36, "B+": 9, "AB+": 3, "O-": 7, "A-": 6, "B-": 2, "AB-": 1}
    blood_type = random.choices(list(groups), list(groups.values()))[0]
    return Body(person, problems, tall, heavy, pressure, pulse, sugar, fat, blood, kidney, thyroid, blood_type)


# --- size -------------------------------------------------------------------------------------------------------------


def _grown(column: str, age: float) -> float:
    """The median of a growth chart, between its ages by straight lines."""
    table = rows("growth")
    for low, high in pairwise(table):
        first, last = float(low["age"]), float(high["age"])
        if age < last:
            share = (age - first) / (last - first)
            return float(low[column]) * (1 - share) + float(high[column]) * share
    return float(table[-1][column])


def height_cm(body: Body, on: date) -> float:
    age = body.age(on)
    spread = 0.04 if age >= 18 else 0.03 + 0.01 * age / 18
    shrunk = max(0.0, age - 60) * 0.08
    return _grown(f"{body.person.sex}_height", min(age, 18)) * (1 + spread * body.tall) - shrunk


def weight_kg(body: Body, on: date, random: Random) -> float:
    """Adults gain a third of a kilogram a year up to 60; obesity, pregnancy and fluid weigh more."""
    age, meters = body.age(on), height_cm(body, on) / 100
    if age < 18:
        usual = _grown(f"{body.person.sex}_weight", age) * (1 + 0.12 * body.heavy) * (1.22 if body.has("obesity", on) else 1)
        return usual + random.gauss(0, 0.01 * usual)
    index = 25.2 + 2.2 * body.heavy if not body.has("obesity", on) else 34.5 + 3.2 * abs(body.heavy)
    weight = index * meters * meters + 0.3 * (min(age, 60) - 45)
    return weight + min(13.0, 20 * body.years_with(PREGNANCY, on)) + random.gauss(0, 0.9)


def head_cm(body: Body, on: date) -> float:
    return _grown("head", body.age(on)) + 0.6 * body.tall


# --- vital signs ------------------------------------------------------------------------------------------------------


def vital_signs(body: Body, moment: datetime, effects: frozenset[str], random: Random) -> dict[str, float]:
    """Temperature, pulse, breathing, pressure, oxygen, pain and size at one moment."""
    on = moment.date()
    age, ill = body.age(on), "infection" in effects
    young = 62 * math.exp(-age / 5)
    made = {
        "temperature": 36.75 + random.gauss(0, 0.22) + (1.5 if ill else 1.3 if "fever" in effects else 0),
        "pulse": 74 + young + 6 * body.pulse + random.gauss(0, 6) + (22 if ill or "bleeding" in effects else 0),
        "respiration": 15.5
        + 22 * math.exp(-age / 3)
        + random.gauss(0, 1.4)
        + (8 if "short_of_breath" in effects else 4 if ill else 0),
        "saturation": 97.8
        - (2.6 if body.has("copd", on) else 0)
        - (6.5 if "short_of_breath" in effects else 0)
        - abs(random.gauss(0, 0.9)),
        "pain": random.choices((0, 0, 0, 2, 4), k=1)[0] + (random.randint(3, 6) if "pain" in effects else 0),
        "height": height_cm(body, on),
        "weight": weight_kg(body, on, random) + (5.5 if "fluid" in effects else 0),
    }
    made["systolic"], made["diastolic"] = _pressure(body, on, effects, random)
    made["body_mass_index"] = round(made["weight"], 1) / (round(made["height"]) / 100) ** 2
    made["head"] = head_cm(body, on)
    made["weight_score"] = body.heavy
    return made


def _pressure(body: Body, on: date, effects: frozenset[str], random: Random) -> tuple[float, float]:
    age = body.age(on)
    grown = min(age, 18) / 18
    systolic = 84 + 30 * grown + 0.25 * max(0.0, age - 30) + 7 * body.pressure + random.gauss(0, 6)
    if hypertension := body.has("hypertension", on):
        untreated = 26 + 6 * hypertension.severity
        systolic += untreated * (0.35 if hypertension.medications and body.years_with("hypertension", on) > 0.5 else 1)
    if "bleeding" in effects or "injury" in effects:
        systolic -= 24
    diastolic = systolic * (0.62 if age < 60 else 0.56) + random.gauss(0, 4)
    return systolic, min(diastolic, systolic - 18)


# --- laboratory -------------------------------------------------------------------------------------------------------


def laboratory(body: Body, moment: datetime, effects: frozenset[str], random: Random) -> dict[str, float]:
    """All numbers that a laboratory could report at one moment, before rounding."""
    on = moment.date()
    made = _sugar(body, on, effects, random)
    made |= _kidney(body, on, effects, random)
    made |= _fats(body, on, random)
    made |= _blood(body, on, effects, random)
    made |= _hormones(body, on, random)
    made |= _heart(body, on, effects, random)
    made["urine_gravity"] = 1.018 + random.gauss(0, 0.005)
    made["urine_ph"] = 5.0 + 0.5 * random.randint(0, 5)
    made["bilirubin"] = 6.5 + 3 * random.random() if body.age(on) < 0.1 else 0.6 + abs(random.gauss(0, 0.2))
    made["hcg"] = 40_000 + 20_000 * random.random() if body.has(PREGNANCY, on) else 0.0
    return made


def _sugar(body: Body, on: date, effects: frozenset[str], random: Random) -> dict[str, float]:
    """HbA1c rises before treatment and falls under it; glucose goes with it.

    Source: estimated average glucose 28.7 * A1c - 46.7 (ADAG study).
    """
    a1c = 5.25 + 0.18 * body.sugar + (0.2 if body.has("obesity", on) else 0) + random.gauss(0, 0.1)
    if diabetes := body.has("diabetes", on):
        years = body.years_with("diabetes", on)
        a1c = 7.3 + 0.9 * diabetes.severity + 1.3 * math.exp(-years) + 0.04 * min(years, 20) + random.gauss(0, 0.3)
    a1c = max(4.2, a1c)
    glucose = (28.7 * a1c - 46.7) * 0.88 + random.gauss(0, 6 + 5 * max(0.0, a1c - 6))
    if "low_sugar" in effects:
        glucose = 38 + 16 * random.random()
    return {"a1c": a1c, "glucose": max(34.0, glucose), "glucose_poc": max(34.0, glucose + random.gauss(0, 6))}


def _kidney(body: Body, on: date, effects: frozenset[str], random: Random) -> dict[str, float]:
    age = body.age(on)
    if age < 18:
        creatinine = 0.25 + 0.028 * age + random.gauss(0, 0.03)
        salts = {"creatinine": creatinine, "urea": 11 + random.gauss(0, 2), "urine_albumin": abs(random.gauss(6, 4))}
        return salts | _salts(body, on, 100.0, effects, random)
    rate = 108 - 0.75 * max(0.0, age - 30) + 9 * body.kidney + random.gauss(0, 2.5)
    if disease := body.has("kidney_disease", on):
        rate = min(rate, 55 + 4 * disease.severity - 1.4 * body.years_with("kidney_disease", on) + random.gauss(0, 2.5))
    if "injury" in effects:
        rate *= 0.55
    rate = max(7.0, rate)
    creatinine = _creatinine(rate, age, body.person.sex)
    albumin = math.exp(
        random.gauss(2.0, 0.6) + (1.6 if body.has("kidney_disease", on) else 0.7 if body.has("diabetes", on) else 0)
    )
    urea = 12.5 * (90 / max(rate, 12)) ** 0.6 + random.gauss(0, 2.5) + (18 if "bleeding" in effects else 0)
    return {"creatinine": creatinine, "urea": urea, "urine_albumin": albumin} | _salts(body, on, rate, effects, random)


def _salts(body: Body, on: date, rate: float, effects: frozenset[str], random: Random) -> dict[str, float]:
    failing = max(0.0, (60 - rate) / 60)
    return {
        "sodium": 139.8 + random.gauss(0, 1.7) - (4 if "fluid" in effects else 0),
        "potassium": 4.15 + random.gauss(0, 0.28) + 0.9 * failing - (0.3 if body.has("heart_failure", on) else 0),
        "chloride": 103 + random.gauss(0, 1.9),
        "carbon_dioxide": 25.2 + random.gauss(0, 1.4) - 5 * failing - (3 if "injury" in effects else 0),
        "calcium": 9.4 + random.gauss(0, 0.27) - 0.5 * failing,
    }


# Source: CKD-EPI 2021 creatinine equation (Inker et al., NEJM 2021).
_CKD_EPI = {"female": (0.7, -0.241, 1.012), "male": (0.9, -0.302, 1.0)}


def filtration_rate(creatinine: float, age: float, sex: str) -> float:
    """eGFR in mL/min/1.73 m2 of an adult with that creatinine in mg/dL."""
    kappa, alpha, factor = _CKD_EPI[sex]
    share = creatinine / kappa
    rate: float = 142 * min(share, 1) ** alpha * max(share, 1) ** -1.2 * 0.9938 ** int(age) * factor
    return rate


def _creatinine(rate: float, age: float, sex: str) -> float:
    """The creatinine that goes with a filtration rate: the equation the other way round."""
    kappa, alpha, factor = _CKD_EPI[sex]
    share = rate / (142 * 0.9938 ** int(age) * factor)
    creatinine: float = kappa * (share ** (1 / alpha) if share >= 1 else share ** (1 / -1.2))
    return creatinine


def _fats(body: Body, on: date, random: Random) -> dict[str, float]:
    """Total cholesterol is the sum of its parts, as the Friedewald equation has it."""
    ldl = 108 + 22 * body.fat + random.gauss(0, 7)
    if lipids := body.has("lipids", on):
        treated = lipids.medications and body.years_with("lipids", on) > 0.3
        ldl = (92 if treated else 158) + 18 * lipids.severity + random.gauss(0, 8)
    hdl = (55 if body.person.sex == "female" else 46) - 4 * body.heavy + random.gauss(0, 4)
    fat = math.exp(4.68 + 0.28 * body.fat + random.gauss(0, 0.18) + (0.25 if body.has("diabetes", on) else 0))
    ldl, hdl, fat = round(max(24.0, ldl)), round(max(18.0, hdl)), round(max(32.0, fat))
    return {"ldl": ldl, "hdl": hdl, "triglycerides": fat, "cholesterol": ldl + hdl + fat / 5}


def _blood(body: Body, on: date, effects: frozenset[str], random: Random) -> dict[str, float]:
    """A blood count whose indices follow from its hemoglobin, hematocrit and cell size."""
    age = body.age(on)
    usual = 12.6 if age < 12 else 13.6 if body.person.sex == "female" else 15.1
    hemoglobin, size, iron = usual + 0.6 * body.blood + random.gauss(0, 0.25), 89 + 2.5 * body.blood + random.gauss(0, 0.8), 90.0
    if age < 12:
        size -= 6
    if anemia := body.has("anemia", on):
        lack = (3.4 + 0.5 * anemia.severity) * (0.35 + 0.65 * math.exp(-1.4 * body.years_with("anemia", on)))
        hemoglobin, size, iron = hemoglobin - lack, size - 3.6 * lack, 9.0
    hemoglobin -= 1.3 if body.has(PREGNANCY, on) else 0
    hemoglobin -= 0.9 if body.has("kidney_disease", on) else 0
    hemoglobin -= 4.2 if "bleeding" in effects else 0
    hemoglobin = round(max(5.2, hemoglobin), 1)
    hematocrit = round(hemoglobin * (3.0 + random.gauss(0, 0.03)), 1)
    size = round(size, 1)
    cells = round(hematocrit * 10 / size, 2)
    return {
        "hemoglobin": hemoglobin,
        "hematocrit": hematocrit,
        "mcv": size,
        "erythrocytes": cells,
        "mch": hemoglobin * 10 / cells,
        "mchc": hemoglobin * 100 / hematocrit,
        "leukocytes": 7.0 + (2.5 if age < 2 else 0) + random.gauss(0, 1.1) + (7.5 if "infection" in effects else 0),
        "platelets": 252 + 38 * body.pulse + random.gauss(0, 18) + (90 if body.has("anemia", on) else 0),
        "ferritin": max(3.0, iron + random.gauss(0, 2.5 if iron < 20 else 30)),
    }


def _hormones(body: Body, on: date, random: Random) -> dict[str, float]:
    stimulating, free = (
        math.exp(0.55 + 0.35 * body.thyroid + random.gauss(0, 0.12)),
        1.25 + 0.1 * body.thyroid + random.gauss(0, 0.06),
    )
    if disease := body.has("hypothyroidism", on):
        settled = math.exp(-2.2 * body.years_with("hypothyroidism", on))
        stimulating = math.exp(0.9 + 0.45 * disease.severity + 1.9 * settled + random.gauss(0, 0.25))
        free = 1.15 - 0.5 * settled + random.gauss(0, 0.07)
    enlarged = body.has("prostate", on)
    specific = math.exp((0.9 if enlarged else -0.2) + random.gauss(0, 0.35))
    return {"tsh": stimulating, "free_t4": max(0.3, free), "psa": specific}


def _heart(body: Body, on: date, effects: frozenset[str], random: Random) -> dict[str, float]:
    fibrillation = body.has("fibrillation", on)
    ratio = 1.0 + abs(random.gauss(0, 0.05))
    if fibrillation and fibrillation.takes("warfarin"):
        ratio = max(1.3, 2.45 + random.gauss(0, 0.5)) + (2.4 if "bleeding" in effects else 0)
    failing = body.has("heart_failure", on)
    stretch = math.exp(random.gauss(6.6, 0.5)) if failing else math.exp(random.gauss(3.6, 0.7)) + 3 * max(0.0, body.age(on) - 60)
    troponin = 180 * math.exp(random.gauss(0, 0.5)) if "infarction" in effects else math.exp(random.gauss(1.3, 0.6))
    return {
        "inr": ratio,
        "prothrombin": 12.1 * ratio**0.93,
        "natriuretic": stretch * (4.5 if "fluid" in effects else 1),
        "troponin": troponin,
    }
