"""SMART scopes, versions 1 and 2, as one algebra: what is asked, allowed, granted and denied.

A scope is broken into atoms (context, resource type, letter of `cruds`, query part). One atom is narrower than another if its
resource type is the same or the other's is `*`, and its query part holds at least the other's conditions. A `ScopeSet` keeps only
the widest atoms, so two sets that allow the same are equal, and no operation here can widen a grant.

Source: SMART App Launch 2.2 §3.0 (scopes and launch context), SMART App Launch 1.0 (v1 scopes).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Final, Literal
from urllib.parse import parse_qsl, quote

from millgate.access.parties import ScopeForm
from millgate.errors import FieldProblem, FixRequest

Context = Literal["patient", "user", "system"]
Interaction = Literal["c", "r", "u", "d", "s"]

CONTEXTS: Final = ("patient", "user", "system")
LETTERS: Final = "cruds"
VERSION_1: Final = {"read": "rs", "write": "cud", "*": LETTERS}
MOST_CONDITIONS: Final = 6  # in one query part
LONGEST: Final = 1024  # characters of one scope; a token's whole list has to fit into 4-8 KB of headers

_DATA_SCOPE = re.compile(r"(?P<context>[^/.?]+)/(?P<type>[^/.?]+)\.(?P<permission>[^?]+)(?:\?(?P<query>.*))?", re.DOTALL)
_RESOURCE_TYPE = re.compile(r"[A-Z][A-Za-z]{0,63}")
_WORD = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 §3.3 scope-token
_V2_LETTERS = re.compile(r"(?=.)c?r?u?d?s?")

Conditions = tuple[tuple[str, str], ...]  # sorted (parameter, value) pairs of the query part, each parameter once


@dataclass(frozen=True, slots=True, order=True)
class Atom:
    """The least that a scope can allow: one interaction on one resource type (or `*`) in one context, under conditions."""

    context: str
    resource_type: str
    letter: str
    conditions: Conditions = ()

    def within(self, other: Atom) -> bool:
        """Whether everything that this atom allows is allowed by `other`."""
        return (
            self.context == other.context
            and self.letter == other.letter
            and other.resource_type in (self.resource_type, "*")
            and set(other.conditions) <= set(self.conditions)
        )

    def meet(self, other: Atom) -> Atom | None:
        """The widest atom within both, or None if they contradict each other, or have more conditions together than a scope takes."""
        if self.context != other.context or self.letter != other.letter:
            return None
        named = {self.resource_type, other.resource_type} - {"*"}
        conditions = dict(self.conditions) | dict(other.conditions)
        contradicts = any(conditions[parameter] != value for parameter, value in self.conditions)
        if len(named) > 1 or contradicts or len(conditions) > MOST_CONDITIONS:
            return None
        return Atom(self.context, named.pop() if named else "*", self.letter, tuple(sorted(conditions.items())))


@dataclass(frozen=True, slots=True)
class ScopeSet:
    """A set of scopes: atoms of data scopes, none within another, and bare words such as `openid`."""

    atoms: frozenset[Atom] = frozenset()
    words: frozenset[str] = frozenset()

    @staticmethod
    def parse(scopes: Iterable[str]) -> ScopeSet:
        """The set that these scopes make; FixRequest `invalid_request` names every scope that cannot be read."""
        return _parse(tuple(scopes))

    def strings(self) -> tuple[str, ...]:
        """The canonical v2 strings, sorted: one for each context, resource type and query part, then the bare words."""
        letters: dict[tuple[str, str, Conditions], set[str]] = {}
        for atom in self.atoms:
            letters.setdefault((atom.context, atom.resource_type, atom.conditions), set()).add(atom.letter)
        data = [_print(context, kind, held, conditions) for (context, kind, conditions), held in letters.items()]
        return (*sorted(data), *sorted(self.words))

    def union(self, other: ScopeSet) -> ScopeSet:
        """What either set allows."""
        return ScopeSet(_widest(self.atoms | other.atoms), self.words | other.words)

    def intersect(self, other: ScopeSet) -> ScopeSet:
        """What both sets allow; query parts are combined, and contradictory ones leave nothing."""
        places: dict[tuple[str, str, str], list[Atom]] = {}
        for atom in other.atoms:
            for kind in {atom.resource_type, "*"}:  # `*` meets every type
                places.setdefault((atom.context, atom.letter, kind), []).append(atom)
        wild = [atom for atom in other.atoms if atom.resource_type == "*"]
        met = (
            one.meet(two)
            for one in self.atoms
            for two in (
                *places.get((one.context, one.letter, one.resource_type), ()),
                *(wild if one.resource_type != "*" else ()),
            )
        )
        return ScopeSet(_widest({atom for atom in met if atom is not None}), self.words & other.words)

    def minus(self, other: ScopeSet) -> ScopeSet:
        """What of this set `other` does not fully allow."""
        left = {atom for atom in self.atoms if not any(wider in other.atoms for wider in _wider(atom))}
        return ScopeSet(frozenset(left), self.words - other.words)

    def covers(self, context: str, resource_type: str, interaction: str, query: Mapping[str, str] | None = None) -> bool:
        """Whether the interaction is allowed on all that matches `query` (without one: on the whole resource type)."""
        wanted = Atom(context, resource_type, interaction, tuple(sorted((query or {}).items())))
        return any(wanted.within(held) for held in self.atoms)

    def conditions(self, context: str, resource_type: str, interaction: str) -> tuple[dict[str, str], ...]:
        """The query parts under which the interaction is allowed, `{}` among them if it is without one."""
        found = {
            a.conditions for a in self.atoms if a.context == context and a.letter == interaction and _names(a, resource_type)
        }
        return tuple(dict(conditions) for conditions in sorted(found))

    def __le__(self, other: ScopeSet) -> bool:
        """Whether `other` allows all that this set allows."""
        left = self.minus(other)
        return not left.atoms and not left.words

    def __bool__(self) -> bool:
        return bool(self.atoms or self.words)


@dataclass(frozen=True, slots=True)
class Translation:
    """The exact scope strings to ask a tenant for, and what was wanted but is not advertised there."""

    asked: tuple[str, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Granted:
    """What a tenant granted of what was wanted, never more, and what it denied."""

    scopes: ScopeSet
    denied: ScopeSet


def expand(scopes: ScopeSet, advertised: Iterable[str]) -> ScopeSet:
    """The same scopes with each `*` replaced by the resource types and letters that the tenant advertises."""
    offered = lenient(advertised)
    wild = ScopeSet(frozenset(atom for atom in scopes.atoms if atom.resource_type == "*"))
    named = ScopeSet(scopes.atoms - wild.atoms, scopes.words)
    return named.union(wild.intersect(offered))


def of_form(advertised: Iterable[str], form: ScopeForm) -> tuple[str, ...]:
    """Of what a tenant advertises: the bare words, and the data scopes in the form that a registration takes."""
    kept = []
    for scope in advertised:
        match = _DATA_SCOPE.fullmatch(scope)
        if match is None or (match["permission"] in VERSION_1) == (form == "v1"):
            kept.append(scope)
    return tuple(kept)


def translate(scopes: ScopeSet, form: ScopeForm, advertised: Iterable[str]) -> Translation:
    """The exact strings that the tenant advertises and that cover `scopes` with the least excess.

    Millennium drops every form silently that is not registered, even a narrower one, and advertises one v2 form a resource. So
    the least advertised form that covers the wish is asked for, and the gateway itself holds its session to the narrower wish.
    """
    return _translate(scopes, form, tuple(advertised))


@lru_cache(maxsize=256)
def _translate(scopes: ScopeSet, form: ScopeForm, listed: tuple[str, ...]) -> Translation:
    wanted = expand(scopes, listed)
    offers = _offers(listed, form)
    asked = {word for word in wanted.words if word in listed}
    missing: set[Atom] = set()
    for place in {(atom.context, atom.resource_type) for atom in wanted.atoms}:
        atoms = {atom for atom in wanted.atoms if (atom.context, atom.resource_type) == place}
        chosen, uncovered = _choose({atom.letter for atom in atoms}, offers.get(place, {}))
        asked |= chosen
        missing |= {atom for atom in atoms if atom.letter in uncovered}
    dropped = ScopeSet(frozenset(missing), wanted.words - frozenset(listed))
    return Translation(tuple(sorted(asked)), dropped.strings())


def granted(wanted: ScopeSet, answer: Iterable[str]) -> Granted:
    """The wish held against the scopes of a token answer: what was granted of it, and what was not.

    `wanted` has its wildcards expanded already; one that is left is never called denied.
    """
    held = wanted.intersect(lenient(answer))
    left = wanted.minus(held)
    return Granted(held, ScopeSet(frozenset(a for a in left.atoms if a.resource_type != "*"), left.words))


def _names(atom: Atom, resource_type: str) -> bool:
    return atom.resource_type in (resource_type, "*")


def _widest(atoms: Iterable[Atom]) -> frozenset[Atom]:
    kept = set(atoms)
    return frozenset(atom for atom in kept if not any(wider != atom and wider in kept for wider in _wider(atom)))


def _wider(atom: Atom) -> Iterator[Atom]:
    """Every atom that this one is within, itself too: a set is asked for them, so that long lists cost no comparison of all pairs."""
    for resource_type in {atom.resource_type, "*"}:
        for count in range(len(atom.conditions) + 1):
            for conditions in combinations(atom.conditions, count):
                yield Atom(atom.context, resource_type, atom.letter, conditions)


def _print(context: str, resource_type: str, letters: set[str], conditions: Conditions) -> str:
    held = "".join(letter for letter in LETTERS if letter in letters)
    query = "&".join(f"{quote(parameter, safe=':/')}={quote(value, safe=':/|,')}" for parameter, value in conditions)
    return f"{context}/{resource_type}.{held}" + (f"?{query}" if query else "")


@lru_cache(maxsize=256)
def _parse(scopes: tuple[str, ...]) -> ScopeSet:
    atoms: set[Atom] = set()
    words: set[str] = set()
    problems: list[FieldProblem] = []
    for scope in scopes:
        try:
            found = _parse_one(scope)
        except ValueError as problem:
            problems.append(FieldProblem("scopes", "invalid_scope", f"{scope[:80]!r}: {problem}"))
            continue
        atoms |= found
        words |= {scope} if not found else set()
    if problems:
        raise FixRequest("invalid_request", "Some scopes cannot be read.", errors=problems)
    return ScopeSet(_widest(atoms), frozenset(words))


def _parse_one(scope: str) -> set[Atom]:
    """The atoms of one data scope; the empty set for a bare word; ValueError says what is wrong."""
    if len(scope) > LONGEST:
        raise ValueError(f"a scope has at most {LONGEST} characters")
    if not _WORD.fullmatch(scope):
        raise ValueError("a scope is one word of printable ASCII characters without quotes or backslashes")
    match = _DATA_SCOPE.fullmatch(scope)
    if match is None:
        if scope.split("/")[0] in CONTEXTS:
            raise ValueError("a data scope reads context/Resource.permissions, as in system/Patient.rs")
        return set()
    context, kind = match["context"], match["type"]
    if context not in CONTEXTS:
        raise ValueError("the part before the slash is patient, user or system")
    if kind != "*" and not _RESOURCE_TYPE.fullmatch(kind):
        raise ValueError("the resource is a FHIR type such as Observation, or *")
    letters = _letters(match["permission"])
    conditions = _conditions(match["query"])
    if conditions and match["permission"] in VERSION_1:
        raise ValueError("only v2 permissions (letters of cruds) take a query part")
    return {Atom(context, kind, letter, conditions) for letter in letters}


def _letters(permission: str) -> str:
    if permission in VERSION_1:
        return VERSION_1[permission]
    if not _V2_LETTERS.fullmatch(permission):
        raise ValueError("permissions are read, write or * (v1), or letters of cruds in that order (v2)")
    return permission


def _conditions(query: str | None) -> Conditions:
    if query is None:
        return ()
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict")
    except (ValueError, UnicodeDecodeError) as problem:
        raise ValueError("the query part reads parameter=value&parameter=value") from problem
    if not pairs or any(not parameter or not value for parameter, value in pairs):
        raise ValueError("the query part needs a parameter and a value on each side of the equals sign")
    if len({parameter for parameter, _ in pairs}) < len(pairs):
        raise ValueError("the query part names a parameter at most once")
    if len(pairs) > MOST_CONDITIONS:
        raise ValueError(f"the query part has at most {MOST_CONDITIONS} conditions")
    return tuple(sorted(pairs))


def lenient(scopes: Iterable[str]) -> ScopeSet:
    """A server's own list: what cannot be read there stands as a bare word, since nothing is granted by it."""
    atoms: set[Atom] = set()
    words: set[str] = set()
    for scope in scopes:
        try:
            found = _parse_one(scope)
        except ValueError:
            found = set()
        atoms |= found
        words |= {scope} if not found else set()
    return ScopeSet(_widest(atoms), frozenset(words))


def _offers(advertised: Iterable[str], form: ScopeForm) -> dict[tuple[str, str], dict[str, frozenset[str]]]:
    """For each (context, resource type): the advertised strings of that form, with their letters."""
    offers: dict[tuple[str, str], dict[str, frozenset[str]]] = {}
    for scope in advertised:
        match = _DATA_SCOPE.fullmatch(scope)
        if match is None or match["query"] or (match["permission"] in VERSION_1) != (form == "v1"):
            continue
        letters = VERSION_1.get(match["permission"], match["permission"])
        offers.setdefault((match["context"], match["type"]), {})[scope] = frozenset(letters)
    return offers


def _choose(wanted: set[str], offers: dict[str, frozenset[str]]) -> tuple[set[str], set[str]]:
    """The strings with the least excess that cover as many of the wanted letters as can be, and the letters left."""
    chosen: set[str] = set()
    left = set(wanted)
    while left:
        useful = {scope: letters for scope, letters in offers.items() if letters & left}
        if not useful:
            break
        best = min(useful, key=lambda scope: (-len(useful[scope] & left), len(useful[scope] - wanted), scope))
        chosen.add(best)
        left -= useful[best]
    return chosen, left
