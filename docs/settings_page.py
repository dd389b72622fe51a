"""`reference/settings.md`: every setting, out of `millgate.settings.Settings`."""

from __future__ import annotations

from typing import Any, get_type_hints

import msgspec

from millgate.settings import PREFIX, SECRET_SETTINGS, Settings

HEAD = f"""# Settings

Generated from `src/millgate/settings.py`; `./dev docs` writes this page anew.

A setting comes from the command line where the command has an option for it, else from its environment variable, else from the TOML file
that `{PREFIX}CONFIG` names (its keys are the names below, without sections), else it has its default. A name that does not exist, or a value
that is not good, ends the command with exit status 78 and a message that names all of them. An empty variable counts as unset. The values of
secret settings are never shown.
"""
BYTE_STEPS = ((1024 * 1024, "MiB"), (1024, "KiB"))


def page() -> str:
    """The whole page."""
    hints = get_type_hints(Settings, include_extras=True)
    lines = [HEAD, "| name | environment variable | type | default | meaning |", "|---|---|---|---|---|"]
    lines += [_row(field, hints[field.name]) for field in msgspec.structs.fields(Settings)]
    return "\n".join(lines) + "\n"


def _row(field: msgspec.structs.FieldInfo, hint: Any) -> str:
    told = next(meta.description for meta in hint.__metadata__ if meta.description)
    secret = " Secret." if field.name in SECRET_SETTINGS and "Secret" not in told else ""
    cells = (
        f"`{field.name}`",
        f"`{PREFIX}{field.name.upper()}`",
        _type(hint),
        _default(field),
        _cell(f"{told}{secret}"),
    )
    return "| " + " | ".join(cells) + " |"


def _type(hint: Any) -> str:
    """The type in plain words, with its bounds."""
    named = {int: "whole number", float: "number", bool: "true or false"}
    word = named.get(hint.__origin__, "text")
    bounds = hint.__metadata__[0]
    low = f"{bounds.ge} or more" if bounds.ge is not None else f"more than {bounds.gt}" if bounds.gt is not None else ""
    if bounds.ge is not None and bounds.le is not None:
        return f"{word}, {bounds.ge} to {bounds.le}"
    return f"{word}, {low}" if low else word


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.name == "data_dir":
        return "`$XDG_DATA_HOME/millgate`, or `~/.local/share/millgate`"
    value = field.default
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if field.name.endswith("_bytes"):
        size, word = next((size, word) for size, word in BYTE_STEPS if value % size == 0)
        return f"{value} ({value // size} {word})"
    return f"`{value}`" if isinstance(value, str) else f"{value:g}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
