"""Credentials of nodes: a random 256-bit token each, stored only as its SHA-256.

It opens its own cluster's certificate calls and the node's own report, nothing else, and ends when the node has
reported or at `expires_at`. A node can have several: a machine whose creation was tried twice may hold either.
"""

import hashlib

import msgspec

from .clocks import Instant
from .signing import NodeLimits


class NodeCredential(msgspec.Struct, frozen=True, kw_only=True):
    token_hash: str
    cluster_uuid: str
    node_uuid: str
    node_name: str
    limits: NodeLimits
    expires_at: Instant


def hash_token(token: str) -> str:
    """SHA-256 is enough for a random 256-bit token; a slow hash is for passwords."""
    return hashlib.sha256(token.encode()).hexdigest()
