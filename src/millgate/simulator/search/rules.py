"""The vocabulary in which `table` states what a resource type can be searched by. Nothing here knows any resource type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["token", "string", "date", "reference", "number"]
Time = Literal["free", "never", "always", "with-prefix", "in-pairs"]
TokenForm = Literal["uuid", "stores", "concept"]
Order = Literal["as-found", "newest-first", "oldest-first-unsorted-inside", "start", "slot"]

RANGE_PREFIXES = frozenset({"ge", "gt", "le", "lt"})
ANY_PREFIX = RANGE_PREFIXES | {"", "eq"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRule:
    """How a date parameter may be written. `single` are the prefixes of a lone value (none: a pair is required), `""` = no prefix.

    A pair is always a lower and an upper bound; `lower` and `upper` are the prefixes that it may use. `time` says where a time of
    day must or must not stand. `pairs=False`: one value only. `same_precision`: both values of a pair have the same one.
    """

    single: frozenset[str] = ANY_PREFIX
    lower: frozenset[str] = frozenset({"ge", "gt"})
    upper: frozenset[str] = frozenset({"le", "lt"})
    time: Time = "free"
    pairs: bool = True
    same_precision: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One search parameter: its name, its rules, and `paths`, where a resource holds what it looks for.

    A parameter without paths is answered by the source of the candidates alone. `proprietary=False`: codings of the tenant's code
    sets are not looked at. `advertised=False`: taken, as the documents say, but not listed in the live statement.
    `typed`: a reference keeps its type,
    and must have one. `own_set`: only
    codes of that code set of the tenant are taken. `partial`: a string may match anywhere instead of at the beginning.
    """

    name: str
    kind: Kind
    about: str
    definition: str | None = None
    paths: tuple[str, ...] = ()
    many: bool = False
    modifiers: frozenset[str] = frozenset()
    codes: frozenset[str] | None = None
    targets: tuple[str, ...] = ()
    dates: DateRule | None = None
    system_required: bool = False
    proprietary: bool = True
    partial: bool = False
    advertised: bool = True
    own_set: str | None = None
    typed: bool = False
    shortest: int = 1


@dataclass(frozen=True, slots=True)
class Needs:
    """`name` is only taken together with at least one of `others`."""

    name: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Page sizes and the look of page tokens. `_count` is passed over with `count_ignored_with`, and unless `count_only_with` is there.

    `uneven`: later pages may hold fewer than asked for, and may repeat the last resource of the page before.
    """

    default: int
    maximum: int
    minimum: int = 1
    token: TokenForm = "uuid"  # noqa: S105 - the form of a page token, no secret
    count_ignored_with: tuple[str, ...] = ("_id",)
    count_only_with: tuple[str, ...] = ()
    keeps_parameters: bool = True
    uneven: bool = False


@dataclass(frozen=True, slots=True)
class Include:
    """An `_include` value and the resource types that the token must be able to read for it."""

    value: str
    resource_types: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRule:
    """All rules of one resource type. `any_of`: at least one must be there; `one_of`: at most one; `not_together`: never both.

    `passed_over` names pairs of which the first is not looked at if the second is there.
    `alone` is the parameter that excludes every other one. `total`: a one-page answer says how many there are.
    """

    resource_type: str
    parameters: tuple[Parameter, ...]
    any_of: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    needs: tuple[Needs, ...] = ()
    not_together: tuple[tuple[str, str], ...] = ()
    passed_over: tuple[tuple[str, str], ...] = ()
    alone: str | None = "_id"
    page: Page | None = None
    total: bool = False
    order: Order = "as-found"
    includes: tuple[Include, ...] = ()
    revincludes: tuple[str, ...] = ()
    searchable: bool = True

    def parameter(self, name: str) -> Parameter | None:
        return next((parameter for parameter in self.parameters if parameter.name == name), None)
