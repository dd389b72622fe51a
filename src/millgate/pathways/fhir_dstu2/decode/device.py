"""A device: the UDI is a carrier in R4, the model a model number.

Source: FHIR DSTU2 Device; FHIR R4 Device.
"""

from __future__ import annotations

from millgate.pathways.fhir_dstu2.decode.codes import status
from millgate.pathways.fhir_dstu2.decode.rules import Rule, Rules, renamed, same

RULES: Rules = {
    **same(
        "identifier", "type", "note", "manufacturer", "manufactureDate", "lotNumber", "owner", "location", "patient", "contact"
    ),
    **same("url"),
    **renamed(model="modelNumber", expiry="expirationDate"),
    "status": status("Device.status"),
    "udi": Rule("udiCarrier", lambda value, _: {"udiCarrier": [{"carrierHRF": value}]}, primitive=False),
    "version": Rule("version", lambda value, _: {"version": [{"value": value}]}, primitive=False),
}
