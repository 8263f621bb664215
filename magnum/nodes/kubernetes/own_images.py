"""Archives of images that the operator has put into a folder: imported at boot, and when one comes later.

So a cluster can be given what it could not pull, also while it waits for it.
"""

from magnum.nodes.files import NodeFile

from .cluster import KubernetesCluster
from .paths import OWN_IMAGES, UNITS

UNIT = "import-images"
_SERVICE = f"""\
[Unit]
Description=Import the archives of images in {OWN_IMAGES}
After=containerd.service

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'for archive in {OWN_IMAGES}/*.tar; do \
[ ! -e "$$archive" ] || ctr --namespace k8s.io images import "$$archive" || failed=yes; done; [ -z "$$failed" ]'
"""
_PATH = f"""\
[Unit]
Description=Watch {OWN_IMAGES}

[Path]
PathChanged={OWN_IMAGES}

[Install]
WantedBy=multi-user.target
"""


def watching_files(cluster: KubernetesCluster) -> list[NodeFile]:
    if not cluster.watches_images:
        return []
    texts = {"service": _SERVICE, "path": _PATH}
    return [NodeFile(f"{UNITS}/{UNIT}.{kind}", 0o644, text.encode()) for kind, text in texts.items()]
