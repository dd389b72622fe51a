"""Reading a Timing: when something is to happen again and again."""

from __future__ import annotations

from typing import Any

from millgate.canonical.absent import extension_reason
from millgate.objects.concepts import concept_of
from millgate.objects.elements import period, quantity, range_, single
from millgate.objects.notes import Notes
from millgate.objects.primitives import decimal, member, moments, text, texts, whole
from millgate.objects.shared import Timing


def timing(element: dict[str, Any], field: str, notes: Notes) -> Timing | None:
    """The Timing, its `repeat` beside its events and code."""
    repeat = member(element, "repeat", field, notes) or {}
    if "extension" in repeat:
        notes.reason(field, extension_reason(repeat))
    found = Timing(
        code=concept_of(element, "code", field + ".code", notes),
        events=moments(element, "event", field + ".events", notes),
        bounds_period=single(repeat, "boundsPeriod", field + ".bounds_period", notes, period),
        bounds_duration=single(repeat, "boundsDuration", field + ".bounds_duration", notes, quantity),
        bounds_range=single(repeat, "boundsRange", field + ".bounds_range", notes, range_),
        count=whole(repeat, "count", field + ".count", notes),
        count_max=whole(repeat, "countMax", field + ".count_max", notes),
        duration=decimal(repeat, "duration", field + ".duration", notes),
        duration_max=decimal(repeat, "durationMax", field + ".duration_max", notes),
        duration_unit=text(repeat, "durationUnit", field + ".duration_unit", notes),
        frequency=whole(repeat, "frequency", field + ".frequency", notes),
        frequency_max=whole(repeat, "frequencyMax", field + ".frequency_max", notes),
        period=decimal(repeat, "period", field + ".period", notes),
        period_max=decimal(repeat, "periodMax", field + ".period_max", notes),
        period_unit=text(repeat, "periodUnit", field + ".period_unit", notes),
        days_of_week=texts(repeat, "dayOfWeek", field + ".days_of_week", notes),
        times_of_day=texts(repeat, "timeOfDay", field + ".times_of_day", notes),
        when=texts(repeat, "when", field + ".when", notes),
        offset=whole(repeat, "offset", field + ".offset", notes),
    )
    if found == _NO_TIMING:
        notes.reason(field, extension_reason(element))
        return None
    return found


_NO_TIMING = Timing()
