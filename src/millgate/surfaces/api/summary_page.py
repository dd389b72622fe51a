"""A summary as a page to be printed: everything escaped, its own style, no scripts, and nothing that is loaded from anywhere."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from typing import Any, Final

from millgate.flow.chosen import ChosenSection
from millgate.flow.rendering import instant
from millgate.flow.summary_document import NOTHING_FOUND, column_title, narrative
from millgate.flow.wording import field_words, words

STYLE: Final = """
body { font: 14px/1.4 "Helvetica Neue", Arial, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #111; }
h1 { font-size: 1.6rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 1.6rem 0 .3rem; border-bottom: 2px solid #333; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; }
dt { font-weight: bold; }
dd { margin: 0; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 .8rem; }
caption { text-align: left; font-weight: bold; padding: .2rem 0; }
th, td { text-align: left; vertical-align: top; padding: .15rem .5rem .15rem 0; border-bottom: 1px solid #ccc; overflow-wrap: anywhere; }
.missing { border-left: 4px solid #a00; padding-left: .6rem; }
.told { color: #444; font-size: .85rem; }
@media print {
  body { margin: 0; max-width: none; font-size: 10pt; }
  thead { display: table-header-group; }
  tr, h2 { break-inside: avoid; break-after: auto; }
  h2 { break-after: avoid; }
}
"""
# The style is allowed by its hash, nothing else by anything. Source: W3C Content Security Policy Level 3.
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PATIENT: Final = (
    "birth_date",
    "sex",
    "deceased",
    "deceased_at",
    "identifiers",
    "phones",
    "addresses",
    "language",
    "merged_into",
)
_STATUS: Final = {
    "failed": "This section could not be read. What there is is unknown.",
    "partial": "This section is not complete: a part of it could not be read.",
    "not_offered": "The source does not offer what this section is made of.",
    "nothing_found": NOTHING_FOUND,
}


def page(patient: Mapping[str, Any], sections: Sequence[ChosenSection], *, tenant: str, now: str, warnings: Sequence[str]) -> str:
    """The page; `patient` is the patient object."""
    name = words(patient.get("name")) or "(no name)"
    facts = [(column_title(field), told) for field in _PATIENT if (told := field_words(patient, field))]
    listed = "".join(f"<dt>{escape(title)}</dt><dd>{escape(told)}</dd>" for title, told in facts)
    remarks = [f"Made at {now} from what {tenant} answered; each section says when that was.", *warnings]
    notes = "".join(f'<p class="told">{escape(one)}</p>' for one in remarks)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Patient summary</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(name)}</h1><dl>{listed}</dl>{notes}"
        f"{''.join(map(_section, sections))}</body></html>"
    )


def _section(found: ChosenSection) -> str:
    missing = _STATUS.get(found.status)
    said = f'<p class="missing">{escape(missing)}</p>' if missing and found.status != "nothing_found" else ""
    read = [one.standing for one in found.parts if one.standing.as_of is not None]
    oldest = min((one.as_of for one in read if one.as_of is not None), default=None)
    fresh = ""
    if oldest is not None:
        kept = ", from what the gateway kept" if any(one.origin == "cache" for one in read) else ""
        fresh = f'<p class="told">As the source had it at {escape(instant(oldest))}{kept}.</p>'
    return f"<section><h2>{escape(found.section.title)}</h2>{said}{narrative(found)}{fresh}</section>"
