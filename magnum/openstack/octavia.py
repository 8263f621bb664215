"""Octavia: whether a cloud has it."""

from .calls import CloudService
from .errors import NotThere


def require(octavia: CloudService) -> None:
    """Look into the catalogue of the identity; nobody is asked. Raises CloudError."""
    if not octavia.is_there:
        raise NotThere(f"This cloud has no {octavia.name}: its catalogue leads to no load balancer service.")
