"""What one node's credential may have signed, on top of the operator's rules.

A node proves itself by a token that lies on its disk; who steals it must gain nothing beyond that node. So its limits
list everything: the subject exactly, the names and addresses, the purposes, the CA. Whatever is not listed is refused,
and never silently dropped: a node program that asks for too much is a defect to be seen.

Invariant: no limits, however they were made, give a node a CA certificate, the group `system:masters`, or a certificate
without stated purposes, which every server would take as a client's.
"""

import ipaddress
from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from magnum.model.signing import CaType, NodeLimits

from .rules import CA_KEY_USAGES, CsrNotAllowed, extension_name, key_usage_names

ADMINISTRATORS = "system:masters"
_PURPOSES = {ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth", ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth"}


def swarm_node_limits(name: str, address: str, *, manager: bool = False, api_host: str | None = None) -> NodeLimits:
    """Give the limits of a Swarm node: a server certificate in its own name. `api_host` is a name or an address.

    A manager also answers on its own loopback and under the cluster's API address.
    """
    hosts = [name, address]
    if manager:
        hosts += ["localhost", "127.0.0.1", *([api_host] if api_host else [])]
    addresses = [host for host in hosts if _is_address(host)]
    return NodeLimits(
        common_name=name,
        dns_names=tuple(dict.fromkeys(host for host in hosts if host not in addresses)),
        ip_addresses=tuple(dict.fromkeys(addresses)),
        extended_key_usages=("serverAuth",),
        ca_types=(CaType.KUBERNETES,),
    )


def check_node_request(csr: x509.CertificateSigningRequest, ca_type: CaType, limits: NodeLimits) -> None:
    """Raise `CsrNotAllowed` unless everything that the CSR asks for is within the limits of one certificate."""
    every = (limits, *limits.others)
    of_ca = [one for one in every if ca_type in one.ca_types]
    if not of_ca:
        known = dict.fromkeys(ca for one in every for ca in one.ca_types)
        raise CsrNotAllowed(f"This node may not have certificates of the {ca_type} CA; only of {_listed(known)}.")
    _check_one(csr, _with_subject(csr.subject, of_ca))


def _check_one(csr: x509.CertificateSigningRequest, limits: NodeLimits) -> None:
    purposes_stated = False
    for extension in csr.extensions:
        match extension.value:
            case x509.SubjectAlternativeName():
                _check_alternative_names(extension.value, limits)
            case x509.ExtendedKeyUsage():
                _check_purposes(extension.value, limits)
                # To TLS in Go, which dockerd and Kubernetes use, an empty list means any purpose.
                purposes_stated = len(extension.value) > 0
            case x509.KeyUsage() if refused := key_usage_names(extension.value) & CA_KEY_USAGES:
                raise CsrNotAllowed(f"A node may not have the key usage {_listed(sorted(refused))}.")
            case x509.BasicConstraints(ca=True):
                raise CsrNotAllowed("A node may not be a CA (basicConstraints).")
            case x509.KeyUsage() | x509.BasicConstraints() | x509.SubjectKeyIdentifier():
                pass
            case _:
                raise CsrNotAllowed(f"A node's CSR may not hold the extension {extension_name(extension)}.")
    if not purposes_stated:
        raise CsrNotAllowed(
            "A node's CSR must say in extendedKeyUsage what the certificate is for; "
            f"this node may use {_listed(limits.extended_key_usages)}."
        )


def _with_subject(subject: x509.Name, choices: Sequence[NodeLimits]) -> NodeLimits:
    """Find the limits by the multiset of attributes: nothing twice, nothing missing, nothing else."""
    asked = sorted((attribute.oid.dotted_string, str(attribute.value)) for attribute in subject)
    organization = NameOID.ORGANIZATION_NAME.dotted_string
    if (organization, ADMINISTRATORS) in asked:
        raise CsrNotAllowed(f"A node may not be of the organisation {ADMINISTRATORS}.")
    for limits in choices:
        listed = [(organization, name) for name in limits.organizations]
        if asked == sorted([*listed, (NameOID.COMMON_NAME.dotted_string, limits.common_name)]):
            return limits
    wanted = "' or '".join(
        ",".join([f"CN={limits.common_name}", *(f"O={name}" for name in limits.organizations)]) for limits in choices
    )
    raise CsrNotAllowed(f"The CSR's subject is '{_shown(subject.rfc4514_string())}'; this node's must be '{wanted}'.")


def _check_alternative_names(names: x509.SubjectAlternativeName, limits: NodeLimits) -> None:
    dns_names = {name.lower() for name in limits.dns_names}
    addresses = {ipaddress.ip_address(address) for address in limits.ip_addresses}
    for name in names:
        match name:
            case x509.DNSName() if name.value.lower() in dns_names:
                pass
            case x509.IPAddress() if name.value in addresses:
                pass
            case x509.DNSName() | x509.IPAddress():
                raise CsrNotAllowed(
                    f"The CSR's subjectAltName '{_shown(str(name.value))}' is not this node's; "
                    f"its own are {_listed([*limits.dns_names, *limits.ip_addresses])}."
                )
            case _:
                raise CsrNotAllowed(
                    f"A node's subjectAltName may hold DNS names and IP addresses only, no {type(name).__name__}."
                )


def _check_purposes(usage: x509.ExtendedKeyUsage, limits: NodeLimits) -> None:
    for purpose in usage:
        name = _PURPOSES.get(purpose, purpose.dotted_string)
        if name not in limits.extended_key_usages:
            raise CsrNotAllowed(
                f"This node's certificate may not be for {name} (extendedKeyUsage); "
                f"only for {_listed(limits.extended_key_usages)}."
            )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _shown(text: str) -> str:
    """Keep a sentence one readable line, whatever was sent."""
    line = "".join(character if character.isprintable() else "?" for character in text)
    return line if len(line) <= 100 else line[:99] + "…"
