"""One search from query string to Bundle: candidates, filter, order, pages, links, includes. The rules come from `table`."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from millgate.simulator.answers import Answer, Refused, bad_request, fhir, outcome
from millgate.simulator.records import Json, Record, Records
from millgate.simulator.search.candidates import MOST_PATIENTS, Source, source_of
from millgate.simulator.search.dates import EARLIEST, LATEST, Span, span_in
from millgate.simulator.search.matching import SOCIAL_HISTORY, at, in_category, matches, reference_id
from millgate.simulator.search.paging import Found, PageMemory, Place, lay_out
from millgate.simulator.search.query import PAGE_CONTEXT, PAGE_DIRECTION, Query, read_query
from millgate.simulator.search.rules import Include, SearchRule

_STORES = {"laboratory": "staged_lab", "vital-signs": "staged_vital_signs"}


class Seen(Protocol):
    """What a token lets through of one resource type, and how it looks to it. `patients`: whose records; None for everybody's."""

    @property
    def patients(self) -> frozenset[str] | None: ...
    def check_query(self, query: Query) -> None: ...
    def lets_through(self, record: Record) -> bool: ...
    def shown(self, record: Record) -> Record: ...


class Search:
    """The searches of one tenant on one surface."""

    def __init__(self, records: Records, memory: PageMemory, sources: Callable[[str], Source] = source_of) -> None:
        """`sources` tells where the candidates of a resource type come from."""
        self._records = records
        self._memory = memory
        self._source_of = sources

    def run(self, rule: SearchRule, raw_query: str, base: str, may_read: Callable[[str], None], view: Seen) -> Answer:
        """The Bundle for a query string. `base` is the FHIR base of the links; `may_read` refuses a type that the token may not read;
        `view` is what the token lets through, of new searches and of pages of earlier ones alike."""
        query = read_query(rule, raw_query)
        view.check_query(query)
        query.within = view.patients
        if query.page_context is not None and rule.page is not None:
            place = self._memory.recall(rule.resource_type, query.page_context, rule.page)
        else:
            if query.revincludes:
                may_read("Provenance")
            place = Place("", self._find(rule, query, view), 0)
            if len(place.found.pages) > 1:
                place = self._memory.remember(place.found)
        for include in _includes(rule, place.found):
            for resource_type in include.resource_types:
                may_read(resource_type)
        return self._bundle(rule, place, base, raw_query, view)

    def _find(self, rule: SearchRule, query: Query, view: Seen) -> Found:
        source = self._source_of(rule.resource_type)
        found = (r for r in source.find(self._records, query) if matches(r.searched, query, source.seen_to))
        hits = [r for r in found if view.lets_through(r)]
        if rule.resource_type == "Patient" and len(hits) > MOST_PATIENTS:
            raise _too_many()
        _check_one_patient(rule, query, hits)
        ordered = _ordered(rule, query, hits)
        size = (query.count or rule.page.default) if rule.page is not None else len(ordered)
        return Found(
            resource_type=rule.resource_type,
            pages=_pages(rule, ordered, size),
            kept=query.kept if rule.page is None or rule.page.keeps_parameters else _only_includes(query.kept),
            includes=query.includes,
            revincludes=query.revincludes,
            count=size,
            store=_STORES.get(
                query.first("category") or "", "staged_physdoc" if rule.resource_type == "DiagnosticReport" else "staged_lab"
            ),
        )

    def _bundle(self, rule: SearchRule, place: Place, base: str, raw_query: str, view: Seen) -> Answer:
        found = place.found
        held = (self._records.read(rule.resource_type, i) for i in found.pages[place.number])
        records = [view.shown(r) for r in held if r is not None and view.lets_through(r)]
        included = self._included(rule, found, records)
        bundle: dict[str, Any] = {"resourceType": "Bundle", "id": str(uuid.uuid4()), "type": "searchset"}
        if rule.total and len(found.pages) == 1:
            bundle["total"] = len(records)
        bundle["link"] = self._links(rule, place, f"{base}/{rule.resource_type}", raw_query)
        entries = [_entry(base, record, "match") for record in records] + [_entry(base, record, "include") for record in included]
        if entries:
            bundle["entry"] = entries
        return fhir(200, bundle, records=[record.key for record in (*records, *included)])

    def _links(self, rule: SearchRule, place: Place, address: str, raw_query: str) -> list[dict[str, str]]:
        links = [{"relation": "self", "url": f"{address}?{raw_query}" if raw_query else address}]
        for relation, number, direction in (("next", place.number + 1, "NEXT"), ("previous", place.number - 1, "PREVIOUS")):
            if rule.page is not None and 0 <= number < len(place.found.pages):
                token = self._memory.token(rule.page, place, number).replace("=", "%3D")
                parts = [place.found.kept, f"{PAGE_CONTEXT}={token}", f"{PAGE_DIRECTION}={direction}"]
                links.append({"relation": relation, "url": f"{address}?{'&'.join(part for part in parts if part)}"})
        return links

    def _included(self, rule: SearchRule, found: Found, records: Iterable[Record]) -> list[Record]:
        if found.revincludes:
            origins = (self._records.origin(*record.key) for record in records)
            return [origin for origin in origins if origin is not None]
        if not found.includes:
            return []
        if rule.resource_type == "Consent":
            return self._named_by_consents(found, records)
        references = dict.fromkeys(reference_id(record.resource.get("schedule")) for record in records)
        schedules = [
            s for s in (self._records.read("Schedule", reference) for reference in references if reference) if s is not None
        ]
        included: list[Record] = []
        if "Slot:schedule" in found.includes:
            included += schedules
        if "Schedule:actor:Practitioner" in found.includes:
            actors = dict.fromkeys(reference_id(actor) for schedule in schedules for actor in at(schedule.resource, ["actor"]))
            practitioners = (self._records.read("Practitioner", actor) for actor in actors if actor)
            included += [practitioner for practitioner in practitioners if practitioner is not None]
        return included

    def _named_by_consents(self, found: Found, consents: Iterable[Record]) -> list[Record]:
        """The patients of consents and the persons who may look, each once."""
        wanted: dict[tuple[str, str], None] = {}
        for consent in consents:
            if "Consent:actor" in found.includes:
                actors = at(consent.resource, ["provision", "actor", "reference"])
                wanted |= dict.fromkeys(("RelatedPerson", number) for number in map(reference_id, actors) if number)
            if "Consent:patient" in found.includes and (number := reference_id(consent.resource["patient"])):
                wanted["Patient", number] = None
        return [record for record in (self._records.read(*each) for each in wanted) if record is not None]


