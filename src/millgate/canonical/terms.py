"""What a resource may be found by, in one normal form, so that a blind index of it can be asked with the same form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from millgate.canonical.dates import is_date
from millgate.canonical.identifiers import type_of_element

KINDS = ("identifier", "family", "given", "name", "birth_date", "phone", "email", "postal_code", "gender")

_PEOPLE = frozenset({"Patient", "Practitioner", "RelatedPerson", "Person"})
_IDENTIFIED = frozenset({*_PEOPLE, "Encounter", "Appointment", "DiagnosticReport", "Organization", "Location"})

# Letters that Unicode does not take apart into a base letter and a mark.
_BASE_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"})
_APOSTROPHES = re.compile("['’ʼ`´ʻ]")
_EXTENSION = re.compile(r"\s*(?:x|ext)\.?\s*\d+\s*$", re.IGNORECASE)


def normal_words(text: str) -> tuple[str, ...]:
    """The words of a name, each once, in order: lower case, without accents and apostrophes (`O'Brien-Peña` is obrien, pena)."""
    spread = _APOSTROPHES.sub("", _folded(_folded(text))).translate(_BASE_LETTERS)
    kept = "".join(
        character if character.isalnum() or unicodedata.category(character) in ("Mn", "Mc") else " "
        for character in spread
        if not unicodedata.combining(character)
    )
    return tuple(dict.fromkeys(kept.split()))


def _folded(text: str) -> str:
    """Without case and compatibility forms; to be done twice, as taking a letter apart may give a capital. Source: Unicode §3.13."""
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())


def normal_identifiers(system_or_type: str | None, value: str) -> str:
    """An identifier as `system|value`, `type|value` or bare value, without blanks around and with letters in one case."""
    bare = value.strip().casefold()
    return f"{system_or_type.strip().casefold()}|{bare}" if system_or_type else bare


def normal_phones(text: str) -> tuple[str, ...]:
    """The digits of a telephone number without its extension, and its last ten where it has more (a country code before them)."""
    digits = "".join(character for character in _EXTENSION.sub("", text) if character in "0123456789")
    if not digits:
        return ()
    return (digits, digits[-10:]) if len(digits) > 10 else (digits,)


def normal_email(text: str) -> str:
    """The address in lower case, without blanks around it."""
    return text.strip().casefold()


def normal_postal_code(text: str) -> tuple[str, ...]:
    """The code without blanks and hyphens, and its first five digits where it is a US ZIP+4."""
    bare = "".join(character for character in text.casefold() if character.isalnum())
    if not bare:
        return ()
    return (bare, bare[:5]) if len(bare) == 9 and bare.isdigit() else (bare,)


def terms_of(resource: Any) -> tuple[tuple[str, str], ...]:
    """The (kind, normal value) pairs that the resource may be found by, each once, in a fixed order.

    Identifiers come as `system|value`, `type|value` and bare value; of a name each word; a birth date at the precision
    that it has.
    """
    if not isinstance(resource, dict) or resource.get("resourceType") not in _IDENTIFIED:
        return ()
    found = dict.fromkeys(_identifiers(resource))
    if resource["resourceType"] in _PEOPLE:
        found |= dict.fromkeys(_names(resource))
        found |= dict.fromkeys(_demographics(resource))
    return tuple(found)


def _identifiers(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for element in _members(resource.get("identifier")):
        value = element.get("value")
        if not isinstance(value, str) or not value.strip():
            continue
        for scope in (element.get("system"), type_of_element(element)):
            if isinstance(scope, str) and scope:
                yield "identifier", normal_identifiers(scope, value)
        yield "identifier", normal_identifiers(None, value)


def _names(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for element in _members(resource.get("name")):
        family = [element.get("family")]
        given = _texts(element.get("given"))
        others = [element.get("text"), *_texts(element.get("prefix")), *_texts(element.get("suffix"))]
        yield from _words("family", family)
        yield from _words("given", given)
        yield from _words("name", [*family, *given, *others])


def _demographics(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    birth_date, gender = resource.get("birthDate"), resource.get("gender")
    if isinstance(birth_date, str) and is_date(birth_date):
        yield "birth_date", birth_date
    for element in _members(resource.get("telecom")):
        value = element.get("value")
        if not isinstance(value, str):
            continue
        if element.get("system") in ("phone", "sms"):
            yield from (("phone", number) for number in normal_phones(value))
        elif element.get("system") == "email" and value.strip():
            yield "email", normal_email(value)
    for element in _members(resource.get("address")):
        postal_code = element.get("postalCode")
        if isinstance(postal_code, str):
            yield from (("postal_code", code) for code in normal_postal_code(postal_code))
    if isinstance(gender, str) and gender:
        yield "gender", gender


def _words(kind: str, texts: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for text in texts:
        if isinstance(text, str):
            yield from ((kind, word) for word in normal_words(text))


def _texts(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _members(value: Any) -> list[dict[str, Any]]:
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []
