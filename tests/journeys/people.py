"""People who sign in: a browser that follows forms and redirects, and the application that it comes from and goes back to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from tests.journeys.calling import Caller, Said
from tests.simulator.person import Form

BACK, OTHER_BACK = "https://app.example/back", "http://127.0.0.1:9/other?kept=1"


@dataclass(frozen=True)
class Landed:
    """Where a browser ended: at the application's address, or on a page."""

    url: str
    said: Said | None = None

    @property
    def address(self) -> str:
        """The address without its query."""
        return self.url.partition("?")[0]

    @property
    def fields(self) -> dict[str, str]:
        """What came with the address."""
        return dict(parse_qsl(urlsplit(self.url).query))


@dataclass
class Hospital:
    """The running demo, and who has an account in it."""

    report: dict[str, Any]

    @property
    def gateway(self) -> str:
        """The gateway's address."""
        return str(self.report["gateway"])

    @property
    def simulator(self) -> str:
        """The simulator's address."""
        return str(self.report["simulator"])

    def user(self, persona: str, number: int = 0) -> dict[str, Any]:
        """Somebody with an account."""
        return [one for one in self.report["users"] if one["persona"] == persona and len(one.get("patient_ids", "1")) == 1][
            number
        ]

    @property
    def proxy(self) -> dict[str, Any]:
        """Somebody who may see several patients' records."""
        found: dict[str, Any] = next(one for one in self.report["users"] if len(one.get("patient_ids", ())) > 1)
        return found


@dataclass
class Browser:
    """A browser without scripts. It stops where an address is neither the gateway's nor the simulator's."""

    hospital: Hospital
    http: aiohttp.ClientSession
    passed: list[str] = field(default_factory=list)

    async def go(self, url: str, data: Mapping[str, str] | None = None, method: str | None = None) -> Landed:
        """Follow redirects to a page, or out to the application."""
        method = method or ("GET" if data is None else "POST")
        for _ in range(10):
            if not url.startswith((self.hospital.gateway + "/", self.hospital.simulator + "/")):
                return Landed(url)
            self.passed.append(url)
            async with self.http.request(
                method, aiohttp.client.URL(url, encoded=True), data=data, allow_redirects=False
            ) as answer:
                said = Said(answer.status, answer.headers, await answer.read())
            if said.status not in (302, 303):
                return Landed(url, said)
            method, data, url = "GET", None, said.headers["Location"]
        raise AssertionError(f"the redirects have no end: {self.passed}")

    async def sign_in(self, url: str, user: Mapping[str, Any], *, record: str | None = None, decision: str = "allow") -> Landed:
        """From the sign-in page to the application, by the forms of the pages between."""
        landed = await self.go(url)
        for _ in range(4):
            if landed.said is None:
                return landed
            form = Form(landed.said.body)
            if form.id == "sign-in":
                fields = {"username": user["username"], "password": user["password"]}
            elif form.id == "record":
                assert set(form.choices["patient"]) == set(user["patient_ids"])
                fields = {"patient": record or form.choices["patient"][0]}
            elif form.id == "consent":
                fields = {"decision": decision}
            else:
                return landed
            landed = await self.go(form.action, {**form.hidden, **fields})
        raise AssertionError("the pages lead nowhere")

    async def open_chart(self, user: Mapping[str, Any], patient: str, encounter: str = "") -> Landed:
        """Open the application from a patient's chart: the first page of the sign-in."""
        chart = str(self.hospital.report["chart"])
        page = await self.go(f"{chart}?user={user['username']}&patient={patient}")
        assert page.said is not None
        form = Form(page.said.body)
        assert form.id == "launch", page.said.body
        return await self.go(form.action, {**form.hidden, "encounter": encounter, "client_id": form.choices["client_id"][0]})


@dataclass
class Application:
    """An application of the gateway's: it begins sign-ins and takes their session codes."""

    hospital: Hospital
    http: aiohttp.ClientSession
    key: str

    async def begin(self, persona: str, **more: Any) -> dict[str, Any]:
        """Begin a sign-in: the answer, which holds the address for the browser."""
        said = await self.try_begin(persona, **more)
        assert said.status == 202, said.body
        begun: dict[str, Any] = said.json
        return begun

    async def try_begin(self, persona: str, **more: Any) -> Said:
        """Begin a sign-in, whatever comes of it."""
        wanted = {"tenant": self.hospital.report["tenant"], "persona": persona, "return_url": BACK, **more}
        body = {name: value for name, value in wanted.items() if value is not None}
        return await Caller(self.http, self.hospital.gateway, self.key).post("/authenticate", body)

    async def redeem(self, session_code: str) -> Said:
        """Take the session that a code stands for."""
        return await Caller(self.http, self.hospital.gateway, self.key).post("/authenticate", {"session_code": session_code})

    async def session(self, landed: Landed) -> SignedIn:
        """The session of a browser that came back."""
        said = await self.redeem(landed.fields["session_code"])
        assert said.status == 201, said.body
        return SignedIn(self.http, self.hospital.gateway, said.json["session_token"], said.json)

    async def system(self, scopes: list[str] | None = None) -> Caller:
        """A session without a person."""
        caller = Caller(self.http, self.hospital.gateway)
        said = await caller.authenticate(self.key, self.hospital.report["tenant"], scopes)
        assert said.status == 201, said.body
        return caller


class SignedIn(Caller):
    """An application that calls with a person's session."""

    def __init__(self, http: aiohttp.ClientSession, gateway: str, bearer: str, opened: dict[str, Any]) -> None:
        super().__init__(http, gateway, bearer)
        self.opened = opened

    @property
    def patient(self) -> str:
        """The patient in context."""
        return str(self.opened["patient_id"])


@dataclass
class People:
    """What a test of sign-ins has in hand."""

    hospital: Hospital
    http: aiohttp.ClientSession
    application: Application
    browsers: list[aiohttp.ClientSession] = field(default_factory=list)

    def browser(self) -> Browser:
        """A browser that has been nowhere yet."""
        session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.browsers.append(session)
        return Browser(self.hospital, session)

    async def arrive(
        self, persona: str, user: Mapping[str, Any] | None = None, *, record: str | None = None, **more: Any
    ) -> SignedIn:
        """The whole way of a person to a session."""
        begun = await self.application.begin(persona, **more)
        landed = await self.browser().sign_in(begun["authorization_url"], user or self.hospital.user(persona), record=record)
        return await self.application.session(landed)

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        """The test bench's hand on the simulator."""
        url = f"{self.hospital.simulator}/_simulator/{path}"
        async with self.http.request(method, url, json=body) as answer:
            assert answer.status < 300, await answer.read()
            return await answer.json(content_type=None) if answer.status != 204 else None

    async def close(self) -> None:
        """Close what is open."""
        for one in self.browsers:
            await one.close()
