"""The pages as tests see them: their shell blocks in order, the mark before a block, and the answer that is promised after it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import REPOSITORY

DOCS = REPOSITORY / "docs"

_FENCE = re.compile(r"^(`{3,})(\w*)\s*$")
_NOT_RUN = re.compile(r"<!-- not run: (.*) -->")
_ANSWER = re.compile(r"<!-- answer: (.+) -->")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Fenced:
    """One fenced block: its language, its text, the line that it begins on, and the last line of text before it."""

    language: str
    text: str
    line: int
    before: str


@dataclass(frozen=True)
class Example:
    """A shell block. `reason` says why it is not run; `kind` and `answer` say what it promises to print."""

    page: str
    line: int
    text: str
    reason: str | None
    kind: str | None = None
    answer: str | None = None


def pages() -> list[Path]:
    """Every page that a reader meets: the repository's own, and those under docs/."""
    return [*sorted(REPOSITORY.glob("*.md")), *sorted(DOCS.rglob("*.md")), REPOSITORY / "benchmarks" / "README.md"]


def run_pages() -> list[Path]:
    """The pages whose shell blocks are run."""
    return [REPOSITORY / "README.md", *sorted(DOCS.glob("*.md"))]


def name_of(page: Path) -> str:
    """The page's path in the repository."""
    return page.relative_to(REPOSITORY).as_posix()


def fenced_blocks(text: str) -> Iterator[Fenced]:
    """All fenced blocks of a page, in order."""
    fence, language, began, before, inside = "", "", 0, "", list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        match = _FENCE.match(line)
        if not fence and match:
            fence, language, began, inside = match[1], match[2], number, []
        elif fence and line.strip() == fence:
            yield Fenced(language, "\n".join(inside) + "\n", began, before)
            fence, before = "", ""
        elif fence:
            inside.append(line)
        elif line.strip():
            before = line.strip()


def examples(page: Path) -> list[Example]:
    """The shell blocks of a page, each with the answer block that follows it, if one does."""
    found: list[Example] = []
    shell: Fenced | None = None
    for block in [*fenced_blocks(page.read_text(encoding="utf-8")), Fenced("sh", "", 0, "")]:
        promised = _ANSWER.fullmatch(block.before)
        if promised and shell is not None and block.line:
            found.append(_example(page, shell, promised[1], block.text))
            shell = None
            continue
        if block.language == "sh":
            if shell is not None:
                found.append(_example(page, shell))
            shell = block
    return found


def _example(page: Path, block: Fenced, kind: str | None = None, answer: str | None = None) -> Example:
    marked = _NOT_RUN.fullmatch(block.before)
    return Example(name_of(page), block.line, block.text, marked[1] if marked else None, kind, answer)


def answers_without_block(page: Path) -> list[int]:
    """Lines of `<!-- answer: … -->` marks that no example has taken up: a promise that nobody checks."""
    text = page.read_text(encoding="utf-8")
    marks = [number for number, line in enumerate(text.splitlines(), 1) if _ANSWER.fullmatch(line.strip())]
    return marks if len(marks) != sum(example.kind is not None for example in examples(page)) else []


def links(page: Path) -> list[str]:
    """The targets of a page's links, outside of code."""
    return _LINK.findall(_without_code(page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#{1,6} (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def _without_code(text: str) -> str:
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "`", text)