def _includes(rule: SearchRule, found: Found) -> list[Include]:
    return [include for include in rule.includes if include.value in found.includes]


def _only_includes(kept: str) -> str:
    return "&".join(part for part in kept.split("&") if part.startswith("_include="))


def _entry(base: str, record: Record, mode: str) -> dict[str, Any]:
    return {"fullUrl": f"{base}/{'/'.join(record.key)}", "resource": record.body, "search": {"mode": mode}}


def _too_many() -> Refused:
    return Refused(outcome(422, "too-costly", f"the search found more than {MOST_PATIENTS} patients"))


def _check_one_patient(rule: SearchRule, query: Query, hits: Sequence[Record]) -> None:
    """Laboratory results are only found by id when all of them are one patient's."""
    if rule.resource_type != "Observation" or len(query.values("_id")) < 2:
        return
    patients = {reference_id(r.searched.get("subject")) for r in hits if in_category(r.searched, "laboratory")}
    if len(patients) > 1:
        raise bad_request("_id must be laboratory results of one patient")


def _ordered(rule: SearchRule, query: Query, hits: Sequence[Record]) -> list[Record]:
    if rule.order == "newest-first":
        moment = _last_updated if "_lastUpdated" in query.given else _observed
        return sorted(hits, key=lambda r: (r.fact(moment), r.id), reverse=True)
    if rule.order in ("oldest-first-unsorted-inside", "start"):
        return sorted(hits, key=lambda r: (r.fact(_started), r.id))
    return list(hits)


def _first_span(resource: Json, *names: str) -> Span | None:
    return next((span for span in (span_in(resource[name]) for name in names if name in resource) if span), None)


def _observed(resource: Json) -> datetime:
    span = _first_span(resource, "effectiveDateTime", "effectivePeriod", "issued", "date")
    return EARLIEST if span is None else span.low if span.low != EARLIEST else span.high


def _last_updated(resource: Json) -> datetime:
    span = span_in(resource.get("meta", {}).get("lastUpdated"))
    return span.low if span else EARLIEST


def _started(resource: Json) -> datetime:
    """When an encounter or appointment starts; of a proposed one, when its requested period does."""
    periods = resource.get("requestedPeriod")
    span = _first_span(resource, "period", "start") or (span_in(periods[0]) if periods else None)
    return span.low if span else LATEST


def _is_social_history(resource: Json) -> bool:
    return resource["resourceType"] == "Observation" and in_category(resource, SOCIAL_HISTORY)


def _pages(rule: SearchRule, ordered: Sequence[Record], size: int) -> tuple[tuple[str, ...], ...]:
    """The hits on pages. All social history stands on page one, whatever its size; encounters have no order inside a page."""
    on_first = [record.id for record in ordered if record.fact(_is_social_history)]
    others = [record.id for record in ordered if not record.fact(_is_social_history)]
    pages = lay_out(others, on_first, size, uneven=rule.page is not None and rule.page.uneven)
    if on_first:
        place = {record.id: number for number, record in enumerate(ordered)}
        pages = (tuple(sorted(pages[0], key=lambda i: place[i])), *pages[1:])
    if rule.order == "oldest-first-unsorted-inside":
        pages = tuple(tuple(sorted(page, key=lambda i: zlib.crc32(i.encode()))) for page in pages)
    return pages
