"""Writes the reference pages that come from declarations: `python -m docs.generate`; with `--check`, fails where one is stale.

A page is one module here, `<name>_page.py`, whose `page()` returns the whole text of `reference/<name>.md`.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

DOCS = Path(__file__).parent


def pages() -> dict[str, Callable[[], str]]:
    """What renders each page, by the page's path below docs/."""
    names = sorted(path.stem for path in DOCS.glob("*_page.py"))
    return {f"reference/{name.removesuffix('_page')}.md": importlib.import_module(f"docs.{name}").page for name in names}


def is_fresh(name: str, text: str, docs: Path = DOCS) -> bool:
    """Whether the page is there and says this."""
    path = docs / name
    return path.is_file() and path.read_text(encoding="utf-8") == text


def main(arguments: list[str], docs: Path = DOCS) -> int:
    """The exit status: 1 where `--check` found a stale page, else 0."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page is stale")
    check = parser.parse_args(arguments).check
    status = 0
    for name, page in pages().items():
        text = page()
        if is_fresh(name, text, docs):
            continue
        if check:
            print(f"docs/{name} is stale: run python -m docs.generate")
            status = 1
        else:
            (docs / name).parent.mkdir(parents=True, exist_ok=True)
            (docs / name).write_text(text, encoding="utf-8")
            print(f"wrote docs/{name}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
