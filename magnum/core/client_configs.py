"""What a user's own client needs to reach a cluster: addresses, certificates, and files that are ready to be used.

The private key stays with whoever made the request to sign; files name it as `key.pem` beside them. Nothing here is
secret, and nothing is stored.
"""

from collections.abc import Mapping

import msgspec
import yaml

from magnum.db import clustertemplates
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import Coe
from magnum.model.signing import CaType

from .certificates import request_signature, show_ca
from .errors import Conflict, InvalidRequest
from .service import Service

KEY_FILE = "key.pem"
KUBECONFIG = "kubeconfig"
DOCKER = "docker"
_KINDS = {Coe.KUBERNETES: KUBECONFIG, Coe.SWARM: DOCKER, Coe.SWARM_MODE: DOCKER}


class ClientConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`files` by name, to be put beside the key; `environment` names them relative to their folder.

    Without TLS there is nothing to prove and no certificate.
    """

    kind: str
    cluster_uuid: str
    api_address: str
    key_file: str | None
    ca: str | None
    certificate: str | None
    files: Mapping[str, str]
    environment: Mapping[str, str]


def make_client_config(service: Service, cluster: Cluster, csr: str | None) -> ClientConfig:
    template = service.database.read(lambda tx: clustertemplates.read(tx, cluster.cluster_template_id or ""))
    kind = _KINDS.get(Coe(template.coe)) if template.coe in set(Coe) else None
    if kind is None:
        raise Conflict(f"There is no client configuration for clusters of {template.coe}.")
    if cluster.api_address is None:
        raise Conflict(f"The cluster {cluster.uuid} has no address yet; its status is {cluster.status}.")
    ca = certificate = None
    if not template.tls_disabled:
        if csr is None:
            raise InvalidRequest("The mandatory attribute csr is missing.")
        ca = show_ca(service, cluster, CaType.KUBERNETES) + "\n"
        certificate = request_signature(service, cluster, csr, CaType.KUBERNETES) + "\n"
    make = _kubeconfig if kind == KUBECONFIG else _docker
    files, environment = make(cluster.name or cluster.uuid, cluster.api_address, ca, certificate)
    return ClientConfig(
        kind=kind,
        cluster_uuid=cluster.uuid,
        api_address=cluster.api_address,
        key_file=KEY_FILE if certificate else None,
        ca=ca,
        certificate=certificate,
        files=files,
        environment=environment,
    )


def _kubeconfig(
    name: str, address: str, ca: str | None, certificate: str | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Name certificates and key as files: kubectl looks for them in the folder of the configuration."""
    files: dict[str, str] = {}
    cluster, user = {"server": address}, dict[str, str]()
    if ca is not None and certificate is not None:
        files |= {"ca.pem": ca, "cert.pem": certificate}
        cluster |= {"certificate-authority": "ca.pem"}
        user = {"client-certificate": "cert.pem", "client-key": KEY_FILE}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": f"admin@{name}", "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": f"admin@{name}"}}],
        "current-context": name,
    }
    return files | {"config": yaml.safe_dump(document, sort_keys=False)}, {"KUBECONFIG": "config"}


def _docker(_name: str, address: str, ca: str | None, certificate: str | None) -> tuple[dict[str, str], dict[str, str]]:
    if ca is None or certificate is None:
        return {}, {"DOCKER_HOST": address}
    environment = {"DOCKER_HOST": address, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "."}
    return {"ca.pem": ca, "cert.pem": certificate}, environment
