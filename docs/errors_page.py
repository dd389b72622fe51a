"""`reference/errors.md`: every code that a caller, a script or an operator may meet, out of `millgate.errors.CODES`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import millgate
from millgate.errors import CODES, Code

HEAD = """# Errors

Generated from `src/millgate/errors.py`; `./dev docs` writes this page anew.

Every answer of the gateway that is not what was asked for is an RFC 9457 problem (`application/problem+json`):

| member | what it says |
|---|---|
| `code` | stable, snake_case: branch on this |
| `status`, `title` | the HTTP status, and what the code means |
| `detail` | what happened, and what to do next |
| `type` | a page of the gateway that explains the code (`/docs/errors/<code>`) |
| `request_id` | the same as the `X-Request-Id` header, and as in the audit trail and the log |
| `retryable`, `retry_after` | whether the same request may succeed later, and after how many seconds, where that is known |
| `errors` | everything wrong with the input at once: `field`, `code`, `detail` each |
| `upstream` | what the source said: `status`, its `request_id`, and the codes of its `outcome` |
| `current` | with `version_conflict`: the object as it is now |

No member holds a patient's data but `current`. A command ends with the exit status of its error, and prints code, detail and problems on
standard error.
"""

RESERVED = "Reserved: nothing answers with this code yet."


def page() -> str:
    """The whole page."""
    used = _used()
    lines = [HEAD, "| code | HTTP | exit status | retryable | meaning and what to do |", "|---|---|---|---|---|"]
    lines += [_row(name, code, name in used) for name, code in sorted(CODES.items(), key=lambda item: item[1].status)]
    return "\n".join(lines) + "\n"


def _row(name: str, code: Code, used: bool) -> str:
    told = f"**{code.title}.** {code.advice}" + ("" if used else f" {RESERVED}")
    return f"| `{name}` | {code.status} | {code.exit_status} | {'yes' if code.retryable else 'no'} | {told} |"


def _used() -> set[str]:
    """The codes that something besides the table itself names."""
    texts = list(_sources())
    return {name for name in CODES if any(f'"{name}"' in text for text in texts)}


def _sources() -> Iterator[str]:
    root = Path(millgate.__file__).parent
    for file in sorted(root.rglob("*.py")):
        inside = file.relative_to(root)
        if inside.name != "errors.py" and inside.parts[0] != "simulator":
            yield file.read_text(encoding="utf-8")
