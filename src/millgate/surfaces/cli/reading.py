"""`millgate get` and `millgate show`: reading through a running gateway, with tables made from the objects' declarations."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote

import msgspec
import typer

from millgate.surfaces.cli.gateway import Gateway, Where, option, use
from millgate.surfaces.cli.options import DatabaseUrl, DataDir, settings_of
from millgate.surfaces.cli.output import command, print_table, say

if TYPE_CHECKING:
    from millgate.objects import Declaration

GET: Final = """List objects of a tenant, through a running gateway: `millgate get observations --patient-id 12724066`.

Each filter of the object's list is an option, `patient_id` as `--patient-id`; docs/reference/objects.md names the objects and their
filters, and so does the message where one is unknown. The gateway and its key: --url and --key, or MILLGATE_URL and MILLGATE_API_KEY (better,
since other users of the machine see options); or --data-dir alone, for a gateway of this machine: a key is made for it, and revoked when
the command ends.

Prints a table; with --json a line of JSON for each object, with --fhir a line for each FHIR resource. What else there is to say (how old it is,
warnings, that there are more) goes to standard error.

Examples:

    millgate get patients --family Ma --data-dir ./demo

    millgate get observations --patient-id 12724066 --category laboratory --all --json

    millgate get conditions --patient-id 12724066 --status active --url https://… --tenant mercy
"""
SHOW: Final = """Show one object, through a running gateway: `millgate show patient 12724066`. OBJECT is its name, singular or plural.

Prints its fields; with --json the object, with --fhir the FHIR resource, in one line. The gateway and its key are found as by `millgate get`.

Examples:

    millgate show patient 12724066 --data-dir ./demo

    millgate show medication_request 313002689 --fhir
