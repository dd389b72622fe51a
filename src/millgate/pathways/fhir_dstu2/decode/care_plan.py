"""A care plan; and one of the category `careteam`, which is a care team of its own in R4 (`care_team`).

Source: FHIR DSTU2 CarePlan; FHIR R4 CarePlan.
"""

from __future__ import annotations

from typing import Any

from millgate.pathways.fhir_dstu2.decode.codes import status
from millgate.pathways.fhir_dstu2.decode.rules import (
    Element,
    Rule,
    Rules,
    each,
    into_list,
    kept,
    listed,
    merged,
    renamed,
    same,
)

# What R4 asks to be said, DSTU2 said by the type: a plan is a plan. Source: HL7's maps DSTU2 to R4.
ALSO = {"intent": "plan"}
TEAM = "participants"  # local id of the team that stands in the plan
_DETAIL: Rules = {
    **same("code", "reasonCode", "reasonReference", "goal", "scheduledTiming", "scheduledPeriod", "scheduledString", "location"),
    **same("performer", "productCodeableConcept", "productReference", "dailyAmount", "quantity", "description"),
    **renamed(prohibited="doNotPerform"),
    "status": status("CarePlan.activity.detail.status"),
    "statusReason": Rule("statusReason", primitive=False),
}
_ACTIVITY: Rules = {
    **same("progress", "reference"),
    **renamed(actionResulting="outcomeReference"),
    "detail": each("detail", _DETAIL, "CarePlan.activity.detail"),
}


def _author(value: Any, _: Element) -> Element:
    """R4 has one author, and names the others as contributors."""
    first, *others = listed(value) or [None]
    return merged({"author": first} if first else {}, {"contributor": others} if others else {})


def _participant(value: Any, old: Element) -> Element:
    """Who takes part is a care team in R4: one that stands in the plan, about the same patient."""
    team: Element = {"resourceType": "CareTeam", "id": TEAM}
    if "subject" in old:
        team["subject"] = old["subject"]
    return {"careTeam": [{"reference": f"#{TEAM}"}], "contained": [{**team, "participant": members(value)}]}


def members(value: Any) -> list[Any]:
    """The participants as R4's care team has them."""
    found = []
    for one in listed(value):
        roles = {"role": listed(one["role"])} if isinstance(one, dict) and "role" in one else {}
        found.append({**one, **roles} if isinstance(one, dict) else one)
    return found


def _related(value: Any, _: Element) -> Element:
    """A plan that this one replaces or fulfils; other relations are kept as they were."""
    names = {"replaces": "replaces", "fulfills": "basedOn"}
    parts = []
    for one in listed(value):
        to = names.get(str(one.get("code"))) if isinstance(one, dict) and one.keys() <= {"code", "plan"} else None
        parts.append({to: [one.get("plan")]} if to else kept("CarePlan", "relatedPlan", one))
    return merged(*parts)


RULES: Rules = {
    **same("identifier", "subject", "period", "category", "addresses", "goal"),
    **renamed(context="encounter", support="supportingInfo"),
    "status": status("CarePlan.status"),
    "author": Rule("author", _author, primitive=False),
    "note": into_list("note"),
    "activity": each("activity", _ACTIVITY, "CarePlan.activity"),
    "participant": Rule("careTeam", _participant, primitive=False),
    "relatedPlan": Rule("replaces", _related, primitive=False),
}
