"""What the authorization server's errors mean, in plain words, by the URN in their `error_uri`.

Source: Millennium fact sheet §2.6 (`tables/oauth_errors.csv` holds a row for each URN there).
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import Final
from urllib.parse import unquote, urlsplit

GROUPS: Final = (":oauth2:token:", ":oauth2:grant:", ":smart-v1:grant:launch:")
LONGEST: Final = 1024
_OUT_OF_PLACE: Final = frozenset("\"'<>\\^`{|}")


def explain(urn: str | None) -> str | None:
    """One plain sentence for the last part of an error URN of the authorization server, or None. Hyphens and underscores are one."""
    return None if urn is None else _sentences().get(urn.replace("_", "-"))


def urn_of(error_uri: object) -> str | None:
    """The telling last part of the URN in an `error_uri`, such as `empty-scopes`."""
    if not isinstance(error_uri, str):
        return None
    try:
        segments = urlsplit(error_uri).path.split("/")
    except ValueError:
        return None
    urn = next((unquote(segment) for segment in segments if segment.startswith("urn")), "")
    for group in GROUPS:
        if group in urn:
            return urn.split(group, 1)[1][:80] or None
    return None


def shown_uri(error_uri: object) -> str | None:
    """An `error_uri` that may be handed on: an http(s) address with a URN of the vendor's, without anything out of place; else None.

    It names the error, the client and the tenant, and is what the vendor's support asks for.
    """
    if not isinstance(error_uri, str) or len(error_uri) > LONGEST or urn_of(error_uri) is None:
        return None
    if any(not 0x21 <= ord(character) <= 0x7E or character in _OUT_OF_PLACE for character in error_uri):
        return None
    parts = urlsplit(error_uri)
    return error_uri if parts.scheme in ("https", "http") and parts.hostname and parts.username is None else None


@cache
def _sentences() -> dict[str, str]:
    table = files("millgate.pathways").joinpath("tables/oauth_errors.csv").read_text("utf-8")
    return {row["urn"]: row["sentence"] for row in csv.DictReader(table.splitlines())}
