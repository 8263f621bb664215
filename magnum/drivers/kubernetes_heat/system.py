"""What differs between the systems of servers: how they take user data, and where the programs of Kubernetes are."""

from collections.abc import Callable, Mapping

import msgspec

from magnum.nodes.cloud_init import CloudConfig
from magnum.nodes.data import Platform
from magnum.nodes.kubernetes.images import Images
from magnum.nodes.packing import Form

Labels = Mapping[str, str]


def _cloud_config(_labels: Labels) -> Form:
    return CloudConfig()


class System(msgspec.Struct, frozen=True, kw_only=True):
    """Both follow from a cluster's labels. Without `images` servers fetch programs, and run them as they are."""

    platform: Platform
    form: Callable[[Labels], Form] = _cloud_config
    images: Callable[[Labels], Images] | None = None
