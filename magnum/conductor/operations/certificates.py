"""The cluster's authorities and Magnum's own client certificate: made once, whoever is interrupted wherever.

Clusters of Kubernetes have authorities of their own for etcd and for the front proxy besides. The references are chosen
and written down before anything is stored under them, so that a crash leaves no secret that no row names. What is
stored first stays: whoever comes second takes that one.
"""

from magnum.certificates.authority import new_authority, new_client_certificate, open_authority
from magnum.certificates.bundle import CertificateBundle
from magnum.certificates.stores.base import CertificateExistsError, CertificateNotFoundError, ForeignReferenceError
from magnum.conductor.context import StepContext
from magnum.conductor.secrets import signing_rules, store_failures
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import Coe
from magnum.model.ledger import ResourceState
from magnum.model.names import new_uuid
from magnum.model.outcomes import Done, Outcome

STORE_TIMEOUT = 5.0
CERTIFICATE = "certificate"
"""The kind under which certificates are on the ledger while a rotation replaces them."""
OWN = "magnum_cert_ref"
_OWN_NAME = "Magnum-Conductor"
_ALL = ("ca_cert_ref", OWN, "etcd_ca_cert_ref", "front_proxy_ca_cert_ref")
_SUFFIXES = {"etcd_ca_cert_ref": "-etcd", "front_proxy_ca_cert_ref": "-front-proxy"}


def make_certificates(context: StepContext) -> Outcome:
    """Make what a new cluster lacks."""
    missing = [column for column in columns(context) if getattr(context.cluster, column) is None]
    if missing:
        context.set_cluster({column: new_uuid(context.services.randomness) for column in missing})
    with store_failures("make the cluster's certificates"):
        for column in columns(context):
            ref: str = getattr(context.cluster, column)
            stored = ensure(context, column, ref, authority_ref=context.cluster.ca_cert_ref)
            if stored != ref:
                context.set_cluster({column: stored})
    return Done()


def remove_certificates(context: StepContext, *refs: str) -> Outcome:
    """Remove these, and what is on the ledger and not named by the cluster."""
    named = references(context.cluster)
    listed = [row for row in context.resources(CERTIFICATE) if row.state is not ResourceState.GONE]
    stale = {row.provider_id or row.name: row for row in listed if (row.provider_id or row.name) not in named}
    with store_failures("remove certificates that the cluster needs no more"):
        for ref in dict.fromkeys((*refs, *stale)):
            with context.provider_call(f"remove the certificate {ref}", timeout=STORE_TIMEOUT):
                context.services.certificate_store.delete(ref)
            if ref in stale:
                context.gone(stale[ref])
    return Done()


def references(cluster: Cluster) -> tuple[str, ...]:
    refs = (cluster.ca_cert_ref, cluster.magnum_cert_ref, cluster.etcd_ca_cert_ref, cluster.front_proxy_ca_cert_ref)
    return tuple(ref for ref in refs if ref is not None)


def columns(context: StepContext) -> tuple[str, ...]:
    """Name the columns of what a cluster of this kind needs, its authority first."""
    return _ALL if context.template.coe == Coe.KUBERNETES else _ALL[:2]


def ensure(context: StepContext, column: str, ref: str, *, authority_ref: str | None) -> str:
    """See to it that there is a bundle under the reference; gives the store's own reference to it."""
    store = context.services.certificate_store
    try:
        store.get(ref)
    except (CertificateNotFoundError, ForeignReferenceError):
        pass  # nothing yet, or a store that gives references of its own: then this is still the UUID that we chose
    else:
        return ref
    name, bundle = _make(context, column, authority_ref)
    cluster = context.cluster
    owner = {"project_id": cluster.project_id, "user_id": cluster.user_id}
    with context.provider_call(f"store the certificate {name}", timeout=STORE_TIMEOUT):
        try:
            return store.put(ref, bundle, name=name, cluster_uuid=cluster.uuid, **owner)
        except CertificateExistsError:
            return ref


def _make(context: StepContext, column: str, authority_ref: str | None) -> tuple[str, CertificateBundle]:
    """Make what belongs into the column; gives its name for people too."""
    rules, now = signing_rules(context.services.settings.x509), context.rows.now
    name = context.cluster.name or context.cluster.uuid
    if column == OWN:
        assert authority_ref is not None, "the authority comes first"
        authority = open_authority(context.services.certificate_store.get(authority_ref))
        return _OWN_NAME, new_client_certificate(authority, rules, now)
    return name + _SUFFIXES.get(column, ""), new_authority(name, rules, now)
