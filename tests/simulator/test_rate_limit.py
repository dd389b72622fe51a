"""The token bucket of each client: what it lets pass, what it says when it is empty, and how it is changed while the simulator runs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.simulator.clients import Client
from millgate.simulator.options import read_options
from millgate.simulator.rate_limit import Rate, RateLimits, read_rate
from tests.simulator.conftest import Bench, Open


async def test_a_full_bucket_an_empty_one_and_one_that_fills_again(open_bench: Open) -> None:
    bench = await open_bench(rate_limit=Rate(2, 3))
    assert [(await bench.get("Organization?_count=1")).status for _ in range(4)] == [200, 200, 200, 429]
    said = await bench.get("Organization")
    assert said.json["issue"] == [{"severity": "error", "code": "throttled", "diagnostics": "Too Many Requests"}]
    assert said.headers["Retry-After"] == "1"
    assert "X-Request-Id" in said.headers
    bench.clock[0] += 0.5
    assert [(await bench.get("Organization?_count=1")).status for _ in range(2)] == [200, 429]
    state = await bench.state()
    assert state["rate_limit"] == {"rate": 2, "burst": 3, "allowed": 4, "refused": 3}
    assert state["requests"][-1]["status"] == 429
    assert state["requests"][-1]["client"] == bench.report["client_id"]


async def test_each_client_has_a_bucket_and_documents_have_none(open_bench: Open) -> None:
    bench = await open_bench(
        clients=(Client("one", secret="a"), Client("two", secret="b")), rate_limit=Rate(1, 1), signed_in=False
    )
    await bench.sign_in()
    assert [(await bench.get("Organization")).status for _ in range(2)] == [200, 429]
    assert (await bench.get("metadata", headers={"Authorization": ""})).status == 200
    assert (await bench.get(f"{bench.fhir}/metadata")).status == 200
    assert (await bench.ask_token()).status == 200
    open_base = bench.report["open_base"]
    assert [(await bench.get(f"{open_base}/Organization")).status for _ in range(2)] == [200, 429]


async def test_the_limit_is_set_changed_and_lifted_at_run_time(bench: Bench) -> None:
    url = f"{bench.running.url}/_simulator/rate_limit"
    assert (await bench.get(url)).json["rate"] is None
    said = await bench.call("PUT", url, data=json.dumps({"rate": 1}))
    assert (said.status, said.json["burst"]) == (200, 1)
    assert [(await bench.get("Organization")).status for _ in range(2)] == [200, 429]
    assert (await bench.call("PUT", url, data=json.dumps({"rate": 4, "burst": 8}))).status == 200
    bench.clock[0] += 10
    assert [(await bench.get("Organization")).status for _ in range(9)] == [200] * 8 + [429]
    assert (await bench.call("DELETE", url)).status == 204
    assert (await bench.get("Organization")).status == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"rate": 0}', b'{"rate": "x"}', b'{"rate": 5, "burst": 0}'])
async def test_a_limit_that_is_none(bench: Bench, body: bytes) -> None:
    assert (await bench.call("PUT", f"{bench.running.url}/_simulator/rate_limit", data=body)).status == 400
    assert (await bench.get("Organization")).status == 200


def test_the_option() -> None:
    assert read_options(["--rate-limit", "50"]).rate_limit == Rate(50, 50)
    assert read_options(["--rate-limit", "0.5:20"]).rate_limit == Rate(0.5, 20)
    assert read_options([]).rate_limit is None
    for wrong in ("0", "x", "5:0", "5:x", "nan", "inf", "-1"):
        with pytest.raises(SystemExit):
            read_options([f"--rate-limit={wrong}"])


@given(st.floats(0.5, 500), st.integers(1, 100), st.lists(st.floats(0, 0.5), min_size=1, max_size=200))
def test_no_more_than_rate_and_burst_pass_in_any_stretch(rate: float, burst: int, pauses: list[float]) -> None:
    now = [0.0]
    limits = RateLimits(lambda: now[0], Rate(rate, burst))
    for pause in pauses:
        now[0] += pause
        refused: Any = limits.refusal("t", "c")
        if refused is not None:
            assert int(refused.headers["Retry-After"]) >= 1
    assert limits.allowed <= burst + rate * now[0] + 1e-6
    assert limits.allowed + limits.refused == len(pauses)
    assert read_rate(f"{rate}:{burst}") == Rate(rate, burst)
