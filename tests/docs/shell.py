"""Run the shell blocks of a page in order, in one bash, as a reader would who pastes them one after the other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.docs.markdown import Example

LONGEST_S = 60
PROBLEM = '{"type":"/docs/errors/'


@dataclass(frozen=True)
class Ran:
    """What a block printed."""

    example: Example
    output: str
    errors: str


def run(examples: Sequence[Example], environment: Mapping[str, str], folder: Path) -> list[Ran]:
    """What each block printed. Raises AssertionError where one fails; everything that a page started is ended with it."""
    script = ["set -euo pipefail"]
    for number, example in enumerate(examples):
        script += [f"echo {number} > at", "{", example.text, f"}} > out.{number} 2> err.{number}"]
    (folder / "page.sh").write_text("\n".join(script) + "\n", encoding="utf-8")
    bash = subprocess.Popen(
        ["bash", "page.sh"], cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        status = bash.wait(LONGEST_S)
    except subprocess.TimeoutExpired:
        status = -1
    finally:
        _end(bash.pid)
    if status != 0:
        number = int((folder / "at").read_text())
        failed = examples[number]
        printed = (folder / f"out.{number}").read_text() + (folder / f"err.{number}").read_text()
        raise AssertionError(f"{failed.page}:{failed.line} ended with {status}:\n{failed.text}\n{printed}")
    return [
        Ran(example, (folder / f"out.{number}").read_text("utf-8"), (folder / f"err.{number}").read_text("utf-8"))
        for number, example in enumerate(examples)
    ]


def _end(group: int) -> None:
    try:
        os.killpg(group, signal.SIGTERM)
    except ProcessLookupError:
        return


def problems_of(ran: Ran) -> list[str]:
    """What of the printed answer is not as the page promises."""
    example = ran.example
    if example.kind is None:
        return [f"prints an error that the page does not announce: {ran.output}"] if PROBLEM in ran.output else []
    if example.kind == "text":
        return [] if ran.output.strip() == (example.answer or "").strip() else [f"prints {ran.output!r}"]
    shown = json.loads(example.answer or "")
    try:
        given = json.loads(ran.output)
    except ValueError:
        return [f"prints no JSON: {ran.output!r} {ran.errors!r}"]
    return [*_of_kind(example.kind.split(), shown, given), *_missing("", shown, given)]


def _of_kind(kind: Sequence[str], shown: Any, given: Any) -> list[str]:
    match kind:
        case ["list", name]:
            items = given.get("data") or []
            wrong = given.get("object") != "list" or not items or any(one.get("object") != name for one in items)
            found = [f"is no list of {name} with something in it: {json.dumps(given)[:300]}"] if wrong else []
            fields = {field for one in items for field in one}
            return found + [f"no {name} has {field}" for field in shown["data"][0] if field not in fields]
        case ["one", name]:
            return [] if given.get("object") == name else [f"is no {name}: {json.dumps(given)[:300]}"]
        case ["problem", code]:
            same = given.get("code") == code and given.get("status") == shown["status"]
            return [] if same else [f"is not the problem {code}: {json.dumps(given)[:300]}"]
        case ["fhir", name]:
            return [] if given.get("resourceType") == name else [f"is no {name}: {json.dumps(given)[:300]}"]
        case ["session"]:
            return [] if str(given.get("session_token", "")).startswith("ms_") else ["is no session"]
        case ["json"]:
            return []
    return [f"{' '.join(kind)} is no kind of answer that the tests know"]


def _missing(place: str, shown: Any, given: Any) -> list[str]:
    """Members that the page shows at the top and the answer lacks, and values of a few members that have to be the same."""
    if not isinstance(shown, dict) or not isinstance(given, dict):
        return [] if type(shown) is type(given) else [f"is not of the same kind as the example {place}"]
    found = [f"lacks {name}" for name in shown if name not in given]
    fixed = ("object", "status", "resourceType", "ok", "token_type", "persona", "tenant")
    return found + [
        f"has {name} {given[name]!r}, not {shown[name]!r}"
        for name in fixed
        if name in shown and name in given and isinstance(shown[name], str | int | bool) and given[name] != shown[name]
    ]
