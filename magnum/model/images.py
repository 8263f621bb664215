"""Names of container images, and the one way from a public name to the one in an operator's own registry.

Whoever names an image for a cluster asks `reference`, so that `container_infra_prefix` reaches all of them.
"""

import msgspec


class Image(msgspec.Struct, frozen=True, order=True):
    """An image by its public name, registry included."""

    repository: str
    tag: str


def reference(image: Image, prefix: str = "") -> str:
    """Give the name by which an image is pulled; of its public name the prefix keeps the last part alone."""
    repository = prefix + image.repository.rpartition("/")[2] if prefix else image.repository
    return f"{repository}:{image.tag}"
