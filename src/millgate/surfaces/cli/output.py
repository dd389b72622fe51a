"""What a command prints: one JSON value for scripts, tables for people, and errors that say what to do."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from millgate.errors import GatewayError

Result = TypeVar("Result")


def print_json(value: object) -> None:
    """One line of JSON on standard output."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, empty: str) -> None:
    """A table on standard output, or the sentence `empty`."""
    if not rows:
        typer.echo(empty)
        return
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def say(text: str) -> None:
    """A line for people, on standard error, so that standard output stays clean for scripts."""
    typer.echo(text, err=True)


def print_error(error: GatewayError) -> None:
    """What went wrong and what to do, on standard error."""
    say(f"error: {error.detail}")
    for problem in error.errors:
        if problem.detail not in error.detail:
            say(f"  {problem.field}: {problem.detail}")
    if error.upstream is not None:
        shown = {
            "status": error.upstream.status,
            "outcome": error.upstream.outcome,
            "request id": error.upstream.request_id,
            "error uri": error.upstream.error_uri,
        }
        say("  the source said: " + ", ".join(f"{name} {value}" for name, value in shown.items() if value is not None))
    say(f"  ({error.code}; docs/reference/errors.md)")


def command(run: Callable[..., Result]) -> Callable[..., Result]:
    """A command whose GatewayErrors end in a message and the exit status of their code."""

    @functools.wraps(run)
    def wrapped(*args: Any, **kwargs: Any) -> Result:
        try:
            return run(*args, **kwargs)
        except GatewayError as error:
            print_error(error)
            raise SystemExit(error.meaning.exit_status) from error
        except KeyboardInterrupt:
            raise SystemExit(130) from None

    return wrapped
