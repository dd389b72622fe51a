"""The reference page of the objects says what their declarations say."""

from __future__ import annotations

import re
from pathlib import Path

from docs.generate import is_fresh, main, pages
from docs.objects_page import page
from millgate.objects import OBJECTS
from millgate.objects.notes import WARNING_CODES

SOURCES = Path(__file__).resolve().parents[2] / "src" / "millgate" / "objects"


def test_the_page_is_fresh() -> None:
    assert pages()["reference/objects.md"] is page
    assert is_fresh("reference/objects.md", page())


def test_a_stale_page_fails_the_check_until_it_is_written(tmp_path: Path) -> None:
    assert main(["--check"], tmp_path) == 1
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    (tmp_path / "reference" / "objects.md").write_text("old\n", encoding="utf-8")
    assert main(["--check"], tmp_path) == 1


def test_every_object_and_field_is_on_the_page() -> None:
    text = page()
    for declaration in OBJECTS.values():
        assert f"\n## {declaration.name}\n" in text
        assert f"`GET /{declaration.plural}`" in text
    assert "| `source_status` |" in text
    assert "| `class` |" in text
    assert "class_" not in text


def test_every_link_of_the_page_leads_somewhere() -> None:
    text = page()
    anchors = {title.strip().lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


def test_every_code_of_a_warning_is_documented() -> None:
    used = set()
    for path in SOURCES.glob("*.py"):
        used |= set(re.findall(r'\.warn\(\s*"([a-z_]+)"', path.read_text(encoding="utf-8")))
    assert used <= WARNING_CODES.keys()
    assert WARNING_CODES.keys() - used == {"time_zone_assumed", "time_zone_unknown", "time_zone_ambiguous"}
