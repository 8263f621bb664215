"""A cloud, asked with the requester's own token what there is: all at once, within a time, and each thing once.

One is made for one request and forgets everything with it. A service that has not answered in time is said to be
silent; its answer, should it come, is thrown away with the thread that waits for it.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

from . import cinder, glance, neutron, nova, octavia
from .clouds import Cloud
from .errors import Unanswered
from .offers import Flavor, Image, Kind, Network, Subnet, Wish

SECONDS = 10.0


class _Source(NamedTuple):
    """Who tells of a kind, and how."""

    service: str
    ask: Callable[[Cloud, str], Any]
    choose: Callable[[str, Any, str], object] | None = None
    """How one is found in an answer that tells of all of them; None where each is asked for by itself."""


_SOURCES = {
    Kind.IMAGE: _Source("Glance", lambda cloud, ident: glance.find_image(cloud.glance(), ident)),
    Kind.FLAVOR: _Source("Nova", lambda cloud, _: nova.list_flavors(cloud.nova()), nova.choose_flavor),
    Kind.KEY_PAIR: _Source("Nova", lambda cloud, ident: nova.find_key_pair(cloud.nova(), ident)),
    Kind.EXTERNAL_NETWORK: _Source(
        "Neutron", lambda cloud, ident: neutron.find_external_network(cloud.neutron(), ident)
    ),
    Kind.NETWORK: _Source("Neutron", lambda cloud, ident: neutron.find_network(cloud.neutron(), ident)),
    Kind.SUBNET: _Source("Neutron", lambda cloud, ident: neutron.list_subnets(cloud.neutron(), ident)),
    Kind.VOLUME_TYPE: _Source(
        "Cinder", lambda cloud, _: cinder.list_volume_types(cloud.cinder()), cinder.choose_volume_type
    ),
    Kind.AVAILABILITY_ZONE: _Source("Nova", lambda cloud, _: nova.availability_zones(cloud.nova()), nova.choose_zone),
    Kind.LOAD_BALANCERS: _Source("Octavia", lambda cloud, _: octavia.require(cloud.octavia())),
}


class CloudOffers:
    def __init__(self, cloud: Cloud, *, seconds: float = SECONDS) -> None:
        self._cloud = cloud
        self._seconds = seconds
        self._answers: dict[Wish, Future[Any]] = {}

    def look(self, wishes: Iterable[Wish]) -> None:
        questions = dict.fromkeys(map(_question, wishes))
        missing = [question for question in questions if question not in self._answers]
        if not missing:
            return
        pool = ThreadPoolExecutor(len(missing), thread_name_prefix="offers")
        for question in missing:
            self._answers[question] = pool.submit(_SOURCES[question.kind].ask, self._cloud, question.ident)
        pool.shutdown(wait=False)  # each thread ends with its answer
        wait([self._answers[question] for question in missing], timeout=self._seconds)

    def image(self, ident: str) -> Image:
        image: Image = self._answer(Wish(Kind.IMAGE, ident))
        return image

    def flavor(self, ident: str) -> Flavor:
        return nova.choose_flavor("Nova", self._answer(Wish(Kind.FLAVOR, ident)), ident)

    def subnet(self, ident: str, network: str | None) -> Subnet:
        on: Network | None = None if network is None else self._answer(Wish(Kind.NETWORK, network))
        found = self._answer(Wish(Kind.SUBNET, ident))
        return neutron.choose_subnet("Neutron", found, ident, on)

    def require(self, wish: Wish) -> object:
        if wish.kind is Kind.SUBNET:
            return self.subnet(wish.ident, None)
        found = self._answer(wish)
        source = _SOURCES[wish.kind]
        return found if source.choose is None else source.choose(source.service, found, wish.ident)

    def _answer(self, wish: Wish) -> Any:
        self.look([wish])
        answer = self._answers[_question(wish)]
        if not answer.done():
            raise Unanswered(f"{_SOURCES[wish.kind].service} has not answered within {self._seconds:g} seconds.")
        return answer.result()


def _question(wish: Wish) -> Wish:
    """Give what is asked: one question may be for all of a kind."""
    return wish if _SOURCES[wish.kind].choose is None else Wish(wish.kind, "")
