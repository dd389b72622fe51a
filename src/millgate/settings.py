"""Every setting in one place: a TOML file named by `MILLGATE_CONFIG`, then `MILLGATE_…` variables, then the command line.

`read_settings` names all bad settings at once, and never shows the value of a secret.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta

from millgate.errors import CallOperator, FieldProblem

PREFIX = "MILLGATE_"


def default_data_dir() -> Path:
    """Where the embedded database, the master key and the logs live unless told otherwise: `$XDG_DATA_HOME/millgate`."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "millgate"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator may set. Times are in seconds, sizes in bytes."""

    data_dir: Annotated[str, Meta(description="Folder of the embedded database and the key file.")] = ""
    database_url: Annotated[
        str | None, Meta(description="A PostgreSQL of your own (postgresql://…), instead of the embedded one.")
    ] = None
    host: Annotated[str, Meta(description="Address to listen on; loopback unless told otherwise.", min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(description="Port to listen on; 0 takes any free one.", ge=0, le=65535)] = 8080
    public_url: Annotated[
        str | None, Meta(description="Where browsers reach the gateway, for sign-ins; by default, where it listens.")
    ] = None
    master_key: Annotated[str | None, Meta(description="The vault's master key: 32 bytes in base64. Secret.")] = None
    master_key_command: Annotated[
        str | None, Meta(description="A command that prints the master key, such as one that asks a KMS; run without a shell.")
    ] = None
    master_key_file: Annotated[
        str | None, Meta(description="A file that holds the master key; default <data_dir>/master.key.")
    ] = None
    session_seconds: Annotated[int, Meta(description="How long a session lives.", ge=60, le=86400)] = 3600
    cache_bytes: Annotated[int, Meta(description="Memory for cached answers, in this process.", ge=0)] = 64 * 1024 * 1024
    body_limit_bytes: Annotated[int, Meta(description="Largest request body taken.", ge=1024)] = 1024 * 1024
    worker: Annotated[bool, Meta(description="Whether the gateway also runs a worker; false where `millgate worker` does.")] = (
        True
    )
    look_at_tenants_hours: Annotated[
        int, Meta(description="How often the worker looks at what tenants' servers say of themselves.", ge=1, le=168)
    ] = 24
    keep_history_days: Annotated[int, Meta(description="How long old versions of records are kept.", ge=1)] = 365
    refusals_per_minute: Annotated[
        int,
        Meta(
            description="How many bad API keys, and how many bad sign-ins, an address may try in a minute; also one beginning of a key.",
            ge=1,
        ),
    ] = 100
    launches_per_minute: Annotated[
        int, Meta(description="How many launches by an EHR an address may ask for in a minute, good or bad.", ge=1)
    ] = 600
    request_seconds: Annotated[float, Meta(description="The longest that one call to the source may take.", gt=0)] = 30.0
    generate_seconds: Annotated[
        float, Meta(description="The longest that a source may take to make a summary of a chart.", gt=0)
    ] = 120.0
    content_seconds: Annotated[float, Meta(description="The longest that one document may take to pass through.", gt=0)] = 600.0
    content_limit_bytes: Annotated[int, Meta(description="Largest document passed through.", ge=1024)] = 512 * 1024 * 1024
    content_memory_bytes: Annotated[
        int, Meta(description="How much of each document on its way is held in memory; shorter ones are proved first.", ge=1024)
    ] = 1024 * 1024
    max_upstream_connections: Annotated[int, Meta(description="Open connections to one host of a source.", ge=1, le=1000)] = 64
    metrics_token: Annotated[
        str | None, Meta(description="A bearer token that may read /metrics and nothing else; operators' keys may too. Secret.")
    ] = None
    log_level: Annotated[str, Meta(description="debug, info, warning or error.", pattern="^(debug|info|warning|error)$")] = "info"

    @property
    def folder(self) -> Path:
        """The data directory as a path."""
        return Path(self.data_dir).expanduser() if self.data_dir else default_data_dir()


SHORTEST_TOKEN = 16
SECRET_SETTINGS = frozenset({"master_key", "database_url", "metrics_token"})


def read_settings(overrides: Mapping[str, Any] | None = None, *, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in force. Raises CallOperator("invalid_setting") naming every bad one and what it should be."""
    environment = os.environ if environment is None else environment
    given: dict[str, Any] = {}
    given.update(_from_file(environment.get(PREFIX + "CONFIG")))
    given.update(_from_environment(environment))
    given.update({name: value for name, value in (overrides or {}).items() if value is not None})
    problems = [problem for name, value in given.items() if (problem := _check(name, value))]
    if problems:
        raise CallOperator("invalid_setting", "; ".join(f"{p.field}: {p.detail}" for p in problems), errors=problems)
    return msgspec.convert(given, Settings, strict=False)


def _from_file(name: str | None) -> dict[str, Any]:
    if not name:
        return {}
    try:
        return tomllib.loads(Path(name).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise CallOperator("invalid_setting", f"{PREFIX}CONFIG names {name}, which cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CallOperator("invalid_setting", f"{PREFIX}CONFIG names {name}, which is not valid TOML: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: environment[PREFIX + name.upper()] for name in Settings.__struct_fields__ if environment.get(PREFIX + name.upper())
    }


def _check(name: str, value: object) -> FieldProblem | None:
    """What is wrong with one setting, or None. A secret's value is never repeated."""
    if name not in Settings.__struct_fields__:
        return FieldProblem(name, "unknown", f"no such setting; known are {', '.join(Settings.__struct_fields__)}")
    try:
        msgspec.convert(value, _HINTS[name], strict=False)
    except msgspec.ValidationError as error:
        shown = "" if name in SECRET_SETTINGS else f" (got {value!r})"
        return FieldProblem(name, "invalid", f"{str(error)[:1].lower()}{str(error)[1:]}{shown}")
    if name == "public_url" and value and not str(value).startswith(("http://", "https://")):
        return FieldProblem(name, "invalid", "must begin with https:// (or http:// on this machine)")
    if name == "metrics_token" and value is not None and len(str(value)) < SHORTEST_TOKEN:
        return FieldProblem(name, "invalid", f"must be {SHORTEST_TOKEN} characters or more, so that nobody guesses it")
    if name == "database_url" and value and not str(value).startswith(("postgresql://", "postgres://")):
        return FieldProblem(name, "invalid", "must begin with postgresql://")
    return None


_HINTS = get_type_hints(Settings, include_extras=True)
