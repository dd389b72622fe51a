"""Binary in JSON, decoded while it comes: however it is cut into pieces, and whatever is wrong with it."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.errors import CallOperator
from millgate.pathways.fhir_r4.binary_json import LONGEST_HEAD, BinaryJson


def read(text: bytes, cuts: list[int]) -> tuple[bytes, str | None]:
    decoder, made, before = BinaryJson(), b"", 0
    for cut in [*sorted(cut % (len(text) + 1) for cut in cuts), len(text)]:
        made += decoder.feed(text[before:cut])
        before = cut
    decoder.close()
    return made, decoder.content_type


def binary(content: bytes, **around: object) -> bytes:
    return json.dumps(
        {"resourceType": "Binary", "contentType": "text/html", **around, "data": base64.b64encode(content).decode()}
    ).encode()


@given(st.binary(max_size=200), st.lists(st.integers(0, 1000), max_size=20), st.text(max_size=20))
def test_any_pieces_of_any_content(content: bytes, cuts: list[int], text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    assert read(binary(content, note=text, data_note={"data": text}), cuts) == (content, "text/html")


@given(st.binary(max_size=60), st.lists(st.integers(0, 1000), max_size=20))
def test_escapes_and_line_breaks_in_base64(content: bytes, cuts: list[int]) -> None:
    data = base64.encodebytes(content).decode().replace("/", r"\/").replace("\n", r"\r\n").replace("+", r"\u002b")
    text = '{"data" : "' + data + '", "resourceType":"Binary", "contentType":"a/b"}'
    assert read(text.encode(), cuts) == (content, None)


def test_a_binary_without_data_is_empty() -> None:
    assert read(b'{"resourceType":"Binary","contentType":"text/plain"}', [5]) == (b"", None)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"resourceType":"Patient","data":"AAAA"}',
        b'{"resourceType":"OperationOutcome"}',
        b'{"resourceType":"Binary","data":"AAAA"',
        b'{"resourceType":"Binary","data":"AA',
        b'{"resourceType":"Binary","data":"AAA"}',
        b'{"resourceType":"Binary","data":"AA==AAAA"}',
        b'{"resourceType":"Binary","data":"A*AA"}',
        b'{"resourceType":"Binary","data":"AA\\"A"}',
        b'{"resourceType":"Binary","data":"AAAA","data":"BBBB"}',
        b'{"x":"' + b"y" * (LONGEST_HEAD + 1) + b'","data":"AAAA"}',
        b'{"resourceType":"Binary","data":"AAAA","x":"' + b"y" * (LONGEST_HEAD + 1) + b'"}',
    ],
)
def test_what_is_no_whole_binary_is_an_error(text: bytes) -> None:
    for cuts in ([], [len(text) // 2], list(range(0, min(len(text), 60)))):
        with pytest.raises(CallOperator) as caught:
            read(text, cuts)
        assert caught.value.code == "upstream_error"


@given(st.binary(max_size=120), st.lists(st.integers(0, 200), max_size=6))
def test_whatever_comes_is_bytes_or_that_error(noise: bytes, cuts: list[int]) -> None:
    for text in (noise, b'{"resourceType":"Binary","data":"' + noise):
        try:
            read(text, cuts)
        except CallOperator as error:
            assert error.code == "upstream_error"
