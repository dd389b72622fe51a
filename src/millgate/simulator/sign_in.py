"""From `authorize` to the code: the user signs in, chooses a record if the app asks for one, and allows or denies.

Each step is one form with a token that is good once; a form that comes with another one ends the flow (`csrf-security-failure`).
Nothing is kept in the browser: a flow is known by its address alone, and the next flow asks for the password again. Not known from
public sources, chosen here: a flow lives half an hour; the fifth wrong password ends it (`denied-by-server`); a user with one record
is not asked to choose.
"""

from __future__ import annotations

import hmac
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

from millgate.simulator import scopes
from millgate.simulator.answers import Answer
from millgate.simulator.authorize_request import AuthorizeRequest, FlowRefused
from millgate.simulator.clients import Persona
from millgate.simulator.discovery import Addresses
from millgate.simulator.oauth_errors import GRANT, LAUNCH, ON_CALLBACK, URN, error_uri
from millgate.simulator.pages import consent_page, error_page, record_page, sign_in_page
from millgate.simulator.records import Records
from millgate.simulator.user_grants import Codes, Context, UserGrants
from millgate.simulator.users import User

Step = Literal["sign-in", "record", "consent"]
FLOW_LIFE_S = 1800
MOST_FLOWS = 1000
MOST_WRONG_PASSWORDS = 5


@dataclass(slots=True)
class Flow:
    """One user on the way from an app's request to its answer."""

    id: str
    request: AuthorizeRequest
    started_at: float
    step: Step = "sign-in"
    token: str = field(default="", repr=False)
    user: User | None = None
    session_id: str = ""
    patient: str | None = None
    wrong_passwords: int = 0


@dataclass(frozen=True, slots=True)
class Where:
    """Where a flow takes place: the server's root, the address of the persona's `authorize`, and the correlation id of the call."""

    root: str
    authorize: str
    persona: Persona
    correlation_id: str


