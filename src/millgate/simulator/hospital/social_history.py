"""Social history: what patients told about alcohol, tobacco and drugs, as groups of answers. Source: published Observation examples."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import date, datetime, timedelta
from functools import cache
from random import Random

from millgate.simulator.hospital import moments, numbers
from millgate.simulator.hospital.coding import SNOMED, Resource, coding
from millgate.simulator.hospital.dice import dice
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.problems import Problem
from millgate.simulator.hospital.staff import Practitioner
from millgate.simulator.hospital.tables import rows

_CATEGORY: Resource = {
    "coding": [coding("http://terminology.hl7.org/CodeSystem/observation-category", "social-history", "Social History")],
    "text": "Social History",
}
_SMOKES, _ABSTAINS = "449868002", ("105542008", "228367002")


@cache
def _groups() -> dict[str, tuple[dict[str, str], ...]]:
    names = dict.fromkeys(row["group"] for row in rows("social_history"))
    return {name: tuple(row for row in rows("social_history") if row["group"] == name) for name in names}


def social_history(
    seed: int, person: Person, problems: tuple[Problem, ...], today: date, author: Practitioner, encounter: str | None
) -> Iterator[Resource]:
    """One group of answers for each subject that was asked about."""
    random = dice(seed, "social-history", person.index)
    asked = person.registered + timedelta(days=random.randint(0, 60), minutes=random.randint(0, 300))
    if asked.date() >= today or random.random() < 0.12:
        return
    for ordinal, table in enumerate(_groups().values()):
        fitting = [row for row in table if person.age(asked.date()) >= int(row["age_from"])]
        chance = random.random()
        if fitting and chance < 0.85:
            about = _about(person, asked, author if chance < 0.7 else None, encounter)
            yield from _group(random, fitting, numbers.history_number(person.index, ordinal), about, problems)


def _about(person: Person, asked: datetime, author: Practitioner | None, encounter: str | None) -> Resource:
    made: Resource = {"subject": {"reference": f"Patient/{numbers.person_id(person.index)}"}}
    if encounter:
        made["encounter"] = {"reference": f"Encounter/{encounter}"}
    made |= {"effectiveDateTime": moments.seconds(asked), "issued": moments.milliseconds(asked)}
    return made | ({"performer": [{"reference": f"Practitioner/{author.id}"}]} if author else {})


def _group(
    random: Random, table: list[dict[str, str]], number: int, about: Resource, problems: tuple[Problem, ...]
) -> Iterator[Resource]:
    first = table[0]
    answers = []
    for question in dict.fromkeys(row["question"] for row in table):
        choices = [row for row in table if row["question"] == question]
        answers.append(_answer(random, choices, problems))
        if answers[-1]["answer_code"] in _ABSTAINS:
            break  # who does not drink is not asked what
    members = [f"SH-{number}-q{row['question']}" for row in answers]
    code = {"coding": [coding(SNOMED, first["group_code"], first["group_display"])], "text": first["group_text"]}
    yield _observation(
        f"SH-{first['group_number']}-{number}",
        number,
        code,
        about,
        {"hasMember": [{"reference": f"Observation/{each}"} for each in members]},
    )
    for row, member in zip(answers, members, strict=True):
        code = {
            "coding": [coding(row["question_system"], row["question_code"], row["question_display"])],
            "text": row["question_text"],
        }
        value = {"coding": [coding(SNOMED, row["answer_code"], row["answer_display"])], "text": row["answer_text"]}
        yield _observation(member, number, code, about, {"valueCodeableConcept": value})


def _answer(random: Random, choices: list[dict[str, str]], problems: tuple[Problem, ...]) -> dict[str, str]:
    """An answer by its share; smokers say that they smoke."""
    chosen = random.choices(choices, [float(row["share"]) for row in choices])[0]
    smoking = next((row for row in choices if row["answer_code"] == _SMOKES), None)
    smokes = any(problem.key == "smoker" for problem in problems)
    if smoking is not None and smokes:
        return smoking
    if chosen is smoking:
        return choices[0]
    return chosen


def _observation(observation_id: str, number: int, code: Resource, about: Resource, content: Resource) -> Resource:
    answer = content.get("valueCodeableConcept", {}).get("text")
    issued = about["issued"]
    told = ("Question", code["text"]) if answer else ("Code", code["text"])
    patient = about["subject"]["reference"].partition("/")[2]
    made: Resource = {
        "resourceType": "Observation",
        "id": observation_id,
        "meta": {"versionId": str(number), "lastUpdated": issued},
        "text": narrative(
            "Observation",
            ("Patient Id", patient),
            ("Status", "Final"),
            ("Categories", "Social History"),
            told,
            ("Response", answer),
            ("Issued Date", moments.told(datetime.fromisoformat(issued))),
        ),
        "status": "final",
        "category": [deepcopy(_CATEGORY)],
        "code": code,
    }
    return made | deepcopy(about) | content
