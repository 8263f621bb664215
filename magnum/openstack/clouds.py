"""The cloud as one identity sees it: its services, each at the endpoint that the configuration chooses.

The sections `[heat_client]`, `[nova_client]` and so on say region, interface and TLS of each. A token belongs to the
identity's plugin and is shared by all services, so it is fetched once. `identities` implements `Clouds`.
"""

from typing import Protocol

from keystoneauth1.access import AccessInfo
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

    def deleting(self, trust_id: str | None, project_id: str) -> "Cloud":
        """Give the cloud for taking down what the ledger of a cluster of this project names, and for nothing else.

        By its trust; where that is gone, as our service user in the project, if the operator has given it a role there.
        """
        ...

    def domain_admin(self) -> "Cloud | None":
        """Give the cloud as whoever manages the domain of clusters' users; None where [trust] names nobody."""
        ...

    def requested(self, token: AccessInfo) -> "Cloud":
        """Give the cloud as whoever asks the API sees it. For the length of one request."""
        ...

    def forget(self, trust_id: str) -> None:
        """Keep no token of a trust that is not used any more."""
        ...


class Cloud:
    """Made for one identity; services are looked up in its catalogue when they are first called."""

    def __init__(
        self,
        settings: Settings,
        auth: BaseIdentityPlugin,
        *,
        timeout: float = CALL_SECONDS,
        identity_session: Session | None = None,
    ) -> None:
        """Keystone is asked over `identity_session`, where the identity's `auth_url` says."""
        self._settings = settings
        self._auth = auth
        self._timeout = timeout
        self._identity_session = identity_session or Session(timeout=timeout)

    def keystone(self) -> CloudService:
        return CloudService(
            "Keystone", Adapter(self._identity_session, auth=self._auth, endpoint_override=self._auth.auth_url)
        )

    def identity(self) -> AccessInfo:
        """Say who this is. Raises CloudError."""
        return self.keystone().identity

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

    def magnum(self) -> CloudService:
        """Give ourselves, as everybody finds us."""
        return self._service("Magnum", "container-infra", self._settings.magnum_client)

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
