"""`reference/events.md`: every type of event, out of `millgate.access.event_types`."""

from __future__ import annotations

import json

from millgate.access.event_types import EVENT_TYPES, EventType

HEAD = """# Events

Generated from `src/millgate/access/event_types.py`; `./dev docs` writes this page anew.

What happened, for whoever wants to be told. No event holds a patient's data or a secret. Three doors lead to the same feed:

| door | for |
|---|---|
| `GET /events?after=&limit=&type=&tenant=` | polling: pages, oldest first |
| `GET /events/stream?after=&type=&tenant=` | server-sent events, as they come |
| `millgate events list [--tenant NAME] [--type TYPE] [--follow]` | operators, at the gateway's own machine |

**Who reads what.** An operator's API key reads everything. Any other key (`mg_…`) reads the events of its client's tenants, and a session
(`ms_…`) those of its tenant, without the types that are for operators. Each call has its row in the audit chain; a stream has one, when it
is opened.

**Where one is.** Every page says `after`: where it ends. Pass it as `after` at any later time to go on from there; `next_cursor` is the
same place while `has_more`, and null at the end. A place is opaque, never expires, and holds whatever the filters are. Events come in the
order in which they were committed, so no event shows up behind a place that was given before. Each is told at least once: tell
repetitions by `id`. Events are kept as long as old versions of records (`keep_history_days`); those of a tenant go when it is removed.

**The stream** begins with what happens from now on, or behind `after`, or behind `Last-Event-ID`, which browsers send by themselves when
they come back: each event's `id:` is its place. Its `event:` is the type, its `data:` the event. A comment comes every 15 seconds in which
nothing else did. When its session or key ends, the stream says `event: end` with the code, and closes; it closes without a word when the
gateway stops. A client has 10 streams at once at the most, a gateway 100; beyond that, 429 `rate_limited`.

Each event:

| member | what it says |
|---|---|
| `id` | the same whenever it is told |
| `object` | `event` |
| `type` | what happened: one of those below |
| `tenant` | at which tenant |
| `created_at` | when it was told |
| `data` | what happened, by the type |
"""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(_section(one) for one in EVENT_TYPES.values())


def _section(one: EventType) -> str:
    readers = "operators" if one.operators_only else "operators, and the clients and sessions of the tenant"
    rows = "\n".join(f"| `{name}` | {told} |" for name, told in one.members.items())
    event = {
        "id": "event_5b0c7c1f0a7e4a53a6f1d2b8c9e0f314",
        "object": "event",
        "type": one.name,
        "tenant": "mercy",
        "created_at": "2026-11-24T22:10:03.121Z",
        "data": one.example,
    }
    shown = json.dumps(event, indent=2)
    return f"\n## `{one.name}`\n\n{one.told} For {readers}.\n\n| `data` | |\n|---|---|\n{rows}\n\n```json\n{shown}\n```\n"
