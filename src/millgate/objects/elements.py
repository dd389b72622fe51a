"""Reading FHIR's complex elements into the shared types. Lists keep the source's order.

An element of which nothing can be shown comes back as None, or is left out of its list; why is in the notes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from millgate.canonical.absent import extension_reason
from millgate.canonical.extensions import CONTACT_POINT_EXTENSION, extension_of
from millgate.canonical.identifiers import identifier_type
from millgate.canonical.references import ParsedReference, parse_reference
from millgate.objects.concepts import concept, concept_of
from millgate.objects.names import object_name
from millgate.objects.notes import Notes
from millgate.objects.primitives import decimal, flag, member, members, moment, text, texts, whole
from millgate.objects.shared import (
    Address,
    Attachment,
    ContactPoint,
    Identifier,
    Name,
    Note,
    OtherTelecom,
    Period,
    Quantity,
    Range,
    Ratio,
    Reason,
    Reference,
    SampledData,
)
from millgate.terminology import UCUM, canonical_system, is_ucum

Read = TypeVar("Read")


def listed(
    source: dict[str, Any], key: str, field: str, notes: Notes, read: Callable[[dict[str, Any], str, Notes], Read | None]
) -> tuple[Read, ...]:
    """What `read` makes of each object in a list; the reason of one that is absent stays with the whole list."""
    if key not in source:
        return ()
    kept: list[Read] = []
    for element in members(source, key, field, notes):
        found = read(element, f"{field}[{len(kept)}]", notes)
        if found is not None:
            kept.append(found)
        else:
            notes.fold(f"{field}[{len(kept)}]", field)
            notes.reason(field, extension_reason(element))
    return tuple(kept)


def single(
    source: dict[str, Any], key: str, field: str, notes: Notes, read: Callable[[dict[str, Any], str, Notes], Read | None]
) -> Read | None:
    """What `read` makes of the object at a key, or None."""
    if key not in source:
        return None
    element = member(source, key, field, notes)
    if element is None:
        return None
    found = read(element, field, notes)
    if found is None:
        notes.reason(field, extension_reason(element))
    return found


def first(
    source: dict[str, Any], key: str, field: str, notes: Notes, read: Callable[[dict[str, Any], str, Notes], Read | None]
) -> Read | None:
    """What `read` makes of the first object of a list whose field holds one; more than one are warned of."""
    elements = members(source, key, field, notes)
    if len(elements) > 1:
        notes.warn("more_than_one", field, f"The source has {len(elements)}; the first is shown.")
    return read(elements[0], field, notes) if elements else None


def period(element: dict[str, Any], field: str, notes: Notes) -> Period | None:
    """The Period."""
    start = moment(element, "start", field + ".start", notes)
    end = moment(element, "end", field + ".end", notes)
    if start is None and end is None:
        notes.reason(field, extension_reason(element))
        return None
    return Period(start=start, end=end)


def quantity(element: dict[str, Any], field: str, notes: Notes) -> Quantity | None:
    """The Quantity; its number keeps its digits."""
    value = decimal(element, "value", field + ".value", notes)
    comparator = text(element, "comparator", field + ".comparator", notes)
    unit = text(element, "unit", field + ".unit", notes)
    system = text(element, "system", field + ".system", notes)
    code = text(element, "code", field + ".code", notes)
    if value is None and comparator is None and unit is None and code is None:
        notes.reason(field, extension_reason(element))
        return None
    if system is not None:
        system = canonical_system(system)
        if system == UCUM and code is not None and not is_ucum(code):
            notes.warn(
                "unknown_unit", field + ".code", "The unit's code is said to be UCUM, and is none; it is shown as it came."
            )
    return Quantity(value=value, comparator=comparator, unit=unit, system=system, code=code)


def range_(element: dict[str, Any], field: str, notes: Notes) -> Range | None:
    """The Range."""
    low = single(element, "low", field + ".low", notes, quantity)
    high = single(element, "high", field + ".high", notes, quantity)
    if low is None and high is None:
        notes.reason(field, extension_reason(element))
        return None
    return Range(low=low, high=high)


def ratio(element: dict[str, Any], field: str, notes: Notes) -> Ratio | None:
    """The Ratio."""
    numerator = single(element, "numerator", field + ".numerator", notes, quantity)
    denominator = single(element, "denominator", field + ".denominator", notes, quantity)
    if numerator is None and denominator is None:
        notes.reason(field, extension_reason(element))
        return None
    return Ratio(numerator=numerator, denominator=denominator)


def sampled_data(element: dict[str, Any], field: str, notes: Notes) -> SampledData | None:
    """The SampledData."""
    found = SampledData(
        origin=single(element, "origin", field + ".origin", notes, quantity),
        period=decimal(element, "period", field + ".period", notes),
        factor=decimal(element, "factor", field + ".factor", notes),
        lower_limit=decimal(element, "lowerLimit", field + ".lower_limit", notes),
        upper_limit=decimal(element, "upperLimit", field + ".upper_limit", notes),
        dimensions=whole(element, "dimensions", field + ".dimensions", notes),
        data=text(element, "data", field + ".data", notes),
    )
    if found == SampledData():
        notes.reason(field, extension_reason(element))
        return None
    return found


def reference(element: dict[str, Any], field: str, notes: Notes) -> Reference | None:
    """The Reference: object, id and display; a contained one has no id but what the contained resource says of itself."""
    display = text(element, "display", field + ".display", notes)
    literal = text(element, "reference", field, notes)
    hint = element.get("type")
    hint = hint if hint.__class__ is str else None
    if literal is None:
        if display is None:
            notes.reason(field, extension_reason(element))
            return None
        return Reference(object=object_name(hint), display=display)
    parsed = parse_reference(literal, hint)
    if parsed is not None and parsed.urn is not None:
        parsed = _resolved(parsed, hint, notes)
    if parsed is None:
        notes.invalid(field, "a reference such as Type/id")
        return Reference(object=object_name(hint), display=display) if display is not None else None
    if parsed.contained is not None:
        return _contained_reference(parsed, display, field, notes)
    return Reference(object=object_name(parsed.resource_type), id=_id_of(parsed, literal, field, notes), display=display)


def _contained_reference(parsed: ParsedReference, display: str | None, field: str, notes: Notes) -> Reference | None:
    target = notes.contained(parsed.contained or "")
    if target is None:
        notes.warn("unresolved_reference", field, "It points to a contained resource that is not there.")
        return Reference(object=object_name(parsed.resource_type), display=display) if display is not None else None
    kind = target.get("resourceType")
    return Reference(
        object=object_name(kind if kind.__class__ is str else parsed.resource_type), display=display or own_words(target)
    )


def own_words(resource: dict[str, Any]) -> str | None:
    """What a contained resource calls itself: its name, or the text of its first type, code or relationship; None where it has none."""
    names = resource.get("name")
    if names.__class__ is str and names:
        return str(names)
    for key in ("name", "type", "code", "relationship"):
        value = resource.get(key)
        value = value[0] if value.__class__ is list and value else value
        words = value.get("text") if value.__class__ is dict else None
        if words.__class__ is str and words:
            return str(words)
    return None


def _resolved(parsed: ParsedReference, hint: str | None, notes: Notes) -> ParsedReference:
    """What a URN points to within the same Bundle, or the URN itself."""
    target = notes.context.urns.get(parsed.urn or "")
    return (parse_reference(target, hint) if target is not None else None) or parsed


def _id_of(parsed: ParsedReference, literal: str, field: str, notes: Notes) -> str | None:
    if parsed.urn is not None:
        return parsed.urn
    own = notes.context.base_url
    if parsed.base is not None and own is not None and parsed.base != own.rstrip("/"):
        notes.warn("foreign_reference", field, "It points to another server; the id is the whole URL.")
        return literal
    return parsed.id


def reference_id_of(source: dict[str, Any], key: str, expected: str, field: str, notes: Notes) -> str | None:
    """The id of the reference at a key, which has to be of the expected resource type."""
    if key not in source:
        return None
    element = member(source, key, field, notes)
    if element is None:
        return None
    literal = text(element, "reference", field, notes)
    if literal is None:
        notes.reason(field, extension_reason(element))
        return None
    hint = element.get("type")
    parsed = parse_reference(literal, hint if hint.__class__ is str else expected)
    if parsed is not None and parsed.urn is not None:
        parsed = _resolved(parsed, expected, notes)
    if parsed is None or parsed.resource_type != expected or parsed.contained is not None:
        notes.warn("unexpected_reference", field, f"It does not point to one {expected} by its id; it is not shown.")
        return None
    return _id_of(parsed, literal, field, notes)


def reference_ids(source: dict[str, Any], key: str, expected: str, field: str, notes: Notes) -> tuple[str, ...]:
    """The ids of the references in a list, each of the expected resource type."""
    if key not in source:
        return ()
    kept: list[str] = []
    for element in members(source, key, field, notes):
        place = f"{field}[{len(kept)}]"
        found = reference_id_of({"reference": element}, "reference", expected, place, notes)
        if found is not None:
            kept.append(found)
        else:
            notes.fold(place, field)
    return tuple(kept)


def identifier(element: dict[str, Any], field: str, notes: Notes) -> Identifier | None:
    """The Identifier with its type as a code of v2 table 0203 (or FIN), as far as its coding, text or system tells it."""
    kind = concept_of(element, "type", field + ".type", notes)
    codings = kind.codings if kind is not None else ()
    words = kind.text if kind is not None else None
    system = text(element, "system", field + ".system", notes)
    pairs = [(each.system, each.code) for each in codings if each.system is not None and each.code is not None]
    found = Identifier(
        type=identifier_type(pairs, words, system),
        label=words or next((each.display for each in codings if each.display), None),
        system=system,
        value=text(element, "value", field + ".value", notes),
        use=text(element, "use", field + ".use", notes),
        period=single(element, "period", field + ".period", notes, period),
        assigner=single(element, "assigner", field + ".assigner", notes, reference),
    )
    if found == _NO_IDENTIFIER:
        notes.reason(field, extension_reason(element))
        return None
    return found


_NO_IDENTIFIER = Identifier()


def name(element: dict[str, Any], field: str, notes: Notes) -> Name | None:
    """The HumanName."""
    found = Name(
        text=text(element, "text", field + ".text", notes),
        family=text(element, "family", field + ".family", notes),
        given=texts(element, "given", field + ".given", notes),
        prefix=texts(element, "prefix", field + ".prefix", notes),
        suffix=texts(element, "suffix", field + ".suffix", notes),
        use=text(element, "use", field + ".use", notes),
        period=single(element, "period", field + ".period", notes, period),
    )
    if found == _NO_NAME:
        notes.reason(field, extension_reason(element))
        return None
    return found


_NO_NAME = Name()


def address(element: dict[str, Any], field: str, notes: Notes) -> Address | None:
    """The Address."""
    found = Address(
        lines=texts(element, "line", field + ".lines", notes),
        city=text(element, "city", field + ".city", notes),
        district=text(element, "district", field + ".district", notes),
        state=text(element, "state", field + ".state", notes),
        postal_code=text(element, "postalCode", field + ".postal_code", notes),
        country=text(element, "country", field + ".country", notes),
        use=text(element, "use", field + ".use", notes),
        type=text(element, "type", field + ".type", notes),
        text=text(element, "text", field + ".text", notes),
        period=single(element, "period", field + ".period", notes, period),
    )
    if found == _NO_ADDRESS:
        notes.reason(field, extension_reason(element))
        return None
    return found


_NO_ADDRESS = Address()


def note(element: dict[str, Any], field: str, notes: Notes) -> Note | None:
    """The Annotation."""
    author = single(element, "authorReference", field + ".author", notes, reference)
    if author is None:
        words = text(element, "authorString", field + ".author", notes)
        author = Reference(display=words) if words is not None else None
    found = Note(
        text=text(element, "text", field + ".text", notes),
        author=author,
        time=moment(element, "time", field + ".time", notes),
    )
    if found == _NO_NOTE:
        notes.reason(field, extension_reason(element))
        return None
    return found


_NO_NOTE = Note()


def attachment(element: dict[str, Any], field: str, notes: Notes, url: str | None = None) -> Attachment:
    """The Attachment; its content is fetched through the given URL of the gateway, and never shown inline."""
    if "extension" in element:
        notes.reason(field, extension_reason(element))
    return Attachment(
        content_type=text(element, "contentType", field + ".content_type", notes),
        title=text(element, "title", field + ".title", notes),
        url=url,
        size=whole(element, "size", field + ".size", notes),
        hash=text(element, "hash", field + ".hash", notes),
        created_at=moment(element, "creation", field + ".created_at", notes),
        language=text(element, "language", field + ".language", notes),
    )


def reasons(source: dict[str, Any], notes: Notes, field: str = "reasons") -> tuple[Reason, ...]:
    """The reasons of `reasonCode`, then those of `reasonReference`, each in source order."""
    coded = listed(source, "reasonCode", field, notes, _reason_code)
    pointed = listed(source, "reasonReference", field, notes, _reason_reference)
    return coded + pointed


def _reason_code(element: dict[str, Any], field: str, notes: Notes) -> Reason | None:
    code = concept(element, field, notes)
    return Reason(code=code) if code is not None else None


def _reason_reference(element: dict[str, Any], field: str, notes: Notes) -> Reason | None:
    found = reference(element, field, notes)
    return Reason(reference=found) if found is not None else None


class Telecoms:
    """A list of contact points, split by what they are: telephones, e-mail addresses, and all others; each in source order."""

    __slots__ = ("emails", "others", "phones")

    def __init__(self, source: dict[str, Any], notes: Notes, prefix: str = "") -> None:
        self.phones: tuple[ContactPoint, ...] = ()
        self.emails: tuple[ContactPoint, ...] = ()
        self.others: tuple[OtherTelecom, ...] = ()
        for element in members(source, "telecom", prefix + "phones", notes) if "telecom" in source else ():
            self._take(element, prefix, notes)

    def _take(self, element: dict[str, Any], prefix: str, notes: Notes) -> None:
        system = element.get("system")
        if system == "phone":
            self.phones += _contact_point(element, f"{prefix}phones", len(self.phones), notes)
        elif system == "email":
            self.emails += _contact_point(element, f"{prefix}emails", len(self.emails), notes)
        else:
            field = f"{prefix}other_telecoms[{len(self.others)}]"
            named = text(element, "system", field + ".system", notes)
            for point in _contact_point(element, f"{prefix}other_telecoms", len(self.others), notes):
                self.others += (
                    OtherTelecom(
                        system=named,
                        value=point.value,
                        extension=point.extension,
                        use=point.use,
                        rank=point.rank,
                        period=point.period,
                    ),
                )


def _contact_point(element: dict[str, Any], field: str, index: int, notes: Notes) -> tuple[ContactPoint, ...]:
    place = f"{field}[{index}]"
    dialled = extension_of(element, CONTACT_POINT_EXTENSION) if "extension" in element else None
    found = ContactPoint(
        value=text(element, "value", place + ".value", notes),
        extension=text(dialled, "valueString", place + ".extension", notes) if dialled is not None else None,
        use=text(element, "use", place + ".use", notes),
        rank=whole(element, "rank", place + ".rank", notes),
        period=single(element, "period", place + ".period", notes, period),
    )
    if found == _NO_CONTACT_POINT:
        notes.reason(field, extension_reason(element))
        return ()
    return (found,)


_NO_CONTACT_POINT = ContactPoint()


def extension_flag(source: dict[str, Any], url: str, field: str, notes: Notes) -> bool | None:
    """The boolean in the resource's extension of this URL, or None."""
    found = extension_of(source, url)
    return flag(found, "valueBoolean", field, notes) if found is not None else None
