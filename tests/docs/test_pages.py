"""The pages as a whole: links lead somewhere, nothing is left undocumented, and no address is made up."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from docs import generate
from docs.commands_page import command_names
from millgate.errors import CODES
from millgate.settings import PREFIX, Settings
from tests.conftest import REPOSITORY
from tests.docs.markdown import DOCS, anchors, links, name_of, pages

PAGES = [page for page in pages() if page.is_file()]

# Hosts that pages name: this machine, the vendor's, the standards'. An address that nobody has would be copied all the same.
HOSTS = {
    "127.0.0.1",
    "code-console.cerner.com",
    "fhir-ehr.cerner.com",
    "fhir-myrecord.cerner.com",
    "fhir.cerner.com",
    "keepachangelog.com",
    "loinc.org",
    "semver.org",
    "unitsofmeasure.org",
}
_URL = re.compile(r"\bhttps?://[^\s\"'`)|>\\]+")
_MACHINE = re.compile(r"(?<![\w.])/(?:work|tmp|home|root)/")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_inside_the_repository_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for link in links(page):
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = (page.parent / parts.path).resolve() if parts.path else page
        if not target.exists() or not target.is_relative_to(REPOSITORY):
            broken.append(link)
        elif parts.fragment and parts.fragment not in anchors(target):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_names_no_host_that_is_made_up_and_no_path_of_one_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = {urlsplit(url).hostname for url in _URL.findall(text) if not url.startswith(("https://…", "http://$"))}
    assert {host for host in named if host not in HOSTS} == set()
    assert _MACHINE.findall(text) == []


def test_every_host_on_the_list_is_still_needed() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert sorted(host for host in HOSTS if f"//{host}" not in text and f"`{host}`" not in text) == []


@pytest.mark.parametrize("page", sorted((DOCS / "reference").glob("*.md")), ids=name_of)
def test_reference_pages_are_generated_and_fresh(page: Path) -> None:
    known = generate.pages()
    name = page.relative_to(DOCS).as_posix()
    assert name in known, "only generated pages belong into docs/reference"
    assert generate.is_fresh(name, known[name]())


def test_a_stale_page_is_found_out_and_written_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main([], tmp_path) == 0
    assert generate.main(["--check"], tmp_path) == 0
    errors = tmp_path / "reference" / "errors.md"
    errors.write_text(errors.read_text("utf-8").replace("`slot_taken`", "`slot_gone`"), encoding="utf-8")
    (tmp_path / "reference" / "settings.md").unlink()
    assert generate.main(["--check"], tmp_path) == 1
    assert {"errors.md", "settings.md"} == {
        Path(line.split()[0]).name for line in capsys.readouterr().out.splitlines() if "stale" in line
    }
    assert generate.main([], tmp_path) == 0
    assert generate.main(["--check"], tmp_path) == 0


def test_every_error_code_has_its_row() -> None:
    text = (DOCS / "reference" / "errors.md").read_text("utf-8")
    assert [code for code, row in CODES.items() if f"| `{code}` | {row.status} | {row.exit_status} |" not in text] == []


def test_every_setting_has_its_row() -> None:
    text = (DOCS / "reference" / "settings.md").read_text("utf-8")
    assert [name for name in Settings.__struct_fields__ if f"| `{name}` | `{PREFIX}{name.upper()}` |" not in text] == []


def test_every_command_has_its_section() -> None:
    text = (DOCS / "reference" / "commands.md").read_text("utf-8")
    names = command_names()
    assert {"millgate demo", "millgate tenants add", "millgate audit verify"} <= {*names}
    assert [name for name in names if f" `{name}`\n" not in text] == []


@pytest.mark.parametrize("width", ["40", "250"])
def test_the_command_page_does_not_depend_on_the_terminal(width: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("TERMINAL_WIDTH", width)
    assert generate.is_fresh("reference/commands.md", generate.pages()["reference/commands.md"]())


def test_commands_settings_and_codes_that_pages_name_do_exist() -> None:
    names = {*command_names()}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for group, word in re.findall(r"\bmillgate (tenants|clients|audit|vault) ([a-z-]+)", text):
            assert f"millgate {group} {word}" in names, f"{name_of(page)} names millgate {group} {word}"
        for name in re.findall(rf"\b{PREFIX}([A-Z_]+)\b", text):
            assert name.lower() in {*Settings.__struct_fields__, *ELSEWHERE}, f"{name_of(page)} names {PREFIX}{name}"


ELSEWHERE = {"config", "simulator_client_secret", "corpus", "test_database_url", "url", "api_key"}  # read by no `Settings`
