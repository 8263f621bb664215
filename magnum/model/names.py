"""Names that the service makes up: random names for those who give none, and the names of machines.

Randomness is a parameter.
"""

import hashlib
import random
import re
import uuid

GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"),
    *("nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
)
_HOST_NAME = 63
_NOT_HOST_NAME = re.compile(r"[^a-z0-9]+")


def random_name(suffix: str, randomness: random.Random) -> str:
    """`zeta-22-cluster` (rest-api.md, section 23)."""
    return f"{randomness.choice(GREEK)}-{randomness.randint(1, 24)}-{suffix}"


def new_uuid(randomness: random.Random) -> str:
    return str(uuid.UUID(int=randomness.getrandbits(128), version=4))


def node_name(cluster_name: str | None, cluster_uuid: str, nodegroup_name: str, number: int) -> str:
    """Name a machine: a valid host name of at most 63 characters, unique through a digest of the cluster and group.

    The same arguments give the same name, always: it is how a machine is found again after a crash.
    """
    digest = hashlib.sha256(f"{cluster_uuid}/{nodegroup_name}".encode()).hexdigest()[:8]
    group = _NOT_HOST_NAME.sub("-", nodegroup_name.lower().removeprefix("default-")).strip("-")[:16].strip("-")
    tail = f"-{digest}-{group or 'nodes'}-{number}"
    head = _NOT_HOST_NAME.sub("-", (cluster_name or "cluster").lower()).strip("-")[: _HOST_NAME - len(tail)]
    return (head.strip("-") or "c") + tail
