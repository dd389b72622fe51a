"""The gateway's own FHIR answers, read by two libraries that are not ours: `fhirclient` for whole Bundles, `fhirpy` for single resources."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from fhirclient.models.bundle import Bundle
from fhirpy import AsyncFHIRClient

from millgate.canonical.references import parse_element
from millgate.objects import BY_RESOURCE_TYPE, OBJECTS
from tests.journeys.calling import FHIR, Caller, OpenSurface
from tests.journeys.conftest import FindChart, Stack
from tests.journeys.slots import window

Resource = dict[str, Any]

# Types that the simulated hospital does not have, or that neither a patient's search nor anything in a chart leads to.
NOT_HERE = {"Basic", "Communication", "InsurancePlan", "MedicationStatement", "Person", "Questionnaire", "Specimen"}
PATIENTS = 12


async def bundles(mercy: Caller, patients: list[str], others: list[str], service_type: str) -> AsyncIterator[Resource]:
    """Searchsets of every type: of each patient's chart, the implants of all others too, since few have any, and what these point to."""
    seen: dict[str, str] = {}
    pointed: dict[str, set[str]] = {}
    questions: list[tuple[str, dict[str, Any]]] = [
        ("/slots", {"service_type": service_type, **window(10)}),
        ("/organizations", {}),
    ]
    for patient in patients:
        questions.append(("/patients", {"ids": patient}))
        for each in OBJECTS.values():
            if "patient_id" in {one.name for one in each.filters} - {"identifier"} and each.name not in ("patient", "account"):
                more = {"category": "assess-plan"} if each.name == "care_plan" else {}
                questions.append((f"/{each.plural}", {"patient_id": patient, **more}))
    questions += [("/devices", {"patient_id": patient}) for patient in others]
    for path, query in questions:
        said = await mercy.get(path, headers={"Accept": FHIR}, **query)
        if said.status == 400 and said.refusal()[1] == "search_not_supported":
            continue
        assert said.status == 200, (path, said.body)
        yield json.loads(said.body)
        for entry in said.json.get("entry", ()):
            seen.setdefault(entry["resource"]["resourceType"], entry["resource"]["id"])
            _note(entry["resource"], pointed)
    rest: list[tuple[str, dict[str, Any]]] = [("/provenances", {"target": f"Condition/{seen['Condition']}"})]
    for encounter in sorted(pointed["Encounter"])[:20]:
        rest += [("/accounts", {"encounter_id": encounter}), ("/charges", {"encounter_id": encounter})]
    for kind in ("Practitioner", "Location", "Schedule", "Account"):
        if pointed.get(kind):
            rest.append((f"/{BY_RESOURCE_TYPE[kind].plural}", {"ids": ",".join(sorted(pointed[kind])[:20])}))
    for path, query in rest:
        said = await mercy.get(path, headers={"Accept": FHIR}, **query)
        assert said.status == 200, (path, said.body)
        yield json.loads(said.body)


def _note(value: Any, pointed: dict[str, set[str]]) -> None:
    parsed = parse_element(value) if isinstance(value, dict) else None
    if parsed is not None and parsed.resource_type and parsed.id:
        pointed.setdefault(parsed.resource_type, set()).add(parsed.id)
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _note(child, pointed)


def _without_siblings(value: Any) -> Any:
    """What stands beside primitives (`_birthDate`) is left out: `fhirclient` does not know it."""
    if isinstance(value, dict):
        return {name: _without_siblings(member) for name, member in value.items() if not name.startswith("_")}
    return [_without_siblings(member) for member in value] if isinstance(value, list) else value


async def test_two_libraries_read_the_answers(
    stack: Stack, mercy: Caller, chart_of: FindChart, source: Callable[[str], OpenSurface]
) -> None:
    chart = await chart_of("mercy")
    everybody = [one["id"] for one in await source("mercy").all("Patient", birthdate="ge1900-01-01", _count=1000)]
    client = AsyncFHIRClient(stack.gateway, authorization=f"Bearer {mercy.bearer}", extra_headers={"Accept": FHIR})
    kind = stack.hospitals["mercy"]["service_types"][0]
    examples: dict[str, Resource] = {}
    async for body in bundles(mercy, [chart.id, *everybody[:PATIENTS]], everybody[PATIENTS:], f"{kind['system']}|{kind['code']}"):
        assert Bundle(body, strict=True).as_json() == _without_siblings(body)
        for entry in body.get("entry", ()):
            examples.setdefault(entry["resource"]["resourceType"], entry["resource"])
    for resource_type, resource in sorted(examples.items()):
        read = await client.execute(f"/{BY_RESOURCE_TYPE[resource_type].plural}/{resource['id']}", method="get")
        assert client.resource(resource_type, **read).serialize() == resource
    assert set(BY_RESOURCE_TYPE) - examples.keys() == NOT_HERE
