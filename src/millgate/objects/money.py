"""Amounts of money, and reading them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from millgate.canonical.absent import extension_reason
from millgate.canonical.json import number
from millgate.objects.declaration import about
from millgate.objects.notes import Notes
from millgate.objects.primitives import decimal, text
from millgate.objects.shared import Shared

_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?", re.ASCII)


class Money(Shared, frozen=True, kw_only=True):
    """An amount of money."""

    value: Annotated[Decimal | None, about("Money.value", "The amount, with the digits that it came with.")] = None
    currency: Annotated[str | None, about("Money.currency", "The currency's code (ISO 4217), where the source says it.")] = None


_NO_MONEY = Money()


def money(element: dict[str, Any], field: str, notes: Notes) -> Money | None:
    """The Money; an amount that came as text is taken, with a warning, if the text is a decimal of FHIR.

    Source: Millennium's published accounts have their balances as text.
    """
    found = Money(value=_amount(element, field + ".value", notes), currency=text(element, "currency", field + ".currency", notes))
    if found == _NO_MONEY:
        notes.reason(field, extension_reason(element))
        return None
    return found


def _amount(element: dict[str, Any], field: str, notes: Notes) -> Decimal | None:
    written = element.get("value")
    if written.__class__ is str and _DECIMAL.fullmatch(written) is not None:
        notes.warn("number_as_text", field, "The number came as text; it is shown as a number.")
        return number(written)
    return decimal(element, "value", field, notes)
