"""The units of systemd that run the programs of a node: from folders of the system, or in containers."""

import msgspec

from magnum.nodes.files import NodeFile

from . import containers
from .cluster import KubernetesCluster
from .control_plane import Flags
from .paths import PROGRAMS, UNITS

_ETCD = "/usr/bin/etcd"
_USUAL_STOP = 10


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One program. `options` are the owner's, and come last."""

    name: str
    flags: Flags
    options: str = ""
    after: str = "network.target"
    environment: str = ""
    stops_in: int | None = None
    """Seconds after which it is not waited for any longer."""

    def file(self, cluster: KubernetesCluster) -> NodeFile:
        around, command = self._in_container(cluster) if cluster.images else self._of_the_system()
        arguments = [*(f"--{flag}={value}" for flag, value in self.flags.items()), self.options.strip()]
        lines = " \\\n  ".join(filter(None, [*command, *arguments]))
        around_it = "".join(line + "\n" for line in around)
        text = f"""\
[Unit]
Description={self.name}, made by Magnum
After={self.after}
StartLimitIntervalSec=0

[Service]
Environment={self.environment}
ExecStart={lines}
Restart=always
RestartSec=1
{around_it}LimitNOFILE=1048576

[Install]
WantedBy=multi-user.target
"""
        return NodeFile(f"{UNITS}/{self.name}.service", 0o644, text.encode())

    def _of_the_system(self) -> tuple[list[str], list[str]]:
        path = _ETCD if self.name == "etcd" else f"{PROGRAMS}/{self.name}"
        return ([f"TimeoutStopSec={self.stops_in}"] if self.stops_in else []), [path]

    def _in_container(self, cluster: KubernetesCluster) -> tuple[list[str], list[str]]:
        assert cluster.images is not None
        image = cluster.images.of(self.name, cluster.version)
        return containers.service_lines(self.name, image, self.environment, self.stops_in or _USUAL_STOP)
