"""What a tenant's server says of itself, as facts that can be compared: what came, what went, what changed, and whether it matters.

The documents are its smart-configuration, its CapabilityStatement and its authorization server's key set. `CapabilityStatement.date`
is left out: Millennium puts today there on every call. Source: FHIR R4 CapabilityStatement, SMART App Launch 2.2 §5, RFC 7517;
Millennium fact sheet §1.2 and §2.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from millgate.canonical import json
from millgate.errors import FixMessage

Weight = Literal["breaking", "additive", "cosmetic"]
Change = Literal["came", "went", "changed"]
Facts = dict[tuple[str, str], str]

DOCUMENTS: Final = ("smart-configuration", "metadata", "keys")
# Parts of the smart-configuration that are lists of words, and what one word of them is called here.
_LISTS: Final = {
    "scopes_supported": "scope",
    "token_endpoint_auth_methods_supported": "auth_method",
    "token_endpoint_auth_signing_alg_values_supported": "signing_algorithm",
    "grant_types_supported": "grant_type",
    "response_types_supported": "response_type",
    "code_challenge_methods_supported": "code_challenge_method",
    "capabilities": "capability",
}
# A fact of these kinds that changes or goes breaks nothing that the gateway or an application relies on.
_COSMETIC: Final = frozenset({"text", "document", "key", "profile"})
_TEXTS: Final = ("name", "title", "publisher", "description", "status", "version", "url")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was: its kind and subject, what happened to it, how much that matters, and its values."""

    kind: str
    subject: str
    change: Change
    weight: Weight
    before: str | None
    after: str | None

    def as_json(self) -> dict[str, str | None]:
        """Its members, as they are stored and shown."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "change": self.change,
            "class": self.weight,
            "before": self.before,
            "after": self.after,
        }


def digest_of(documents: Mapping[str, str]) -> bytes:
    """SHA-256 over the documents' content: layout, the order of members and lists, and the statement's `date` do not matter."""
    hashed = hashlib.sha256()
    for name in DOCUMENTS:
        document = _document(documents, name)
        hashed.update(b"%s:%s\n" % (name.encode(), b"-" if document is None else json.encode(document, sort_keys=True)))
    return hashed.digest()


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[Difference]:
    """What changed between two sets of documents, breaking first. Of a resource type that came or went, its parts are not told."""
    old, new = facts_of(before), facts_of(after)
    if _document(before, "keys") is None or _document(after, "keys") is None:  # a key set that could not be read says nothing
        keys = {place for place in (*old, *new) if place[0] == "key"}
        old, new = _without(old, keys), _without(new, keys)
    types = {subject for kind, subject in old.keys() ^ new.keys() if kind == "resource"}
    parameters = {("text", subject) for kind, subject in old.keys() ^ new.keys() if kind == "search_parameter"}
    old, new = _without(old, parameters), _without(new, parameters)  # the words about one that came or went tell nothing more
    found = [
        _difference(place, old.get(place), new.get(place))
        for place in {**old, **new}
        if old.get(place) != new.get(place) and _is_told(place, types)
    ]
    if not found:
        found = [
            Difference("document", name, "changed", "cosmetic", None, None)
            for name in DOCUMENTS
            if _document(before, name) != _document(after, name) and (name != "keys" or _both(before, after, name))
        ]
    order = {"breaking": 0, "additive": 1, "cosmetic": 2}
    return sorted(found, key=lambda one: (order[one.weight], one.kind, one.subject))


def facts_of(documents: Mapping[str, str]) -> Facts:
    """Every fact by (kind, subject); the value of one that is only there or not is empty."""
    facts: Facts = {}
    smart, statement, keys = (_document(documents, name) for name in DOCUMENTS)
    for member, value in (smart or {}).items():
        if member in _LISTS:
            facts.update({(_LISTS[member], word): "" for word in _texts(value)})
        elif isinstance(value, str):
            kind = "endpoint" if value.startswith(("https://", "http://")) else "text"
            facts[kind, member] = value
    facts.update(_statement_facts(statement or {}))
    for key in _dicts((keys or {}).get("keys")):
        facts["key", str(key.get("kid"))] = " ".join(str(key[name]) for name in ("kty", "crv", "alg") if name in key)
    return facts


def _statement_facts(statement: Mapping[str, Any]) -> Facts:
    facts: Facts = {("text", name): str(statement[name]) for name in _TEXTS if isinstance(statement.get(name), str)}
    if isinstance(statement.get("fhirVersion"), str):
        facts["fhir_version", "fhirVersion"] = statement["fhirVersion"]
    facts.update({("format", word): "" for word in _texts(statement.get("format"))})
    facts.update({("patch_format", word): "" for word in _texts(statement.get("patchFormat"))})
    facts.update({("guide", word): "" for word in _texts(statement.get("instantiates"))})
    for rest in _dicts(statement.get("rest")):
        facts.update({("system_interaction", code): "" for code in _codes(rest, "interaction")})
        facts.update(
            {("operation", f"${one.get('name')}"): str(one.get("definition", "")) for one in _dicts(rest.get("operation"))}
        )
        for resource in _dicts(rest.get("resource")):
            facts.update(_resource_facts(resource))
    return facts


def _resource_facts(resource: Mapping[str, Any]) -> Facts:
    name = resource.get("type")
    if not isinstance(name, str):
        return {}
    facts: Facts = {("resource", name): " ".join(sorted(_codes(resource, "interaction")))}
    facts.update({("interaction", f"{name}.{code}"): "" for code in _codes(resource, "interaction")})
    for parameter in _dicts(resource.get("searchParam")):
        facts["search_parameter", f"{name}.{parameter.get('name')}"] = str(parameter.get("type", ""))
        if isinstance(parameter.get("documentation"), str):
            facts["text", f"{name}.{parameter.get('name')}"] = parameter["documentation"]
    for operation in _dicts(resource.get("operation")):
        facts["operation", f"{name}.${operation.get('name')}"] = str(operation.get("definition", ""))
    for member, kind in (("searchInclude", "include"), ("searchRevInclude", "revinclude"), ("supportedProfile", "profile")):
        facts.update({(kind, f"{name}.{word}"): "" for word in _texts(resource.get(member))})
    return facts


def _is_told(place: tuple[str, str], types: set[str]) -> bool:
    """Of a resource type that came or went, the type alone is told; of one that stayed, its parts."""
    kind, subject = place
    return subject in types if kind == "resource" else subject.partition(".")[0] not in types


def _difference(place: tuple[str, str], old: str | None, new: str | None) -> Difference:
    kind, subject = place
    change: Change = "came" if old is None else "went" if new is None else "changed"
    weight: Weight = "cosmetic" if kind in _COSMETIC else "additive" if change == "came" else "breaking"
    return Difference(kind, subject, change, weight, old or None, new or None)


def _document(documents: Mapping[str, str], name: str) -> dict[str, Any] | None:
    """A document without what changes on every call, or None where there is none that can be read."""
    text = documents.get(name)
    if text is None:
        return None
    try:
        document: Any = json.decode(text.encode())
    except FixMessage:
        return None
    if not isinstance(document, dict):
        return None
    if name == "metadata":
        document = {member: value for member, value in document.items() if member != "date"}
    unordered: dict[str, Any] = _unordered(document)
    return unordered


def _unordered(value: Any) -> Any:
    """The same with every list in one order: these documents say nothing by the order of their lists."""
    if isinstance(value, dict):
        return {name: _unordered(item) for name, item in value.items()}
    if isinstance(value, list):
        return sorted((_unordered(item) for item in value), key=lambda item: json.encode(item, sort_keys=True))
    return value


def _both(before: Mapping[str, str], after: Mapping[str, str], name: str) -> bool:
    return _document(before, name) is not None and _document(after, name) is not None


def _without(facts: Facts, places: set[tuple[str, str]]) -> Facts:
    return {place: value for place, value in facts.items() if place not in places}


def _codes(holder: Mapping[str, Any], member: str) -> set[str]:
    return {item["code"] for item in _dicts(holder.get(member)) if isinstance(item.get("code"), str)}


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def _texts(value: Any) -> Iterable[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
