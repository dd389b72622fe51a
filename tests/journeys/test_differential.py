"""The same charts twice: through the gateway with `include=fhir`, and straight from the tenant with fhirpy, a client that others wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import Any

import aiohttp
import fhirpy.base.lib_async
import pytest
from fhirpy import AsyncFHIRClient

from tests.journeys.calling import Caller, OpenSurface
from tests.journeys.conftest import ALWAYS, Chart, FindChart, Stack
from tests.journeys.slots import window

TYPES = ("Patient", "Encounter", "Observation", "DiagnosticReport", "Appointment", "Schedule", "Practitioner", "Location")
SCOPES = " ".join(f"system/{name}.rs" for name in TYPES if name != "Appointment") + (
    " system/Organization.rs system/Slot.rus system/Appointment.crus"
)
PATIENTS = 6


@pytest.fixture
async def direct(stack: Stack, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> AsyncFHIRClient:
    """fhirpy on the first tenant's secure surface, with a token of its own."""
    hospital = stack.hospitals["mercy"]
    async with http.get(f"{hospital['fhir_base']}/.well-known/smart-configuration") as answer:
        endpoint = (await answer.json())["token_endpoint"]
    basic = aiohttp.encode_basic_auth(hospital["client_id"], hospital["client_secret"])
    form = {"grant_type": "client_credentials", "scope": SCOPES}
    async with http.post(endpoint, data=form, headers={"Authorization": basic}) as answer:
        token = (await answer.json())["access_token"]
    # fhirpy reads numbers as floats, which have lost their digits before anybody can look.
    reading = SimpleNamespace(loads=partial(json.loads, parse_float=Decimal), JSONDecodeError=json.JSONDecodeError)
    monkeypatch.setattr(fhirpy.base.lib_async, "json", reading)
    return AsyncFHIRClient(
        hospital["fhir_base"], authorization=f"Bearer {token}", extra_headers={"Accept": "application/fhir+json"}
    )


def exact(value: Any, base: str) -> Any:
    """A resource so that only equal digits are equal; a reference under the tenant's own base counts as the relative one."""
    if isinstance(value, dict):
        return {
            name: one.removeprefix(base + "/") if name == "reference" and isinstance(one, str) else exact(one, base)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [exact(item, base) for item in value]
    return f"decimal {value}" if isinstance(value, Decimal) else value


def once(resources: Iterable[Any], base: str) -> list[Any]:
    """Each resource once, at its first place: the source may show one on two pages."""
    found: dict[str, Any] = {}
    for one in resources:
        found.setdefault(one["id"], exact(dict(one), base))
    return list(found.values())


def decimals(value: Any) -> Iterable[str]:
    """All decimals in a resource, as they were written."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from decimals(item)
    elif isinstance(value, str) and value.startswith("decimal "):
        yield value


async def test_charts_are_equal(
    stack: Stack, mercy: Caller, direct: AsyncFHIRClient, chart_of: FindChart, source: Callable[[str], OpenSurface]
) -> None:
    base = stack.hospitals["mercy"]["fhir_base"]
    long_chart: Chart = await chart_of("mercy")
    others = await source("mercy").all("Patient", birthdate="ge1900-01-01", _count=1000)
    written: list[str] = []
    for patient_id in [long_chart.id, *[one["id"] for one in others if one["id"] != long_chart.id][: PATIENTS - 1]]:
        found = await mercy.get(f"/patients/{patient_id}", include="fhir")
        assert exact(found.json["fhir"], base) == exact(dict(await direct.get("Patient", patient_id)), base)
        for plural, resource_type, more in (
            ("encounters", "Encounter", {}),
            ("observations", "Observation", {}),
            ("diagnostic_reports", "DiagnosticReport", {}),
            ("appointments", "Appointment", {"date": ALWAYS}),
        ):
            ours = [one["fhir"] for one in await mercy.all(f"/{plural}", patient_id=patient_id, include="fhir", max_age=0)]
            theirs = await direct.resources(resource_type).search(patient=patient_id, _count=50, **more).fetch_all()
            assert [exact(one, base) for one in ours] == once(theirs, base), resource_type
            written += decimals([exact(one, base) for one in ours])
    assert len(written) > 100
    assert any(text.endswith("0") and "." in text for text in written), "no decimal ends in a zero, so digits prove nothing"


async def test_places_people_and_calendars_are_equal(stack: Stack, mercy: Caller, direct: AsyncFHIRClient) -> None:
    base = stack.hospitals["mercy"]["fhir_base"]
    kind = stack.hospitals["mercy"]["service_types"][0]
    named, when = f"{kind['system']}|{kind['code']}", window(10)
    slots = await mercy.all("/slots", service_type=named, include="fhir", **when)
    start = [f"ge{when['from_']}", f"lt{when['to']}"]
    search = {"service-type": named, "start": start, "_count": 50}
    assert slots
    assert [exact(one["fhir"], base) for one in slots] == once(await direct.resources("Slot").search(**search).fetch_all(), base)
    organizations = [exact(one["fhir"], base) for one in await mercy.all("/organizations", include="fhir")]
    assert organizations == once(await direct.resources("Organization").search(_count=50).fetch_all(), base)
    ids = {
        "schedules": ("Schedule", {slot["schedule_id"] for slot in slots}),
        "practitioners": ("Practitioner", {slot["practitioner"]["id"] for slot in slots if "practitioner" in slot}),
        "locations": ("Location", {slot["location"]["id"] for slot in slots if "location" in slot}),
    }
    for plural, (resource_type, some) in ids.items():
        assert some
        asked = ",".join(sorted(some)[:40])
        ours = [exact(one["fhir"], base) for one in await mercy.all(f"/{plural}", ids=asked, include="fhir")]
        theirs = once(await direct.resources(resource_type).search(_id=asked).fetch_all(), base)
        assert ours == theirs, resource_type
        one = await direct.get(resource_type, ours[0]["id"])
        assert exact((await mercy.get(f"/{plural}/{one['id']}", include="fhir", max_age=0)).json["fhir"], base) == exact(
            one, base
        )
