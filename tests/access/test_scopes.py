"""The algebra of scopes: its laws, its two spellings, and what is asked of a tenant."""

from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.access.scopes import LETTERS, ScopeSet, expand, granted, translate
from millgate.errors import FixRequest

ADVERTISED = (
    "launch",
    "openid",
    "system/Observation.crus",
    "system/Observation.read",
    "system/Observation.write",
    "system/Location.read",
    "system/Location.rs",
    "system/Slot.read",
    "system/Slot.rus",
    "system/Slot.write",
    "patient/Observation.s",
    "patient/Observation.read",
    "system/Binary.r",
    "system/Binary.read",
)

TYPES = ("Patient", "Observation", "Slot", "*")
letters = st.sets(st.sampled_from(LETTERS), min_size=1).map(lambda some: "".join(c for c in LETTERS if c in some))
queries = st.dictionaries(st.sampled_from(["category", "code", "status"]), st.sampled_from(["a", "b|c", "x y"]), max_size=2)


@st.composite
def scope_strings(draw: st.DrawFn) -> str:
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(["openid", "launch", "launch/patient", "offline_access"]))
    context, kind = draw(st.sampled_from(["system", "user", "patient"])), draw(st.sampled_from(TYPES))
    if draw(st.booleans()):
        return f"{context}/{kind}.{draw(st.sampled_from(['read', 'write', '*']))}"
    query = "&".join(f"{name}={value.replace(' ', '%20')}" for name, value in draw(queries).items())
    return f"{context}/{kind}.{draw(letters)}" + (f"?{query}" if query else "")


scope_sets = st.lists(scope_strings(), max_size=6).map(ScopeSet.parse)


@given(scope_sets, scope_sets)
def test_intersection_and_union_are_commutative(one: ScopeSet, two: ScopeSet) -> None:
    assert one.intersect(two) == two.intersect(one)
    assert one.union(two) == two.union(one)


@given(scope_sets)
def test_intersection_and_union_are_idempotent(one: ScopeSet) -> None:
    assert one.intersect(one) == one == one.union(one)


@given(scope_sets, scope_sets, scope_sets)
def test_intersection_is_associative_and_distributes(one: ScopeSet, two: ScopeSet, three: ScopeSet) -> None:
    assert one.intersect(two).intersect(three) == one.intersect(two.intersect(three))
    assert one.intersect(two.union(three)) == one.intersect(two).union(one.intersect(three))


@given(scope_sets, scope_sets)
def test_intersection_never_widens(one: ScopeSet, two: ScopeSet) -> None:
    met = one.intersect(two)
    assert met <= one
    assert met <= two


@given(scope_sets, scope_sets)
def test_minus_and_intersection_leave_nothing_out(one: ScopeSet, two: ScopeSet) -> None:
    assert one.minus(two) <= one
    assert one <= one.minus(two).union(one.intersect(two))
    assert not one.minus(one)


@given(scope_sets, scope_sets, st.sampled_from(TYPES[:3]), st.sampled_from(LETTERS), queries)
def test_what_an_intersection_covers_both_cover(
    one: ScopeSet, two: ScopeSet, kind: str, letter: str, query: dict[str, str]
) -> None:
    both = one.covers("system", kind, letter, query) and two.covers("system", kind, letter, query)
    assert one.intersect(two).covers("system", kind, letter, query) == both


@given(scope_sets)
def test_print_and_parse_round_trip(one: ScopeSet) -> None:
    assert ScopeSet.parse(one.strings()) == one
    assert ScopeSet.parse(one.strings()).strings() == one.strings()


@given(st.sampled_from(["system", "user", "patient"]), st.sampled_from(TYPES))
def test_v1_names_equal_their_v2_letters(context: str, kind: str) -> None:
    for name, same in (("read", "rs"), ("write", "cud"), ("*", "cruds")):
        assert ScopeSet.parse([f"{context}/{kind}.{name}"]) == ScopeSet.parse([f"{context}/{kind}.{same}"])


@given(st.text(max_size=40))
def test_any_text_parses_or_is_refused_by_name(text: str) -> None:
    try:
        found = ScopeSet.parse([text])
    except FixRequest as error:
        refusal, found = error, ScopeSet()
    else:
        refusal = None
    assert refusal is None or refusal.errors[0].field == "scopes"
    assert ScopeSet.parse(found.strings()) == found


@pytest.mark.parametrize(
    "scope",
    [
        "system/Observation.sr",
        "system/Observation.",
        "system/Observation.rr",
        "system/observation.rs",
        "system/Observation",
        "tenant/Observation.rs",
        "system/Observation.read?category=laboratory",
        "system/Observation.rs?category",
        "system/Observation.rs?",
        "system/Observation.rs?category=",
        "system/Observation.rs?category=a&category=b",
        "two words",
        "",
        "system/Observation.rs?" + "x" * 2000 + "=1",
    ],
)
def test_malformed_scopes_are_refused(scope: str) -> None:
    with pytest.raises(FixRequest) as refused:
        ScopeSet.parse(["system/Patient.rs", scope])
    assert refused.value.code == "invalid_request"
    assert len(refused.value.errors) == 1


