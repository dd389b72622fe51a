"""What the OpenAPI document says of each route, made from the declarations and the error table; nothing is written twice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Parameter, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.plugins import OpenAPISchemaPlugin
from msgspec import Meta

from millgate.access.event_types import EVENT_TYPES
from millgate.errors import CODES
from millgate.objects import Declaration
from millgate.objects.declaration import FilterKind
from millgate.surfaces.api.door import FHIR
from millgate.surfaces.api.problems import MEDIA_TYPE as PROBLEM
from millgate.surfaces.api.problems import Problem

if TYPE_CHECKING:
    from litestar._openapi.schema_generation import SchemaCreator
    from litestar.typing import FieldDefinition

__all__ = ["Freshness", "ResponseHeader", "list_operation", "one_operation", "refusals"]


class Freshness(msgspec.Struct, frozen=True):
    """How old an answer is."""

    origin: Annotated[Literal["live", "cache", "store"], Meta(description="Where it came from.")] = msgspec.field(name="from")
    as_of: Annotated[str, Meta(description="When the source said so.")]


class ListWarning(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that the caller should know of a page."""

    code: str
    detail: str
    field: str | None = None


def refusals(statuses: tuple[int, ...], **more: Any) -> dict[int, ResponseSpec]:
    """The problem answers of a route, each with the codes that it may carry."""
    return {
        status: ResponseSpec(
            Problem,
            media_type=PROBLEM,
            generate_examples=False,
            description=", ".join(code for code, meaning in CODES.items() if meaning.status == status),
        )
        for status in statuses
    }


@cache
def list_struct(declaration: Declaration) -> type[msgspec.Struct]:
    """The envelope of a list of these objects."""
    title = declaration.struct.__name__
    return msgspec.defstruct(
        f"{title}List",
        [
            ("object", Annotated[Literal["list"], Meta(description="Always list.")]),
            ("data", Annotated[tuple[declaration.struct, ...], Meta(description="The objects, in the source's order.")]),  # type: ignore[name-defined]
            ("has_more", Annotated[bool, Meta(description="Whether another page follows.")]),
            ("next_cursor", Annotated[str | None, Meta(description="Pass it as `cursor` for the next page; good for 24 hours.")]),
            ("freshness", Annotated[Freshness, Meta(description="How old the answer is.")]),
            ("warnings", Annotated[tuple[ListWarning, ...], Meta(description="What was not understood or left out.")]),
        ],
        frozen=True,
        namespace={"__doc__": f"One page of {declaration.plural.replace('_', ' ')}."},
    )


_DAY = "[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?"
_INSTANT = (
    "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
    "(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])"
)
_ONE_ID = "[!-+\\--~]{1,256}"  # printable ASCII without the comma
_PLAIN = {"max_length": 1000, "pattern": "^[^\\x00-\\x1f\\x7f]+$"}
# What a filter takes, as far as a schema can say it; `surfaces.api.query` and the source say the rest.
_TAKES: dict[FilterKind, dict[str, Any]] = {
    "id": {"pattern": f"^{_ONE_ID}(,{_ONE_ID})*$"},
    "date": {"pattern": f"^{_DAY}$"},
    "moment": {"pattern": f"^({_DAY}|{_INSTANT})$"},
    "instant": {"pattern": f"^{_INSTANT}$"},
    "token": _PLAIN,
    "text": _PLAIN,
    "code": _PLAIN,
}


def _text(description: str, name: str, **schema: Any) -> Parameter:
    return Parameter(name=name, param_in="query", description=description, schema=Schema(type=OpenAPIType.STRING, **schema))


def _common() -> list[Parameter]:
    return [
        Parameter(
            name="max_age",
            param_in="query",
            description="How old the answer may be, in seconds; 0 asks the source now.",
            schema=Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=86_400),
        ),
        _text("`fhir` adds the canonical resource to each object.", "include", enum=["fhir"]),
        _text("The pathway to read by; without, the tenant's order for this object.", "pathway", enum=["fhir-r4", "fhir-dstu2"]),
        Parameter(
            name="If-None-Match",
            param_in="header",
            description="ETag of an answer at hand; if nothing has changed since, 304 comes without a body.",
            schema=Schema(type=OpenAPIType.STRING),
        ),
    ]


