"""What patients are asked about their social history, and what they answered, as Questionnaire and QuestionnaireResponse.

Both have the id `SH-<patient>`: the form is made for the patient. Not known, chosen here: who has one (two in three adults), and that
those who smoke answer and all others leave it empty. The address of the form in a response is relative.
Source: published Questionnaire and QuestionnaireResponse examples, oracle-health fact sheet 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from millgate.simulator.hospital import moments, numbers
from millgate.simulator.hospital.coding import HL7_STRUCTURE, STRUCTURE, Coder, Resource, coding, quantity
from millgate.simulator.hospital.house import House, patient_reference
from millgate.simulator.hospital.people import CENSUS, Person
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.tables import rows

_GROUP, _TITLE = "93", "Tobacco"
_OPTIONS = {"yes": ("960439", "Yes"), "no": ("960441", "No")}
_YEARS = ("6930316", "6930360", "6930364", "6930380")


def questionnaire(coder: Coder, questionnaire_id: str) -> Resource:
    """The form as it is shown to every patient. It has neither version nor narrative, as in the published example."""
    note = {"valueBoolean": True, "url": STRUCTURE + "note-allowed"}
    return {
        "resourceType": "Questionnaire",
        "id": questionnaire_id,
        "name": "Social_History",
        "title": "Social History",
        "status": "active",
        "subjectType": ["Patient"],
        "item": [
            {
                "linkId": _GROUP,
                "extension": [note],
                "text": _TITLE,
                "type": "group",
                "item": [_question(coder, row) for row in rows("questions")],
            }
        ],
    }


def _question(coder: Coder, row: dict[str, str]) -> Resource:
    made: Resource = {}
    if row["decimals"]:
        made["extension"] = [{"valueInteger": int(row["decimals"]), "url": HL7_STRUCTURE + "maxDecimalPlaces"}]
    made |= {
        "linkId": f"{_GROUP}-{row['question']}",
        "text": row["text"],
        "type": row["type"],
        "required": False,
        "repeats": False,
    }
    if row["max_length"]:
        made["maxLength"] = int(row["max_length"])
    if row["options"]:
        made["answerOption"] = [{"valueCoding": _option(coder, key)} for key in row["options"].split(";")]
    return made


def _option(coder: Coder, key: str) -> Resource:
    return coding(f"{coder.base}/nomenclature", *_OPTIONS[key])


def is_asked(person: Person) -> bool:
    """Whether there is a form for a patient."""
    return person.age(CENSUS) >= 18 and person.index % 3 != 1


class QuestionnaireResponses:
    """Renders the answers of one hospital's patients."""

    def __init__(self, house: House) -> None:
        self._house = house

    def of_chart(self, chart: Chart) -> Iterator[Resource]:
        person = chart.person
        if not is_asked(person):
            return
        random = self._house.dice("questionnaire", person.index)
        number = f"SH-{numbers.person_id(person.index)}"
        made: Resource = {
            "resourceType": "QuestionnaireResponse",
            "id": number,
            "questionnaire": f"Questionnaire/{number}",
            "status": "in-progress",
            "subject": patient_reference(person, display=False),
            "authored": moments.seconds(person.after_registration(days=random.randint(0, 300))),
        }
        group: Resource = {"id": str(1 + random.randint(100, 998)), "linkId": _GROUP, "text": _TITLE}
        if any(problem.key == "smoker" for problem in chart.problems):
            made["item"] = [group | self._noted(person, random) | {"item": list(self._answers(random))}]
        elif random.random() < 0.5:
            made["item"] = [group]
        yield made

    def _noted(self, person: Person, random: Random) -> Resource:
        """What was written beside a group; nothing for most."""
        if random.random() > 0.5:
            return {}
        author = self._house.staff.one_of("nurse", person.index).reference
        time = moments.milliseconds(person.after_registration(days=320))
        note = {"authorReference": author, "time": time, "text": "Wants to stop before the summer."}
        return {"extension": [{"url": STRUCTURE + "note", "valueAnnotation": note}]}

    def _answers(self, random: Random) -> Iterator[Resource]:
        started, years, packs = random.randint(14, 24), random.randint(5, 40), random.choice((1, 1, 2))
        told = dict(zip(_YEARS, (years, started, None, years * packs), strict=True))
        for row in rows("questions"):
            made: Resource = {"linkId": f"{_GROUP}-{row['question']}", "text": row["text"]}
            if row["options"]:
                choice = [{"valueCoding": _option(self._house.coder, random.choice(("yes", "no")))}]
                more = [{"valueString": "Only on the balcony"}] if row["type"] == "open-choice" and random.random() < 0.5 else []
                yield made | {"extension": [{"url": STRUCTURE + "choice-answer", "valueBoolean": True}], "answer": choice + more}
            elif row["type"] == "text":
                yield made | {"answer": [{"valueString": f"{packs} pack{'s' if packs > 1 else ''}"}]}
            elif value := told.get(row["question"]):
                unit = ("", "") if row["question"] == _YEARS[-1] else ("year (iso1000)", "a")
                yield made | {"answer": [{"valueQuantity": quantity(value, *unit)}]}
