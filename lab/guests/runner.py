"""Makes guests, networks and what else runs of what the services say, again and again.

Each turn looks at everything, so nothing has to be remembered: not what was done before, and not by whom. What fails
for one guest is told and tried again in the next turn; it keeps no other from its turn.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event

from keystoneauth1.exceptions import ClientException

from lab.fedora_coreos.root import RECIPE as FEDORA_COREOS
from lab.settings import Lab
from magnum.drivers.local import rootfs
from magnum.drivers.local.errors import LocalError
from magnum.drivers.local.settings import default_cache_dir

from . import balancing, volumes
from .balancers import Haproxies
from .balancing import Balancer
from .cloud import Cloud, Networks, Server
from .guest import Guest, Guests
from .servers import Step, Watch, changed_lately, next_step
from .topology import Topology, plan
from .volumes import Disks, Volume
from .wiring import Wiring

LOG = logging.getLogger(__name__)
AT_ONCE = 4
QUICK, SLOW = 2.0, 5.0
"""Seconds between two turns, while something happens and when nothing did for a while."""
QUIET_SECONDS = 60.0
BETWEEN_STARTS = 10.0
"""Seconds between two starts of a guest that ends by itself."""
TOLD = (ClientException, LocalError, OSError)
"""Failures whose text says enough."""
RUNNING = frozenset({"debian", "ubuntu", "fedora-coreos"})
"""Whose images are machines here."""


class Runner:
    def __init__(self, lab: Lab, cache: Path) -> None:
        self._lab = lab
        self._cloud = Cloud(lab)
        self._wiring = Wiring(lab)
        self._guests = Guests(lab, self._wiring, cache)
        self._watch = Watch(self._cloud.actions, lambda: datetime.now(UTC))
        self._disks = Disks(lab)
        self._with_disks: set[str] | None = None
        """Guests that had some in the last turn, if there was one."""
        self._haproxies = Haproxies(lab, self._wiring)
        self._balanced: dict[str, Balancer] = {}
        self._images: dict[str, bool] = {}
        self._networks: Networks | None = None
        self._started: dict[str, float] = {}
        self._changed = time.monotonic()

    def run(self, end: Event) -> None:
        while not end.is_set():
            try:
                self.turn()
            except TOLD as error:
                LOG.warning("This turn could not be finished: %s", error)
            except Exception:  # whatever it is: a runner that ended would leave every guest as it is
                LOG.exception("This turn could not be finished.")
            quiet = time.monotonic() - self._changed > QUIET_SECONDS
            end.wait(SLOW if quiet else QUICK)

    def turn(self) -> None:
        """Look once, and make it so."""
        servers = self._cloud.servers()  # before the networks: who is here has its ports there
        networks = self._cloud.networks()
        topology = plan(networks, self._lab.floating, self._lab.address)
        if networks != self._networks:
            failures = self._wiring.apply(topology)
            for failure in failures:
                LOG.warning("%s", failure)
            self._networks = None if failures else networks
            self._note("networks are as Neutron says: %d ports", len(networks.ports))
        self._do(partial(self._serve, server, topology) for server in servers)
        gone = {*self._guests.uuids()} - {server.id for server in servers}
        self._do(partial(self._delete, uuid) for uuid in sorted(gone))
        self._store(servers, volumes.volumes(self._cloud))
        self._balance(topology)

    def _serve(self, server: Server, topology: Topology) -> None:
        guest = self._guests.guest(server.id)
        asked = self._watch.wanted(server)
        known = guest.known()
        step = next_step(server.status, asked, known, running=guest.running)
        if step is Step.NOTHING or (known is None and not self._runs(server)):
            return
        if step in (Step.STOP, Step.RESTART):
            self._note("%s %s", server, step.value)
            guest.shut_down()
        if step is Step.STOP:
            return
        node = topology.guests.get(server.id)
        if node is None or (step is Step.START and self._was_just_started(server.id)):
            return
        self._note("%s %s", server, step.value)
        if step is Step.MAKE:
            guest.make(server, self._cloud.public_key(server) if server.key_name else None)
        self._started[server.id] = time.monotonic()
        guest.start(server, node, asked)

    def _store(self, servers: Iterable[Server], known: Sequence[Volume]) -> None:
        """Let guests have the volumes that are attached to their servers."""
        disks = {server.id: volumes.disks_of(server.id, known) for server in servers}
        attached = {volume.id for of_server in disks.values() for volume in of_server.values()}
        self._do(partial(self._plug, uuid, of_server) for uuid, of_server in disks.items())
        self._with_disks = {uuid for uuid, of_server in disks.items() if of_server}
        self._disks.release(attached)
        for volume in {*self._disks.files()} - {volume.id for volume in known}:
            self._note("volume %s goes", volume)
            self._disks.forget(volume)

    def _plug(self, uuid: str, disks: Mapping[str, Volume]) -> None:
        guest = self._guests.guest(uuid)
        if (not disks and self._with_disks is not None and uuid not in self._with_disks) or not guest.running:
            return
        loops = {name: (volume.id, self._disks.ensure(volume)) for name, volume in disks.items()}
        if volumes.plug(guest.power.group, loops):
            self._note("guest %s has the disks %s", uuid, ", ".join(sorted(loops)) or "no more")

    def _balance(self, topology: Topology) -> None:
        """See that load balancers are as Octavia says, and know those that have a port."""
        listed = {f"lb-{balancer.id}": balancer for balancer in balancing.balancers(self._cloud)}
        present = {device: one for device, one in listed.items() if device in topology.balancers}
        for device in sorted({*self._haproxies.devices()} - {*present}):
            self._note("load balancer %s goes", device)
            self._haproxies.remove(device)
        self._do(partial(self._balance_one, device, balancer) for device, balancer in present.items())

    def _balance_one(self, device: str, balancer: Balancer) -> None:
        if balancer.provisioning_status != "ACTIVE":
            return
        if self._balanced.get(device) == balancer and self._haproxies.is_served(device):
            return
        lately = changed_lately(balancer.updated_at, datetime.now(UTC))
        if self._haproxies.serve(device, balancing.configuration(balancer, *balancing.parts(self._cloud, balancer.id))):
            self._note("load balancer %s is changed", balancer.name)
        if not lately:
            self._balanced[device] = balancer

    def _delete(self, uuid: str) -> None:
        self._note("guest %s goes", uuid)
        self._guests.guest(uuid).delete()

    def _was_just_started(self, uuid: str) -> bool:
        return time.monotonic() - self._started.get(uuid, -BETWEEN_STARTS) < BETWEEN_STARTS

    def _runs(self, server: Server) -> bool:
        """Say whether the server's image is one that machines here can be made of."""
        image = server.image["id"] if isinstance(server.image, dict) else ""
        if image not in self._images:
            self._images[image] = not image or self._cloud.distribution(image) in RUNNING
        return self._images[image]

    def _note(self, text: str, *parts: object) -> None:
        self._changed = time.monotonic()
        LOG.info(text, *parts)

    def _do(self, acts: Iterable[Callable[[], None]]) -> None:
        """Let several have their turn at once; what fails is told."""
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            turns = [pool.submit(act) for act in acts]
        for turn in turns:
            failure = turn.exception()
            if isinstance(failure, TOLD):
                LOG.warning("%s", failure)
            elif failure:
                LOG.error("This is a fault of the runner.", exc_info=failure)


