"""The control plane: the flags and files of etcd, API server, controller manager and scheduler on a master."""

from typing import Any

from .certificates import API_TO_KUBELET
from .cluster import KubernetesCluster, KubernetesNode, NetworkDriver
from .paths import CA, ETCD_DATA, FOLDER, certificate, key
from .versions import (
    ADMISSION_PLUGINS_END,
    AUTHENTICATION_CONFIGURATION,
    INSECURE_PORTS_END,
    SCHEDULER_ADDRESSES_END,
    SCHEDULER_CONFIGURATION,
)

SERVICE_ACCOUNT_KEY = f"{FOLDER}/service-account.key"
ENCRYPTION = f"{FOLDER}/encryption.yaml"
AUTHENTICATION = f"{FOLDER}/authentication.yaml"
AUDIT_POLICY = f"{FOLDER}/audit-policy.yaml"
AUDIT_LOG = "/var/log/kubernetes/audit.log"
SCHEDULER = f"{FOLDER}/scheduler.yaml"
HEALTH_PATHS = ("/livez", "/readyz", "/healthz")
FRONT_PROXY_CA = certificate("front-proxy-ca")
ETCD_CA = certificate("etcd-ca")
_TLS = "VersionTLS12"

Flags = dict[str, str]


def etcd(cluster: KubernetesCluster, node: KubernetesNode) -> Flags:
    """Give the flags of a member. Those about the beginning are not looked at when there are data already."""
    peer = f"https://{node.address}:2380"
    members = ",".join(f"{member.name}=https://{member.address}:2380" for member in cluster.masters)
    return {
        "name": node.name,
        "data-dir": ETCD_DATA,
        "listen-client-urls": f"https://{node.address}:2379,https://127.0.0.1:2379",
        "advertise-client-urls": f"https://{node.address}:2379",
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": members,
        "initial-cluster-token": cluster.uuid,
        "initial-cluster-state": "existing" if node.joins else "new",
        "listen-metrics-urls": "http://127.0.0.1:2381",
        "cert-file": certificate("etcd"),
        "key-file": key("etcd"),
        "trusted-ca-file": ETCD_CA,
        "client-cert-auth": "true",
        "peer-cert-file": certificate("etcd"),
        "peer-key-file": key("etcd"),
        "peer-trusted-ca-file": ETCD_CA,
        "peer-client-cert-auth": "true",
    }


def apiserver(cluster: KubernetesCluster, node: KubernetesNode) -> Flags:
    flags = {
        "advertise-address": str(node.address),
        "bind-address": "0.0.0.0",  # noqa: S104 - clients, nodes and pods come from all sides
        "secure-port": str(cluster.api_port),
        "etcd-servers": "https://127.0.0.1:2379",
        "etcd-cafile": ETCD_CA,
        "etcd-certfile": certificate("apiserver-etcd"),
        "etcd-keyfile": key("apiserver-etcd"),
        "encryption-provider-config": ENCRYPTION,
        "client-ca-file": CA,
        "tls-cert-file": certificate("apiserver"),
        "tls-private-key-file": key("apiserver"),
        "tls-min-version": _TLS,
        "kubelet-certificate-authority": CA,
        "kubelet-client-certificate": certificate("apiserver-kubelet"),
        "kubelet-client-key": key("apiserver-kubelet"),
        "kubelet-preferred-address-types": "InternalIP,Hostname,ExternalIP",
        "requestheader-client-ca-file": FRONT_PROXY_CA,
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "proxy-client-cert-file": certificate("front-proxy"),
        "proxy-client-key-file": key("front-proxy"),
        "service-account-issuer": f"https://kubernetes.default.svc.{cluster.domain}",
        "service-account-key-file": SERVICE_ACCOUNT_KEY,
        "service-account-signing-key-file": SERVICE_ACCOUNT_KEY,
        "service-cluster-ip-range": str(cluster.services),
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": ",".join(_admission_plugins(cluster)),
        "allow-privileged": "true",
        "audit-policy-file": AUDIT_POLICY,
        "audit-log-path": AUDIT_LOG,
        "audit-log-maxage": "30",
        "audit-log-maxbackup": "5",
        "audit-log-maxsize": "50",
        "profiling": "false",
    }
    if cluster.version.of(AUTHENTICATION_CONFIGURATION):
        flags["authentication-config"] = AUTHENTICATION
    else:
        flags["anonymous-auth"] = "false"
    if cluster.version.minor < INSECURE_PORTS_END:
        flags["insecure-port"] = "0"
    return flags


