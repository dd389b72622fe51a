"""What the bodies of Millennium R4 alone say: the moment by which it sorts. What all releases share is `pathways/fhir/wire.py`. Pure."""

from __future__ import annotations

from datetime import datetime

from millgate.canonical.exchange import Resource
from millgate.pathways.fhir.wire import instant_of


def moment_of(resource: Resource) -> datetime | None:
    """The instant by which Millennium sorts this record, if it has one that is exact. Source: Millennium fact sheet §3.2."""
    periods = resource.get("requestedPeriod")
    places = (
        resource.get("effectivePeriod"),
        resource.get("period"),
        periods[0] if isinstance(periods, list) and periods else None,
    )
    starts = [place.get("start") for place in places if isinstance(place, dict)]
    exact = (
        resource.get("effectiveDateTime"),
        resource.get("effectiveInstant"),
        *starts,
        resource.get("issued"),
        resource.get("start"),
    )
    return instant_of(next((text for text in exact if text is not None), None))
