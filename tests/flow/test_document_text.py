"""Words of documents: every form that is read, character sets, what is refused, and markup that would take time without bound."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.errors import FixRequest
from millgate.flow.document_text import CONVERTIBLE, LONGEST, as_text, decoded
from millgate.pathways.fhir_r4.binary_json import BinaryJson

CDA = """<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><title>Summary</title>
<recordTarget><patientRole><patient><name><family>Hidden</family></name></patient></patientRole></recordTarget>
<component><structuredBody><component><section><code displayName="not shown"/><title>Problems</title>
<text><list><item>Asthma &amp; cough</item><item>Gout<br/>since 2019</item></list><table><tr><td>a</td><td>b</td></tr></table></text>
<entry><observation><text>entry text</text><value displayName="x"/></observation></entry></section></component>
</structuredBody></component></ClinicalDocument>"""


def refused(content: bytes, content_type: str) -> str:
    with pytest.raises(FixRequest) as caught:
        as_text(content, content_type)
    assert caught.value.code == "unsupported_media_type"
    return caught.value.detail


def test_rtf_with_its_code_page_unicode_and_fields() -> None:
    note = rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fcharset0 Arial;}}\f0 caf\'e9 \u8364?5 \u-10179?\u-8704?\par "
    link = rb'{\field{\*\fldinst{HYPERLINK "http://x"}}{\fldrslt here}}\par a\\f b\{c\}\par '
    picture = b"{\\pict\\pngblip " + b"89ab" * 200 + b"}end}"
    assert as_text(note + link + picture, "text/rtf") == "café €5 \U0001f600\nhere\na\\f b{c}\nend"


def test_rtf_under_another_name_is_rtf() -> None:
    for name in ("application/rtf", "text/richtext", "text/plain", "Text/RTF; charset=utf-8"):
        assert as_text(rb"{\rtf1 one\par two}", name) == "one\ntwo"


def test_cyrillic_rtf_by_its_code_page() -> None:
    assert as_text(rb"{\rtf1\ansi\ansicpg1251 " + "да".encode("cp1251") + rb" \'e4\'e0}", "text/rtf") == "да да"


def test_html_in_lines_by_block_without_what_is_not_seen() -> None:
    page = (
        b"<!DOCTYPE html><html><head><title>T</title><style>p{}</style></head><body><h1>A &amp; B</h1><p>one<br>two"
        b"<script>alert(1)</script></p>tail<table><tr><td>x<td>y</table><!-- no --><ul><li>i<li>j</ul></body></html>"
    )
    assert as_text(page, "text/html") == "A & B\none\ntwo\ntail\nx y\ni\nj"


def test_xhtml_whole_and_damaged() -> None:
    page = '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://x/y.dtd"><html><head><title/></head>'
    whole = page + "<body><p>a&nbsp;b</p><p>&lt;c&gt;</p></body></html>"
    assert as_text(whole.encode(), "application/xhtml+xml") == "a b\n<c>"
    assert as_text(b"<html><body><p>a<p>b & c</body>", "application/xhtml+xml") == "a\nb & c"


def test_the_narrative_of_a_cda_document_and_nothing_of_its_header_or_entries() -> None:
    assert as_text(CDA.encode(), "application/xml") == "Summary\nProblems\nAsthma & cough\nGout\nsince 2019\na b"
    for name in ("text/xml", "application/hl7-v3+xml"):
        assert as_text(CDA.encode(), name).startswith("Summary")


def test_entities_are_not_declared_and_nothing_is_fetched() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>' + CDA.partition("?>")[2].replace("Gout", "&b;")
    assert "cannot be read" in refused(bomb.encode(), "application/xml")
    outside = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><html><p>&a;</p></html>'
    assert "root" not in as_text(outside.encode(), "application/xhtml+xml")
    assert as_text(outside.encode(), "application/xhtml+xml").endswith("&a;")


@pytest.mark.parametrize(
    ("content", "content_type", "told"),
    [
        (b"%PDF-1.4", "application/pdf", "application/pdf"),
        (b"\x89PNG", "image/png", "image/png"),
        (b"<report>x</report>", "application/xml", "no CDA"),
        (
            b"<ClinicalDocument><component><nonXMLBody><text>AAAA</text></nonXMLBody></component></ClinicalDocument>",
            "text/xml",
            "kind",
        ),
        (b"not xml", "application/xml", "cannot be read"),
        (b"{\\rtf1\\pict\\bin" + b"9" * 5000, "text/rtf", "cannot be read"),
    ],
)
def test_what_has_no_words_says_what_it_is(content: bytes, content_type: str, told: str) -> None:
    assert told in refused(content, content_type)


@pytest.mark.parametrize(
    ("content", "content_type", "text"),
    [
        ("naïve".encode(), "text/plain", "naïve"),
        ("naïve".encode("cp1252"), "text/plain", "naïve"),
        ("naïve “q”".encode("cp1252"), "text/plain; charset=ISO-8859-1", "naïve “q”"),
        (b"\xef\xbb\xbfx", "text/plain; charset=latin-1", "x"),
        ("né".encode("utf-16"), "text/plain", "né"),
        ('<?xml version="1.0" encoding="windows-1251"?><p>да</p>'.encode("cp1251"), "application/xml", "да"),
        ('<html><meta charset="shift_jis"><p>日本</p>'.encode("shift_jis"), "text/html", "日本"),
        (b"x", "text/plain; charset=hex", "x"),
        (b"x", "text/plain; charset=nonsense", "x"),
        (b"\x81\x8d", "text/plain", "\ufffd\ufffd"),
    ],
)
def test_character_sets(content: bytes, content_type: str, text: str) -> None:
    assert text in decoded(content, content_type)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"<div>" * 200_000 + b"x", "text/html"),
        (b"".join(b"<b id=%d>" % i for i in range(50_000)) + b"<p>x" * 50_000, "text/html"),
        (b"{\\rtf1{\\fonttbl" + b"\\f1" * 300_000, "text/rtf"),
        (b"{\\rtf1{\\fonttbl" + b"\\\\f1" * 200_000, "text/rtf"),
        (b"{\\rtf1" + b"{\\field{\\*\\fldinst{" * 50_000, "text/rtf"),
        (b'{\\rtf1{\\field{\\*\\fldinst{HYPERLINK "' + b'HYPERLINK "' * 50_000, "text/rtf"),
        (b"{\\rtf1" + b"a" * 255 + b"z" + b"ab" * 500_000, "text/rtf"),
    ],
)
def test_hostile_markup_takes_time_by_its_length_alone(content: bytes, content_type: str) -> None:
    as_text(content, content_type)  # quadratic, each of these would take hours


def test_what_is_too_long_is_refused_unread() -> None:
    assert str(LONGEST) in refused(b" " * (LONGEST + 1), "text/html")


@given(st.binary(max_size=300), st.sampled_from(sorted(CONVERTIBLE)), st.sampled_from([b"", b"{\\rtf1 ", b"<html>", b"<?xml "]))
def test_whatever_comes_is_words_or_a_refusal(content: bytes, content_type: str, beginning: bytes) -> None:
    try:
        as_text(beginning + content, content_type).encode("utf-8", "replace")
    except FixRequest as error:
        assert error.code == "unsupported_media_type"


@pytest.mark.parametrize(
    ("name", "begins"),
    [("binary-read-response-tr-json.json", "* Final Report *"), ("binary-read-response-communication.json", "---")],
)
def test_published_notes_have_words(corpus: Path, name: str, begins: str) -> None:
    decoder = BinaryJson()
    text = (corpus / "oracle-health-docs" / "r4" / name).read_bytes()
    content = b"".join(decoder.feed(text[at : at + 1000]) for at in range(0, len(text), 1000))
    decoder.close()
    words = as_text(content, decoder.content_type)
    assert words.startswith(begins)
    assert "<" not in words


def test_a_published_summary_has_words(corpus: Path) -> None:
    decoder = BinaryJson()
    content = decoder.feed((corpus / "oracle-health-docs" / "soarian-r4" / "binary-read-response-by-id.json").read_bytes())
    decoder.close()
    assert decoder.content_type == "application/hl7-v3+xml"
    assert as_text(content, decoder.content_type).startswith("Summarization of Episode")
