"""What nodes prove themselves with: a token at first, then the certificate that they were given for it.

A token is 256 random bits, stored only as their SHA-256. It opens its own cluster's certificate calls and the node's
own report, nothing else, and ends when the node has reported or at `expires_at`. A node can have several: a machine
whose creation was tried twice may hold either. From then on its current certificate proves it, until it is removed.
"""

import hashlib

import msgspec

from .clocks import Instant
from .signing import NodeLimits


class NodeIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """A node that has proved itself, and what it may have signed."""

    cluster_uuid: str
    node_uuid: str
    node_name: str
    limits: NodeLimits


class NodeCredential(msgspec.Struct, frozen=True, kw_only=True):
    token_hash: str
    cluster_uuid: str
    node_uuid: str
    node_name: str
    limits: NodeLimits
    expires_at: Instant

    @property
    def identity(self) -> NodeIdentity:
        return NodeIdentity(
            cluster_uuid=self.cluster_uuid, node_uuid=self.node_uuid, node_name=self.node_name, limits=self.limits
        )


def hash_token(token: str) -> str:
    """SHA-256 is enough for a random 256-bit token; a slow hash is for passwords."""
    return hashlib.sha256(token.encode()).hexdigest()
