"""[kubernetes]: what is put into Kubernetes clusters, and how often their health is looked at."""

from pathlib import Path
from typing import Annotated

import msgspec

from .options import Option

_USUAL_INTERVAL = 60


class Kubernetes(msgspec.Struct, frozen=True, kw_only=True):
    keystone_auth_default_policy: Annotated[
        Path, Option("Policy for requests that Keystone has authenticated, JSON.")
    ] = Path("/etc/magnum/keystone_auth_default_policy.json")
    post_install_manifest_url: Annotated[str, Option("Manifest that is applied to a new cluster. Empty: none.")] = ""
    health_polling_interval: Annotated[
        int | None, Option("Seconds between health checks, 60 unless set; negative: none.", default=None, sample="10")
    ] = None
    binaries_dir: Annotated[
        Path | None,
        Option(
            "Folder with the programs of Kubernetes for machines of this host (kube-apiserver, kubelet and so on), or "
            "with a folder of them for each version, named like v1.31.2. "
            "Unset, and for other versions: they are downloaded, or taken from the cache."
        ),
    ] = None
    images_dir: Annotated[
        Path | None,
        Option(
            "Folder with archives of container images (*.tar, as `docker save` writes them) that every machine of this "
            "host imports when it becomes a node of Kubernetes, and whenever there is a new one. Unset: none."
        ),
    ] = None
    drain_timeout: Annotated[
        int,
        Option(
            "Seconds for which the work of a node that goes, or is made anew, on machines of this host is waited for. "
            "What has not ended by then goes with the node; what a PodDisruptionBudget protects makes the operation "
            "fail.",
            minimum=0,
        ),
    ] = 120
    network_patience: Annotated[
        float,
        Option(
            "Seconds for which the network of pods (flannel, calico) of a cluster on machines of this host may fail to "
            "get its images, before the operation fails and says why.",
            minimum=0,
        ),
    ] = 60.0
    release_url: Annotated[str, Option("Where the programs of Kubernetes are downloaded from.")] = "https://dl.k8s.io"

    @property
    def looks_at_health(self) -> bool:
        return self.health_polling_interval is None or self.health_polling_interval >= 0

    @property
    def health_seconds(self) -> int:
        """Give the seconds from one look at a cluster's health to the next, or by which its age is judged."""
        if self.health_polling_interval is None or not self.looks_at_health:
            return _USUAL_INTERVAL
        return max(1, self.health_polling_interval)
