"""Where things lie on a node of Kubernetes."""

from typing import Any

import yaml

PROGRAMS = "/opt/kubernetes/bin"
"""The programs of Kubernetes, which are not packages of the system."""
IMAGES = "/opt/kubernetes/images"
"""Archives of container images, imported before anything else; what needs no registry."""
OWN_IMAGES = "/opt/kubernetes/own-images"
"""More of them, which the operator has put there; ones that come later are imported too."""
UNITS = "/etc/systemd/system"
FOLDER = "/etc/kubernetes"
"""Configuration. Open to root alone, for some of it is secret."""
CERTIFICATES = "/etc/magnum/certificates"
RUNTIME = "unix:///run/containerd/containerd.sock"
ETCD_DATA = "/var/lib/etcd/data"
CA = f"{CERTIFICATES}/ca.crt"


def certificate(name: str) -> str:
    return f"{CERTIFICATES}/{name}.crt"


def key(name: str) -> str:
    return f"{CERTIFICATES}/{name}.key"


def document(content: Any) -> bytes:
    """Write a configuration as YAML."""
    text: str = yaml.safe_dump(content, sort_keys=False)
    return text.encode()
