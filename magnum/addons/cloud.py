"""What add-ons that work with the cloud are told of it: where it is, as whom they speak with it, and what is whose.

They speak as the cluster's own user, by a trust of its owner's; no user's password is among it. A driver whose clusters
are on no cloud says nothing, and those add-ons are not for it.
"""

from base64 import b64encode

import msgspec


class CloudFacts(msgspec.Struct, frozen=True, kw_only=True):
    """`password` is that of the cluster's own user."""

    cluster_uuid: str
    auth_url: str
    region: str
    user_id: str
    password: str
    trust_id: str
    ca: str = ""
    """Certificates that the cloud's are checked by; those of the image if it is empty."""
    network: str = ""
    """The name of the nodes' network."""
    subnet_id: str = ""
    """Where load balancers are."""
    volume_driver: str = ""
    """`cinder` where pods get volumes of Cinder."""
    floating_network_id: str = ""
    """Where load balancers get floating addresses; without one they have none."""

    def __repr__(self) -> str:
        return f"CloudFacts({self.cluster_uuid})"


def cloud_values(cloud: CloudFacts) -> dict[str, str]:
    """Give what manifests have places for."""
    return {
        "cluster_uuid": cloud.cluster_uuid,
        "cloud_configuration": _packed(configuration(cloud)),
        "cloud_ca": _packed(cloud.ca),
    }


def configuration(cloud: CloudFacts) -> str:
    """Write `cloud.conf` as the programs of cloud-provider-openstack read it, which look for its CA beside it."""
    sections = {
        "Global": {
            "auth-url": cloud.auth_url,
            "region": cloud.region,
            "user-id": cloud.user_id,
            "password": cloud.password,
            "trust-id": cloud.trust_id,
            "ca-file": "/etc/config/ca.pem" if cloud.ca else "",
        },
        "Networking": {"internal-network-name": cloud.network},
        "LoadBalancer": {
            "subnet-id": cloud.subnet_id,
            "floating-network-id": cloud.floating_network_id,
            "create-monitor": "true",
            "monitor-delay": "1m",
            "monitor-timeout": "30s",
            "monitor-max-retries": "3",
        },
    }
    lines = []
    for section, options in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{name} = {_quoted(value)}" for name, value in options.items() if value]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    if not value.isprintable():
        raise ValueError("What add-ons are told of the cloud has a value of more than one line")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _packed(text: str) -> str:
    return b64encode(text.encode()).decode()
