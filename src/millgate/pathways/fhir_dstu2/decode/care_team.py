"""A care team, which DSTU2 (as Argonaut has it) writes as a care plan of the category `careteam`.

Source: FHIR DSTU2 CarePlan; Argonaut Care Team; FHIR R4 CareTeam.
"""

from __future__ import annotations

from millgate.pathways.fhir_dstu2.decode.care_plan import members
from millgate.pathways.fhir_dstu2.decode.codes import status
from millgate.pathways.fhir_dstu2.decode.rules import Element, Rule, Rules, into_list, listed, renamed, same


def is_team(plan: Element) -> bool:
    """Whether the care plan is a care team."""
    codings = [
        coding
        for concept in listed(plan.get("category"))
        if isinstance(concept, dict)
        for coding in listed(concept.get("coding"))
        if isinstance(coding, dict)
    ]
    return any(coding.get("code") == "careteam" for coding in codings)


RULES: Rules = {
    **same("identifier", "subject", "period", "category"),
    **renamed(context="encounter"),
    "status": status("CareTeam.status"),
    "note": into_list("note"),
    "participant": Rule("participant", lambda value, _: {"participant": members(value)}, primitive=False),
}
