"""The programs of Kubernetes and etcd as containers: for systems that are not to hold programs of others.

Each runs in a container of podman's that its unit starts, in the host's network, with the same flags as without one.
It sees of the host what its flags name, under the same paths. A kubelet and a proxy work on the host itself.
"""

from .control_plane import AUDIT_LOG
from .paths import CERTIFICATES, ETCD_DATA, FOLDER

PODMAN = "/usr/bin/podman"
_CONFIGURATION = (f"{FOLDER}:{FOLDER}:ro", f"{CERTIFICATES}:{CERTIFICATES}:ro")
_HOST = ("--privileged", "--pid=host", "--cgroupns=host")
_MODULES = "/lib/modules:/lib/modules:ro"
_ETCD = ETCD_DATA.rpartition("/")[0]
_LOGS = AUDIT_LOG.rpartition("/")[0]
_VOLUMES: dict[str, tuple[str, ...]] = {
    "etcd": (f"{_ETCD}:{_ETCD}", _CONFIGURATION[1]),
    "kube-apiserver": (*_CONFIGURATION, f"{_LOGS}:{_LOGS}"),
    "kube-controller-manager": _CONFIGURATION,
    "kube-scheduler": _CONFIGURATION,
    "kube-proxy": (*_CONFIGURATION, "/run:/run", _MODULES),
    "kubelet": (
        *("/etc:/etc:ro", "/etc/cni:/etc/cni", "/run:/run", "/sys:/sys:rslave", "/dev:/dev", _MODULES),
        *("/var/lib/kubelet:/var/lib/kubelet:rshared", "/var/lib/containerd:/var/lib/containerd:rslave"),
        *("/var/lib/cni:/var/lib/cni", "/var/lib/calico:/var/lib/calico", "/var/log:/var/log", "/opt/cni:/opt/cni"),
    ),
}
"""What each sees of the host. What pods mount is the kubelet's to make, where all others see it too."""
_ON_HOST = frozenset({"kubelet", "kube-proxy"})


def service_lines(program: str, image: str, environment: str, stops_in: int) -> tuple[list[str], list[str]]:
    """Give what a unit does before and after, and the beginning of its command."""
    volumes = _VOLUMES[program]
    folders = " ".join(volume.partition(":")[0] for volume in volumes)
    options = [
        *("--network=host", "--security-opt=label=disable", "--log-driver=none", "--user=0:0"),
        *(_HOST if program in _ON_HOST else ()),
        *((f"--env={environment}",) if environment else ()),
        *(f"--volume={volume}" for volume in volumes),
    ]
    around = [
        f"ExecStartPre=/usr/bin/mkdir --parents {folders}",
        f"ExecStop=-{PODMAN} stop --ignore --time {stops_in} {program}",
        "TimeoutStartSec=0",
        f"TimeoutStopSec={stops_in + 10}",
    ]
    # An image may begin with its program by itself, or with none; there it is in all of them.
    begins = f"--entrypoint=/usr/local/bin/{program}"
    return around, [f"{PODMAN} run", f"--name={program}", "--replace", *options, begins, image]
