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
from .control_plane import Flags
from .paths import CA, FOLDER, PROGRAMS, UNITS, certificate, document, key

CLOSED_FOLDERS = (FOLDER,)
_ETCD = "/usr/bin/etcd"
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
    values = {
        "certificates": [certificate.line() for certificate in certificates],
        "authorities": [f"{CA_FILES[ca]}|{ca}" for ca in authorities],
        "readers": [f"{name}|{' '.join(units)}" for name, units in readers_of(certificates, node).items()],
        "kubernetes_api": [_api(cluster, node)],
    }
    if cluster.release is not None:
        values["programs_url"] = [cluster.release.folder]
        values["programs"] = [program.line() for program in cluster.release.programs]
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
    proxy = {"config": node_agents.PROXY}
    return [
        NodeFile("/etc/containerd/config.toml", 0o644, node_agents.containerd_configuration(cluster)),
        *pod_network.network_files(cluster, node),
        *own_images.watching_files(cluster),
        *pulling.pulling_files(cluster),
        _yaml("kubelet.yaml", node_agents.kubelet_configuration(cluster, node)),
        _yaml("kube-proxy.yaml", node_agents.proxy_configuration(cluster, node)),
        _kubeconfig("kubelet", api),
        _kubeconfig("kube-proxy", api),
        _unit(
            "kubelet",
            node_agents.kubelet(cluster, node),
            options.kubelet,
            environment=node_agents.ENVIRONMENT,
            after="containerd.service pod-network.service",
        ),
        _unit("kube-proxy", proxy, options.proxy, after="pod-network.service"),
    ]


def _control_plane(cluster: KubernetesCluster, node: KubernetesNode) -> list[NodeFile]:
    api, options = f"https://127.0.0.1:{cluster.api_port}", cluster.options
    files = [
        _unit("etcd", control_plane.etcd(cluster, node), program=_ETCD),
        _unit(
            "kube-apiserver",
            control_plane.apiserver(cluster, node),
            options.apiserver,
            after="etcd.service",
            stops_in=_API_STOPS_IN,
        ),
        _unit("kube-controller-manager", control_plane.controller_manager(cluster), options.controller_manager),
        _unit("kube-scheduler", control_plane.scheduler(cluster), options.scheduler),
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


def _unit(
    name: str,
    flags: Flags,
    options: str = "",
    *,
    after: str = "network.target",
    program: str = "",
    environment: str = "",
    stops_in: int | None = None,
) -> NodeFile:
    command = [
        program or f"{PROGRAMS}/{name}",
        *(f"--{flag}={value}" for flag, value in flags.items()),
        options.strip(),
    ]
    lines = " \\\n  ".join(filter(None, command))
    patience = f"TimeoutStopSec={stops_in}\n" if stops_in else ""
    text = f"""\
[Unit]
Description={name}, made by Magnum
After={after}
StartLimitIntervalSec=0

[Service]
Environment={environment}
ExecStart={lines}
Restart=always
RestartSec=1
{patience}LimitNOFILE=1048576

[Install]
WantedBy=multi-user.target
"""
    return NodeFile(f"{UNITS}/{name}.service", 0o644, text.encode())
