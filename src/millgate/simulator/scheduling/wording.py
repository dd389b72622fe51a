"""The words and shapes that the tenant itself puts into appointments and slots: narratives, times, versions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

from millgate.simulator.search.dates import span_of

_XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'
_STATUS_WORDS = {"checked-in": "Checked In", "noshow": "No Show", "busy-tentative": "Busy Tentative"}


def instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _spoken(text: object) -> str:
    """A time as the narratives write it: `Jan 23, 2020 10:10 P.M. UTC`."""
    span = span_of(text)
    if span is None:
        return str(text)
    moment = span.low
    half = "P.M." if moment.hour >= 12 else "A.M."
    return f"{moment:%b} {moment.day:>2}, {moment.year} {(moment.hour % 12) or 12:>2}:{moment:%M} {half} UTC"


def _status(resource: Mapping[str, Any]) -> str:
    status = str(resource.get("status", ""))
    return _STATUS_WORDS.get(status, status.capitalize())


def _service(resource: Mapping[str, Any]) -> str:
    concepts = resource.get("serviceType") or [{}]
    codings = concepts[0].get("coding") or [{}]
    return str(concepts[0].get("text") or codings[0].get("display") or codings[0].get("code") or "")


def _narrative(title: str, parts: Mapping[str, str], tail: str = "") -> dict[str, str]:
    said = "".join(f"<p><b>{name}</b>: {escape(value, quote=False)}</p>" for name, value in parts.items() if value)
    return {"status": "generated", "div": f"<div {_XHTML}><p><b>{title}</b></p>{said}{tail}</div>"}


def appointment_narrative(appointment: Mapping[str, Any]) -> dict[str, str]:
    parts = {"Status": _status(appointment), "Service Type": _service(appointment)}
    for name, label in (("start", "Start"), ("end", "End")):
        if name in appointment:
            parts[label] = _spoken(appointment[name])
    people = []
    for participant in appointment.get("participant", ()):
        actor = participant.get("actor", {})
        kind = str(actor.get("reference", "")).partition("/")[0]
        if kind in ("Patient", "Practitioner", "Location"):
            people.append(f"<dd><b>{kind}</b>: {escape(str(actor.get('display', '')), quote=False)}</dd>")
    tail = f"<p><b>Participants</b>:</p><dl>{''.join(people)}</dl>" if people else ""
    return _narrative("Appointment", parts, tail)


def slot_narrative(slot: Mapping[str, Any]) -> dict[str, str]:
    schedule = str(slot.get("schedule", {}).get("reference", "")).rpartition("/")[2]
    return _narrative(
        "Slot",
        {
            "Service Type": _service(slot),
            "Start": _spoken(slot.get("start")),
            "End": _spoken(slot.get("end")),
            "Schedule Reference": schedule,
            "Status": _status(slot),
        },
    )


def next_version(version: str) -> str:
    """The version after this one, in the same shape: `3` → `4`, `410v795` → `410v796`, `2-1` → `3-1`."""
    for mark in ("v", "-"):
        head, found, tail = version.partition(mark)
        if found:
            return f"{head}v{_counted(tail)}" if mark == "v" else f"{_counted(head)}-{tail}"
    return _counted(version)


def _counted(number: str) -> str:
    return str(int(number) + 1) if number.isascii() and number.isdigit() else number + "1"
