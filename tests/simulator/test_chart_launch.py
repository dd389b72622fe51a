"""The chart from which apps are opened, as a person without scripts uses it, and the page behind an error's address."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

from tests.simulator.conftest import NEVER, Bench
from tests.simulator.person import LAUNCH_URL, Form, Person, callback, urn_on


async def test_from_the_list_of_patients_to_the_app(user_bench: Bench) -> None:
    page = await user_bench.get(user_bench.report["chart"])
    form = Form(page.body)
    assert (form.id, form.title) == ("chart", f"Open a chart · {user_bench.report['name']}")
    assert form.choices["user"] == [user["username"] for user in user_bench.report["users"]]
    patient = next(i for i in form.choices["patient"] if user_bench.hospital.chart("Encounter", i))
    username = form.choices["user"][0]
    chart = Form((await user_bench.get(f"{form.action}?{urlencode({'user': username, 'patient': patient})}")).body)
    assert chart.id == "launch"
    assert chart.hidden == {"user": username, "patient": patient}
    assert chart.choices["encounter"][1:] == [e["id"] for e in user_bench.hospital.chart("Encounter", patient)]
    assert chart.choices["client_id"] == [Person(user_bench, "provider").app["client_id"]]
    fields = {**chart.hidden, "encounter": "", "client_id": chart.choices["client_id"][0]}
    said = await user_bench.call("POST", chart.action, data=fields, allow_redirects=False)
    assert said.status == 303
    address = urlsplit(said.headers["Location"])
    assert address._replace(query="").geturl() == LAUNCH_URL
    assert set(parse_qs(address.query)) == {"iss", "launch"}
    assert parse_qs(address.query)["iss"] == [user_bench.fhir]


async def test_a_patient_by_name(user_bench: Bench) -> None:
    family = user_bench.hospital.read("Patient", user_bench.hospital.find_patients(gender="male")[-1])["name"][0]["family"]
    form = Form((await user_bench.get(f"{user_bench.report['chart']}?{urlencode({'name': family})}")).body)
    assert form.choices["patient"] == user_bench.hospital.find_patients(name=family, limit=50)
    nobody = await user_bench.get(f"{user_bench.report['chart']}?name=%22%3E%3Cscript%3E")
    assert nobody.status == 200
    assert b"<script" not in nobody.body


async def test_a_wrong_choice_is_told_on_the_page(user_bench: Bench) -> None:
    said = await user_bench.call("POST", user_bench.report["chart"], data={"user": "nobody"})
    assert said.status == 400
    assert b'role="alert"' in said.body
    crowded = await user_bench.get(f"{user_bench.report['chart']}?{'&'.join(f'a{number}=1' for number in range(30))}")
    assert (crowded.status, b'role="alert"' in crowded.body) == (400, True)
    assert (await user_bench.get(user_bench.report["chart"].replace(user_bench.tenant, NEVER))).status == 404


async def test_an_error_address_shows_the_error(user_bench: Bench) -> None:
    come = callback(await Person(user_bench, "provider").ask(aud=None))
    said = await user_bench.get(come.fields["error_uri"])
    assert (said.status, urn_on(said.body)) == (200, "smart-v1:grant:launch:audience-required")
    assert (await user_bench.get(f"{user_bench.running.url}/errors/made-up/instances/{NEVER}")).status == 404


async def test_what_the_journal_keeps_names_no_flow(user_bench: Bench) -> None:
    person = Person(user_bench, "provider")
    await person.arrive()
    paths = {request["path"] for request in (await user_bench.state())["requests"]}
    authorize = "/tenants/{tenant}/protocols/oauth2/profiles/smart-v1/personas/provider/authorize"
    assert {authorize, f"{authorize}/{{flow}}/sign-in", f"{authorize}/{{flow}}/consent"} <= paths