def _admission_plugins(cluster: KubernetesCluster) -> list[str]:
    """Put first what keeps a node to itself, and leave out what this version has no more."""
    gone = {name for name, end in ADMISSION_PLUGINS_END.items() if cluster.version.minor >= end}
    return [
        name for name in dict.fromkeys(("NodeRestriction", *cluster.admission_plugins)) if name and name not in gone
    ]


def controller_manager(cluster: KubernetesCluster) -> Flags:
    kubeconfig = f"{FOLDER}/controller-manager.kubeconfig"
    flags = {
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": "127.0.0.1",
        "secure-port": "10257",
        "client-ca-file": CA,
        "requestheader-client-ca-file": FRONT_PROXY_CA,
        "requestheader-allowed-names": "front-proxy-client",
        "cluster-name": cluster.uuid,
        "cluster-cidr": str(cluster.pods),
        "service-cluster-ip-range": str(cluster.services),
        "root-ca-file": CA,
        "service-account-private-key-file": SERVICE_ACCOUNT_KEY,
        "use-service-account-credentials": "true",
        "leader-elect": "true",
        "profiling": "false",
    }
    if cluster.network_driver is NetworkDriver.FLANNEL:
        flags |= {"allocate-node-cidrs": "true", "node-cidr-mask-size": str(cluster.node_prefix)}
    else:  # a node's part follows from its address, or it has several that calico gives it
        flags["allocate-node-cidrs"] = "false"
    if cluster.version.minor < INSECURE_PORTS_END:
        flags["port"] = "0"
    return flags


def scheduler(cluster: KubernetesCluster) -> Flags:
    kubeconfig = f"{FOLDER}/scheduler.kubeconfig"
    flags = {
        "config": SCHEDULER,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": "127.0.0.1",
        "secure-port": "10259",
        "client-ca-file": CA,
        "requestheader-client-ca-file": FRONT_PROXY_CA,
        "requestheader-allowed-names": "front-proxy-client",
    }
    if cluster.version.minor < INSECURE_PORTS_END:
        flags["port"] = "0"
    return flags


def scheduler_configuration(cluster: KubernetesCluster) -> dict[str, Any]:
    configuration: dict[str, Any] = {
        "apiVersion": f"kubescheduler.config.k8s.io/{cluster.version.of(SCHEDULER_CONFIGURATION)}",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": {"kubeconfig": f"{FOLDER}/scheduler.kubeconfig"},
        "leaderElection": {"leaderElect": True},
        "enableProfiling": False,
    }
    if cluster.version.minor < SCHEDULER_ADDRESSES_END:
        configuration |= {"healthzBindAddress": "127.0.0.1:10251", "metricsBindAddress": "127.0.0.1:10251"}
    return configuration


def authentication_configuration(cluster: KubernetesCluster) -> dict[str, Any] | None:
    """Let health be asked for without a credential, where a version can be told to answer that and nothing else."""
    version = cluster.version.of(AUTHENTICATION_CONFIGURATION)
    if version is None:
        return None
    return {
        "apiVersion": f"apiserver.config.k8s.io/{version}",
        "kind": "AuthenticationConfiguration",
        "anonymous": {"enabled": True, "conditions": [{"path": path} for path in HEALTH_PATHS]},
    }


def encryption_configuration(encryption_key: str) -> dict[str, Any]:
    """Seal secrets in etcd. What an older configuration left there in clear stays readable."""
    sealed = {"secretbox": {"keys": [{"name": "magnum-1", "secret": encryption_key}]}}
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": ["secrets"], "providers": [sealed, {"identity": {}}]}],
    }


def audit_policy() -> dict[str, Any]:
    """Write down who changed what, and who read secrets, but never their content; not what programs do all day."""
    nodes_and_programs = ["system:nodes", "system:serviceaccounts:kube-system"]
    routine = ["system:kube-scheduler", "system:kube-controller-manager", "system:kube-proxy", API_TO_KUBELET]
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*", "/version"]},
            {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
            {"level": "None", "resources": [{"group": "", "resources": ["events"]}]},
            {"level": "None", "users": routine, "verbs": ["get", "list", "watch"]},
            {"level": "None", "userGroups": nodes_and_programs, "verbs": ["get", "list", "watch"]},
            {
                "level": "Metadata",
                "resources": [
                    {"group": "", "resources": ["secrets", "configmaps", "serviceaccounts/token"]},
                    {"group": "authentication.k8s.io", "resources": ["tokenreviews"]},
                ],
            },
            {"level": "Metadata"},
        ],
    }
