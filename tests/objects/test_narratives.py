"""Narratives as plain text: what a reader would see, and nothing that runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.objects import OBJECTS, Context
from millgate.objects.narratives import LONGEST, plain_text

CONTEXT = Context(tenant="general", pathway="fhir-r4")


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("<div>One<br/>two</div>", "One\ntwo"),
        ("<div><p>a &amp; b&#160;c</p>\n\n  <p>d</p></div>", "a & b c\nd"),
        ("<table><tr><td>x</td><td>y</td></tr><tr><td>z</td></tr></table>", "x y\nz"),
        ("<p>seen</p><script>steal()</script><style>p{}</style><p>too</p>", "seen\ntoo"),
        ("&lt;div&gt;&lt;p&gt;First&amp;#10;second&lt;/p&gt;&lt;/div&gt;", "First\nsecond"),
        ("<p>5 &lt; 6 &amp;&amp; 7 > 6</p>", "5 < 6 && 7 > 6"),
        ("<p>caf&eacute;&nbsp;&unheard;</p>", "café &unheard;"),
        ("<p>b<b>old</b> and not</p>", "bold and not"),
        ("<div><p>never closed<p>next</div>", "never closed\nnext"),
        ("<p>a<br/>b<td>c", "a\nb c"),
        ('<!DOCTYPE p [<!ENTITY x "boo">]><p>&x;</p>', "<!DOCTYPE p []>\n&x;"),
        ('<p title="a > b">c</p>', "c"),
        ("<!-- not for readers --><p>for readers</p>", "for readers"),
        ("</style><p>still there</p>", "still there"),
        ("<div><script><p>unseen</div>", ""),
        ("", ""),
    ],
)
def test_words(markup: str, words: str) -> None:
    assert plain_text(markup) == words


@given(st.text(max_size=200))
def test_text_without_markup_keeps_its_words(words: str) -> None:
    bare = words.replace("<", "").replace("&", "")
    assert plain_text(f"<p>{bare}</p>").split() == bare.split()


@given(st.lists(st.sampled_from(["<p>", "</p>", "<", ">", "&lt;", "&", "<!--", "-->", "<![", "<?", "script", "<script>", "a"])))
def test_any_markup_gives_text(parts: list[str]) -> None:
    assert plain_text("".join(parts)).strip() == plain_text("".join(parts))


@pytest.mark.parametrize("wild", ["<", "<!--", "<a ", "&amp", "&#", "<![", "<a b='", "\n ", "<p>", "</p>", "&lt;"])
def test_time_grows_with_the_length_alone(wild: str) -> None:
    markup = "<div>" + wild * (LONGEST // len(wild))
    assert isinstance(plain_text(markup), str)


def test_a_plan_shows_its_words_and_whether_they_stand_nowhere_else() -> None:
    plan = {"resourceType": "CarePlan", "id": "1", "text": {"status": "additional", "div": "<div><p>Rest</p></div>"}}
    made = OBJECTS["care_plan"].normalize(plan, CONTEXT)
    assert (made.narrative, made.narrative_status) == ("Rest", "additional")


def test_a_narrative_of_endless_length_is_warned_of() -> None:
    plan = {"resourceType": "CarePlan", "id": "1", "text": {"div": "<" * (LONGEST + 1)}}
    made = OBJECTS["care_plan"].normalize(plan, CONTEXT)
    assert made.narrative is None
    assert [(warning.code, warning.field) for warning in made.warnings] == [("invalid_value", "narrative")]
