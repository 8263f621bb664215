"""[kubernetes]: what is put into Kubernetes clusters, and how often their health is looked at."""

from pathlib import Path
from typing import Annotated

import msgspec

from .options import Option


class Kubernetes(msgspec.Struct, frozen=True, kw_only=True):
    keystone_auth_default_policy: Annotated[
        Path, Option("Policy for requests that Keystone has authenticated, JSON.")
    ] = Path("/etc/magnum/keystone_auth_default_policy.json")
    post_install_manifest_url: Annotated[str, Option("Manifest that is applied to a new cluster. Empty: none.")] = ""
    health_polling_interval: Annotated[
        int | None, Option("Seconds between health checks; negative: none.", default=None, sample="10")
    ] = None
    binaries_dir: Annotated[
        Path | None,
        Option(
            "Folder with the programs of Kubernetes for machines of this host (kube-apiserver, kubelet and so on), or "
            "with a folder of them for each version, named like v1.31.2. "
            "Unset, and for other versions: they are downloaded, or taken from the cache."
        ),
    ] = None
    release_url: Annotated[
        str, Option("Where the programs of Kubernetes are downloaded from, for machines of this host.")
    ] = "https://dl.k8s.io"
