"""The store `barbican`: bundles as secrets of Magnum's own service user, held together by a container each.

The service user stores them, not the cluster's owner: what lies in the owner's project could be read and replaced by
whoever may create secrets there, would count against the owner's quota, and could not be opened or removed when the
owner's trust has ended. Every part is readable for its maker and the cluster's owner alone, and what is secret is
encrypted by the keyring before it is sent, so that an administrator of Barbican opens nothing either.

How a bundle lies there is `certificates.barbican`'s affair. What an interrupted `put` has left is replaced by the next
one, and found by `delete`, by name and maker. Containers of an adopted database are read and deleted, and never made.
"""

import base64
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from magnum.certificates.barbican import (
    CERTIFICATE,
    CONSUMER,
    INTERMEDIATES,
    KEY,
    PARTS,
    PASSPHRASE,
    SECONDS,
    adopted_id,
    ask,
    at_once,
    find,
    name_of,
    read,
    whole,
)
from magnum.certificates.bundle import CertificateBundle
from magnum.certificates.encryption import Keyring, Place
from magnum.openstack.barbican import Barbican, Container, container_path, secret_path
from magnum.openstack.clouds import Clouds
from magnum.openstack.errors import CloudError, NotAllowed

from .base import CertificateStoreError, CertificateStoreRefusedError, check_reference, exists, not_found


class BarbicanStore:
    def __init__(
        self,
        clouds: Clouds,
        keyring: Keyring,
        *,
        seconds: float = SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clouds = clouds
        self._keyring = keyring
        self._seconds = seconds
        self._monotonic = monotonic

    def put(
        self,
        uuid: str,
        bundle: CertificateBundle,
        *,
        name: str,
        cluster_uuid: str,
        project_id: str | None,
        user_id: str | None,
    ) -> str:
        del name, project_id  # the container's name is to be found by; a consumer says which cluster it is for
        check_reference(uuid)
        sealed = self._seal(uuid, bundle)
        with self._asking("store a certificate") as barbican:
            found = barbican.own_containers(name_of(uuid))
            if present := whole(found):
                if read(barbican, present, uuid, [CERTIFICATE]).get(CERTIFICATE) != bundle.certificate:
                    raise exists(uuid)
                return uuid
            if found:
                _remove(barbican, uuid)
            readers = [user_id] if user_id else []
            refs = at_once(sealed.items(), lambda part: _store(barbican, name_of(uuid, part[0]), part[1], readers))
            container = barbican.create_container(name_of(uuid), dict(zip(sealed, refs, strict=True)))
            barbican.let_read(container_path(container), readers)
            barbican.register(container, CONSUMER, cluster_uuid)
        return uuid

    def get(self, ref: str) -> CertificateBundle:
        _check(ref)
        with self._asking("read a certificate") as barbican:
            container = find(barbican, ref)
            if container is None:
                raise not_found(ref)
            parts = read(barbican, container, ref)
        if absent := {CERTIFICATE, KEY} - parts.keys():
            raise CertificateStoreError(f"The container {ref} of Barbican lacks {', '.join(sorted(absent))}.")
        passphrase = parts.get(PASSPHRASE)
        return CertificateBundle(
            certificate=parts[CERTIFICATE],
            private_key=self._keyring.decrypt(parts[KEY], _place(ref, KEY)),
            passphrase=passphrase and self._keyring.decrypt(passphrase, _place(ref, PASSPHRASE)),
            intermediates=parts.get(INTERMEDIATES),
        )

    def delete(self, ref: str) -> None:
        _check(ref)
        with self._asking("remove a certificate") as barbican:
            if adopted_id(ref) is None:
                _remove(barbican, ref)
            elif container := find(barbican, ref):
                _remove_container(barbican, container)

    def _seal(self, uuid: str, bundle: CertificateBundle) -> dict[str, str]:
        """Give each part as it is sent: encrypted if it is secret, and in base64, so that no end of line is lost."""
        parts = {CERTIFICATE: bundle.certificate, KEY: self._keyring.encrypt(bundle.private_key, _place(uuid, KEY))}
        if bundle.passphrase:
            parts[PASSPHRASE] = self._keyring.encrypt(bundle.passphrase, _place(uuid, PASSPHRASE))
        if bundle.intermediates:
            parts[INTERMEDIATES] = bundle.intermediates
        return {part: base64.b64encode(text.encode()).decode("ascii") for part, text in parts.items()}

    @contextmanager
    def _asking(self, doing: str) -> Iterator[Barbican]:
        """Give Barbican for a time; say whose fault it is when it cannot be done."""
        try:
            yield ask(self._clouds, seconds=self._seconds, monotonic=self._monotonic)
        except NotAllowed as error:
            raise CertificateStoreRefusedError(
                f"Barbican does not let Magnum's service user {doing}. {str(error).rstrip('.')}. "
                "Does the user have the role creator in its own project? See docs/certificates.md."
            ) from error
        except CloudError as error:
            raise CertificateStoreError(f"Barbican could not {doing}. {error}") from error


def _check(ref: str) -> None:
    if adopted_id(ref) is None:
        check_reference(ref)


def _store(barbican: Barbican, name: str, payload: str, readers: Sequence[str]) -> str:
    ref = barbican.create_secret(name, payload)
    barbican.let_read(secret_path(ref), readers)
    return ref


def _remove(barbican: Barbican, uuid: str) -> None:
    """Remove all that there is of a bundle, however far its `put` came."""
    for container in barbican.own_containers(name_of(uuid)):
        _remove_container(barbican, container)
    leftovers = at_once(PARTS, lambda part: barbican.own_secrets(name_of(uuid, part)))
    at_once([ident for found in leftovers for ident in found], lambda ident: barbican.delete(secret_path(ident)))


def _remove_container(barbican: Barbican, container: Container) -> None:
    """Remove its secrets first: as long as it is there, they can be found."""
    at_once(container.secrets.values(), lambda ident: barbican.delete(secret_path(ident)))
    barbican.delete(container_path(container.id))


def _place(ref: str, part: str) -> Place:
    return Place("barbican", part, ref)
