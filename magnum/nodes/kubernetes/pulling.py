"""How containerd pulls images: which registries need no TLS that is to be believed, and through which proxies.

containerd 1.x and 2.x read the same files, and podman, in whose containers a system's programs may run, another. The
proxies are containerd's alone: what Kubernetes' programs speak with is in the cluster.
"""

from collections.abc import Iterator, Sequence

from magnum.nodes.data import Engine
from magnum.nodes.files import NodeFile

from .cluster import KubernetesCluster
from .paths import FOLDER, UNITS

REGISTRIES = "/etc/containerd/certs.d"
ENVIRONMENT = f"{FOLDER}/containerd.env"
PODMAN_REGISTRIES = "/etc/containers/registries.conf.d/50-magnum.conf"
_DROP_IN = f"""\
[Service]
EnvironmentFile={ENVIRONMENT}
"""


def pulling_files(cluster: KubernetesCluster) -> Iterator[NodeFile]:
    for registry in cluster.engine.insecure_registries:
        yield NodeFile(f"{REGISTRIES}/{registry}/hosts.toml", 0o644, _insecure(registry))
    if cluster.images is not None and cluster.engine.insecure_registries:
        yield NodeFile(PODMAN_REGISTRIES, 0o644, _insecure_for_podman(cluster.engine.insecure_registries))
    environment = _environment(cluster.engine)
    if environment:
        # In a file and not in the unit, because every user of the machine may ask for a unit's text, and a proxy may
        # need a password.
        yield NodeFile(ENVIRONMENT, 0o600, environment)
        yield NodeFile(f"{UNITS}/containerd.service.d/magnum-proxy.conf", 0o644, _DROP_IN.encode())


def _insecure(registry: str) -> bytes:
    """Try without TLS, and then with any certificate: of a failure, containerd tells the first try's alone."""
    return f"""\
server = "https://{registry}"
skip_verify = true

[host."http://{registry}"]
  capabilities = ["pull", "resolve"]
""".encode()


def _insecure_for_podman(registries: Sequence[str]) -> bytes:
    return "\n".join(f'[[registry]]\nlocation = "{registry}"\ninsecure = true\n' for registry in registries).encode()


def _environment(engine: Engine) -> bytes:
    values = {"HTTP_PROXY": engine.http_proxy, "HTTPS_PROXY": engine.https_proxy, "NO_PROXY": engine.no_proxy}
    return "".join(f"{name}={value}\n" for name, value in values.items() if value).encode()