"""
PAGE: Final = 200
FHIR: Final = "application/fhir+json"
SPARE: Final = ("object", "tenant", "source", "absent", "warnings", "id")

Url = Annotated[str | None, typer.Option("--url", metavar="URL", help="The gateway's address (MILLGATE_URL).")]
Key = Annotated[str | None, typer.Option("--key", metavar="KEY", help="An API key (better in MILLGATE_API_KEY).")]
TenantName = Annotated[str | None, typer.Option("--tenant", metavar="NAME", help="The tenant; not needed where there is one.")]
AsLines = Annotated[bool, typer.Option("--json", help="Print JSON, a line for each object.")]
AsFhir = Annotated[bool, typer.Option("--fhir", help="Print FHIR, a line for each resource.")]
MaxAge = Annotated[int | None, typer.Option("--max-age", metavar="SECONDS", help="How old the answer may be; 0 asks the source.")]


@command
def get(
    context: typer.Context,
    objects: Annotated[
        str, typer.Argument(metavar="OBJECTS", help="What to list: patients, observations, …", show_default=False)
    ],
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many objects at most.")] = 50,
    everything: Annotated[bool, typer.Option("--all", help="All of them, page by page.")] = False,
    max_age: MaxAge = None,
    url: Url = None,
    key: Key = None,
    tenant: TenantName = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsLines = False,
    as_fhir: AsFhir = False,
) -> None:
    """List objects."""
    declaration = _declared(objects)
    query = _filters(declaration, context.args)
    if max_age is not None:
        query["max_age"] = str(max_age)
    _one_form(as_json, as_fhir)
    most = None if everything else limit

    async def work(gateway: Gateway) -> None:
        listed = _pages(gateway, declaration, query | ({"include": "fhir"} if as_fhir else {}), most)
        if as_json or as_fhir:
            await _print_lines(listed, as_fhir)
        else:
            await _print_rows(listed, declaration)

    use(Where(url, key, tenant), settings_of(data_dir, database_url), work)


@command
def show(
    name: Annotated[str, typer.Argument(metavar="OBJECT", help="What it is: patient, observation, …", show_default=False)],
    object_id: Annotated[str, typer.Argument(metavar="ID", help="Its id.", show_default=False)],
    max_age: MaxAge = None,
    url: Url = None,
    key: Key = None,
    tenant: TenantName = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the object as JSON.")] = False,
    as_fhir: Annotated[bool, typer.Option("--fhir", help="Print the FHIR resource.")] = False,
) -> None:
    """Show an object."""
    declaration = _declared(name)
    query = {} if max_age is None else {"max_age": str(max_age)}
    _one_form(as_json, as_fhir)

    async def work(gateway: Gateway) -> bytes:
        path = f"/{declaration.plural}/{quote(object_id, safe='')}"
        return await gateway.get(path, query, accept=FHIR if as_fhir else "application/json")

    body = use(Where(url, key, tenant), settings_of(data_dir, database_url), work)
    if as_json or as_fhir:
        _line(body)
    else:
        _print_fields(body)


def _declared(name: str) -> Declaration:
    """The declaration of an object by its name or its plural."""
    from millgate.errors import FixRequest
    from millgate.objects import BY_PLURAL, OBJECTS

    wanted = name.replace("-", "_")
    found = BY_PLURAL.get(wanted) or OBJECTS.get(wanted)
    if found is None:
        raise FixRequest("invalid_request", f"There is no object {name!r}; there are {', '.join(sorted(BY_PLURAL))}.")
    return found


def _one_form(as_json: bool, as_fhir: bool) -> None:
    from millgate.errors import FixRequest

    if as_json and as_fhir:
        raise FixRequest("invalid_request", "Choose --json or --fhir: one of them.")


def _filters(declaration: Declaration, arguments: Sequence[str]) -> dict[str, str]:
    """The options that are filters of the object, by their parameters. Raises FixRequest with all that is wrong with them."""
    from millgate.errors import FieldProblem, FixRequest

    known = {"ids": "ids"} | {one.name: one.name for one in declaration.filters}
    found: dict[str, str] = {}
    problems: list[FieldProblem] = []
    rest = list(arguments)
    while rest:
        given, equals, value = rest.pop(0).partition("=")
        name = given.removeprefix("--").replace("-", "_")
        if not given.startswith("--") or name not in known:
            told = f"no such filter of {declaration.plural}; there are {', '.join(map(option, known))}"
            problems.append(FieldProblem(given[:64], "unknown", told))
            if given.startswith("--") and not equals and rest and not rest[0].startswith("--"):
                rest.pop(0)  # its value, which is not told again
            continue
        if not equals:
            value = rest.pop(0) if rest and not rest[0].startswith("--") else ""
        if not value or name in found:
            problems.append(FieldProblem(given, "repeated" if name in found else "empty", "is given once, with a value"))
        found[name] = value
    if problems:
        raise FixRequest("invalid_request", "Some filters are not valid.", errors=problems)
    return found


class _Listed(msgspec.Struct):
    """A page of a list."""

    data: list[msgspec.Raw]
    next_cursor: str | None
    freshness: dict[str, str]
    warnings: list[dict[str, str]]


class _WithResource(msgspec.Struct):
    fhir: msgspec.Raw


async def _pages(
    gateway: Gateway, declaration: Declaration, query: Mapping[str, str], most: int | None
) -> AsyncIterator[list[msgspec.Raw]]:
    """The objects page by page; says at the end what people should know of them."""
    count, cursor, told = 0, None, set[str]()
    while True:
        limit = PAGE if most is None else min(PAGE, most - count)
        kept = {name: value for name, value in query.items() if name in ("include", "max_age")}
        asked = {"limit": str(limit), **(kept | {"cursor": cursor} if cursor else query)}
        page = msgspec.json.decode(await gateway.get(f"/{declaration.plural}", asked), type=_Listed)
        for warning in page.warnings:
            line = f"warning: {warning.get('detail')} ({warning.get('code')})"
            if line not in told:
                told.add(line)
                say(line)
        count, cursor = count + len(page.data), page.next_cursor
        yield page.data
        if cursor is None or (most is not None and count >= most):
            break
        say(f"{count} {declaration.plural} …")
    more = "; there are more (--limit, --all)" if cursor else ""
    say(f"{count} {declaration.plural}, {page.freshness.get('from')}, as of {page.freshness.get('as_of')}{more}")


async def _print_lines(pages: AsyncIterator[list[msgspec.Raw]], as_fhir: bool) -> None:
    """A line for each object as it came, digit for digit; or for its resource."""
    async for items in pages:
        for item in items:
            _line(bytes(msgspec.json.decode(item, type=_WithResource).fhir if as_fhir else item))


async def _print_rows(pages: AsyncIterator[list[msgspec.Raw]], declaration: Declaration) -> None:
    from millgate.canonical import json
    from millgate.flow.wording import field_words

    rows: list[dict[str, str]] = []
    async for items in pages:
        for one in (json.decode(bytes(item)) for item in items):
            rows.append({column: printable(field_words(one, column)) for column in declaration.columns})
    print_table(rows, declaration.columns, empty=f"No {declaration.plural} were found.")


def _print_fields(body: bytes) -> None:
    from millgate.canonical import json
    from millgate.flow.wording import field_words

    found = json.decode(body)
    names = ["id", *(name for name in found if name not in SPARE), *(n for n in found.get("absent", {}) if n not in found)]
    print_table([{"field": name, "value": printable(field_words(found, name))} for name in names], ("field", "value"), empty="")
    source = found.get("source", {})
    for warning in found.get("warnings", ()):
        say(f"warning: {warning.get('detail')} ({warning.get('code')})")
    say(f"{source.get('reference')} by {source.get('pathway')}, received {source.get('received_at')}")


def _line(body: bytes) -> None:
    sys.stdout.write(body.decode() + "\n")
    sys.stdout.flush()


def printable(text: Any) -> str:
    """The text without control characters, by which what a source says could move a terminal's cursor or hide lines."""
    return "".join(one if one.isprintable() else " " for one in str(text))
