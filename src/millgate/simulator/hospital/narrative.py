"""The narrative that every Millennium resource carries: one paragraph a field, in a `div`."""

from __future__ import annotations

from html import escape

from millgate.simulator.hospital.coding import Resource


def narrative(title: str, *fields: tuple[str, str | None], status: str = "generated") -> Resource:
    """`Resource.text`; fields without a value are left out."""
    told = "".join(f"<p><b>{name}</b>: {escape(value, quote=False)}</p>" for name, value in fields if value)
    return {"status": status, "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p><b>{title}</b></p>{told}</div>'}
