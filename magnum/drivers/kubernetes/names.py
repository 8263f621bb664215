"""What a release of Kubernetes is called and where it lies; drivers and the tools around them share these names."""

PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
"""What a machine is given of Kubernetes; everything else of it comes as images."""
DEFAULT_TAG = "v1.20.2"
"""The version of clusters whose label kube_tag says nothing: the one whose source is in Debian 12."""
RELEASE_URL = "https://dl.k8s.io"

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x"}


def release_folder(url: str, tag: str, machine: str) -> str:
    """Say where a release has its programs for this kind of machine; beside each lies its checksum, `.sha256`."""
    return f"{url.rstrip('/')}/{tag}/bin/linux/{_ARCHITECTURES.get(machine, machine)}"
