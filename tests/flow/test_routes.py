"""By which pathway an object is read: the tenant's order, the caller's choice, and what neither can have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from millgate.access.parties import PathwayName, Persona
from millgate.canonical.exchange import Page
from millgate.errors import FixRequest, GatewayError, NotOffered
from millgate.flow.cursor import Cursors
from millgate.flow.read import ListRequest, Reader
from millgate.flow.read_request import Answer, GetRequest
from millgate.flow.record import Recorder
from millgate.flow.routes import Route, Routes
from millgate.flow.service_types import BookableTypes
from millgate.flow.shelf import Shelf
from millgate.objects import OBJECTS
from tests.flow.ward import NOW, SESSION, Journeys, Parties, Ward

OBSERVATION = OBJECTS["observation"]


@dataclass
class Directory:
    """Where a tenant is registered, and what its operator prefers."""

    registered: tuple[PathwayName, ...] = ("fhir-r4", "fhir-dstu2")
    preferred: dict[str, Sequence[PathwayName]] = field(default_factory=dict)

    async def pathways(self, tenant: str, persona: Persona) -> Sequence[PathwayName]:
        return self.registered

    async def orders(self, tenant: str) -> Mapping[str, Sequence[PathwayName]]:
        return self.preferred


def routes_of(directory: Directory) -> Routes:
    both = frozenset({"observation", "goal"})
    return Routes(
        {
            "fhir-r4": Route(Ward(), both | {"coverage"}),
            "fhir-dstu2": Route(Ward(name="fhir-dstu2"), both | {"medication_statement"}),
        },
        directory,
    )


async def by(directory: Directory, name: str, wanted: str | None = None) -> tuple[str, ...]:
    return await routes_of(directory).of(SESSION, OBJECTS[name], wanted)


async def test_r4_comes_first_unless_the_operator_says_otherwise() -> None:
    assert await by(Directory(), "goal") == ("fhir-r4", "fhir-dstu2")
    assert await by(Directory(preferred={"goal": ["fhir-dstu2"]}), "goal") == ("fhir-dstu2", "fhir-r4")
    assert await by(Directory(registered=("fhir-r4",), preferred={"goal": ["fhir-dstu2"]}), "goal") == ("fhir-r4",)


async def test_what_one_pathway_alone_offers_comes_by_it() -> None:
    assert await by(Directory(), "medication_statement") == ("fhir-dstu2",)
    assert await by(Directory(), "coverage") == ("fhir-r4",)
    assert await by(Directory(registered=("fhir-r4",)), "medication_statement") == ("fhir-r4",)  # whose refusal says why


async def test_a_wish_is_kept_or_refused() -> None:
    assert await by(Directory(), "goal", "fhir-dstu2") == ("fhir-dstu2",)
    with pytest.raises(NotOffered, match="no coverage"):
        await by(Directory(), "coverage", "fhir-dstu2")
    with pytest.raises(NotOffered, match="no registration"):
        await by(Directory(registered=("fhir-r4",)), "goal", "fhir-dstu2")
    with pytest.raises(FixRequest, match="may be"):
        await by(Directory(), "goal", "telepathy")


def observation(number: str) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": number, "status": "final", "code": {"text": "x"}}


class Two(Journeys):
    """A reader in front of the same hospital by two pathways."""

    def __init__(self, directory: Directory) -> None:
        self.old = Ward(name="fhir-dstu2", observations=[observation("old")])
        super().__init__(Ward(observations=[observation("new")]))
        parties = Parties()
        self.cursors = Cursors(bytes(range(64)))
        self.reader = Reader(
            authenticator=self.authenticator,
            routes=Routes({"fhir-r4": Route(self.ward), "fhir-dstu2": Route(self.old)}, directory),
            recorder=Recorder(parties),
            bookable=BookableTypes(parties),
            cursors=self.cursors,
            shelf=Shelf(1_000_000),
            now=lambda: NOW,
            tell=self._tell,
            audited=self._audited,
        )

    async def list(self, pathway: str | None, cursor: str | None = None, limit: int | None = None) -> Answer:
        request = ListRequest(OBSERVATION, {} if cursor else {"patient_id": ("1",)}, limit, cursor, None, "objects", pathway)
        return await self.reader.page(SESSION, request)


async def test_each_pathway_has_an_answer_of_its_own_that_names_it() -> None:
    two = Two(Directory(preferred={"observation": ["fhir-dstu2"]}))
    default, new = await two.list(None), await two.list("fhir-r4")
    assert (default.pathway, default.ids) == ("fhir-dstu2", ("old",))
    assert b'"pathway":"fhir-dstu2"' in default.body
    assert (new.pathway, new.ids) == ("fhir-r4", ("new",))
    assert (await two.list("fhir-dstu2")).origin == "cache"
    assert (two.ward.searches, two.old.searches) == (1, 1)


async def test_a_cursor_goes_on_by_its_own_pathway() -> None:
    directory = Directory(preferred={"observation": ["fhir-dstu2"]})
    two = Two(directory)
    two.old.pages = {
        None: Page([observation("1")], [], "next", "", [], NOW),
        "next": Page([observation("2")], [], None, "", [], NOW),
    }
    first = await two.list(None, limit=1)
    cursor = first.body.split(b'"next_cursor":"')[1].split(b'"')[0].decode()
    again = Two(replace(directory, preferred={}))  # the operator has changed the order meanwhile
    again.old.pages = two.old.pages
    assert ((await again.list(None, cursor)).ids, (await again.list("fhir-dstu2", cursor)).ids) == (("2",), ("2",))
    with pytest.raises(FixRequest, match="goes on by fhir-dstu2"):
        await again.list("fhir-r4", cursor)


async def test_one_object_comes_by_the_pathway_that_is_asked_for() -> None:
    two = Two(Directory())
    two.old.slots["7"] = {"resourceType": "Slot", "id": "7", "status": "free"}
    request = GetRequest(OBJECTS["slot"], "7", None, "objects")
    with pytest.raises(GatewayError, match="There is none"):
        await two.reader.one(SESSION, request)
    found = await two.reader.one(SESSION, replace(request, pathway="fhir-dstu2"))
    assert (found.ids, found.pathway) == (("7",), "fhir-dstu2")


async def test_what_no_pathway_of_the_tenant_has_is_refused_as_such() -> None:
    with pytest.raises(FixRequest, match="No source that is connected"):
        await routes_of(Directory(registered=("fhir-r4",))).check_searchable(SESSION, OBJECTS["medication_statement"])
    await routes_of(Directory()).check_searchable(SESSION, OBJECTS["medication_statement"])