def _list_parameters(declaration: Declaration) -> list[Parameter]:
    parameters = [
        Parameter(
            name="limit",
            param_in="query",
            description="Objects on a page; the source may give fewer.",
            schema=Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=200, default=50),
        ),
        _text("`next_cursor` of the last page.", "cursor", min_length=1),
        _text("Only these ids (a comma list).", "ids", **_TAKES["id"]),
    ]
    parameters += [_text(one.description, one.name, min_length=1, **_TAKES[one.kind]) for one in declaration.filters]
    return parameters + _common()


def event_parameters(*, most: int | None) -> list[Parameter]:
    """What the feed of events takes: pages of at most so many, or, with None, its stream."""
    types = "|".join(re.escape(name) for name in EVENT_TYPES)
    parameters = [
        _text("A place in the feed, as an earlier answer gave it as `after`, `next_cursor` or `id`.", "after", min_length=1),
        _text("Only these types (a comma list).", "type", pattern=f"^({types})(,({types}))*$"),
        _text("Only the events of this tenant.", "tenant", min_length=1, pattern=_PLAIN["pattern"]),
    ]
    if most is None:
        told = "The `id` of the last event that was read; goes before `after`."
        return [*parameters, Parameter("Last-Event-ID", "header", description=told, schema=Schema(type=OpenAPIType.STRING))]
    size = Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=most, default=50)
    parameters.append(_text("The same as `after`, by the name that lists have for it; give one of them.", "cursor", min_length=1))
    return [*parameters, Parameter("limit", "query", description="Events on a page.", schema=size)]


def list_operation(declaration: Declaration) -> type[Operation]:
    """The operation of a list route, with its parameters and its two representations."""

    @dataclass
    class ListOperation(Operation):
        def __post_init__(self) -> None:
            self.parameters = [*(self.parameters or []), *_list_parameters(declaration)]
            _add_fhir(self, "A searchset Bundle of the canonical resources.")

    return ListOperation


def one_operation(declaration: Declaration) -> type[Operation]:
    """The operation of a read route."""

    @dataclass
    class OneOperation(Operation):
        def __post_init__(self) -> None:
            named = Parameter(
                name="object_id",
                param_in="path",
                required=True,
                description="The object's id.",
                schema=Schema(type=OpenAPIType.STRING, pattern="^[!-.0-~]{1,256}$"),
            )
            self.parameters = [named, *_common()]
            _add_fhir(self, "The canonical resource.")

    return OneOperation


def _named(name: str, told: str, pattern: str) -> Parameter:
    schema = Schema(type=OpenAPIType.STRING, pattern=pattern)
    return Parameter(name=name, param_in="path", required=True, description=told, schema=schema)


def _shown() -> list[Parameter]:
    """How a document is to be shown, and which part of it."""
    text = Schema(type=OpenAPIType.STRING)
    return [
        _text("`text` makes plain text of text, RTF, HTML, XHTML and CDA; anything else is a 415.", "as", enum=["text"]),
        _text("`1` shows PDF, PNG, JPEG and plain text inline; all else stays an attachment.", "inline", enum=["0", "1"]),
        Parameter(
            name="Range", param_in="header", description="One range of bytes; several are answered by the whole.", schema=text
        ),
        Parameter(name="If-Range", param_in="header", description="The ETag that the part at hand came with.", schema=text),
        Parameter(name="If-None-Match", param_in="header", description="ETag of an answer at hand.", schema=text),
    ]


def content_operation(*, indexed: bool) -> type[Operation]:
    """The operation of a route that answers with the bytes of a document."""

    @dataclass
    class ContentOperation(Operation):
        def __post_init__(self) -> None:
            told = "The media type of the content that is wanted, where there are several."
            kind = _text(told, "type", pattern="^[A-Za-z0-9.+-]{1,100}/[A-Za-z0-9.+-]{1,100}$")
            which = _named("index", "Which of the contents, counted from 0.", "^[0-9]{1,4}$") if indexed else kind
            self.parameters = [_named("object_id", "The object's id.", "^[!-.0-~]{1,256}$"), which, *_shown()]

    return ContentOperation


