"""The user that a cluster has of its own in the cloud, for those of its nodes whose components act there.

It lives in the domain of [trust], has a password that only nodes and the database know, sealed there, and a trust from
the cluster's owner that cannot be handed on. Its name and password stand in the cluster's row before it is made; a name
exists once, so whoever is interrupted wherever, there is one. A rotation makes another beside it, under a name of its
own, and removes the old one when no node has it any more. With a user go all trusts to it.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from magnum.conductor.context import StepContext
from magnum.conductor.secrets import store_failures, trustee_place
from magnum.db import clusters
from magnum.drivers.base import DriverContext, Feature, Step
from magnum.model.failures import Code, Fatal, Retry
from magnum.model.ledger import ResourceState
from magnum.model.operations import RotateCredential
from magnum.model.outcomes import Done, Outcome
from magnum.model.trusts import TRUSTEE, TRUSTEE_TRUST
from magnum.openstack.errors import CloudError, NotAllowed, TrustEnded
from magnum.openstack.trustees import User, delete_user, find_user, make_user
from magnum.openstack.trusts import find_trust, make_trust

from .trusts import KEYSTONE_TIMEOUT

if TYPE_CHECKING:
    from magnum.openstack.clouds import Cloud, Clouds

_NO_DOMAIN = (
    "[trust] cluster_user_trust is on, and nobody can make users for clusters: set trustee_domain_id or _name, and "
    "trustee_domain_admin_id or _name and _password."
)


def make_steps(context: StepContext) -> tuple[Step, ...]:
    """Give the step that makes it, of clusters that may have one."""
    return (Step("cluster's user", lambda _: make_trustee(context)),) if _may_have_one(context) else ()


def remove_steps(context: StepContext, *, but_present: bool = False) -> tuple[Step, ...]:
    """Give the step that removes all users of the cluster, or all but the one that it names."""
    if not _may_have_one(context):
        return ()

    def remove(_: DriverContext) -> Outcome:
        return remove_trustees(context, keep=context.cluster.trustee_username if but_present else None)

    return (Step("remove cluster's user", remove),)


def make_trustee(context: StepContext) -> Outcome:
    """See to it that the cluster has the user that its nodes need, with its trust."""
    clouds = context.services.driver_services.clouds
    if clouds is None or not context.services.settings.trust.cluster_user_trust:
        return Done()
    with _asking("make the cluster's user"):
        admin = _admin(clouds)
        user = _user(context, admin)
        if context.cluster.trustee_user_id != user.id:
            context.set_cluster({"trustee_user_id": user.id})
        _trust(context, clouds, user)
    return Done()


def remove_trustees(context: StepContext, *, keep: str | None = None) -> Outcome:
    """Remove all that the ledger names, but for one; looked for by name, as some may have come late."""
    rows = [row for row in context.resources(TRUSTEE) if row.name != keep]
    clouds = context.services.driver_services.clouds
    if not rows or clouds is None:
        return Done()
    with _asking("remove the cluster's user"):
        admin = _admin(clouds)
        for row in rows:
            found = find_user(admin.keystone(), row.name, domain_id=_domain(admin))
            if found is not None:
                with context.provider_call(f"delete the user {row.name}", timeout=KEYSTONE_TIMEOUT):
                    delete_user(admin.keystone(), found, domain_id=_domain(admin))
            if row.state is not ResourceState.GONE:
                context.gone(row)
    for row in context.resources(TRUSTEE_TRUST):
        if row.name != keep and row.state is not ResourceState.GONE:
            context.gone(row)
    return Done()


def _may_have_one(context: StepContext) -> bool:
    template = context.template
    spec = context.services.registry.spec_for(
        template.server_type, template.cluster_distro, template.coe, template.driver
    )
    return Feature.NODE_TRUSTEE in spec.features


def _user(context: StepContext, admin: "Cloud") -> User:
    name = _name(context)
    password = context.trustee_password() if context.cluster.trustee_username == name else None
    if password is None:
        password = _choose(context, name)
    row = context.attempt(TRUSTEE, name)
    found = find_user(admin.keystone(), name, domain_id=_domain(admin))
    if found is None:
        with context.provider_call(f"make the user {name}", timeout=KEYSTONE_TIMEOUT):
            found = make_user(admin.keystone(), name, password, domain_id=_domain(admin))
    if row.provider_id != found.id:
        context.confirm(row, found.id)
    return found


def _name(context: StepContext) -> str:
    """Give a name that follows from the rows. What is behind the `_` is how policy knows the project."""
    cluster, operation = context.cluster, context.operation
    turn = f"-{operation.origin}" if isinstance(operation.arguments, RotateCredential) else ""
    return f"{cluster.uuid}{turn}_{cluster.project_id}"


def _choose(context: StepContext, name: str) -> str:
    """Choose a password and write it down, sealed, before anybody has it."""
    password, uuid = secrets.token_urlsafe(24), context.cluster.uuid
    with store_failures("seal the password of the cluster's user"):
        sealed = context.services.keyring.encrypt(password, trustee_place(uuid))

    def store(tx: Connection) -> None:
        clusters.update(tx, uuid, trustee_password=sealed)

    context.set_cluster({"trustee_username": name, "trustee_user_id": None}, beside=store)
    return password


def _trust(context: StepContext, clouds: "Clouds", user: User) -> None:
    """Have one from the owner, by the cluster's own trust, which it ends with."""
    cluster = context.cluster
    owner = clouds.trusted(cluster.trust_id or "")
    row = context.attempt(TRUSTEE_TRUST, cluster.trustee_username or "")
    who = owner.identity()
    trust = find_trust(owner.keystone(), trustor=who.user_id or "", trustee=user.id, made_from=cluster.trust_id)
    if trust is None:
        with context.provider_call(f"make a trust to the user {user.name}", timeout=KEYSTONE_TIMEOUT):
            trust = make_trust(
                owner.keystone(),
                trustor=who.user_id or "",
                trustee=user.id,
                project_id=cluster.project_id or "",
                roles=who.role_names or (),
                redelegations=0,
            )
    if row.provider_id != trust.id:
        context.confirm(row, trust.id)


def _admin(clouds: "Clouds") -> "Cloud":
    admin = clouds.domain_admin()
    if admin is None:
        raise Fatal(Code.PROVIDER_REFUSED, _NO_DOMAIN)
    return admin


def _domain(admin: "Cloud") -> str:
    return admin.identity().domain_id or ""


@contextmanager
def _asking(what: str) -> Iterator[None]:
    try:
        yield
    except TrustEnded as error:
        raise Fatal(Code.CREDENTIAL_EXPIRED, str(error)) from error
    except NotAllowed as error:
        raise Fatal(Code.PROVIDER_REFUSED, f"Keystone was asked to {what}, and refused. {error}") from error
    except CloudError as error:
        raise Retry(Code.PROVIDER_UNREACHABLE, f"Keystone was asked to {what}, and could not. {error}") from error
