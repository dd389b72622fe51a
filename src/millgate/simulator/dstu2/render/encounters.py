"""Encounters: `class` is a code, `subject` is `patient`."""

from __future__ import annotations

from millgate.simulator.dstu2.render.codes import code
from millgate.simulator.dstu2.render.datatypes import Json, picked

_HOSPITALIZATION = (
    "admitSource", "dietPreference", "specialCourtesy", "specialArrangement", "destination", "dischargeDisposition",
)  # fmt: skip


def encounter(new: Json, r4: Json) -> Json | None:
    """An encounter. Of a combined one there is only the other into which it went, under the name that the vendor's body shows."""
    status = code("Encounter.status", r4.get("status"))
    if status is None:
        return None
    if "partOf" in new and "period" not in new:
        return {"status": status, "part_of": new["partOf"]}
    kind = r4.get("class", {}).get("code")
    hospitalization = picked(new.get("hospitalization", {}), *_HOSPITALIZATION)
    where = [one for one in new.get("contained", ()) if one["resourceType"] == "Location"]
    return {
        "status": status,
        **({"contained": where} if where else {}),
        **({"class": code("Encounter.class", kind) or "other"} if kind else {}),
        **picked(new, "identifier", "type", "priority", "participant", "period", "serviceProvider", "partOf"),
        **picked(new, subject="patient", reasonCode="reason"),
        **({"hospitalization": hospitalization} if hospitalization else {}),
        **({"location": [picked(one, "location", "status", "period") for one in new["location"]]} if "location" in new else {}),
    }
