"""The chart from which apps are opened: choose who you are, a patient, an encounter, an app; the app's launch address gets `iss` and `launch`.

The same form, sent with `Accept: application/json`, answers with the launch instead of going there. Portal users open patients' apps on
their own record or on one of those they act for. Source: fact sheet section 2.4 (EHR launch).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from millgate.simulator.answers import JSON, Answer, Refused, encode, not_found
from millgate.simulator.call import Call
from millgate.simulator.clients import Client
from millgate.simulator.discovery import Addresses
from millgate.simulator.pages import alert, form, page, select
from millgate.simulator.records import Json
from millgate.simulator.sign_in import told_patient
from millgate.simulator.tenant import Tenant
from millgate.simulator.users import User

MOST_PATIENTS = 50


class ChartLaunch:
    """The page `/ehr/<tenant>/launch` of one tenant."""

    def __init__(self, tenant: Tenant, call: Call) -> None:
        self._tenant, self._call = tenant, call
        self._address = f"{call.origin}/ehr/{tenant.tenant_id}/launch"
        self._addresses = Addresses(call.origin, tenant.tenant_id)

    def answer(self, fields: Mapping[str, str]) -> Answer:
        """The page for a GET, the launch for a POST with its form."""
        if self._call.method == "POST":
            return self._launch(fields)
        if self._call.method != "GET":
            raise not_found()
        try:
            return self._page(dict(parse_qsl(self._call.raw_query, max_num_fields=20)))
        except ValueError:  # more fields than any form here has
            return self._wrong("The address is not one of this page's.", {})

    # --- launching

    def _launch(self, fields: Mapping[str, str]) -> Answer:
        client, user = self._app(fields.get("client_id")), self._user(fields.get("user"))
        patient, encounter = fields.get("patient", ""), fields.get("encounter") or None
        problem = self._problem(client, user, patient, encounter)
        if problem is not None or client is None or user is None or client.launch_url is None:
            return self._wrong(problem or "This cannot be opened.", fields)
        launch = self._tenant.launches.open(client.client_id, user, patient, encounter)
        base = self._addresses.patient_fhir if client.persona == "patient" else self._addresses.fhir
        parts = urlsplit(client.launch_url)
        added = urlencode({"iss": base, "launch": launch.id})
        url = urlunsplit(parts._replace(query="&".join(part for part in (parts.query, added) if part)))
        if self._wants_json():
            return Answer(201, encode({"launch": launch.id, "iss": base, "launch_url": url}), JSON, {"Cache-Control": "no-store"})
        return Answer(303, headers={"Location": url, "Cache-Control": "no-store"})

    def _problem(self, client: Client | None, user: User | None, patient: str, encounter: str | None) -> str | None:
        if client is None or client.launch_url is None:
            return "There is no such app to open here."
        if user is None or user.persona != client.persona:
            return "This app is not for this user."
        if self._tenant.records.read("Patient", patient) is None:
            return "There is no such patient."
        if user.persona == "patient" and patient not in user.patient_ids:
            return "This user may not see this patient's record."
        if encounter is not None and encounter not in {record.id for record in self._tenant.records.chart("Encounter", patient)}:
            return "There is no such encounter in this patient's chart."
        return None

    def _wrong(self, text: str, fields: Mapping[str, str]) -> Answer:
        if self._wants_json():
            return Answer(400, encode({"error": text}), JSON)
        answer = self._page(fields, text)
        answer.status = 400
        return answer

    def _wants_json(self) -> bool:
        return "application/json" in (self._call.header("Accept") or "")

    # --- the page

    def _page(self, fields: Mapping[str, str], problem: str | None = None) -> Answer:
        told = alert(problem) if problem else ""
        user = self._user(fields.get("user"))
        record = self._tenant.records.read("Patient", fields.get("patient", "")) if fields.get("patient") else None
        if user is None or record is None:
            return page(200, self._tenant.name, "Open a chart", told + self._chart_form(fields))
        return page(200, self._tenant.name, told_patient(record.resource), told + self._launch_form(user, record.id))

    def _chart_form(self, fields: Mapping[str, str]) -> str:
        users = [(user.username, f"{user.name} ({user.username})") for user in self._tenant.users]
        name = fields.get("name", "")
        patients = [(str(patient["id"]), told_patient(patient)) for patient in self._patients(name)]
        search = (
            f'<label for="name">Patient\'s name begins with</label>\n<input type="text" id="name" name="name" value="{escape(name)}">\n'
            '<button type="submit" class="second">Search</button>'
        )
        content = (
            select("user", "You are", users, fields.get("user"))
            + "\n"
            + select("patient", "Patient", patients)
            + '\n<button type="submit">Open the chart</button>'
        )
        return form("search", self._address, {}, search, "get") + "<p></p>" + form("chart", self._address, {}, content, "get")

    def _launch_form(self, user: User, patient: str) -> str:
        apps = [
            (a.client_id, f"{urlsplit(a.launch_url or '').netloc} ({a.client_id})")
            for a in self._apps()
            if a.persona == user.persona
        ]
        if not apps:
            return "<p>There is no app that can be opened from this chart.</p>"
        encounters = [("", "No encounter")] + [
            (record.id, _told_encounter(record.resource)) for record in self._tenant.records.chart("Encounter", patient)
        ]
        content = (
            f'<p class="soft">You are {escape(user.name)}.</p>\n'
            + select("encounter", "Encounter", encounters)
            + "\n"
            + select("client_id", "App", apps)
            + '\n<button type="submit">Open the app from this chart</button>'
        )
        return form("launch", self._address, {"user": user.username, "patient": patient}, content)

    def _patients(self, name: str) -> list[Json]:
        hospital = self._tenant.hospital
        if name.strip():
            ids = hospital.find_patients(name=name.strip(), limit=MOST_PATIENTS)
        else:
            known = [patient_id for user in self._tenant.users for patient_id in user.patient_ids]
            ids = [*known, *hospital.find_patients(gender="female", limit=MOST_PATIENTS - len(known))]
        found = (self._tenant.records.read("Patient", patient_id) for patient_id in dict.fromkeys(ids))
        return [record.resource for record in found if record is not None]

    def _apps(self) -> Sequence[Client]:
        return [client for client in self._tenant.clients if client.persona != "system" and client.launch_url]

    def _app(self, client_id: str | None) -> Client | None:
        return next((client for client in self._apps() if client.client_id == client_id), None)

    def _user(self, name: str | None) -> User | None:
        """A user by user name or, of staff, by the id of the practitioner."""
        return next(
            (u for u in self._tenant.users if name and (u.username == name or u.fhir_user == f"Practitioner/{name}")), None
        )


def _told_encounter(encounter: Json) -> str:
    started = str(encounter.get("period", {}).get("start", ""))[:10]
    kinds = encounter.get("type") or [encounter.get("class", {})]
    kind = kinds[0].get("text") or kinds[0].get("display") or "Encounter"
    return " · ".join(part for part in (str(kind), started, str(encounter.get("status", ""))) if part)


def chart_launch(tenant: Tenant | None, call: Call, fields: Mapping[str, str]) -> Answer:
    if tenant is None:
        raise Refused(page(404, "Not found", "There is no such hospital", "<p>Check the address.</p>"))
    return ChartLaunch(tenant, call).answer(fields)
