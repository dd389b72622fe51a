"""What an identifier is (`MR`, `FIN`, `SS`, `NPI`, …): the codes of HL7 v2 table 0203, and Millennium's own names for them.

`FIN` is no code of table 0203 but what every Millennium site calls an encounter's financial number; Millennium itself
codes it there as `AN`, which is why Millennium's own code goes first.
"""

from __future__ import annotations

from millgate.terminology.code_sets import parse_code_set
from millgate.terminology.tables import rows

IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"

_TABLE: dict[tuple[str, str], str] = {(row["kind"], row["key"]): row["type"] for row in rows("identifier_types.csv")}


def identifier_type_of_code(system: str, code: str) -> str | None:
    """The type that one coding of `Identifier.type` states, or None where the table has no row for it."""
    if system == IDENTIFIER_TYPE:
        return code
    code_set = parse_code_set(system)
    return _TABLE.get(("code_set", f"{code_set.number}|{code}")) if code_set is not None else None


def identifier_type_of_text(text: str) -> str | None:
    """The type that the text of `Identifier.type` states, or None where the table has no row for it."""
    return _TABLE.get(("text", text.strip().lower()))


def identifier_type_of_system(system: str) -> str | None:
    """The type of all identifiers of a national system (an NPI is an NPI whatever it is called), or None."""
    return _TABLE.get(("system", system))
