"""All files of a node of Kubernetes: configuration, units, and what it is to have signed.

cloud-init puts them where they belong. The folder of the configuration is closed to all but root before anything is
put into it (`closed_folders`).
"""

from collections.abc import Sequence

from magnum.model.signing import CaType
from magnum.nodes.data import NODE_DATA
from magnum.nodes.files import NodeFile

from . import control_plane, node_agents, own_images, pod_network, pulling
from .certificates import CA_FILES, certificates_of, readers_of
from .cluster import ClusterSecrets, KubernetesCluster, KubernetesNode
from .images import EVERYWHERE, ON_MASTERS
from .paths import CA, FOLDER, certificate, document, key
from .units import Unit

CLOSED_FOLDERS = (FOLDER,)
_API_STOPS_IN = 3
"""Seconds that an API server gets to answer what it has been asked. It answers nobody new while it stops, and would
wait a minute for those who watch, and who begin anew at another one."""


def kubernetes_files(cluster: KubernetesCluster, node: KubernetesNode) -> tuple[NodeFile, ...]:
    files = [*_told(cluster, node), *_agents(cluster, node)]
    if node.secrets is not None:
        files += [*_control_plane(cluster, node), *_secrets(node.secrets)]
    return tuple(files)


def _told(cluster: KubernetesCluster, node: KubernetesNode) -> list[NodeFile]:
    """What the node program reads."""
    certificates = certificates_of(cluster, node)
    authorities = [ca for ca in CaType if any(certificate.ca == ca for certificate in certificates)]
    values: dict[str, Sequence[str]] = {
        "certificates": [certificate.line() for certificate in certificates],
        "authorities": [f"{CA_FILES[ca]}|{ca}" for ca in authorities],
        "readers": [f"{name}|{' '.join(units)}" for name, units in readers_of(certificates, node).items()],
        "kubernetes_api": [_api(cluster, node)],
    }
    if cluster.release is not None:
        values["programs_url"] = [cluster.release.folder]
        values["programs"] = [program.line() for program in cluster.release.programs]
    if cluster.images is not None:
        values["images"] = cluster.images.all_of(ON_MASTERS if node.is_master else EVERYWHERE, cluster.version)
        if cluster.images.containerd is not None:
            values["containerd_archive"] = [f"{cluster.images.containerd.url}|{cluster.images.containerd.sha256}"]
    if node.volumes:
        values["volumes"] = [f"{volume.id}|{volume.folder}" for volume in node.volumes]
    return [NodeFile(f"{NODE_DATA}/{name}", 0o600, _lines(value)) for name, value in values.items()]


def _lines(lines: Sequence[str]) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


def _api(cluster: KubernetesCluster, node: KubernetesNode) -> str:
    """Where this node reaches the API: a master its own."""
    return f"https://127.0.0.1:{cluster.api_port}" if node.is_master else cluster.api_url


def _agents(cluster: KubernetesCluster, node: KubernetesNode) -> list[NodeFile]:
    options = cluster.options
    api = _api(cluster, node)
    units = (
        Unit(
            name="kubelet",
            flags=node_agents.kubelet(cluster, node),
            options=options.kubelet,
            environment=node_agents.ENVIRONMENT,
            after="containerd.service pod-network.service",
        ),
        Unit(
            name="kube-proxy",
            flags={"config": node_agents.PROXY},
            options=options.proxy,
            after="pod-network.service",
        ),
    )
    return [
        NodeFile("/etc/containerd/config.toml", 0o644, node_agents.containerd_configuration(cluster)),
        *pod_network.network_files(cluster, node),
        *own_images.watching_files(cluster),
        *pulling.pulling_files(cluster),
        _yaml("kubelet.yaml", node_agents.kubelet_configuration(cluster, node)),
        _yaml("kube-proxy.yaml", node_agents.proxy_configuration(cluster, node)),
        _kubeconfig("kubelet", api),
        _kubeconfig("kube-proxy", api),
        *(unit.file(cluster) for unit in units),
    ]


def _control_plane(cluster: KubernetesCluster, node: KubernetesNode) -> list[NodeFile]:
    api, options = f"https://127.0.0.1:{cluster.api_port}", cluster.options
    units = (
        Unit(name="etcd", flags=control_plane.etcd(cluster, node)),
        Unit(
            name="kube-apiserver",
            flags=control_plane.apiserver(cluster, node),
            options=options.apiserver,
            after="etcd.service",
            stops_in=_API_STOPS_IN,
        ),
        Unit(
            name="kube-controller-manager",
            flags=control_plane.controller_manager(cluster),
            options=options.controller_manager,
        ),
        Unit(name="kube-scheduler", flags=control_plane.scheduler(cluster), options=options.scheduler),
    )
    files = [
        *(unit.file(cluster) for unit in units),
        _kubeconfig("controller-manager", api),
        _kubeconfig("scheduler", api),
        _yaml("scheduler.yaml", control_plane.scheduler_configuration(cluster)),
        _yaml("audit-policy.yaml", control_plane.audit_policy()),
    ]
    authentication = control_plane.authentication_configuration(cluster)
    return [*files, _yaml("authentication.yaml", authentication)] if authentication else files


def _secrets(secrets: ClusterSecrets) -> list[NodeFile]:
    encryption = control_plane.encryption_configuration(secrets.encryption_key)
    return [
        NodeFile(control_plane.SERVICE_ACCOUNT_KEY, 0o600, secrets.service_account_key.encode()),
        NodeFile(control_plane.ENCRYPTION, 0o600, document(encryption)),
    ]


def _yaml(name: str, content: object) -> NodeFile:
    return NodeFile(f"{FOLDER}/{name}", 0o600, document(content))


def _kubeconfig(name: str, server: str) -> NodeFile:
    """How a program of this node reaches the API and proves who it is."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": {"server": server, "certificate-authority": CA}}],
        "users": [{"name": name, "user": {"client-certificate": certificate(name), "client-key": key(name)}}],
        "contexts": [{"name": name, "context": {"cluster": "cluster", "user": name}}],
        "current-context": name,
    }
    return _yaml(f"{name}.kubeconfig", content)
