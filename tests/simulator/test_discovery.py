"""What the tenant says of itself, held against what live tenants said in 2026."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from millgate.simulator.scopes import V2_FORMS
from millgate.simulator.search.table import RULES
from tests.simulator.conftest import Bench, Open

CAPTURES = "oracle-health-docs/captures-2026"
# In live statements and not here: profiles are claims about every resource, which nothing here proves; there are no operations, no PUT.
NOT_CLAIMED = {"supportedProfile", "operation", "updateCreate"}


def shape(value: Any) -> Any:
    """The names of members, all the way down; of a list the union of its items."""
    if isinstance(value, dict):
        return {name: shape(child) for name, child in value.items()}
    if isinstance(value, list):
        merged: dict[str, Any] = {}
        for item in value:
            if isinstance(item, dict):
                merged |= shape(item)
        return [merged] if merged else []
    return None


@pytest.mark.parametrize(
    ("surface", "capture"),
    [("fhir_base", "capabilitystatement-secure-2026-08-14.json"), ("open_base", "capabilitystatement-open-2026-05-11.json")],
)
async def test_the_statement_has_the_shape_of_a_live_one(bench: Bench, corpus: Path, surface: str, capture: str) -> None:
    live = json.loads((corpus / CAPTURES / capture).read_text())
    ours = (await bench.get(f"{bench.report[surface]}/metadata")).json
    resources = {"live": live["rest"][0].pop("resource"), "ours": ours["rest"][0].pop("resource")}
    assert shape(ours) == shape(live)
    known = {resource["type"]: resource for resource in resources["live"]}
    assert {resource["type"] for resource in resources["ours"]} == set(RULES)
    for resource in resources["ours"]:
        model = known[resource["type"]]
        assert set(resource) == set(model) - NOT_CLAIMED
        ours_params, live_params = resource.get("searchParam", []), model.get("searchParam", [])
        assert [p["name"] for p in ours_params] == [p["name"] for p in live_params]
        assert [(p["type"], p.get("definition")) for p in ours_params] == [(p["type"], p.get("definition")) for p in live_params]
        assert resource.get("searchInclude") == model.get("searchInclude")
        assert resource.get("searchRevInclude") == model.get("searchRevInclude")
        assert {i["code"] for i in resource["interaction"]} <= {i["code"] for i in model["interaction"]}


async def test_smart_configuration_has_the_shape_of_a_live_one(bench: Bench, corpus: Path) -> None:
    live = json.loads((corpus / CAPTURES / "smart-configuration-provider-2026-08-14.json").read_text())
    ours = (await bench.get(".well-known/smart-configuration")).json
    assert set(ours) == set(live)
    for name in (
        "scopes_supported",
        "capabilities",
        "token_endpoint_auth_methods_supported",
        "token_endpoint_auth_signing_alg_values_supported",
    ):
        assert set(ours[name]) <= set(live[name])
    path = live["token_endpoint"].partition("/tenants/")[2].split("/")
    assert ours["token_endpoint"].partition("/tenants/")[2].split("/")[3:] == path[3:]


async def test_both_surfaces_speak_without_a_token_of_themselves(open_bench: Open) -> None:
    bench = await open_bench(signed_in=False)
    secure = (await bench.get(f"{bench.fhir}/metadata")).json
    opened = (await bench.get(f"{bench.report['open_base']}/metadata")).json
    assert secure["url"] == f"{bench.fhir}/metadata"
    assert opened["implementation"]["url"] == bench.report["open_base"]
    assert secure["date"] == opened["date"] == "2026-03-11"
    uris = {e["url"]: e["valueUri"] for e in secure["rest"][0]["security"]["extension"][0]["extension"]}
    assert set(uris) == {"token", "authorize", "manage", "revoke", "introspect"}
    assert opened["rest"][0]["security"] == {"cors": True}
    assert {i["code"] for r in opened["rest"][0]["resource"] for i in r["interaction"]} == {"read", "search-type"}


async def test_the_date_is_the_day_of_the_call(open_bench: Open) -> None:
    bench = await open_bench(signed_in=False, today=None, patients=5)
    before = (await bench.get(f"{bench.fhir}/metadata")).json["date"]
    bench.clock[0] += 86_400
    assert (await bench.get(f"{bench.fhir}/metadata")).json["date"] > before


async def test_the_open_surface_has_no_smart_configuration(bench: Bench) -> None:
    assert (await bench.get(f"{bench.report['open_base']}/.well-known/smart-configuration")).status == 404
    assert (await bench.get(".well-known/openid-configuration")).status == 404


async def test_format_and_accept(bench: Bench) -> None:
    assert (await bench.get("metadata?_format=json")).status == 200
    assert (await bench.get("metadata?_format=application/fhir%2Bjson", headers={"Accept": "text/html"})).status == 200
    said = await bench.get("metadata?_format=xml")
    assert (said.status, said.body, said.headers["Content-Length"]) == (406, b"", "0")
    assert (await bench.get("Organization", headers={"Accept": "application/fhir+xml"})).status == 406
    assert (await bench.get("Organization", headers={"Accept": "text/html, application/fhir+json;q=0.9"})).status == 200


async def test_a_public_address_is_shown_instead_of_the_one_called(open_bench: Open) -> None:
    bench = await open_bench(signed_in=False, public_url="https://fhir.example.org")
    statement = (await bench.get(f"{bench.running.url}/r4/{bench.tenant}/metadata")).json
    assert statement["url"] == f"https://fhir.example.org/r4/{bench.tenant}/metadata"
    assert bench.report["fhir_base"] == f"https://fhir.example.org/r4/{bench.tenant}"


async def test_keys_are_public_and_named_like_live_ones(bench: Bench) -> None:
    keys = (await bench.get(f"{bench.running.url}/jwk")).json["keys"]
    assert [key.get("crv", key["kty"]) for key in keys] == ["P-256", "P-384", "RSA"] * 3
    assert all(key["kid"].endswith((".ec.es256", ".ec.es384", ".rsa")) and "d" not in key for key in keys)
    assert len({key["kid"] for key in keys}) == 9


def test_scopes_are_those_of_the_types_that_are_there() -> None:
    assert set(V2_FORMS) == set(RULES)
