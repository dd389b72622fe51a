"""How a section stands by its parts, what is chosen of it, and that nothing of a source gets out of the text that it is put into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from millgate.canonical import json
from millgate.canonical.exchange import Page
from millgate.errors import GatewayError
from millgate.flow.chosen import Chosen, ChosenSection, _best, is_mistaken, rank
from millgate.flow.sections import SECTIONS, Part
from millgate.flow.summary import Standing, Summarizer, SummaryRequest, standing_of
from millgate.flow.summary_document import NOTHING_FOUND, document, narrative
from millgate.flow.summary_json import MOST_SORTED, streamed
from millgate.surfaces.api.summary_page import page
from tests.flow.ward import NOW, SESSION, Journeys, Ward

WHEN = datetime(2026, 11, 2, tzinfo=UTC)
PROBLEMS = SECTIONS["problems"]
HOSTILE = "<script>alert(1)</script>\"'&\x00\x0b]]>\ud800\u202e"


def standing(status: str) -> Standing:
    """A part that ended in this way."""
    errors = {"failed": "upstream_unavailable", "cut_short": "upstream_timeout", "not_offered": "search_not_supported"}
    error = GatewayError(errors[status], "") if status in errors else None
    read = status in ("complete", "nothing_found", "cut_short")
    return Standing(int(status in ("complete", "cut_short")), "live" if read else None, WHEN if read else None, error)


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        (("complete", "nothing_found"), "complete"),
        (("nothing_found", "not_offered"), "nothing_found"),
        (("nothing_found", "failed"), "partial"),
        (("complete", "cut_short"), "partial"),
        (("failed", "not_offered"), "failed"),
        (("not_offered",), "not_offered"),
    ],
)
def test_nothing_found_is_said_only_where_every_search_was_answered(parts: tuple[str, ...], status: str) -> None:
    made = [standing(one) for one in parts]
    assert [one.status for one in made] == list(parts)
    assert standing_of(made) == status


def test_every_part_asks_what_its_object_can_be_asked_and_shows_what_it_has() -> None:
    assert len({one.loinc for one in SECTIONS.values()}) == len(SECTIONS)
    for part in (part for section in SECTIONS.values() for part in section.parts):
        fields = {one.encode_name for one in msgspec.structs.fields(part.declaration.struct)}
        assert set(part.filters) <= {one.name for one in part.declaration.filters}
        named = (*part.columns, *part.times, *([part.active] if part.active else []), *([part.keep.field] if part.keep else []))
        assert set(named) <= fields, part.title


def condition(number: int, status: str | None, **more: Any) -> dict[str, Any]:
    """A condition as an object."""
    said = {"clinical_status": {"code": status, "codings": []}} if status else {}
    fhir = {"resourceType": "Condition", "id": str(number), "subject": {"reference": "Patient/7"}}
    return {
        "object": "condition",
        "id": str(number),
        "code": {"text": f"Problem {number}", "codings": []},
        "fhir": fhir,
        **said,
        **more,
    }


STATUSES = ("active", "recurrence", "relapse", "inactive", "remission", "resolved", None, "of-next-year")


@given(st.lists(st.sampled_from(STATUSES), max_size=12))
def test_every_problem_belongs_to_one_of_two_sections(statuses: list[str | None]) -> None:
    kept, past = PROBLEMS.parts[0].keep, SECTIONS["past_illness"].parts[0].keep
    assert kept is not None
    assert past is not None
    for number, status in enumerate(statuses):
        found = condition(number, status)
        assert kept.takes(found) is not past.takes(found)


def test_what_is_active_comes_first_then_the_newest_and_what_has_no_date_last() -> None:
    part = PROBLEMS.parts[0]
    given_ = [
        condition(1, None, recorded_at="2024-01-01"),
        condition(2, "active"),
        condition(3, "active", onset={"kind": "instant", "instant": "2019"}),
        condition(4, "recurrence", onset={"kind": "period", "period": {"start": "2020-05"}}),
        condition(5, "resolved", recorded_at="2025-01-01T10:00:00-06:00"),
    ]
    assert [one["id"] for one in _best(part, given_, 10)] == ["4", "3", "2", "1", "5"]
    assert [one["id"] for one in _best(part, given_, 2)] == ["4", "3"]
    assert rank(SECTIONS["vital_signs"].parts[0], {"status": "final"}) == 0


@pytest.mark.parametrize(
    ("found", "mistaken"),
    [
        ({"status": "entered-in-error"}, True),
        ({"verification_status": {"code": "entered-in-error"}}, True),
        ({"status": "current", "doc_status": "entered-in-error"}, True),
        ({"status": "final"}, False),
        ({}, False),
    ],
)
def test_what_was_entered_in_error_is_known_by_any_of_its_statuses(found: dict[str, Any], mistaken: bool) -> None:
    assert is_mistaken(found) is mistaken


def section_of(*objects: dict[str, Any], **more: Any) -> ChosenSection:
    """The problems, as they were chosen."""
    shown = Chosen(PROBLEMS.parts[0], Standing(len(objects), "live", WHEN), objects, **more)
    return ChosenSection(PROBLEMS, [shown])


def test_nothing_of_a_source_is_anything_but_text() -> None:
    hostile = {**condition(1, "active"), "code": {"text": HOSTILE, "codings": []}, "verification_status": {"text": HOSTILE}}
    found = section_of(hostile)
    found.parts[0].standing.warnings.append({"code": "source_warning", "detail": HOSTILE})
    division = narrative(found)
    assert "<script" not in division
    names = {str(element.tag).rpartition("}")[2] for element in etree.fromstring(division).iter()}
    assert names == {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "p"}
    made = page({"name": {"text": HOSTILE}, "birth_date": HOSTILE}, [found], tenant=HOSTILE, now="2026", warnings=[HOSTILE])
    assert "<script" not in made
    assert "alert(1)" in made


@given(st.text(max_size=40))
def test_any_text_is_valid_xhtml(text: str) -> None:
    division = narrative(section_of({**condition(1, "active"), "code": {"text": text, "codings": []}}))
    assert etree.fromstring(division.encode("utf-8")).tag == "{http://www.w3.org/1999/xhtml}div"


def test_what_is_left_out_is_counted() -> None:
    found = section_of(condition(1, "active"), beside=3, mistaken=2)
    assert found.left_out == [
        {"code": "limited", "detail": "Problem list: 1 of 4 are shown."},
        {"code": "entered_in_error", "detail": "Problem list: 2 entered in error are left out."},
    ]
    assert section_of(mistaken=1).status == "nothing_found"


def composed(*sections: ChosenSection) -> dict[str, Any]:
    """The Composition of a document."""
    patient = {"resourceType": "Patient", "id": "7"}
    made = document(
        patient, sections, base="https://fhir.example/r4/t", identifier="1e8c2863-e023-47cb-b4a3-98feb248deb0", now="2026"
    )
    assert len({entry["fullUrl"] for entry in made["entry"]}) == len(made["entry"])
    return dict(made["entry"][0]["resource"])


def test_an_empty_section_says_why_and_never_that_nothing_is_known() -> None:
    part = PROBLEMS.parts[0]
    failed = {
        code: ChosenSection(PROBLEMS, [Chosen(part, Standing(error=GatewayError(code, "")))])
        for code in ("scope_missing", "upstream_error")
    }
    made = composed(section_of(), failed["scope_missing"], failed["upstream_error"], section_of(condition(1, "active")))
    assert [one.get("emptyReason", {}).get("coding", [{}])[0].get("code") for one in made["section"]] == [
        None,
        "withheld",
        "unavailable",
        None,
    ]
    assert made["section"][0]["emptyReason"] == {"text": NOTHING_FOUND}
    assert made["status"] == "preliminary"
    assert composed(section_of())["status"] == "final"


def ward_of(count: int) -> Ward:
    """A source with so many conditions, every other one active; those beyond what is sorted on a page of their own."""
    active, unsaid = {"clinicalStatus": {"coding": [{"code": "active"}]}}, {}
    resources = [
        {
            "resourceType": "Condition",
            "id": str(number),
            "subject": {"reference": "Patient/7"},
            **(active if number % 2 else unsaid),
        }
        for number in range(count)
    ]
    first, rest = resources[: MOST_SORTED + 100], resources[MOST_SORTED + 100 :]
    following = Page(rest, [], None, "", [], NOW)
    return Ward(pages={None: Page(first, [], "rest" if rest else None, "", [], NOW), "rest": following})


async def told_by(ward: Ward, shown: list[int]) -> dict[str, Any]:
    """The section of problems, streamed."""
    section = replace(PROBLEMS, parts=PROBLEMS.parts[:1])
    request = SummaryRequest("7", (section,), None, None, False)

    async def still() -> None:
        return

    def show(part: Part, items: Sequence[msgspec.Raw]) -> None:
        shown.append(len(items))

    body = b""
    async with Summarizer(Journeys(ward).reader, seconds=30, now=lambda: NOW).begin(SESSION, request, still) as walk:
        async for piece in streamed(walk, section, lambda error: None, show):
            body += piece
    return dict(json.decode(body))


def is_active(found: dict[str, Any]) -> bool:
    """Whether the object is said to be active."""
    return dict(found.get("clinical_status", {})).get("code") == "active"


async def test_a_stream_has_what_is_active_first() -> None:
    shown: list[int] = []
    told = await told_by(ward_of(450), shown)
    order = [is_active(one) for one in told["data"]]
    assert order == sorted(order, reverse=True)
    assert (told["count"], sum(shown), len({one["id"] for one in told["data"]})) == (450, 450, 450)
    assert told["warnings"] == []


async def test_of_more_than_are_held_the_rest_follows_as_it_comes_and_that_is_said() -> None:
    shown: list[int] = []
    told = await told_by(ward_of(MOST_SORTED + 450), shown)
    assert (told["count"], sum(shown), len({one["id"] for one in told["data"]})) == (MOST_SORTED + 450,) * 3
    order = [is_active(one) for one in told["data"][: MOST_SORTED + 100]]
    assert order == sorted(order, reverse=True)
    assert {warning["code"] for warning in told["warnings"]} == {"unsorted"}
