"""The shell blocks of the pages do what the pages say, against a real demo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.docs.markdown import Example, answers_without_block, examples, name_of, run_pages
from tests.docs.shell import PROBLEM, Ran, problems_of, run

RUN = [page for page in run_pages() if any(example.reason is None for example in examples(page))]
MOST_NOT_RUN = 8


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_blocks_of_a_page_run_in_order_and_answer_as_it_shows(page: Path, environment: dict[str, str], tmp_path: Path) -> None:
    ran = run([example for example in examples(page) if example.reason is None], environment, tmp_path)
    problems = [f"{one.example.page}:{one.example.line} {problem}" for one in ran for problem in problems_of(one)]
    assert not problems, "\n".join(problems)


def test_the_pages_of_the_first_hour_are_among_those_that_run() -> None:
    assert {"README.md", "docs/quickstart.md", "docs/tenants.md", "docs/limits.md", "docs/security.md", "docs/simulator.md"} <= {
        *map(name_of, RUN)
    }


def test_blocks_that_are_not_run_say_why_and_are_few() -> None:
    left_out = [example for page in run_pages() for example in examples(page) if example.reason is not None]
    assert [example for example in left_out if len(example.reason or "") < 15] == []
    assert len(left_out) <= MOST_NOT_RUN, [f"{example.page}:{example.line}" for example in left_out]


def test_every_promised_answer_follows_a_block_that_runs() -> None:
    for page in run_pages():
        assert answers_without_block(page) == [], name_of(page)
        assert [one.line for one in examples(page) if one.kind and one.reason] == [], name_of(page)


def test_every_answer_shown_as_json_can_be_parsed() -> None:
    for page in run_pages():
        for example in examples(page):
            if example.kind not in (None, "text"):
                json.loads(example.answer or "")


PATIENTS = {"object": "list", "data": [{"object": "patient", "id": "1"}], "has_more": False}


@pytest.mark.parametrize(
    ("kind", "answer", "output"),
    [
        ("list patient", PATIENTS, {**PATIENTS, "data": []}),
        ("list patient", PATIENTS, {**PATIENTS, "data": [{"object": "slot", "id": "1"}]}),
        ("list patient", PATIENTS, {"object": "list", "data": PATIENTS["data"]}),
        ("one patient", {"object": "patient", "birth_date": "1961-04-02"}, {"object": "patient"}),
        ("problem slot_taken", {"code": "slot_taken", "status": 409}, {"code": "not_found", "status": 404}),
        ("fhir Bundle", {"resourceType": "Bundle"}, {"resourceType": "Patient"}),
        ("json", {"ok": True}, {"ok": False}),
        ("a riddle", {}, {}),
    ],
)
def test_an_answer_that_is_not_as_shown_is_found_out(kind: str, answer: object, output: object) -> None:
    example = Example("page.md", 1, "", None, kind, json.dumps(answer))
    assert problems_of(Ran(example, json.dumps(output), "")) != []
    if kind != "a riddle":
        assert problems_of(Ran(example, json.dumps(answer), "")) == []


def test_an_error_that_the_page_does_not_announce_is_found_out() -> None:
    assert problems_of(Ran(Example("page.md", 1, "", None), PROBLEM + 'not_found"}', "")) != []


def test_a_block_that_fails_names_its_page_and_line(tmp_path: Path) -> None:
    blocks = [Example("page.md", 3, "GREETING=hello\n", None), Example("page.md", 9, 'test "$GREETING" = goodbye\n', None)]
    with pytest.raises(AssertionError, match=r"page\.md:9"):
        run(blocks, {"PATH": "/usr/bin:/bin"}, tmp_path)
    assert [
        one.output
        for one in run([blocks[0], Example("page.md", 9, "echo $GREETING\n", None)], {"PATH": "/usr/bin:/bin"}, tmp_path)
    ] == [
        "",
        "hello\n",
    ]
