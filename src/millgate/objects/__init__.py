"""The normalized objects, one module each: found by the `DECLARATION` that each of them has."""

from __future__ import annotations

import importlib
import pkgutil

from millgate.objects.declaration import Context, Declaration, Filter
from millgate.objects.encoding import encode_list, encode_object


def _scan() -> dict[str, Declaration]:
    found: dict[str, Declaration] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        declaration = getattr(importlib.import_module(f"{__name__}.{module.name}"), "DECLARATION", None)
        if isinstance(declaration, Declaration):
            found[declaration.name] = declaration
    return found


OBJECTS: dict[str, Declaration] = _scan()
BY_RESOURCE_TYPE: dict[str, Declaration] = {declaration.resource_type: declaration for declaration in OBJECTS.values()}
BY_PLURAL: dict[str, Declaration] = {declaration.plural: declaration for declaration in OBJECTS.values()}

__all__ = [
    "BY_PLURAL",
    "BY_RESOURCE_TYPE",
    "OBJECTS",
    "Context",
    "Declaration",
    "Filter",
    "encode_list",
    "encode_object",
]
