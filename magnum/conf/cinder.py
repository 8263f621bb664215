"""[cinder]: volumes of nodes."""

from typing import Annotated

import msgspec

from .options import Option


class Cinder(msgspec.Struct, frozen=True, kw_only=True):
    default_docker_volume_type: Annotated[str, Option("Volume type for containers. Empty: the cloud's default.")] = ""
    default_etcd_volume_type: Annotated[str, Option("Volume type for etcd. Empty: the cloud's default.")] = ""
    default_boot_volume_type: Annotated[str, Option("Volume type for booting. Empty: the cloud's default.")] = ""
    default_boot_volume_size: Annotated[int, Option("GB of the volume to boot from; 0: from the image.", minimum=0)] = 0
