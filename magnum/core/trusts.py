"""The trust by which conductors act in a cluster's cloud for its owner, made inside the request that needs it.

No token is stored. The requester's own, while the request lasts, is turned into a trust to our service user: with all
of its roles, those that others imply too, because Heat hands all of them on. What Keystone lets nobody delegate by is
refused with its reason. A trust is made last, and taken back where the request comes to nothing; what a process that
dies leaves behind is on the ledger, where `conductor.orphans` finds it.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from magnum.db import clusters, events, ledger, operations
from magnum.db.errors import DatabaseUnreachable
from magnum.drivers.base import DriverSpec, Feature
from magnum.model.clusters import Cluster
from magnum.model.events import Event
from magnum.model.ledger import CloudResource
from magnum.model.names import new_uuid
from magnum.model.requesters import Requester
from magnum.model.roles import with_implied
from magnum.model.statuses import Status
from magnum.model.trusts import TRUST, TRUST_EVENT, TrustName
from magnum.openstack.errors import CloudError, Unanswered
from magnum.openstack.trusts import delete_trust, is_alive, make_trust

from .drivers import made_by
from .errors import CredentialExpired, Forbidden, Unavailable
from .service import Service

if TYPE_CHECKING:
    from magnum.openstack.clouds import Cloud

LOG = logging.getLogger(__name__)
_DELETING = frozenset({Status.DELETE_IN_PROGRESS, Status.DELETE_FAILED})
_WHY = (
    "A cluster acts in the cloud for its owner when the request is long over, by a trust, and Keystone makes no trust "
    "from this. Log in with a password, or in another way that gives a full token; requests on clusters that exist "
    "work with any credential."
)


class Entrusted:
    """A trust that has been made, or none where none is needed."""

    def __init__(self, resource: CloudResource | None = None, trust_id: str | None = None) -> None:
        self.resource = resource
        self.trust_id = trust_id

    def keep(self, tx: Connection) -> None:
        """Write it down, together with the row that names it."""
        if self.resource is not None and self.trust_id is not None:
            ledger.confirm(tx, self.resource.id, self.trust_id)


def needs_trust(service: Service, spec: DriverSpec) -> bool:
    return service.clouds is not None and Feature.OWNERS_CLOUD in spec.features


def why_not_delegated(cloud: "Cloud | None") -> str | None:
    """Say why a trust cannot be made with this token; None when it can, as far as the token tells."""
    if cloud is None:
        return f"The request brought no token of Keystone. {_WHY}"
    token = cloud.identity()
    if token.project_id is None:
        return f"The token is not one of a project. {_WHY}"
    if getattr(token, "application_credential_id", None):
        return f"This cannot be done with an application credential. {_WHY}"
    if token.trust_scoped:
        return f"This cannot be done with a token of a trust. {_WHY}"
    return None


def check_delegation(service: Service, spec: DriverSpec, cloud: "Cloud | None") -> None:
    """Refuse a request that needs a trust and cannot give one."""
    if needs_trust(service, spec) and (why := why_not_delegated(cloud)):
        raise Forbidden(why)


@contextmanager
def entrusted(service: Service, spec: DriverSpec, cluster_uuid: str, cloud: "Cloud | None") -> Iterator[Entrusted]:
    """Have a trust made for what the block stores; it calls `keep`. Taken back if the block fails."""
    check_delegation(service, spec, cloud)
    if cloud is None or not needs_trust(service, spec):
        yield Entrusted()
        return
    made = _make(service, cluster_uuid, cloud)
    try:
        yield made
    except DatabaseUnreachable:  # what was to be stored may be there: if not, the attempt on the ledger is found
        raise
    except BaseException:
        _take_back(service, cloud, made)
        raise


def renew_if_ended(service: Service, requester: Requester, cluster: Cluster, cloud: "Cloud | None") -> None:
    """See to it that what is asked for can be done: where the trust has ended, have one from whoever asks.

    The next update of the cluster's stacks makes Heat take one of its own from it. Raises CredentialExpired.
    """
    if service.clouds is None or cluster.status in _DELETING:
        return
    _, spec = service.database.read(lambda tx: made_by(service, tx, cluster))
    if not needs_trust(service, spec) or _lives(service, cluster):
        return
    refuse_renewal(cluster, cloud)
    with entrusted(service, spec, cluster.uuid, cloud) as trust:
        text = f"The trust by which the cluster acted in the cloud has ended; {requester.user_id} has given a new one."

        def replace(tx: Connection) -> None:
            operations.lock(tx, cluster.uuid)
            clusters.update(tx, cluster.uuid, trust_id=trust.trust_id)
            trust.keep(tx)
            event = Event(
                cluster_uuid=cluster.uuid,
                at=service.database.now(tx),
                kind=TRUST_EVENT,
                text=text,
                request_id=requester.request_id,
            )
            events.insert(tx, event)

        service.database.write(replace)


def refuse_renewal(cluster: Cluster, cloud: "Cloud | None") -> None:
    """Refuse a request that cannot give a new trust in the place of one that has ended."""
    why = why_not_delegated(cloud)
    if why is None and cloud is not None and cloud.identity().project_id == cluster.project_id:
        return
    raise CredentialExpired(
        f"The trust by which the cluster {cluster.uuid} acts in the cloud has ended, and this request cannot give a "
        f"new one. A member of the project {cluster.project_id}, or an administrator with a token of that project, "
        f"can: openstack coe credential rotate {cluster.uuid}, after a login by password or the like. "
        "To delete the cluster takes none."
    )


def give_anew(service: Service, cluster: Cluster, cloud: "Cloud | None") -> None:
    """Judge a request for a new trust in the place of any: one that has ended, or one that works."""
    if why := why_not_delegated(cloud):
        if not _lives(service, cluster):
            refuse_renewal(cluster, cloud)
        raise Forbidden(why)
    if cloud is not None and cloud.identity().project_id != cluster.project_id:
        raise Forbidden(f"This takes a token of the project {cluster.project_id}, in which the cluster is.")


def _lives(service: Service, cluster: Cluster) -> bool:
    """Where Keystone cannot tell, the operation will see."""
    assert service.clouds is not None
    try:
        return cluster.trust_id is not None and is_alive(service.clouds, cluster.trust_id)
    except CloudError as error:
        LOG.warning("Whether the trust of the cluster %s is alive cannot be told now: %s", cluster.uuid, error)
        return True


def _make(service: Service, cluster_uuid: str, cloud: "Cloud") -> Entrusted:
    assert service.clouds is not None
    try:
        trustee = service.clouds.own().identity().user_id
    except CloudError as error:
        raise Unavailable(f"Keystone does not let the service itself log in. {error}") from error
    who = cloud.identity()
    name = TrustName(who.user_id or "", who.project_id or "", new_uuid(service.randomness))
    resource = service.database.write(lambda tx: ledger.attempt(tx, cluster_uuid, TRUST, str(name)))
    try:
        trust = make_trust(
            cloud.keystone(),
            trustor=name.trustor,
            trustee=trustee or "",
            project_id=name.project_id,
            roles=_roles(service, tuple(who.role_names or ())),
        )
    except Unanswered as error:  # it may be there: the ledger keeps the attempt
        raise Unavailable(f"Keystone cannot be asked for a trust now. Try again shortly. {error}") from error
    except CloudError as error:
        service.database.write(lambda tx: ledger.discard(tx, resource.id))
        raise Forbidden(f"Keystone does not let you give the cluster a trust. {error}") from error
    return Entrusted(resource, trust.id)


def _roles(service: Service, held: tuple[str, ...]) -> tuple[str, ...]:
    """Give what is delegated: the roles of the token, or those that the operator names and what they imply."""
    chosen = service.settings.trust.roles
    if not chosen:
        return held
    return tuple(role for role in with_implied(chosen) if role in held or role in chosen)


def _take_back(service: Service, cloud: "Cloud", made: Entrusted) -> None:
    """Delete it at once; where that cannot be done, it stays on the ledger as an attempt."""
    assert made.resource is not None
    assert made.trust_id is not None
    resource_id = made.resource.id
    try:
        delete_trust(cloud.keystone(), made.trust_id)
    except CloudError as error:
        LOG.warning("The trust %s is not needed and could not be deleted now: %s", made.trust_id, error)
        return
    service.database.write(lambda tx: ledger.discard(tx, resource_id))
