"""The rules of staff, places and organizations."""

from __future__ import annotations

from millgate.simulator.search.rules import Needs, Page, Parameter, SearchRule
from millgate.simulator.search.table.parts import R4, US_CORE, count, resource_id

PRACTITIONER = SearchRule(
    resource_type="Practitioner",
    any_of=("_id", "identifier", "family", "name", "active"),
    needs=(Needs("given", ("family",)),),
    page=Page(default=20, maximum=100),
    parameters=(
        resource_id("Practitioner"),
        Parameter(
            name="identifier",
            kind="token",
            system_required=True,
            paths=("identifier",),
            definition=US_CORE + "practitioner-identifier",
            about="An identifier, with its system.",
        ),
        Parameter(
            name="given",
            kind="string",
            paths=("name.given",),
            definition=R4 + "individual-given",
            about="How a given name begins.",
        ),
        Parameter(
            name="family",
            kind="string",
            paths=("name.family",),
            definition=R4 + "individual-family",
            about="How the family name begins.",
        ),
        Parameter(
            name="name",
            kind="string",
            shortest=2,
            paths=("name.family", "name.given"),
            definition=R4 + "individual-name",
            about="How any name begins; two characters or more.",
        ),
        Parameter(
            name="active",
            kind="token",
            codes=frozenset({"true", "false"}),
            paths=("active",),
            definition=R4 + "Resource-active",
            about="Whether the record is active.",
        ),
        count(),
    ),
)

_PLACE_PARTS = ("address.line", "address.city", "address.district", "address.state", "address.postalCode", "address.text")
_PLACE_ANY = ("_id", "-physicalType", "type", "identifier", "address", "address-state", "address-postalcode")

LOCATION = SearchRule(
    resource_type="Location",
    any_of=_PLACE_ANY,
    needs=(
        Needs("address-city", ("address-state", "address-postalcode")),
        *(
            Needs(name, ("-physicalType", "identifier", "address", "address-state", "address-postalcode"))
            for name in ("name", "organization")
        ),
    ),
    page=Page(default=100, maximum=100),
    parameters=(
        resource_id("Location"),
        Parameter(
            name="-physicalType",
            kind="token",
            proprietary=False,
            paths=("physicalType.coding",),
            about="The physical type, by a standard code.",
        ),
        Parameter(
            name="identifier",
            kind="token",
            paths=("identifier",),
            definition=US_CORE + "location-identifier",
            about="An identifier of the location.",
        ),
        Parameter(name="address", kind="string", partial=True, paths=_PLACE_PARTS, about="A part of the address."),
        Parameter(name="address-city", kind="string", paths=("address.city",), about="The city. Only with state or postal code."),
        Parameter(name="address-state", kind="string", paths=("address.state",), about="The state."),
        Parameter(name="address-postalcode", kind="string", paths=("address.postalCode",), about="The postal code."),
        Parameter(name="name", kind="string", partial=True, paths=("name", "alias"), about="A part of the name or alias."),
        Parameter(
            name="organization",
            kind="reference",
            targets=("Organization",),
            paths=("managingOrganization",),
            about="The managing organization.",
        ),
        Parameter(name="type", kind="token", proprietary=False, paths=("type.coding",), about="The type, by a standard code."),
    ),
)

ORGANIZATION = SearchRule(
    resource_type="Organization",
    page=Page(default=100, maximum=100),
    total=True,
    parameters=(
        resource_id("Organization"),
        Parameter(
            name="identifier",
            kind="token",
            paths=("identifier",),
            definition=R4 + "Organization-identifier",
            about="An NPI, an OID or a tax id.",
        ),
        Parameter(
            name="type",
            kind="token",
            proprietary=False,
            paths=("type.coding",),
            definition=R4 + "Organization-type",
            about="The type.",
        ),
        count(R4 + "Organization-count"),
        Parameter(
            name="name",
            kind="string",
            paths=("name", "alias"),
            definition=R4 + "Organization-name",
            about="How the name begins.",
        ),
        Parameter(
            name="address",
            kind="string",
            partial=True,
            paths=_PLACE_PARTS,
            definition=R4 + "Organization-address",
            about="A part of the address.",
        ),
    ),
)
