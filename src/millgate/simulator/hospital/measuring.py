"""What was measured in a visit: the values of vital signs and laboratory panels, rounded, judged against reference ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from millgate.simulator.hospital import physiology
from millgate.simulator.hospital.dice import dice
from millgate.simulator.hospital.moments import midnight
from millgate.simulator.hospital.physiology import Body
from millgate.simulator.hospital.problems import PREGNANCY
from millgate.simulator.hospital.ranges import Range, judge, range_for
from millgate.simulator.hospital.tables import by_key
from millgate.simulator.hospital.visits import Visit

# A visit has 128 event numbers: 48 for vital signs (four rounds of twelve), 64 for results, 16 for reports.
VITALS_EACH_ROUND, FIRST_RESULT, FIRST_REPORT, LAST_REPORT = 12, 48, 112, 127
_STAYS = ("inpatient", "observation", "delivery", "birth")
_DAILY = ("bmp", "cbc", "troponin")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value. `value` is a Decimal, a text, a date, a key of `answers`, a pair (range), or a titre's denominator."""

    ordinal: int
    key: str
    row: dict[str, str]
    kind: str
    moment: datetime
    value: Decimal | str | date | tuple[int, int] | int
    comparator: str
    flag: str
    range: Range | None
    panel: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """One panel that was drawn and reported together."""

    panel: str
    moment: datetime
    measurements: tuple[Measurement, ...]


def vital_rounds(seed: int, body: Body, visit: Visit, today: date) -> Iterator[list[Measurement]]:
    """The vital signs of each round of a visit."""
    if visit.kind in ("virtual", "preadmit", "room") or not visit.is_charted:
        return
    for number, moment in enumerate(_moments(visit, today, 4, timedelta(minutes=6))):
        random = dice(seed, "vitals", body.person.index, visit.ordinal, number)
        values = physiology.vital_signs(body, moment, visit.effects, random)
        keys = _vital_keys(body, visit, number, moment, random)
        yield measured_vitals(body, moment, values, keys, number * VITALS_EACH_ROUND)


def measured_vitals(
    body: Body, moment: datetime, values: Mapping[str, float], keys: Sequence[str], ordinal: int
) -> list[Measurement]:
    """The named vital signs at one moment, rounded and judged, numbered from `ordinal` on."""
    made = []
    for place, key in enumerate(keys):
        row = by_key("vitals")[key]
        source = "temperature" if key.startswith("temperature") else key
        value = _rounded(values[source], row)
        found = range_for(source, body.person.sex, body.age(moment.date()))
        made.append(Measurement(ordinal + place, key, row, "vital", moment, value, "", judge(value, found, row), found, ""))
    return made


def _vital_keys(body: Body, visit: Visit, number: int, moment: datetime, random: Random) -> list[str]:
    """What is taken in a round: size only in the first, pressure not of small children, pain not of those without speech."""
    age = body.age(moment.date())
    thermometer = "temperature_axillary" if age < 1 else "temperature_temporal" if random.random() < 0.25 else "temperature"
    keys = [thermometer, "pulse", "respiration"]
    if age >= 3:
        keys += ["systolic", "diastolic"]
    if age >= 1 and (visit.kind != "clinic" or random.random() < 0.6):
        keys.append("saturation")
    if number == 0:
        keys += ["weight", "height"] + (["body_mass_index"] if age >= 2 else ["head"])
        keys += ["weight_score"] if age < 3 else []
    if age >= 6 and random.random() < 0.5:
        keys.append("pain")
    return keys


def drawings(seed: int, body: Body, visit: Visit, today: date) -> list[Drawing]:
    """The laboratory panels of a visit; in a stay some are repeated every morning."""
    if not visit.is_charted:
        return []
    panels = ("bilirubin", "blood_type") if visit.kind == "birth" else visit.panels
    made: list[Drawing] = []
    ordinal = FIRST_RESULT
    for number, moment in enumerate(_moments(visit, today, 3, timedelta(minutes=14))):
        random = dice(seed, "laboratory", body.person.index, visit.ordinal, number)
        values = physiology.laboratory(body, moment, visit.effects, random)
        for panel in panels if number == 0 else [each for each in panels if each in _DAILY]:
            found = tuple(panel_results(body, visit, panel, values, moment, ordinal, random))
            if ordinal + len(found) > FIRST_REPORT:
                return made
            if found:
                made.append(Drawing(panel, moment, found))
                ordinal += len(found)
    return made


