"""A client that is not ours: the SMART client of PyPI's `fhirclient`, from the launch to its first reads, as the simulator finds it.

It discovers the authorization server in the CapabilityStatement, makes its own state and PKCE challenge, and checks what comes back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

import pytest
from fhirclient.client import FHIRClient
from fhirclient.models.encounter import Encounter
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRPermissionDeniedException, FHIRUnauthorizedException

from tests.simulator.conftest import Bench, Said
from tests.simulator.person import REDIRECT, Callback, Person

T = TypeVar("T")


async def away(call: Callable[[], T]) -> T:
    """A blocking call of the library's, away from the loop in which the simulator answers."""
    return await asyncio.to_thread(call)


def client(person: Person, scope: str, launch: str | None = None) -> FHIRClient:
    settings = {
        "app_id": person.app["client_id"],
        "app_secret": person.app["client_secret"],
        "api_base": person.base,
        "redirect_uri": REDIRECT,
        "scope": scope,
        "launch_token": launch,
    }
    return FHIRClient(settings=settings)


async def at_pages(person: Person, smart: FHIRClient, decision: str = "allow") -> str:
    """The address to which the pages lead from the library's own authorize address."""
    assert await away(smart.prepare) is False
    assert smart.authorize_url.startswith(person.authorize_url)
    page: Said = await person.bench.call("GET", smart.authorize_url)
    come: Callback = await person.through(page, decision=decision)
    return f"{come.address}?{'&'.join(f'{name}={value}' for name, value in come.fields.items())}"


async def test_a_clinician_opens_the_app_from_the_chart(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    patient = next(i for i in user_bench.hospital.find_patients(gender="female") if user_bench.hospital.chart("Encounter", i))
    form = {"user": person.user["username"], "patient": patient, "client_id": person.app["client_id"]}
    opened = (await user_bench.call("POST", user_bench.report["chart"], data=form, headers={"Accept": "application/json"})).json
    smart = client(person, "user/Patient.rs user/Encounter.rs openid fhirUser offline_access", opened["launch"])
    url = await at_pages(person, smart)
    await away(lambda: smart.handle_callback(url))
    assert smart.ready
    assert smart.patient_id == patient
    read = await away(lambda: smart.patient)
    assert (read.id, read.name[0].family) == (patient, user_bench.hospital.read("Patient", patient)["name"][0]["family"])
    found = await away(lambda: list(Encounter.where({"patient": patient}).perform_resources_iter(smart.server)))
    assert {e.id for e in found} <= {e["id"] for e in user_bench.hospital.chart("Encounter", patient)}
    assert found
    token = smart.server.auth.access_token
    assert await away(smart.reauthorize)
    assert smart.server.auth.access_token != token
    assert (await away(lambda: Patient.read(patient, smart.server))).id == patient


async def test_a_patient_signs_in_alone(user_bench: Bench) -> None:
    person = Person(user_bench, "patient")
    own = person.user["patient_ids"][0]
    smart = client(person, "patient/Patient.rs patient/Encounter.rs")
    url = await at_pages(person, smart)
    await away(lambda: smart.handle_callback(url))
    assert smart.patient_id == own
    assert (await away(lambda: smart.patient)).id == own
    other = next(i for i in user_bench.hospital.find_patients(gender="male") if i != own)
    with pytest.raises(FHIRPermissionDeniedException):
        await away(lambda: Patient.read(other, smart.server))
    user_bench.clock[0] += 571
    with pytest.raises(FHIRUnauthorizedException):
        await away(lambda: Patient.read(own, smart.server))


async def test_denial_and_a_forged_state_reach_the_app_as_errors(user_bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    person = Person(user_bench, "patient")
    smart = client(person, "patient/Patient.rs")
    denied = await at_pages(person, smart, "deny")
    with pytest.raises(Exception, match=r"(?i)denied"):
        await away(lambda: smart.handle_callback(denied))
    allowed = await person.through(await user_bench.call("GET", smart.authorize_url))
    forged = f"{allowed.address}?code={allowed.fields['code']}&state=forged"
    with pytest.raises(Exception, match="Invalid state"):
        await away(lambda: smart.handle_callback(forged))
    assert not smart.ready
