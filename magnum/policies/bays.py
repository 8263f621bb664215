"""Bays and bay models: clusters and templates as they were called up to microversion 1.10.

Who may do something to a cluster may do it to a bay, so that an operator's rule of the one is not passed by under the
other's name. A file that sets a rule of theirs is followed.
"""

from oslo_policy import policy

from .base import rule

_RESOURCES = {"bay": ("cluster", "bay", "/v1/bays"), "baymodel": ("clustertemplate", "bay model", "/v1/baymodels")}


def _rules(name: str) -> list[policy.RuleDefault]:
    today, noun, path = _RESOURCES[name]
    item = f"{path}/{{{name}}}"
    actions = {
        "create": (f"Create a {noun}.", f"POST {path}"),
        "delete": (f"Delete a {noun}.", f"DELETE {item}"),
        "detail": (f"List {noun}s with details.", f"GET {path}/detail"),
        "get": (f"Show a {noun}.", f"GET {item}"),
        "get_all": (f"List {noun}s.", f"GET {path}"),
        "update": (f"Change a {noun}.", f"PATCH {item}"),
    }
    return [
        rule(f"{name}:{action}", f"rule:{today}:{action}", description, operation)
        for action, (description, operation) in actions.items()
    ]


RULES = [
    *_rules("bay"),
    *_rules("baymodel"),
    rule(
        "baymodel:publish",
        "rule:clustertemplate:publish",
        "Make a bay model public.",
        "POST /v1/baymodels",
        "PATCH /v1/baymodels/{baymodel}",
    ),
]
