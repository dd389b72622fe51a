"""Parameters that several resource types have in common."""

from __future__ import annotations

from millgate.simulator.search.rules import DateRule, Parameter

R4 = "http://hl7.org/fhir/R4/SearchParameter/"
US_CORE = "http://hl7.org/fhir/us/core/SearchParameter/us-core-"
PROVENANCE = ("Provenance:target",)

# "D2" of the fact sheet: at most two values, any prefix; two values close a range.
D2 = DateRule()
# "`ge`, `le` or both, time required": the orders' _lastUpdated.
FROM_TO = DateRule(single=frozenset({"ge", "le"}), lower=frozenset({"ge"}), upper=frozenset({"le"}), time="always")
CLOSED = "Once, or twice as the lower and the upper end of a closed range."


def resource_id(resource_type: str, definition: str = R4 + "Resource-id", *, many: bool = True) -> Parameter:
    return Parameter(
        name="_id",
        kind="token",
        many=many,
        paths=("id",),
        definition=definition,
        about=f"One or several {resource_type} ids, by comma." if many else f"One {resource_type} id.",
    )


def count(definition: str = R4 + "Resource-count", *, advertised: bool = True) -> Parameter:
    return Parameter(
        advertised=advertised,
        name="_count",
        kind="number",
        definition=definition,
        about="The most results on a page. Passed over with '_id'.",
    )


def last_updated(dates: DateRule = D2) -> Parameter:
    return Parameter(
        name="_lastUpdated",
        kind="date",
        dates=dates,
        paths=("meta.lastUpdated",),
        definition=R4 + "Resource-lastUpdated",
        about="When the record last changed in a clinically significant way. " + CLOSED,
    )


def patient(definition: str, path: str = "subject") -> Parameter:
    return Parameter(
        name="patient",
        kind="reference",
        targets=("Patient",),
        paths=(path,),
        definition=definition,
        about="The patient that the record is about.",
    )


def subject(definition: str) -> Parameter:
    return Parameter(
        name="subject",
        kind="reference",
        targets=("Patient",),
        modifiers=frozenset({"Patient"}),
        paths=("subject",),
        definition=definition,
        about="The patient that the record is about.",
    )


def encounter(definition: str) -> Parameter:
    return Parameter(
        name="encounter",
        kind="reference",
        many=True,
        targets=("Encounter",),
        paths=("encounter",),
        definition=definition,
        about="One or several encounters, by comma, in which the record was made.",
    )


def token(
    name: str,
    about: str,
    *paths: str,
    definition: str | None = None,
    many: bool = True,
    codes: frozenset[str] | None = None,
    system_required: bool = False,
    proprietary: bool = True,
    own_set: str | None = None,
) -> Parameter:
    """A parameter that looks for codes under its paths."""
    return Parameter(
        name=name,
        kind="token",
        about=about,
        definition=definition,
        paths=paths,
        many=many,
        codes=codes,
        system_required=system_required,
        proprietary=proprietary,
        own_set=own_set,
    )


def in_encounter(about: str = "The encounter that the record belongs to.") -> Parameter:
    """Millennium's own `-encounter`, which the source of the candidates answers."""
    return Parameter(name="-encounter", kind="reference", targets=("Encounter",), about=about)
