"""The reference page of how old answers may be, rendered from the objects' declarations."""

from __future__ import annotations

from itertools import groupby

from millgate.objects import OBJECTS

INTRODUCTION = """\
<!-- Written by `python -m docs.generate` from the declarations in src/millgate/objects. Do not edit. -->

# How old an answer may be

Where the caller does not say (`max_age`, or `Cache-Control: no-cache`). Up to *fresh*, an answer from the gateway's memory is repeated as it
is. Up to *longest* it is repeated, too, and the source is asked anew behind it. After that the caller waits for the source. What `freshness`
says, and how writes are heard of: [Caching and freshness](../caching.md).
"""


def page() -> str:
    """The whole page as Markdown."""
    lives = sorted(((one.shelf_life, one.plural) for one in OBJECTS.values()), key=lambda pair: (pair[0].seconds, pair[0].reason))
    lines = ["| objects | fresh | longest | why |", "| --- | --- | --- | --- |"]
    for life, some in groupby(lives, key=lambda pair: pair[0]):
        plurals = ", ".join(f"`{plural}`" for _, plural in sorted(some, key=lambda pair: pair[1]))
        lines.append(f"| {plurals} | {life.seconds} s | {life.longest} s | {life.reason} |")
    return "\n".join((INTRODUCTION, *lines)) + "\n"