def test_all_malformed_scopes_are_named_at_once() -> None:
    with pytest.raises(FixRequest) as refused:
        ScopeSet.parse(["system/A.zz", "openid", "x/B.rs"])
    assert len(refused.value.errors) == 2


def test_query_parts_combine_and_contradictions_leave_nothing() -> None:
    labs = ScopeSet.parse(["system/Observation.rs?category=laboratory"])
    final = ScopeSet.parse(["system/Observation.rs?status=final"])
    vitals = ScopeSet.parse(["system/Observation.rs?category=vital-signs"])
    assert labs.intersect(final).strings() == ("system/Observation.rs?category=laboratory&status=final",)
    assert not labs.intersect(vitals)
    assert not labs.covers("system", "Observation", "s")
    assert labs.covers("system", "Observation", "s", {"category": "laboratory", "code": "2345-7"})
    assert labs.conditions("system", "Observation", "s") == ({"category": "laboratory"},)


def test_a_v2_tenant_is_asked_for_its_one_form_and_the_session_stays_narrower() -> None:
    wanted = ScopeSet.parse(["system/Observation.rs", "system/Slot.r", "openid", "fhirUser"])
    translation = translate(wanted, "v2", ADVERTISED)
    assert translation.asked == ("openid", "system/Observation.crus", "system/Slot.rus")
    assert translation.dropped == ("fhirUser",)
    held = granted(wanted, translation.asked)
    assert held.scopes.strings() == ("system/Observation.rs", "system/Slot.r", "openid")
    assert held.denied.strings() == ("fhirUser",)


def test_a_v1_tenant_is_asked_for_v1_names() -> None:
    assert translate(ScopeSet.parse(["system/Observation.cr"]), "v1", ADVERTISED).asked == (
        "system/Observation.read",
        "system/Observation.write",
    )
    assert translate(ScopeSet.parse(["system/Location.u"]), "v1", ADVERTISED).dropped == ("system/Location.u",)


def test_what_no_form_covers_is_dropped_by_name() -> None:
    translation = translate(ScopeSet.parse(["patient/Observation.rs", "system/Device.rs"]), "v2", ADVERTISED)
    assert translation.asked == ("patient/Observation.s",)
    assert translation.dropped == ("patient/Observation.r", "system/Device.rs")


def test_wildcards_expand_to_what_is_advertised_only() -> None:
    expanded = expand(ScopeSet.parse(["system/*.rs"]), ADVERTISED)
    assert expanded.strings() == ("system/Binary.rs", "system/Location.rs", "system/Observation.rs", "system/Slot.rs")
    translation = translate(ScopeSet.parse(["system/*.r"]), "v2", ADVERTISED)
    assert translation.asked == ("system/Binary.r", "system/Location.rs", "system/Observation.crus", "system/Slot.rus")
    assert translation.dropped == ()


@given(scope_sets, st.sampled_from(["v1", "v2"]))
def test_only_advertised_strings_are_ever_asked_for(wanted: ScopeSet, form: str) -> None:
    translation = translate(wanted, "v1" if form == "v1" else "v2", ADVERTISED)
    assert set(translation.asked) <= set(ADVERTISED)
    covered = ScopeSet.parse(translation.asked).union(ScopeSet.parse(translation.dropped))
    assert expand(wanted, ADVERTISED) <= covered


@given(scope_sets, st.lists(st.one_of(scope_strings(), st.text(max_size=20)), max_size=6))
def test_a_grant_never_exceeds_the_wish_whatever_the_server_says(wanted: ScopeSet, answer: list[str]) -> None:
    held = granted(wanted, answer)
    assert held.scopes <= wanted
    assert held.denied <= wanted


def test_long_lists_of_scopes_are_met_without_comparing_all_pairs() -> None:
    """A caller may send 500 scopes at once, and the event loop waits meanwhile."""
    narrow = ScopeSet.parse([f"system/Observation.cruds?code={number}&status=final" for number in range(500)])
    named = ScopeSet.parse([f"system/Type{chr(65 + n // 26)}{chr(97 + n % 26)}.cruds" for n in range(500)])
    started = perf_counter()
    fresh = ScopeSet(frozenset(narrow.atoms | named.atoms))
    assert fresh.intersect(ScopeSet.parse(["system/*.cruds"])) == fresh
    assert fresh.intersect(named) == named
    assert not fresh.minus(fresh)
    assert perf_counter() - started < 1.5  # seconds; all pairs take more than ten


def test_a_query_part_has_a_bound() -> None:
    fits = "&".join(f"p{number}=1" for number in range(6))
    assert ScopeSet.parse([f"system/Observation.rs?{fits}"])
    with pytest.raises(FixRequest, match="invalid_request"):
        ScopeSet.parse([f"system/Observation.rs?{fits}&more=1"])


def test_conditions_that_are_too_many_together_leave_nothing_rather_than_more() -> None:
    one = ScopeSet.parse(["system/Observation.rs?" + "&".join(f"p{number}=1" for number in range(4))])
    two = ScopeSet.parse(["system/Observation.rs?" + "&".join(f"q{number}=1" for number in range(4))])
    assert not one.intersect(two)
    assert ScopeSet.parse(one.intersect(one).strings()) == one
