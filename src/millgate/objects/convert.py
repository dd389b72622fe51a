"""From a file's bytes to objects, without a server or a database: what came of it, and what did not, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from millgate.canonical.bundles import entries_of, lines_of, unwrapped, urns_of
from millgate.canonical.exchange import Resource
from millgate.canonical.json import decode
from millgate.errors import FixMessage, GatewayError
from millgate.objects.declaration import Context, Declaration
from millgate.objects.shared import Object, Shared


class Problem(Shared, frozen=True, kw_only=True):
    """Something in a file of which no object came: a stable code, what to do, and where it stood."""

    code: str
    detail: str
    location: str


@dataclass(slots=True)
class Conversion:
    """What came of one file: the objects, the problems, and the canonical resources behind the objects (only when asked for)."""

    objects: list[Object] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    fhir: list[Resource] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Located:
    """A canonical resource and where it stood in its file; `urns` says what the URNs of its Bundle point to."""

    resource: Any
    location: str
    urns: Mapping[str, str] = field(default_factory=dict)


def convert(
    data: bytes,
    *,
    pathway: str = "fhir-r4",
    canonical: Callable[[Any], Any] | None = None,
    time_zone: str | None = None,
    include_fhir: bool = False,
    tenant: str | None = None,
) -> Conversion:
    """What comes of a file: one resource, a Bundle, or NDJSON. Whatever cannot be read becomes a problem; nothing is raised.

    `canonical` turns a document of another pathway (a resource, or a Bundle of them) into R4, where that has JSON as well. A pathway with
    another form decodes it first, and hands its canonical resources to `convert_resources`.
    """
    result = Conversion()
    located = list(_read(data, result.problems, canonical or _as_it_is))
    convert_resources(located, result, pathway=pathway, time_zone=time_zone, include_fhir=include_fhir, tenant=tenant)
    return result


def convert_resources(
    located: Iterable[Located],
    result: Conversion,
    *,
    pathway: str,
    time_zone: str | None = None,
    include_fhir: bool = False,
    tenant: str | None = None,
) -> None:
    """Add to the result what comes of canonical resources, in their order; one that fails does not keep the others from coming."""
    resources = list(located)
    included = _included(resources)
    for each in resources:
        declaration = _declaration(each, result.problems)
        if declaration is None:
            continue
        context = Context(tenant=tenant, pathway=pathway, time_zone=time_zone, included=included, urns=each.urns)
        try:
            result.objects.append(declaration.normalize(each.resource, context))
        except GatewayError as error:
            result.problems.append(Problem(code=error.code, detail=error.detail, location=each.location))
            continue
        if include_fhir:
            result.fhir.append(each.resource)


def _declaration(each: Located, problems: list[Problem]) -> Declaration | None:
    """The declaration of the object that the resource makes, or None and the problem."""
    from millgate.objects import BY_RESOURCE_TYPE  # this module is one of those that the registry goes through

    resource_type = each.resource.get("resourceType") if isinstance(each.resource, dict) else None
    if isinstance(resource_type, str) and resource_type in BY_RESOURCE_TYPE:
        return BY_RESOURCE_TYPE[resource_type]
    if not isinstance(resource_type, str):
        code, detail = "invalid_document", "This is no FHIR resource: it has no resourceType."
    elif resource_type == "OperationOutcome":
        code, detail = "operation_outcome", _outcome_detail(each.resource)
    else:
        # A type's name is a word of FHIR's; anything else might be content, and stays out.
        name = resource_type if resource_type.isascii() and resource_type.isalpha() and len(resource_type) < 64 else "This type"
        code, detail = "unknown_resource_type", f"{name} is no resource that an object is made from."
    problems.append(Problem(code=code, detail=detail, location=each.location))
    return None


def _outcome_detail(outcome: Resource) -> str:
    """The codes of an OperationOutcome; its texts may speak of a patient, and stay out."""
    issues = outcome.get("issue")
    codes = [
        str(issue["code"])
        for issue in (issues if isinstance(issues, list) else [])
        if isinstance(issue, dict) and isinstance(issue.get("code"), str) and issue["code"].replace("-", "").isalpha()
    ]
    return f"The source answered with an outcome instead of a resource: {', '.join(codes) or 'no code'}."


def _included(resources: list[Located]) -> dict[str, Resource]:
    return {
        f"{each.resource['resourceType']}/{each.resource['id']}": each.resource
        for each in resources
        if isinstance(each.resource, dict) and isinstance(each.resource.get("id"), str) and "resourceType" in each.resource
    }


def _as_it_is(document: Any) -> Any:
    return document


def _read(data: bytes, problems: list[Problem], canonical: Callable[[Any], Any]) -> Iterator[Located]:
    """The resources of a file: a JSON document, or else lines of them."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        document = decode(data)
    except FixMessage as error:
        if b"\n" not in data.strip():
            problems.append(Problem(code=error.code, detail=error.detail, location="file"))
            return
        yield from _read_lines(data, problems, error, canonical)
        return
    yield from _resources(document, "", problems, canonical)


def _read_lines(
    data: bytes, problems: list[Problem], document_error: FixMessage, canonical: Callable[[Any], Any]
) -> Iterator[Located]:
    """The resources of an NDJSON file; a file of which no line can be read is a damaged document, and one problem."""
    lines = list(lines_of(data))
    if all(line.error is not None or not isinstance(line.value, dict) for line in lines):
        problems.append(Problem(code=document_error.code, detail=document_error.detail, location="file"))
        return
    for line in lines:
        if line.error is not None:
            problems.append(Problem(code=line.error.code, detail=line.error.detail, location=f"line {line.number}"))
        else:
            yield from _resources(line.value, f"line {line.number}", problems, canonical)


def _resources(document: Any, place: str, problems: list[Problem], canonical: Callable[[Any], Any]) -> Iterator[Located]:
    if isinstance(document, list):
        for index, member in enumerate(document):
            yield from _resources(member, f"{place}[{index}]", problems, canonical)
        return
    document = canonical(document)
    resource = unwrapped(document)
    if resource is None or resource.get("resourceType") != "Bundle":
        yield Located(resource if resource is not None else document, place or "file")
        return
    urns = urns_of(resource)
    for entry in entries_of(resource):
        location = f"{place} {entry.location}".strip()
        if entry.resource is None:
            problems.append(Problem(code="empty_entry", detail="The entry holds no resource.", location=location))
        else:
            yield Located(entry.resource, location, urns)