def make_root(say: Callable[[str], None]) -> bool:
    """Make the root file systems of all guests if there are none; say whether that was needed."""
    cache = default_cache_dir()
    missing = [recipe for recipe in (rootfs.DEBIAN_12, FEDORA_COREOS) if not rootfs.path_of(recipe, cache).is_dir()]
    for recipe in missing:
        rootfs.ensure(recipe, cache, say)
    return bool(missing)


def stop_all(lab: Lab) -> None:
    """Shut all guests down and take the networks from the host; the disks stay."""
    wiring = Wiring(lab)
    guests = Guests(lab, wiring, default_cache_dir())
    Haproxies(lab, wiring).stop()
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(Guest.shut_down, [guests.guest(uuid) for uuid in guests.uuids()]))
    remove_traces(lab, guests, wiring)


def remove_all(lab: Lab) -> None:
    """Leave nothing on the host but folders of the lab."""
    wiring = Wiring(lab)
    guests = Guests(lab, wiring, default_cache_dir())
    Haproxies(lab, wiring).stop()
    for unit in guests.cgroups.units():
        guests.cgroups.group(unit).kill(limit=guests.settings.kill_limit)
    remove_traces(lab, guests, wiring)


def remove_traces(lab: Lab, guests: Guests, wiring: Wiring) -> None:
    Disks(lab).release(())
    guests.cgroups.remove_all(limit=guests.settings.kill_limit)
    wiring.remove_all()
