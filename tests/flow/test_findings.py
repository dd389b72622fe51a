"""What the doctor makes of what it saw: the right result, and for whatever is not well, what it means and what to do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from millgate.access.parties import Registration
from millgate.errors import CallOperator, FixRequest, GatewayError, NeedAccess, TryLater, Upstream
from millgate.flow import findings
from millgate.flow.findings import Finding

NOW = datetime(2031, 3, 14, 15, 9, 26, tzinfo=UTC)
SECRET = Registration("mercy", "system", "app-1", "client_secret_basic", "v2", b"s3cret")
KEY = replace(SECRET, method="private_key_jwt", credential=b"-----BEGIN PRIVATE KEY-----", key_id="kid-1", algorithm="ES384")


@dataclass
class Handshake:
    """A handshake as it came out."""

    host: str = "fhir.example"
    version: str | None = "TLSv1.3"
    not_after: datetime | None = NOW + timedelta(days=90)
    problem: str | None = None
    untrusted: bool = False


def refused(outcome: str) -> CallOperator:
    return CallOperator("upstream_error", "It refused.", upstream=Upstream(401, "corr-1", outcome))


FORBIDDEN = NeedAccess(
    "scope_narrowed", "The tenant forbids Slot: the scope was granted, but the tenant's own list of allowed resources …"
)
CASES = [
    (findings.of_address("http://127.0.0.1:8/r4/t", False), "ok"),
    (findings.of_address("https://fhir.example/r4/t", False), "ok"),
    (findings.of_address("https://10.0.0.1/r4/t", False), "failed"),
    (findings.of_address("https://10.0.0.1/r4/t", True), "ok"),
    (findings.of_address("http://fhir.example/r4/t", False), "failed"),
    (findings.of_address("http://fhir.example/r4/t", True), "warning"),
    (findings.of_tls(Handshake(), NOW), "ok"),
    (findings.of_tls(Handshake(not_after=NOW + timedelta(days=20)), NOW), "warning"),
    (findings.of_tls(Handshake(version=None, problem="certificate has expired", untrusted=True), NOW), "failed"),
    (findings.of_tls(Handshake(version=None, problem="no connection"), NOW), "failed"),
    (findings.of_clock(None, NOW), "skipped"),
    (findings.of_clock(NOW + timedelta(seconds=3), NOW), "ok"),
    (findings.of_clock(NOW - timedelta(seconds=30), NOW), "warning"),
    (findings.of_clock(NOW + timedelta(seconds=90), NOW), "failed"),
    (findings.of_unreachable("discovery", TryLater("upstream_unavailable", "It cannot be reached.")), "failed"),
    (findings.of_unreachable("discovery", CallOperator("upstream_error", "No CapabilityStatement.")), "failed"),
    (findings.of_token(SECRET, ("system/Patient.rs",), 565.2), "ok"),
    (findings.of_refused_token(SECRET, refused("invalid_client invalid-client-credentials")), "failed"),
    (findings.of_refused_token(KEY, refused("invalid_client invalid-client-credentials")), "failed"),
    (findings.of_refused_token(SECRET, refused("invalid_scope empty-scopes")), "failed"),
    (findings.of_refused_token(SECRET, refused("unauthorized_client")), "failed"),
    (findings.of_refused_token(SECRET, TryLater("upstream_timeout", "Too late.")), "failed"),
    (findings.of_scope_form(SECRET, {"v1": 3, "v2": 2}, "v2"), "ok"),
    (findings.of_scope_form(SECRET, {"v1": 3, "v2": 2}, "v1"), "failed"),
    (findings.of_scope_form(SECRET, {"v1": 3, "v2": 0}, None), "failed"),
    (findings.of_granted("system", ("a", "b"), ("a", "b")), "ok"),
    (findings.of_granted("system", tuple(f"system/X{n}.rs" for n in range(30)), ()), "warning"),
    (findings.of_call("system", "Slot", None), "ok"),
    (findings.of_call("system", "Slot", FixRequest("not_found", "There is none.")), "ok"),
    (findings.of_call("system", "Slot", FORBIDDEN), "failed"),
    (findings.of_call("system", "Slot", refused("x")), "failed"),
    (findings.of_call("system", "Slot", TryLater("upstream_timeout", "Too late.")), "warning"),
    (findings.of_offline_access("patient", False, 0, 0), "ok"),
    (findings.of_offline_access("patient", True, 0, 0), "skipped"),
    (findings.of_offline_access("patient", True, 2, 0), "warning"),
    (findings.of_offline_access("patient", True, 2, 1), "ok"),
]


@pytest.mark.parametrize(("finding", "result"), CASES, ids=[f"{one.check} {result}" for one, result in CASES])
def test_each_finding_has_its_result_and_says_what_to_do(finding: Finding, result: str) -> None:
    assert finding.result == result
    assert finding.saw
    if result in ("warning", "failed"):
        assert finding.means
        assert finding.do
    assert "s3cret" not in str(finding.as_json())
    assert "PRIVATE KEY" not in str(finding.as_json())


def test_a_refusal_says_the_vendors_own_id_of_it() -> None:
    assert "corr-1" in findings.of_refused_token(SECRET, refused("invalid_client")).saw


def test_a_wrong_secret_and_a_wrong_key_are_mended_differently() -> None:
    error: GatewayError = refused("invalid_client invalid-client-credentials")
    assert "rotate-secret mercy --persona system" in findings.of_refused_token(SECRET, error).do
    assert "kid-1" in findings.of_refused_token(KEY, error).do
    assert "/.well-known/jwks.json" in findings.of_refused_token(KEY, error).do


def test_missing_scopes_are_named_and_many_are_counted() -> None:
    few = findings.of_granted("system", ("system/Patient.rs", "system/Slot.rus"), ("system/Patient.rs",))
    assert "system/Slot.rus" in few.saw
    assert "and 18 more" in findings.of_granted("system", tuple(f"system/X{n}.rs" for n in range(30)), ()).saw


def test_the_allow_list_at_the_portal_is_explained() -> None:
    found = findings.of_call("system", "Slot", FORBIDDEN)
    assert "second list" in found.means
    assert "15 minutes" in found.do


def test_a_persona_of_users_needs_one_who_signs_in() -> None:
    user = replace(SECRET, persona="patient")
    smart = {"code_challenge_methods_supported": ["S256"]}
    assert [one.result for one in findings.of_sign_in(user, smart, "https://a.example/authorize")] == ["skipped", "ok"]
    assert [one.result for one in findings.of_sign_in(user, {}, "https://a.example/authorize")] == ["skipped", "ok"]
    (found,) = findings.of_sign_in(user, smart, None)
    assert (found.result, "fhir-myrecord" in found.do) == ("failed", True)


def test_an_open_server_is_told_as_one() -> None:
    assert [one.result for one in findings.of_discovery({"metadata": "{}"}, 0, ["Patient"], "https://x")] == ["ok", "failed"]