class SignIn:
    """The flows of one tenant."""

    def __init__(
        self,
        *,
        tenant: str,
        house: str,
        users: Sequence[User],
        records: Records,
        grants: UserGrants,
        codes: Codes,
        spend_launch: Callable[[AuthorizeRequest], bool],
        clock: Callable[[], float],
        names_issuer: bool = False,
    ) -> None:
        self._names_issuer = names_issuer
        self._tenant, self._house, self._records = tenant, house, records
        self._users = {(user.persona, user.username): user for user in users}
        self._grants, self._codes, self._spend_launch, self._clock = grants, codes, spend_launch, clock
        self._flows: dict[str, Flow] = {}

    def start(self, request: AuthorizeRequest, where: Where) -> Answer:
        """The first page for a request that may be put to the user."""
        now = self._clock()
        living = [(i, flow) for i, flow in self._flows.items() if flow.started_at + FLOW_LIFE_S > now]
        self._flows = dict(living[-MOST_FLOWS:])
        flow = Flow(str(uuid.uuid4()), request, now)
        self._flows[flow.id] = flow
        return self._page(flow, where)

    def show(self, flow_id: str, where: Where) -> Answer:
        """The page at which a flow stands; its token is new."""
        return self._page(self._flow(flow_id), where)

    def submit(self, flow_id: str, step: str, fields: Mapping[str, str], where: Where) -> Answer:
        """What follows on a form: the next page, or the way back to the app."""
        flow = self._flow(flow_id)
        sent, expected = fields.get("csrf_token", ""), flow.token
        flow.token = ""
        if not expected or step != flow.step or not hmac.compare_digest(sent.encode(), expected.encode()):
            raise self._refused(flow, GRANT + "csrf-security-failure")
        if step == "sign-in":
            return self._sign_in(flow, fields, where)
        if step == "record":
            return self._choose(flow, fields.get("patient", ""), where)
        return self._decide(flow, fields.get("decision", ""), where)

    def _flow(self, flow_id: str) -> Flow:
        flow = self._flows.get(flow_id)
        if flow is None or flow.started_at + FLOW_LIFE_S <= self._clock():
            raise FlowRefused(GRANT + "csrf-security-failure")
        return flow

    def _refused(self, flow: Flow, urn: str) -> FlowRefused:
        self._flows.pop(flow.id, None)
        return FlowRefused(urn, flow.request.redirect_uri, flow.request.state, flow.request.client.client_id)

    # --- steps

    def _sign_in(self, flow: Flow, fields: Mapping[str, str], where: Where) -> Answer:
        username, request = fields.get("username", "").strip(), flow.request
        user = self._users.get((request.client.persona, username))
        expected = user.password if user is not None else secrets.token_urlsafe(9)
        right = hmac.compare_digest(fields.get("password", "").encode(), expected.encode())
        if user is None or not right:
            flow.wrong_passwords += 1
            if flow.wrong_passwords >= MOST_WRONG_PASSWORDS:
                raise self._refused(flow, GRANT + "denied-by-server")
            return self._page(flow, where, wrong=True, username=username)
        if request.launch is not None and request.launch.user is not user:
            raise self._refused(flow, LAUNCH + "mismatchted-identity")
        flow.user, flow.session_id, flow.step = user, self._grants.open_session(user), "consent"
        if request.launch is not None:
            flow.patient = request.launch.patient
        elif scopes.LAUNCH_PATIENT in request.scopes:
            flow.patient = user.patient_ids[0] if len(user.patient_ids) == 1 else None
            flow.step = "consent" if flow.patient is not None else "record"
        return self._page(flow, where)

    def _choose(self, flow: Flow, patient: str, where: Where) -> Answer:
        if flow.user is None or patient not in flow.user.patient_ids:
            raise self._refused(flow, GRANT + "invalid-patient-id")
        flow.patient, flow.step = patient, "consent"
        return self._page(flow, where)

    def _decide(self, flow: Flow, decision: str, where: Where) -> Answer:
        request, user = flow.request, flow.user
        if decision == "deny":
            raise self._refused(flow, GRANT + "denied-by-user")
        if decision != "allow" or user is None:
            raise self._refused(flow, GRANT + "invalid-request")
        if not self._spend_launch(request):
            raise self._refused(flow, LAUNCH + "invalid-code")
        self._flows.pop(flow.id, None)
        encounter = request.launch.encounter if request.launch is not None else None
        code = self._codes.make(
            tenant=self._tenant,
            client_id=request.client.client_id,
            redirect_uri=request.sent_redirect_uri,
            challenge=request.challenge,
            scopes=request.scopes,
            context=Context(user, flow.session_id, flow.patient, encounter, need_patient_banner=request.launch is None),
            nonce=request.nonce,
        )
        issuer = self._issuer(where)
        return _callback(request.redirect_uri, {"code": code, "state": request.state, "iss": issuer})

    # --- pages

    def _page(self, flow: Flow, where: Where, *, wrong: bool = False, username: str = "") -> Answer:
        flow.token = secrets.token_urlsafe(24)
        action = f"{where.authorize}/{flow.id}/{flow.step}"
        if flow.step == "sign-in" or flow.user is None:
            return sign_in_page(self._house, action, flow.token, wrong=wrong, username=username)
        if flow.step == "record":
            records = [(patient_id, self.told_patient(patient_id)) for patient_id in flow.user.patient_ids]
            return record_page(self._house, action, flow.token, records)
        return consent_page(
            self._house,
            action,
            flow.token,
            client=flow.request.client,
            redirect_uri=flow.request.redirect_uri,
            granted=flow.request.scopes,
            user=flow.user.name,
            record=self.told_patient(flow.patient) if flow.patient is not None else None,
        )

    def told_patient(self, patient_id: str) -> str:
        """Name and birth date, as a list of records shows them."""
        record = self._records.read("Patient", patient_id)
        return told_patient(record.resource) if record is not None else patient_id

    def refusal(self, refused: FlowRefused, where: Where) -> Answer:
        """An error as the user or the app gets it. Source: fact sheet section 2.6."""
        return refusal_of(refused, self._tenant, self._house, where, self._issuer(where))

    def _issuer(self, where: Where) -> str | None:
        return Addresses(where.root, self._tenant).issuer if self._names_issuer else None


def refusal_of(refused: FlowRefused, tenant: str, house: str, where: Where, issuer: str | None = None) -> Answer:
    """On a page without an address to trust; at the callback, with `error`, `error_uri`, `state` and maybe `iss`, otherwise."""
    if refused.redirect_uri is None:
        return error_page(house, URN + refused.urn, where.correlation_id)
    uri = error_uri(refused.urn, where.root, where.correlation_id, client=refused.client, tenant=tenant, persona=where.persona)
    told = {"error": ON_CALLBACK[refused.urn], "error_uri": uri, "state": refused.state, "iss": issuer}
    return _callback(refused.redirect_uri, told)


def told_patient(patient: Mapping[str, object]) -> str:
    names = patient.get("name")
    name = next((n for n in names if isinstance(n, dict)), {}) if isinstance(names, list) else {}
    told = str(name.get("text") or " ".join([*name.get("given", ()), str(name.get("family", ""))]).strip() or patient["id"])
    born = patient.get("birthDate")
    return f"{told}, born {born}" if born else told


def _callback(redirect_uri: str, fields: Mapping[str, str | None]) -> Answer:
    parts = urlsplit(redirect_uri)
    added = urlencode({name: value for name, value in fields.items() if value is not None})
    location = urlunsplit(parts._replace(query="&".join(part for part in (parts.query, added) if part)))
    return Answer(302, headers={"Location": location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
