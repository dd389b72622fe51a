"""A tenant that says something else of itself than yesterday: a search parameter, an interaction or a scope comes or goes.

Only the documents change; the server behaves as before, which is also what an upgrade in steps looks like.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from millgate.simulator.answers import Answer, encode
from millgate.simulator.faults import Rule


def changed(answer: Answer, rules: Sequence[Rule]) -> Answer:
    """The CapabilityStatement or smart-configuration in `answer` after all `rules`; another body stays as it is."""
    if not rules or answer.status != 200:
        return answer
    document = msgspec.json.decode(answer.body)
    for rule in rules:
        if "rest" in document:
            for resource in document["rest"][0]["resource"]:
                if rule.resource_type in (None, resource["type"]):
                    _change_resource(resource, rule)
        elif rule.scope is not None and "scopes_supported" in document:
            document["scopes_supported"] = _listed(document["scopes_supported"], rule.scope, rule)
    return Answer(answer.status, encode(document), answer.content_type, answer.headers)


def _change_resource(resource: dict[str, Any], rule: Rule) -> None:
    if rule.interaction is not None:
        codes = [item["code"] for item in resource["interaction"]]
        resource["interaction"] = [{"code": code} for code in _listed(codes, rule.interaction, rule)]
    if rule.search_parameter is not None:
        others = [item for item in resource["searchParam"] if item["name"] != rule.search_parameter]
        added = [{"name": rule.search_parameter, "type": "token"}] if rule.change == "add" else []
        resource["searchParam"] = others + added


def _listed(items: Sequence[str], named: str, rule: Rule) -> list[str]:
    return [item for item in items if item != named] + ([named] if rule.change == "add" else [])
