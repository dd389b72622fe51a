"""Bytes: `content` is `data` in R4.

Source: FHIR DSTU2 Binary; FHIR R4 Binary.
"""

from __future__ import annotations

from millgate.pathways.fhir_dstu2.decode.rules import Rules, renamed, same

RULES: Rules = {
    **same("contentType"),
    **renamed(content="data"),
}