def _moments(visit: Visit, today: date, most: int, offset: timedelta) -> Iterator[datetime]:
    """When a visit's rounds were: at its beginning, and on the mornings of a stay."""
    now = midnight(today)
    until = min(visit.end or now, now) if visit.start < now else visit.start + timedelta(hours=3)
    first = visit.start + offset
    yield first
    if visit.kind not in _STAYS:
        return
    morning = midnight(first.date()) + timedelta(days=1, hours=11, minutes=7) + offset
    for number in range(most - 1):
        if morning + timedelta(days=number) < until:
            yield morning + timedelta(days=number)


def panel_results(
    body: Body, visit: Visit, panel: str, values: dict[str, float], moment: datetime, ordinal: int, random: Random
) -> Iterator[Measurement]:
    """The results of one panel at one moment, numbered from `ordinal` on."""
    age = body.age(moment.date())
    for key in by_key("panels")[panel]["analytes"].split(";"):
        row = by_key("analytes")[key]
        if (key == "egfr" and age < 18) or (key == "psa" and body.person.sex == "female"):
            continue
        found = range_for(key, body.person.sex, age)
        value, comparator, flag = _result(body, visit, key, row, values, moment, random)
        if isinstance(value, Decimal):
            flag = judge(value, found, row)
        yield Measurement(ordinal, key, row, "lab", moment, value, comparator, flag, found, panel)
        ordinal += 1


def _result(
    body: Body, visit: Visit, key: str, row: dict[str, str], values: dict[str, float], moment: datetime, random: Random
) -> tuple[Decimal | str | date | tuple[int, int] | int, str, str]:
    """Value, comparator and flag of one analyte."""
    if row["kind"] == "quantity":
        if key == "egfr":
            creatinine = float(_rounded(values["creatinine"], by_key("analytes")["creatinine"]))
            rate = physiology.filtration_rate(creatinine, body.age(moment.date()), body.person.sex)
            return _rounded(rate, row), "", ""
        lowest, highest = float(row["minimum"]), float(row["maximum"])
        comparator = "<" if values[key] < lowest else ">" if values[key] > highest else ""
        return _rounded(values[key], row), comparator, ""
    return _told_result(body, visit, key, values, moment, random)


def _told_result(
    body: Body, visit: Visit, key: str, values: dict[str, float], moment: datetime, random: Random
) -> tuple[str | date | tuple[int, int] | int, str, str]:
    """Results that are not numbers: coded, in words, as a range, as a titre, as a date."""
    urinary = "urinary_infection" in visit.effects
    if key in ("last_period", "due_date"):
        pregnancy = body.has(PREGNANCY, moment.date()) or body.problems[-1]
        return (pregnancy.onset + timedelta(days=280 if key == "due_date" else 0)), "", ""
    if key == "urine_leukocytes":
        return ((50, 100), "", "A") if urinary else (random.choice(((0, 2), (0, 5), (2, 5))), "", "N")
    if key == "ana":
        return (random.choice((160, 320, 640)), "", "A") if body.has("lupus", moment.date()) else (80, "<", "N")
    if key == "blood_type":
        return body.blood_type, "", ""
    positive = {
        "urine_protein": body.has("kidney_disease", moment.date()) is not None,
        "urine_glucose": values["glucose"] > 190,
        "urine_nitrite": urinary and random.random() < 0.8,
        "hcg_urine": values["hcg"] > 25,
        "covid": "infection" in visit.effects and random.random() < 0.2,
    }
    if key in positive:
        words = ("detected", "not_detected") if key == "covid" else ("positive", "negative")
        return (words[0], "", "A") if positive[key] else (words[1], "", "N")
    return _words(visit, key, random, urinary=urinary)


def _words(visit: Visit, key: str, random: Random, *, urinary: bool) -> tuple[str, str, str]:
    match key:
        case "urine_color":
            return random.choice(("Yellow", "Yellow", "Straw", "Amber")), "", ""
        case "urine_clarity":
            return ("Cloudy", "", "A") if urinary else ("Clear", "", "N")
        case "urine_culture" if urinary:
            return ">100,000 CFU/mL Escherichia coli\nSusceptible: ceftriaxone, nitrofurantoin\nResistant: ampicillin", "", "A"
        case "blood_culture" if "injury" in visit.effects:
            return "Gram negative rods seen in 2 of 2 bottles.\nFinal: Escherichia coli", "", "A"
        case "blood_culture":
            return "No growth after 5 days", "", "N"
        case _:
            return "No growth after 48 hours", "", "N"


def _rounded(value: float, row: dict[str, str]) -> Decimal:
    """With as many digits as the instrument shows, and within what it can show."""
    limited = min(max(value, float(row["minimum"])), float(row["maximum"]))
    return Decimal(f"{limited:.{int(row['decimals'])}f}")
