"""How certificates lie in Barbican, for the store that keeps them and for the API, which reads the public part alone.

A bundle is a container called `magnum-` and its UUID, which is the reference, with a secret for each part. It is there
exactly when its container has Magnum as a consumer, which is said last. A reference may also be the address of a
container that an earlier release has made. Nothing secret is opened here.
"""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from magnum.openstack.barbican import BYTES, TEXT, Barbican, Container
from magnum.openstack.clouds import Clouds
from magnum.openstack.errors import NotThere, Unanswered
from magnum.openstack.names import is_id

SECONDS = 4.5
"""For all calls about one bundle together: less than a conductor gives them."""
CONSUMER = "Magnum"
CERTIFICATE, KEY, PASSPHRASE, INTERMEDIATES = "certificate", "private_key", "private_key_passphrase", "intermediates"
PARTS = (CERTIFICATE, KEY, PASSPHRASE, INTERMEDIATES)
"""As Barbican calls what is in a container of a certificate."""
_ADOPTED = re.compile(r"https?://[^\s]+/containers/([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})/?")
REMEMBERED_SECONDS = 300.0
_MOST_REMEMBERED = 10_000
T = TypeVar("T")
V = TypeVar("V")


class BarbicanCertificates:
    """Reads certificates, and remembers them for a time: what lies under a reference hardly changes. Safe for threads.

    It can: of two that conductors store at the same time, the first counts, which may be whole the later of the two.
    """

    def __init__(self, clouds: Clouds, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clouds = clouds
        self._monotonic = monotonic
        self._known: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, ref: str) -> str | None:
        """Give None where nothing is stored. Raises CloudError."""
        with self._lock:
            until, known = self._known.get(ref, (0.0, ""))
        if known and self._monotonic() < until:
            return known
        if adopted_id(ref) is None and not is_id(ref):
            return None
        barbican = ask(self._clouds)
        container = find(barbican, ref)
        if container is None or CERTIFICATE not in container.secrets:
            return None
        certificate = read(barbican, container, ref, [CERTIFICATE])[CERTIFICATE]
        with self._lock:
            self._known[ref] = (self._monotonic() + REMEMBERED_SECONDS, certificate)
            self._known.move_to_end(ref)
            while len(self._known) > _MOST_REMEMBERED:
                self._known.popitem(last=False)
        return certificate


def ask(clouds: Clouds, *, seconds: float = SECONDS, monotonic: Callable[[], float] = time.monotonic) -> Barbican:
    """Give Barbican as our service user sees it, for so long. Raises CloudError."""
    deadline = monotonic() + seconds

    def left() -> float:
        remaining = deadline - monotonic()
        if remaining <= 0:
            raise Unanswered(f"Barbican took more than {seconds:g} seconds.")
        return remaining

    return Barbican(clouds.own().barbican(), left)


def find(barbican: Barbican, ref: str) -> Container | None:
    """Raises CloudError."""
    adopted = adopted_id(ref)
    if adopted is None:
        return whole(barbican.own_containers(name_of(ref)))
    try:
        return barbican.container(adopted)
    except NotThere:
        return None


def read(barbican: Barbican, container: Container, ref: str, parts: Sequence[str] = PARTS) -> dict[str, str]:
    """Give what the container holds of these parts, as it was stored. Raises CloudError."""
    media_type = BYTES if adopted_id(ref) is None else TEXT
    held = {part: container.secrets[part] for part in parts if part in container.secrets}
    payloads = at_once(held.values(), lambda ident: barbican.payload(ident, media_type).decode())
    return dict(zip(held, payloads, strict=True))


def whole(found: Sequence[Container]) -> Container | None:
    """Give the one that counts: of several that were stored at the same time, the first."""
    return next((container for container in found if CONSUMER in container.consumers), None)


def name_of(uuid: str, part: str = "") -> str:
    return f"magnum-{uuid}-{part}" if part else f"magnum-{uuid}"


def adopted_id(ref: str) -> str | None:
    """Give the container's id when the reference is a container's address. Where that leads is asked of nobody."""
    matched = _ADOPTED.fullmatch(ref)
    return None if matched is None else matched[1]


def at_once(items: Iterable[T], do: Callable[[T], V]) -> list[V]:
    items = list(items)
    if len(items) < 2:
        return [do(item) for item in items]
    with ThreadPoolExecutor(len(items), thread_name_prefix="barbican") as pool:
        return list(pool.map(do, items))
