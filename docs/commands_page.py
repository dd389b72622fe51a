"""`reference/commands.md`: every command with its usage, help and options, the same whatever the width of the terminal."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from millgate.simulator.options import parser
from millgate.surfaces.cli.main import app

HEAD = """# Commands

Generated from the commands themselves; `./dev docs` writes this page anew. `millgate COMMAND --help` says the same.

With `--json` a command prints one line of JSON on standard output and nothing else there. Messages, the log and errors go to standard
error. A failed command ends with the exit status of its [error](errors.md), and with 2 where
an option is wrong.
"""
SIMULATOR = "millgate simulator"


def page() -> str:
    """The whole page."""
    sections = [HEAD, *(_section(path, command, context) for path, command, context in _walk("millgate", get_command(app), None))]
    return "\n".join(sections)


def command_names() -> list[str]:
    """Every command as it is typed, groups included."""
    return [path for path, _, _ in _walk("millgate", get_command(app), None)]


def _walk(path: str, command: Any, above: Any) -> Iterator[tuple[str, Any, Any]]:
    context = command.make_context(path.rpartition(" ")[2], [], parent=above, resilient_parsing=True)
    yield path, command, context
    for name, below in getattr(command, "commands", {}).items():
        yield from _walk(f"{path} {name}", below, context)


def _section(path: str, command: Any, context: Any) -> str:
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    told = inspect.cleandoc(command.help or "")
    lines = [f"{'#' * (2 if path.count(' ') < 2 else 3)} `{path}`", "", f"    {usage}", "", told, ""]
    if path == SIMULATOR:
        rows = [_argument(action) for action in parser()._actions if action.dest != "help"]
    else:
        records = [one.get_help_record(context) for one in command.params if getattr(one, "param_type_name", "") == "option"]
        rows = [_option(*record) for record in records if record is not None]
    if rows:
        lines += ["| option | meaning |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _option(declared: str, told: str) -> str:
    return f"| `{_cell(declared)}` | {_cell(' '.join(told.split()))} |"


def _argument(action: argparse.Action) -> str:
    """An option of the simulator, which has a command line of its own."""
    name = ", ".join(action.option_strings)
    value = action.metavar or (None if action.nargs == 0 else "|".join(action.choices) if action.choices else action.dest.upper())
    told = (action.help or "") % {"default": action.default}
    return _option(f"{name} {value}" if isinstance(value, str) else name, told)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
