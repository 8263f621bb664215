"""Certificates in requests and answers."""

import msgspec
from msgspec import UNSET, UnsetType

from magnum.core import fields

from .links import Link, resource_links
from .reading import Access

NOUN = "a certificate"
ACCESS = Access(read_only=frozenset({"links", "created_at", "updated_at"}), ignored=frozenset({"pem"}))


class CertificateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`cluster_uuid` may be a name; `bay_uuid` is what it was called once."""

    csr: fields.Pem
    cluster_uuid: fields.Text | None = None
    bay_uuid: fields.Text | None = None
    ca_cert_type: fields.Text | None = None


class CertificateView(msgspec.Struct, frozen=True, kw_only=True):
    cluster_uuid: str
    bay_uuid: str
    pem: str
    csr: str | UnsetType = UNSET
    ca_cert_type: str | UnsetType = UNSET
    links: tuple[Link, ...]


def view(
    cluster_uuid: str, pem: str, base: str, *, csr: str | UnsetType = UNSET, ca_cert_type: str | None = None
) -> CertificateView:
    return CertificateView(
        cluster_uuid=cluster_uuid,
        bay_uuid=cluster_uuid,
        pem=pem,
        csr=csr,
        ca_cert_type=ca_cert_type if ca_cert_type is not None else UNSET,
        links=resource_links(base, f"certificates/{cluster_uuid}"),
    )
