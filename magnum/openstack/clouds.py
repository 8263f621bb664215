"""The cloud as one identity sees it: its services, each at the endpoint that the configuration chooses.

The sections `[heat_client]`, `[nova_client]` and so on say region, interface and TLS of each. A token belongs to the
identity's plugin and is shared by all services, so it is fetched once. `Clouds`, who has one for every identity that
Magnum acts as, comes with `identities`.
"""

from typing import Protocol

from keystoneauth1.adapter import Adapter
from keystoneauth1.identity.base import BaseIdentityPlugin
from keystoneauth1.session import Session

from magnum.conf.clients import Endpoint, SecureEndpoint
from magnum.conf.settings import Settings

from .calls import CloudService

CALL_SECONDS = 30.0


class Clouds(Protocol):
    """Every identity that a conductor acts as."""

    def trusted(self, trust_id: str) -> "Cloud":
        """Give the cloud as a cluster's owner has entrusted it to us: what is made belongs to the owner's project."""
        ...

    def own(self) -> "Cloud":
        """Give the cloud as our own service user sees it."""
        ...


class Cloud:
    """Made for one identity; services are looked up in its catalogue when they are first called."""

    def __init__(self, settings: Settings, auth: BaseIdentityPlugin, *, timeout: float = CALL_SECONDS) -> None:
        self._settings = settings
        self._auth = auth
        self._timeout = timeout

    def keystone(self) -> CloudService:
        interface = self._settings.trust.trustee_keystone_interface
        return self._service("Keystone", "identity", Endpoint(endpoint_type=interface))

    def heat(self) -> CloudService:
        return self._service("Heat", "orchestration", self._settings.heat_client)

    def glance(self) -> CloudService:
        return self._service("Glance", "image", self._settings.glance_client)

    def nova(self, microversion: str | None = None) -> CloudService:
        return self._service("Nova", "compute", self._settings.nova_client, microversion)

    def neutron(self) -> CloudService:
        return self._service("Neutron", "network", self._settings.neutron_client)

    def cinder(self) -> CloudService:
        return self._service("Cinder", "block-storage", self._settings.cinder_client)

    def octavia(self) -> CloudService:
        return self._service("Octavia", "load-balancer", self._settings.octavia_client)

    def barbican(self) -> CloudService:
        return self._service("Barbican", "key-manager", self._settings.barbican_client)

    def _service(self, name: str, kind: str, endpoint: Endpoint, microversion: str | None = None) -> CloudService:
        session = Session(auth=self._auth, timeout=self._timeout, verify=_verify(endpoint), cert=_certificate(endpoint))
        adapter = Adapter(
            session,
            service_type=kind,
            interface=endpoint.endpoint_type,
            region_name=endpoint.region_name,
            default_microversion=microversion,
        )
        return CloudService(name, adapter)


def _verify(endpoint: Endpoint) -> bool | str:
    if not isinstance(endpoint, SecureEndpoint):
        return True
    return str(endpoint.ca_file) if endpoint.ca_file and not endpoint.insecure else not endpoint.insecure


def _certificate(endpoint: Endpoint) -> str | tuple[str, str] | None:
    if not isinstance(endpoint, SecureEndpoint) or endpoint.cert_file is None:
        return None
    return (str(endpoint.cert_file), str(endpoint.key_file)) if endpoint.key_file else str(endpoint.cert_file)
