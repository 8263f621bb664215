"""Who may do what: the rules and their defaults, one module per resource. An operator overrides them in policy.yaml.

Names and defaults are those of the existing service, so that its policy files keep their meaning. A rule's older
default passes too while `[oslo_policy] enforce_new_defaults` is off. Nothing here decides; `api.policy` does.
"""

from itertools import chain

from oslo_policy import policy

from . import (
    base,
    bays,
    certificates,
    clusters,
    clustertemplates,
    credentials,
    federations,
    nodegroups,
    quotas,
    services,
    stats,
)


def list_rules() -> list[policy.RuleDefault]:
    """Give every rule: what oslopolicy-sample-generator prints and the API enforces."""
    resources = (
        bays,
        certificates,
        clusters,
        clustertemplates,
        credentials,
        federations,
        nodegroups,
        quotas,
        services,
        stats,
    )
    return [*base.RULES, *chain.from_iterable(resource.RULES for resource in resources)]
