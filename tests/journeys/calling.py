"""How a test calls: the gateway as an application does, and the simulator's open surface, which says what is true of a tenant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import aiohttp

FHIR = "application/fhir+json"


@dataclass(frozen=True)
class Said:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def json(self) -> Any:
        """The body, with the digits of its decimals kept."""
        return json.loads(self.body, parse_float=Decimal)

    @property
    def ids(self) -> list[str]:
        """The ids of a list's objects, or of a Bundle's matches."""
        if self.json.get("resourceType") == "Bundle":
            return [entry["resource"]["id"] for entry in self.json.get("entry", [])]
        return [item["id"] for item in self.json["data"]]

    @property
    def freshness(self) -> dict[str, str]:
        """Where a list came from, and when the source said so."""
        found: dict[str, str] = self.json["freshness"]
        return found

    def refusal(self) -> tuple[int, str]:
        """Status and code of a problem; the answer has to be one, and to name its request."""
        assert self.headers["Content-Type"] == "application/problem+json", self.body
        assert self.json["status"] == self.status
        assert self.json["request_id"] == self.headers["X-Request-Id"]
        return self.status, self.json["code"]


class Caller:
    """An application that calls one gateway, with an API key or a session token in hand."""

    def __init__(self, http: aiohttp.ClientSession, gateway: str, bearer: str | None = None) -> None:
        self.http = http
        self.gateway = gateway
        self.bearer = bearer

    async def call(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> Said:
        """One call; the bearer goes along unless `headers` bring their own `Authorization`."""
        own = {"Authorization": f"Bearer {self.bearer}"} if self.bearer else {}
        async with self.http.request(method, self.gateway + path, headers={**own, **(headers or {})}, **more) as answer:
            return Said(answer.status, answer.headers, await answer.read())

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None, **parameters: str | int) -> Said:
        """A GET; a trailing underscore of a parameter's name is dropped (`from_`)."""
        query = [(name.rstrip("_"), str(value)) for name, value in parameters.items()]
        return await self.call("GET", path, headers=headers, params=query)

    async def post(self, path: str, body: Any, *, key: str | None = None, headers: Mapping[str, str] | None = None) -> Said:
        """A POST of JSON, with an idempotency key if one is given."""
        named = {"Idempotency-Key": key} if key is not None else {}
        return await self.call("POST", path, json=body, headers={**named, **(headers or {})})

    async def authenticate(self, key: str, tenant: str, scopes: list[str] | None = None) -> Said:
        """Open a session, and call with it from now on if there is one."""
        wanted = {"tenant": tenant} | ({"scopes": scopes} if scopes is not None else {})
        said = await self.post("/authenticate", wanted, headers={"Authorization": f"Bearer {key}"})
        if said.status == 201:
            self.bearer = said.json["session_token"]
        return said

    async def pages(self, path: str, *, headers: Mapping[str, str] | None = None, **parameters: str | int) -> list[Said]:
        """All pages of a list, by its cursors."""
        pages = [await self.get(path, headers=headers, **parameters)]
        while pages[-1].status == 200 and pages[-1].json["has_more"]:
            assert len(pages) < 500, "the list has no end"
            pages.append(await self.get(path, headers=headers, **{**parameters, "cursor": pages[-1].json["next_cursor"]}))
        assert [page.status for page in pages] == [200] * len(pages), pages[-1].body
        return pages

    async def all(self, path: str, *, headers: Mapping[str, str] | None = None, **parameters: str | int) -> list[dict[str, Any]]:
        """All objects of a list, in their order."""
        return [item for page in await self.pages(path, headers=headers, **parameters) for item in page.json["data"]]


class OpenSurface:
    """The open surface of one tenant, asked without the gateway."""

    def __init__(self, http: aiohttp.ClientSession, base: str) -> None:
        self.http = http
        self.base = base

    async def get(self, url: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """One document. A value of `parameters` may be a list."""
        query = [(k, v) for k, given in (parameters or {}).items() for v in (given if isinstance(given, list) else [given])]
        async with self.http.get(url, params=query, headers={"Accept": FHIR}) as answer:
            body = await answer.read()
            assert answer.status == 200, (url, body)
            return json.loads(body, parse_float=Decimal)

    async def read(self, resource_type: str, resource_id: str) -> dict[str, Any]:
        """One resource."""
        found: dict[str, Any] = await self.get(f"{self.base}/{resource_type}/{resource_id}")
        return found

    async def all(self, resource_type: str, **parameters: Any) -> list[dict[str, Any]]:
        """All matches of a search over all its pages, each id once, in the source's order."""
        found: dict[str, dict[str, Any]] = {}
        bundle = await self.get(f"{self.base}/{resource_type}", parameters)
        while True:
            for entry in bundle.get("entry", []):
                if entry["search"]["mode"] == "match":
                    found.setdefault(entry["resource"]["id"], entry["resource"])
            following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
            if not following:
                return list(found.values())
            bundle = await self.get(following[0])
