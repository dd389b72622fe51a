"""JSON keeps its digits, and whatever is no JSON is refused by name of the reason alone."""

from __future__ import annotations

import copy
import json as standard_json
import pickle
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.canonical.json import WrittenNumber, decode, encode, number
from millgate.errors import FixMessage

NUMBERS = r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?"


@given(st.from_regex(NUMBERS, fullmatch=True).filter(lambda text: text != "-0"))
def test_every_number_is_written_as_it_came(text: str) -> None:
    assert encode(decode(text.encode())) == text.encode()
    assert encode([decode(b'{"a":' + text.encode() + b"}")]) == b'[{"a":' + text.encode() + b"}]"


def test_numbers_are_numbers() -> None:
    value = decode(b'{"a":7.10,"b":12,"c":123456789012345678901234567890,"d":1e3,"e":0.0000001}')
    assert value == {"a": Decimal("7.1"), "b": 12, "c": 123456789012345678901234567890, "d": 1000, "e": Decimal("1e-7")}
    assert [type(value[key]).__name__ for key in "abcde"] == ["Decimal", "int", "int", "WrittenNumber", "WrittenNumber"]


def test_a_written_number_survives_being_copied() -> None:
    one = number("1.50e3")
    for copied in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):  # noqa: S301  (our own bytes)
        assert isinstance(copied, WrittenNumber)
        assert (copied, copied.written) == (Decimal("1.50e3"), "1.50e3")


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=12,
)


@given(JSON, st.sampled_from([None, 1]))
def test_what_is_encoded_comes_back(value: object, indent: int | None) -> None:
    assert decode(encode(value)) == value
    assert decode(standard_json.dumps(value, indent=indent, ensure_ascii=bool(indent)).encode()) == value
    assert encode(decode(encode(value))) == encode(value)


def test_sorted_keys_make_equal_content_equal() -> None:
    assert encode({"b": 1, "a": {"d": 2, "c": 3}}, sort_keys=True) == b'{"a":{"c":3,"d":2},"b":1}'
    assert encode({"b": 1, "a": 2}) == b'{"b":1,"a":2}'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (b'{"SECRET":', "truncated"),
        (b"NaN", "malformed"),
        (b'{"a":Infinity}', "malformed"),
        (b"01", "malformed"),
        (b"1.", "malformed"),
        (b'{"a":1}{', "trailing"),
        (b'{"a":"\xff SECRET"}', "UTF-8"),
        ("{}".encode("utf-16"), "malformed"),
        (b'{"SECRET":1,"SECRET":2}', "same key twice"),
        (b'[{"a" :1,"a":2}]', "same key twice"),
        (b'{"a":":","\\"":1,"\\u0022":2}', "same key twice"),
        (b'{"a\\\\":1,"a\\\\":2}', "same key twice"),
        (b"[" * 65 + b"]" * 65, "deeper"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "deeper"),
        (b"[" * 100_000, "deeper"),
        (b"1" * 10_000, "out of range"),
        (b"1e99999999999999999999", "too long"),
    ],
)
def test_damage_is_named_without_the_content(data: bytes, reason: str) -> None:
    with pytest.raises(FixMessage) as refused:
        decode(data)
    assert refused.value.code == "invalid_document"
    assert reason in refused.value.detail
    assert "SECRET" not in str(refused.value)


def test_a_key_that_only_looks_double_is_taken() -> None:
    for data in (b'{"a":{"a":1}}', b'[{"a":1},{"a":2}]', b'{"a":"\\":\\":"}', b'{ "a" : ":" , "b" : "a\\\\" }', b'{":":":"}'):
        assert decode(data) == standard_json.loads(data)


KEYS = st.sampled_from(["a", "b", '"', ":", "\\", '":', 'a\\"', " "])
BLANKS = st.sampled_from(["", " ", "\n", "  \t"])


@st.composite
def documents(draw: st.DrawFn, depth: int = 0) -> tuple[str, bool]:
    """A JSON text with keys and strings that are hard to tell apart, and whether one of its objects has a key twice."""
    if depth > 2 or draw(st.booleans()):
        return standard_json.dumps(draw(st.sampled_from(['":', '" :', "\\", 1, ":", None]))), False
    members = draw(st.lists(st.tuples(KEYS, BLANKS, documents(depth + 1), BLANKS), max_size=4))
    text = ",".join(f"{standard_json.dumps(key)}{before}:{after}{value}" for key, before, (value, _), after in members)
    twice = len({key for key, *_ in members}) < len(members)
    return "{" + text + "}", twice or any(inner for _, _, (_, inner), _ in members)


@given(documents())
def test_exactly_the_documents_with_a_key_twice_are_refused(document: tuple[str, bool]) -> None:
    text, twice = document
    if twice:
        with pytest.raises(FixMessage, match="same key twice"):
            decode(text.encode())
    else:
        assert decode(text.encode()) == standard_json.loads(text)


def test_limits_are_taken_from_the_caller() -> None:
    assert decode(b"[[1]]", max_depth=2) == [[1]]
    with pytest.raises(FixMessage, match="deeper than 1"):
        decode(b"[[1]]", max_depth=1)
    with pytest.raises(FixMessage, match="at most 3"):
        decode(b"[1,2]", max_bytes=3)


def test_brackets_in_strings_and_side_by_side_are_no_depth() -> None:
    for value in ({"a": "[{" * 100}, [[{"a": []}]] * 100, {str(each): {"a": [each]} for each in range(100)}):
        assert decode(standard_json.dumps(value).encode(), max_depth=4) == value


@given(JSON, st.integers(0, 6))
def test_exactly_what_nests_deeper_than_the_limit_is_refused(value: object, limit: int) -> None:
    def depth(part: object) -> int:
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    data = encode(value)
    if depth(value) > limit:
        with pytest.raises(FixMessage, match=f"deeper than {limit}"):
            decode(data, max_depth=limit)
    else:
        assert decode(data, max_depth=limit) == value


def test_something_that_is_no_json_is_not_encoded() -> None:
    with pytest.raises(TypeError):
        encode({"a": object()})


@given(st.binary())
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    try:
        value = decode(data)
    except FixMessage:
        return
    assert decode(encode(value)) == value
