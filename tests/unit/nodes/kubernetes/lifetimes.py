"""What the programs of Kubernetes have known and when, gathered from their published references and changelogs.

Kept apart from what makes the files, and told twice on purpose: a flag, a field or a version that is not in here, or
not at that time, fails a test until somebody has looked it up.
"""

from typing import NamedTuple


class Lifetime(NamedTuple):
    """From this minor version of 1.x on, and before that one."""

    since: int = 0
    until: int = 1000

    def __contains__(self, minor: object) -> bool:
        return isinstance(minor, int) and self.since <= minor < self.until


ALWAYS = Lifetime()


def _always(*names: str) -> dict[str, Lifetime]:
    return dict.fromkeys(names, ALWAYS)


_DELEGATING = _always(
    "authentication-kubeconfig",
    "authorization-kubeconfig",
    "bind-address",
    "client-ca-file",
    "requestheader-allowed-names",
    "requestheader-client-ca-file",
    "secure-port",
)
_WITHOUT_TLS = {"port": Lifetime(until=24)}

FLAGS: dict[str, dict[str, Lifetime]] = {
    "kube-apiserver": {
        **_always("advertise-address", "allow-privileged", "authorization-mode", "bind-address", "client-ca-file"),
        **_always(
            "audit-log-maxage", "audit-log-maxbackup", "audit-log-maxsize", "audit-log-path", "audit-policy-file"
        ),
        **_always("enable-admission-plugins", "encryption-provider-config", "profiling", "secure-port"),
        **_always("etcd-cafile", "etcd-certfile", "etcd-keyfile", "etcd-servers"),
        **_always("kubelet-certificate-authority", "kubelet-client-certificate", "kubelet-client-key"),
        **_always("kubelet-preferred-address-types", "proxy-client-cert-file", "proxy-client-key-file"),
        **_always("requestheader-allowed-names", "requestheader-client-ca-file", "requestheader-group-headers"),
        **_always("requestheader-extra-headers-prefix", "requestheader-username-headers", "service-cluster-ip-range"),
        **_always("service-account-issuer", "service-account-key-file", "service-account-signing-key-file"),
        **_always("tls-cert-file", "tls-min-version", "tls-private-key-file", "anonymous-auth"),
        "insecure-port": Lifetime(until=24),
        "authentication-config": Lifetime(since=30),  # on without a feature gate
    },
    "kube-controller-manager": {
        **_DELEGATING,
        **_WITHOUT_TLS,
        **_always("allocate-node-cidrs", "cluster-cidr", "cluster-name", "kubeconfig", "leader-elect"),
        **_always("node-cidr-mask-size", "profiling", "root-ca-file", "service-account-private-key-file"),
        **_always("service-cluster-ip-range", "use-service-account-credentials"),
        **_always("cluster-signing-cert-file", "cluster-signing-key-file"),
    },
    "kube-scheduler": {**_DELEGATING, **_WITHOUT_TLS, **_always("config")},
    "kubelet": {
        **_always("config", "kubeconfig", "hostname-override", "node-ip", "node-labels", "register-with-taints"),
        "container-runtime": Lifetime(until=27),
        "container-runtime-endpoint": ALWAYS,
        "pod-infra-container-image": Lifetime(until=35),
    },
    "kube-proxy": _always("config"),
}

CONFIGURATIONS: dict[tuple[str, str], Lifetime] = {
    ("KubeletConfiguration", "kubelet.config.k8s.io/v1beta1"): ALWAYS,
    ("KubeProxyConfiguration", "kubeproxy.config.k8s.io/v1alpha1"): ALWAYS,
    ("KubeSchedulerConfiguration", "kubescheduler.config.k8s.io/v1beta1"): Lifetime(19, 23),
    ("KubeSchedulerConfiguration", "kubescheduler.config.k8s.io/v1beta2"): Lifetime(22, 28),
    ("KubeSchedulerConfiguration", "kubescheduler.config.k8s.io/v1beta3"): Lifetime(23, 29),
    ("KubeSchedulerConfiguration", "kubescheduler.config.k8s.io/v1"): Lifetime(25),
    ("AuthenticationConfiguration", "apiserver.config.k8s.io/v1beta1"): Lifetime(30),
    ("AuthenticationConfiguration", "apiserver.config.k8s.io/v1"): Lifetime(34),
    ("EncryptionConfiguration", "apiserver.config.k8s.io/v1"): ALWAYS,
    ("Policy", "audit.k8s.io/v1"): ALWAYS,
    ("Config", "v1"): ALWAYS,
}

_SHARED = _always("apiVersion", "kind")
FIELDS: dict[str, dict[str, Lifetime]] = {
    "KubeletConfiguration": {
        **_SHARED,
        **_always("authentication", "authorization", "cgroupDriver", "clusterDNS", "clusterDomain", "evictionHard"),
        **_always("failSwapOn", "imageGCHighThresholdPercent", "readOnlyPort", "resolvConf", "serializeImagePulls"),
        **_always("tlsCertFile", "tlsMinVersion", "tlsPrivateKeyFile"),
        "containerRuntimeEndpoint": Lifetime(since=27),
        "registerWithTaints": Lifetime(since=23),
    },
    "KubeProxyConfiguration": {
        **_SHARED,
        **_always("clientConnection", "clusterCIDR", "conntrack", "hostnameOverride", "metricsBindAddress", "mode"),
    },
    "KubeSchedulerConfiguration": {
        **_SHARED,
        **_always("clientConnection", "enableProfiling", "leaderElection"),
        # Later ones know them too, but let them be empty alone.
        "healthzBindAddress": Lifetime(until=23),
        "metricsBindAddress": Lifetime(until=23),
    },
    "AuthenticationConfiguration": {**_SHARED, "anonymous": Lifetime(since=32)},
    "EncryptionConfiguration": {**_SHARED, **_always("resources")},
    "Policy": {**_SHARED, **_always("omitStages", "rules")},
    "Config": {**_SHARED, **_always("clusters", "contexts", "current-context", "users")},
}

ADMISSION_PLUGINS_UNTIL = {
    "DenyEscalatingExec": 21,
    "DenyExecOnPrivileged": 21,
    "PodSecurityPolicy": 25,
    "SecurityContextDeny": 30,
    "PersistentVolumeLabel": 31,
}