def generated_operation() -> type[Operation]:
    """The operation of the route that answers with a summary made by the source."""

    @dataclass
    class GeneratedOperation(Operation):
        def __post_init__(self) -> None:
            self.parameters = [
                _named("object_id", "The patient's id.", "^[!-.0-~]{1,256}$"),
                _text("What happened from this instant on.", "from", pattern=f"^{_INSTANT}$"),
                _text("What happened up to this instant.", "to", pattern=f"^{_INSTANT}$"),
                _text("What belongs to this encounter.", "encounter_id", pattern=f"^{_ONE_ID}$"),
                *_shown(),
            ]

    return GeneratedOperation


def _add_fhir(operation: Operation, told: str) -> None:
    """The answer's second representation."""
    answer = (operation.responses or {}).get("200")
    if isinstance(answer, OpenAPIResponse) and answer.content is not None:
        answer.content[FHIR] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.OBJECT, description=told))


def _body_of(form: type[msgspec.Struct]) -> RequestBody:
    """The schema of a JSON body; what it refers to is inlined, since the handler reads the bytes itself."""
    (schema,), components = msgspec.json.schema_components((form,), ref_template="#/components/schemas/{name}")
    resolved = _inline(schema, components)
    return RequestBody(required=True, content={"application/json": OpenAPIMediaType(schema=_RawSchema(resolved))})


def _inline(schema: Any, components: dict[str, Any]) -> Any:
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inline(components[schema["$ref"].rpartition("/")[2]], components)
        return {key: _inline(value, components) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_inline(value, components) for value in schema]
    return schema


class _RawSchema(Schema):
    """A schema that msgspec wrote; given on as it is."""

    def __init__(self, written: dict[str, Any]) -> None:
        super().__init__()
        self._written = written

    def to_schema(self) -> dict[str, Any]:
        """The schema as plain JSON."""
        return self._written


def body_operation(form: type[msgspec.Struct]) -> type[Operation]:
    """The operation of a route that takes a JSON body."""

    @dataclass
    class BodyOperation(Operation):
        def __post_init__(self) -> None:
            self.request_body = _body_of(form)

    return BodyOperation


def write_operation(form: type[msgspec.Struct]) -> type[Operation]:
    """The operation of a write: a body and an idempotency key."""

    @dataclass
    class WriteOperation(Operation):
        def __post_init__(self) -> None:
            self.request_body = _body_of(form)
            key = "New for each new request; the same key and body give the first answer again."
            self.parameters = [
                *(self.parameters or []),
                Parameter(
                    name="Idempotency-Key",
                    param_in="header",
                    description=key,
                    schema=Schema(type=OpenAPIType.STRING, min_length=1, max_length=255),
                ),
                Parameter(
                    name="If-Match",
                    param_in="header",
                    description="ETag of the appointment as it was seen; a change since then is a version_conflict.",
                    schema=Schema(type=OpenAPIType.STRING),
                ),
            ]

    return WriteOperation


@dataclass
class OpenToAll(Operation):
    """The operation of a route that asks for no key and no session."""

    def __post_init__(self) -> None:
        self.security = []


class DecimalsAreNumbers(OpenAPISchemaPlugin):
    """Decimals are written as JSON numbers, with the digits that they came with; the framework would call them strings."""

    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        """Whether this is the type of decimals."""
        return value is Decimal

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: SchemaCreator) -> Schema:
        """A JSON number."""
        return Schema(type=OpenAPIType.NUMBER)


@dataclass
class AnswersNothing(Operation):
    """The operation of a route that answers 204 only."""

    def __post_init__(self) -> None:
        (self.responses or {}).pop("200", None)


def callback_operation(names: tuple[str, ...]) -> type[Operation]:
    """The operation of a route that a browser is sent to."""

    @dataclass
    class CallbackOperation(Operation):
        def __post_init__(self) -> None:
            self.security = []
            self.parameters = [*(self.parameters or []), *(_text("Sent by the tenant's side.", name) for name in names)]
            (self.responses or {}).pop("200", None)

    return CallbackOperation
