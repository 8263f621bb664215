"""What runs on every node: kubelet, kube-proxy and containerd, and how they are configured."""

from typing import Any

from .cluster import KubernetesCluster, KubernetesNode
from .control_plane import Flags
from .paths import CA, FOLDER, RUNTIME, certificate, key
from .pod_network import CNI_CONFIGURATION, plugins_folder
from .pulling import REGISTRIES
from .versions import PAUSE_FLAG_ENDS, RUNTIME_ENDPOINT_IN_FILE, RUNTIME_IS_REMOTE, TAINTS_IN_FILE

KUBELET = f"{FOLDER}/kubelet.yaml"
PROXY = f"{FOLDER}/kube-proxy.yaml"
ENVIRONMENT = "AWS_EC2_METADATA_DISABLED=true"
"""An old kubelet looks for a cloud that this is not, and waits for its answer."""


def kubelet(cluster: KubernetesCluster, node: KubernetesNode) -> Flags:
    minor = cluster.version.minor
    flags = {
        "config": KUBELET,
        "kubeconfig": f"{FOLDER}/kubelet.kubeconfig",
        "hostname-override": node.name,
        "node-ip": str(node.address),
        "node-labels": (f"magnum.openstack.org/nodegroup={node.nodegroup},magnum.openstack.org/role={node.role}"),
    }
    if minor < RUNTIME_IS_REMOTE:
        flags["container-runtime"] = "remote"
    if minor < RUNTIME_ENDPOINT_IN_FILE:
        flags["container-runtime-endpoint"] = RUNTIME
    if minor < PAUSE_FLAG_ENDS:
        flags["pod-infra-container-image"] = cluster.pause_image
    if minor < TAINTS_IN_FILE and node.is_master:
        taints = cluster.version.control_plane_taints
        flags["register-with-taints"] = ",".join(f"{taint['key']}=:{taint['effect']}" for taint in taints)
    return flags


def kubelet_configuration(cluster: KubernetesCluster, node: KubernetesNode) -> dict[str, Any]:
    minor = cluster.version.minor
    configuration: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": CA},
        },
        "authorization": {"mode": "Webhook"},
        "readOnlyPort": 0,
        "tlsCertFile": certificate("kubelet"),
        "tlsPrivateKeyFile": key("kubelet"),
        "tlsMinVersion": "VersionTLS12",
        "cgroupDriver": cluster.cgroup_driver,
        "clusterDNS": [str(cluster.dns)],
        "clusterDomain": cluster.domain,
        "resolvConf": "/etc/resolv.conf",
        "failSwapOn": False,
        "serializeImagePulls": False,
    }
    if minor >= RUNTIME_ENDPOINT_IN_FILE:
        configuration["containerRuntimeEndpoint"] = RUNTIME
    if minor >= TAINTS_IN_FILE and node.is_master:
        configuration["registerWithTaints"] = list(cluster.version.control_plane_taints)
    return configuration


def proxy_configuration(cluster: KubernetesCluster, node: KubernetesNode) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": f"{FOLDER}/kube-proxy.kubeconfig"},
        "mode": "iptables",
        "clusterCIDR": str(cluster.pods),
        "hostnameOverride": node.name,
        "metricsBindAddress": "127.0.0.1:10249",
        # The table of connections is the kernel's, and not this program's to size.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def containerd_configuration(cluster: KubernetesCluster) -> bytes:
    """Write what containerd 1.x reads, and 2.x too."""
    return f"""\
version = 2

[plugins."io.containerd.grpc.v1.cri"]
  stream_server_port = "10010"
  sandbox_image = "{cluster.pause_image}"
  restrict_oom_score_adj = false

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = {str(cluster.cgroup_driver == "systemd").lower()}

[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "{REGISTRIES}"

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{plugins_folder(cluster)}"
  conf_dir = "{CNI_CONFIGURATION}"
""".encode()
