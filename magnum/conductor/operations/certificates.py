"""The cluster's authority and Magnum's own client certificate: made once, whoever is interrupted wherever.

The references are chosen and written to the cluster's row before anything is stored under them, so that a crash leaves
no secret that no row names. What is stored first stays: whoever comes second takes that one.
"""

from collections.abc import Callable

from magnum.certificates.authority import new_authority, new_client_certificate, open_authority
from magnum.certificates.bundle import CertificateBundle
from magnum.certificates.rules import SigningRules
from magnum.certificates.stores.base import CertificateExistsError, CertificateNotFoundError, ForeignReferenceError
from magnum.conductor.context import StepContext
from magnum.conductor.secrets import store_failures
from magnum.conf.x509 import X509
from magnum.model.names import new_uuid
from magnum.model.outcomes import Done, Outcome

STORE_TIMEOUT = 5.0
_OWN_NAME = "Magnum-Conductor"


def signing_rules(settings: X509) -> SigningRules:
    """Read section [x509]. Raises ValueError naming the option that cannot be."""
    return SigningRules(
        allow_ca=settings.allow_ca,
        allowed_extensions=frozenset(settings.allowed_extensions),
        allowed_key_usage=frozenset(settings.allowed_key_usage),
        term_of_validity=settings.term_of_validity,
        rsa_key_size=settings.rsa_key_size,
    )


def make_certificates(context: StepContext) -> Outcome:
    cluster = context.cluster
    if cluster.ca_cert_ref is None or cluster.magnum_cert_ref is None:
        randomness = context.services.randomness
        context.set_cluster(
            ca_cert_ref=cluster.ca_cert_ref or new_uuid(randomness),
            magnum_cert_ref=cluster.magnum_cert_ref or new_uuid(randomness),
        )
    rules = signing_rules(context.services.settings.x509)
    now = context.rows.now
    name = cluster.name or cluster.uuid
    with store_failures("make the cluster's certificates"):
        authority = _ensure(context, "ca_cert_ref", name, lambda: new_authority(name, rules, now))
        _ensure(
            context,
            "magnum_cert_ref",
            _OWN_NAME,
            lambda: new_client_certificate(open_authority(authority), rules, now),
        )
    return Done()


def _ensure(context: StepContext, column: str, name: str, make: Callable[[], CertificateBundle]) -> CertificateBundle:
    """Give what is stored under the reference in this column of the cluster; make and store it if nothing is."""
    store = context.services.certificate_store
    ref: str = getattr(context.cluster, column)
    try:
        return store.get(ref)
    except (CertificateNotFoundError, ForeignReferenceError):
        pass  # nothing yet, or a store that gives references of its own: then this is still the UUID that we chose
    bundle = make()
    owner = {"project_id": context.cluster.project_id, "user_id": context.cluster.user_id}
    with context.provider_call(f"store the certificate {name}", timeout=STORE_TIMEOUT):
        try:
            stored = store.put(ref, bundle, name=name, **owner)
        except CertificateExistsError:
            return store.get(ref)
    if stored != ref:
        context.set_cluster(**{column: stored})
    return bundle
