"""A person at a browser without scripts: follows the pages of the authorization server by their forms."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import aiohttp

from tests.simulator.conftest import Bench, Said

REDIRECT = "http://127.0.0.1:9/authenticate/callback"
LAUNCH_URL = "http://127.0.0.1:9/launch"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class Form(HTMLParser):
    """The last form of a page: its id, its action, its hidden fields, and what its choices offer."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.id: str | None = None
        self.action = ""
        self.hidden: dict[str, str] = {}
        self.choices: dict[str, list[str]] = {}
        self.title = ""
        self._in_title, self._select = False, ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_title = tag == "title"
        if tag == "form":
            self.id, self.action, self.hidden, self.choices = given["id"], given["action"], {}, {}
        elif tag == "input" and given["type"] == "hidden":
            self.hidden[given["name"]] = given["value"]
        elif (tag == "input" and given["type"] == "radio") or (tag == "button" and "name" in given):
            self.choices.setdefault(given["name"], []).append(given["value"])
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option":
            self.choices.setdefault(self._select, []).append(given["value"])

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title, self._in_title = data, False


@dataclass
class Callback:
    """What came back at the app's redirect address."""

    address: str
    fields: dict[str, str]

    @property
    def urn(self) -> str:
        """The URN behind the error, without its common prefix."""
        return urn_in(self.fields["error_uri"])


def urn_in(error_uri: str) -> str:
    return unquote(urlsplit(error_uri).path.split("/")[2]).removeprefix("urn:cerner:error:authorization-server:")


def urn_on(page: bytes) -> str:
    """The URN on an error page."""
    return (
        page.decode().partition('<code id="error">')[2].partition("<")[0].removeprefix("urn:cerner:error:authorization-server:")
    )


@dataclass
class Person:
    """Somebody with an account of the tenant, and the app of theirs."""

    bench: Bench
    persona: str
    number: int = 0
    sent: dict[str, str] = field(default_factory=dict)

    @property
    def app(self) -> dict[str, Any]:
        return next(client for client in self.bench.report["clients"] if client["persona"] == self.persona)

    @property
    def user(self) -> dict[str, Any]:
        users: list[dict[str, Any]] = [user for user in self.bench.report["users"] if user["persona"] == self.persona]
        return users[self.number]

    @property
    def base(self) -> str:
        return str(self.bench.report["patient_fhir_base" if self.persona == "patient" else "fhir_base"])

    @property
    def authorize_url(self) -> str:
        profile = f"{self.bench.running.url}/tenants/{self.bench.tenant}/protocols/oauth2/profiles/smart-v1"
        return f"{profile}/personas/{self.persona}/authorize"

    def parameters(self, **changes: str | None) -> dict[str, str]:
        """A request that is in order, but for the changes; None leaves a parameter out."""
        given: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.app["client_id"],
            "redirect_uri": REDIRECT,
            "scope": "user/Patient.rs openid fhirUser",
            "state": "st",
            "aud": self.base,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in given.items() if value is not None}

    async def ask(self, **changes: str | None) -> Said:
        """The first answer of `authorize`, redirects not followed."""
        url = f"{self.authorize_url}?{urlencode(self.parameters(**changes))}"
        return await self.bench.call("GET", url, allow_redirects=False)

    async def fill(self, page: Said, **fields: str) -> Said:
        """Send the form of a page with its hidden fields and the ones given."""
        form = Form(page.body)
        return await self.bench.call("POST", form.action, data={**form.hidden, **fields}, allow_redirects=False)

    async def sign_in(self, page: Said, **changes: str) -> Said:
        return await self.fill(page, **{"username": self.user["username"], "password": self.user["password"], **changes})

    async def through(self, page: Said, *, patient: str | None = None, decision: str = "allow") -> Callback:
        """All pages up to the redirect."""
        for _ in range(4):
            if page.status in (302, 303):
                return callback(page)
            form = Form(page.body)
            if form.id == "sign-in":
                page = await self.sign_in(page)
            elif form.id == "record":
                page = await self.fill(page, patient=patient or form.choices["patient"][0])
            else:
                assert form.id == "consent", page.body
                page = await self.fill(page, decision=decision)
        raise AssertionError("the pages lead nowhere")

    async def code(self, *, patient: str | None = None, **changes: str | None) -> str:
        come = await self.through(await self.ask(**changes), patient=patient)
        return come.fields["code"]

    async def exchange(self, code: str, **changes: str | None) -> Said:
        """The token call for a code as the app makes it, but for the changes."""
        return await self.token(
            **{"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER, **changes}
        )

    async def token(self, **form: str | None) -> Said:
        headers, data = {}, {name: value for name, value in form.items() if value is not None}
        if self.app["client_secret"] is None:
            data.setdefault("client_id", self.app["client_id"])
        else:
            headers["Authorization"] = aiohttp.encode_basic_auth(self.app["client_id"], self.app["client_secret"])
        return await self.bench.call("POST", self.bench.token_url, data=data, headers=headers)

    async def arrive(self, *, patient: str | None = None, **changes: str | None) -> dict[str, Any]:
        """The whole way: the body of the token answer. From here on the bench calls with this token."""
        said = await self.exchange(await self.code(patient=patient, **changes))
        assert said.status == 200, said.body
        self.bench.bearer = said.json["access_token"]
        body: dict[str, Any] = said.json
        return body

    async def get(self, path: str) -> Said:
        """A read or search on the persona's own surface with the bench's token."""
        return await self.bench.call("GET", f"{self.base}/{path}", headers={"Authorization": f"Bearer {self.bench.bearer}"})


def callback(said: Said) -> Callback:
    address, _, query = said.headers["Location"].partition("?")
    return Callback(address, dict(parse_qsl(query)))
