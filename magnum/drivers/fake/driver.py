"""The I/O half of `fake`: the same steps as a real driver, on a provider that only pretends.

It is the example of the contract: every step looks, then acts; each creation is written down, called, confirmed; each
removal is called, waited for, and written down as gone.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import msgspec

from magnum.conf.settings import Settings
from magnum.drivers.base import DriverContext, DriverServices, LookContext, Observation, RotationPhase, Step
from magnum.model.clocks import Instant
from magnum.model.failures import Code, Fatal, Retry
from magnum.model.health import Health, judge_nodes, silent
from magnum.model.ledger import CloudResource, ResourceState
from magnum.model.nodegroups import MASTER
from magnum.model.nodes import Node, NodeState
from magnum.model.operations import CreateCluster, HealCluster, UpgradeNodeGroup
from magnum.model.outcomes import Done, Outcome, Wait

from .behaviour import BOOT, VANISH, VERSION, Behaviour, Call, read_behaviour
from .cloud import MACHINE, NETWORK, Cloud, Provider, QuotaError, RefusedError, Thing, UnreachableError
from .reading import api_address, labels_of, listed, microseconds, reported, wait, wanted_version
from .spec import SPEC

T = TypeVar("T")
LABELS = "labels"
NO_LABELS = "[{},[]]"
RELEASE = "version"
AUTHORITY = "certificate"
CREDENTIAL = "credential"


class FakeDriver:
    def __init__(
        self,
        services: DriverServices,
        *,
        sleep: Callable[[float], None] = time.sleep,
        call_timeout: float = SPEC.longest_call,
    ) -> None:
        settings = services.settings
        if not isinstance(settings, Settings):
            raise TypeError("the fake driver reads magnum.conf.settings.Settings")
        self._settings = settings.fake
        self._clock = services.clock
        self._call_timeout = call_timeout
        self._cloud = Cloud(settings.default.state_path / "fake-cloud.sqlite", services.clock)
        self._provider = Provider(self._cloud, services.clock, sleep=sleep)

    def create_steps(self, context: DriverContext) -> Sequence[Step]:
        return (Step("network", self._network), *self._clearing(context), *self._growing())

    def resize_steps(self, context: DriverContext) -> Sequence[Step]:
        del context
        return (*self._growing(), *self._shrinking())

    def upgrade_steps(self, context: DriverContext) -> Sequence[Step]:
        del context
        return (Step("upgrade machines", self._upgrade), Step("ready", self._ready))

    def heal_steps(self, context: DriverContext) -> Sequence[Step]:
        del context
        return (*self._shrinking(), *self._growing())

    def rotate_ca_steps(self, context: DriverContext, phase: RotationPhase) -> Sequence[Step]:
        del context
        match phase:
            case RotationPhase.TRUST:
                return (Step("trust new certificates", partial(self._change_trust, call=Call.TRUST)),)
            case RotationPhase.RENEW:
                return (Step("renew certificates", self._renew_certificates),)
            case RotationPhase.DROP:
                return (Step("drop old certificates", partial(self._change_trust, call=Call.DROP)),)

    def rotate_credential_steps(self, context: DriverContext) -> Sequence[Step]:
        del context
        return (Step("renew credentials", self._renew_credentials),)

    def delete_steps(self, context: DriverContext) -> Sequence[Step]:
        del context
        return (
            Step("take machines down", partial(self._delete_all, kind=MACHINE, call=Call.DELETE_MACHINE)),
            Step("remove network", partial(self._delete_all, kind=NETWORK, call=Call.DELETE_NETWORK)),
        )

    def removal_order(self, context: DriverContext, nodes: Sequence[Node]) -> Sequence[Node]:
        """All of them are idle; the youngest goes first."""
        del context
        return sorted(nodes, key=lambda node: -node.number)

    def observe(self, context: DriverContext) -> Observation:
        things = self._cloud.things(context.cluster.uuid)
        version = self._version(context)
        return Observation(
            nodes_seen=sum(thing.member for thing in things if thing.kind == MACHINE),
            api_address=api_address(context, things),
            coe_version=version,
            container_version=version,
        )

    def health(self, context: LookContext) -> Health:
        """Machines that are members are well; the call fails as its faults say."""
        uuid = context.cluster.uuid
        try:
            things = self._provider.call(
                uuid, Call.HEALTH, self._behaviour(context), lambda _: self._cloud.things(uuid)
            )
        except (UnreachableError, RefusedError) as error:
            return silent(str(error))
        behaviour = self._behaviour(context)
        members = {thing.name for thing in things if thing.member and not behaviour.is_dead(thing.name)}
        version = self._version(context)
        verdict = judge_nodes({node.name: node.name in members for node in context.nodes})
        return msgspec.structs.replace(verdict, coe_version=version, container_version=version)

    def linger(self, context: DriverContext) -> Sequence[CloudResource]:
        there = {(thing.kind, thing.name) for thing in self._cloud.things(context.cluster.uuid)}
        return [resource for resource in context.resources() if (resource.kind, resource.name) in there]

    def resume(self) -> None:
        """Nothing of it can have been taken down."""

    def _clearing(self, context: DriverContext) -> tuple[Step, ...]:
        """Begin a create that is tried again by removing the machines that were lost: they take up room."""
        again = context.operation.arguments == CreateCluster(again=True)
        return (Step("take lost machines down", self._delete_leaving),) if again else ()

    def _shrinking(self) -> tuple[Step, ...]:
        return (Step("leave", self._leave), Step("take machines down", self._delete_leaving))

    def _growing(self) -> tuple[Step, ...]:
        return (
            Step("machines", self._machines),
            Step("node set-up", self._reports),
            Step("join", self._join),
            Step("ready", self._ready),
        )

    def _network(self, context: DriverContext) -> Outcome:
        self._ensure(context, NETWORK, f"network-{context.cluster.uuid}", Call.CREATE_NETWORK)
        return Done()

    def _machines(self, context: DriverContext) -> Outcome:
        """Make a machine for every node that has none."""
        for node in context.changing:
            if node.state is NodeState.PLANNED:
                machine = self._ensure(context, MACHINE, node.name, Call.CREATE_MACHINE)
                if node.address is None:
                    context.save_node(msgspec.structs.replace(node, address=machine.address))
        return Done()

    def _reports(self, context: DriverContext) -> Outcome:
        """Wait until every machine has been set up; the first that fails fails the operation."""
        machines = {thing.name: thing for thing in self._cloud.things(context.cluster.uuid, MACHINE)}
        now = self._clock.now()
        awaited: list[Thing] = []
        for node in context.changing:
            if node.state is not NodeState.PLANNED:
                continue
            machine = machines.get(node.name)
            if machine is None:
                raise Retry(Code.NODE_DEAD, f"{node.name} is gone from the provider.")
            if machine.ready_at > now:
                awaited.append(machine)
            else:
                context.save_node(reported(node, machine))
        for node in context.changing:
            if node.state is NodeState.FAILED:
                raise Fatal(Code.NODE_STEP, f"{node.name}: step {node.failed_step} failed: {node.report}")
        if not awaited:
            return Done()
        next_ready = min(machine.ready_at for machine in awaited)
        return wait(next_ready - now, f"waiting for the report of {listed(awaited)}")

    def _join(self, context: DriverContext) -> Outcome:
        for node in context.changing:
            if node.state is NodeState.REPORTED:
                self._set_member(context, node, Call.JOIN, f"join {node.name} to the cluster", member=True)
                context.save_node(
                    msgspec.structs.replace(node, state=NodeState.JOINED, member_id=f"member-{node.number}")
                )
        self._label(context)
        return Done()

    def _label(self, context: DriverContext) -> None:
        """Let every member carry the labels and taints of its group."""
        uuid = context.cluster.uuid
        carried = self._cloud.marks(uuid, LABELS)
        wanted = {group.uuid: labels_of(group) for group in context.nodegroups}
        for node in context.changing:
            labels = wanted[node.nodegroup_uuid]
            if node.state is NodeState.JOINED and carried.get(node.name, NO_LABELS) != labels:
                self._mark(context, Call.LABEL, f"label {node.name}", node, LABELS, labels)

    def _ready(self, context: DriverContext) -> Outcome:
        things = self._cloud.things(context.cluster.uuid)
        members = {thing.name for thing in things if thing.member}
        missing = [
            node.name for node in context.changing if node.state is NodeState.JOINED and node.name not in members
        ]
        if missing and not isinstance(context.operation.arguments, HealCluster):  # those that died since come later
            return Wait(1.0, f"not Ready yet: {', '.join(missing)}")
        address = api_address(context, things)
        version = self._version(context)
        context.update_cluster(api_address=address, coe_version=version, container_version=version)
        return Done()

    def _upgrade(self, context: DriverContext) -> Outcome:
        """Upgrade what is of another version than its group's: masters first, a batch at a time."""
        arguments = context.operation.arguments
        size = (arguments.max_batch_size if isinstance(arguments, UpgradeNodeGroup) else None) or 1
        uuid, versions = context.cluster.uuid, self._cloud.marks(context.cluster.uuid, RELEASE)
        wanted = {node.name: wanted_version(context, node) for node in context.changing}
        outdated = [name for name, version in wanted.items() if versions.get(name, VERSION) != version]

        def upgrade(names: Sequence[str], _at: Instant) -> None:
            for name in names:
                self._cloud.mark(uuid, name, RELEASE, wanted[name])

        for start in range(0, len(outdated), size):
            batch = outdated[start : start + size]
            self._call(
                context, Call.UPGRADE, f"upgrade {', '.join(batch)} to {wanted[batch[0]]}", partial(upgrade, batch)
            )
            context.batch_done()
        return Done()

    def _change_trust(self, context: DriverContext, *, call: Call) -> Outcome:
        """Which rotation a member has followed so far, is its mark."""
        return self._renew(context, key=call, value=context.operation.origin, call=call)

    def _renew_certificates(self, context: DriverContext) -> Outcome:
        return self._renew(context, key=AUTHORITY, value=str(context.cluster.ca_cert_ref))

    def _renew_credentials(self, context: DriverContext) -> Outcome:
        return self._renew(context, key=CREDENTIAL, value=context.operation.origin)

    def _renew(self, context: DriverContext, *, key: str, value: str, call: Call = Call.RENEW) -> Outcome:
        """Give every member something new; which one it has is its mark."""
        uuid = context.cluster.uuid
        present = self._cloud.marks(uuid, key)
        for node in context.changing:
            if node.state is NodeState.JOINED and present.get(node.name) != value:
                self._mark(context, call, f"{call} the {key} of {node.name}", node, key, value)
        return Done()

    def _version(self, context: LookContext) -> str:
        """Give the version of the first master."""
        masters = [node.name for node in context.nodes if node.role == MASTER]
        versions = self._cloud.marks(context.cluster.uuid, RELEASE)
        return versions.get(masters[0], VERSION) if masters else VERSION

    def _leave(self, context: DriverContext) -> Outcome:
        machines = {thing.name: thing for thing in self._cloud.things(context.cluster.uuid, MACHINE)}
        for node in context.changing:
            machine = machines.get(node.name)
            if node.state is NodeState.REMOVING and machine is not None and machine.member:
                self._set_member(context, node, Call.LEAVE, f"take {node.name} out of the cluster", member=False)
        return Done()

    def _delete_leaving(self, context: DriverContext) -> Outcome:
        leaving = {node.name: node for node in context.changing if node.state is NodeState.REMOVING}
        going = [resource for resource in context.resources(MACHINE) if resource.name in leaving]
        outcome = self._delete(context, going, Call.DELETE_MACHINE)
        if isinstance(outcome, Done):
            for node in leaving.values():
                context.remove_node(node)
        return outcome

    def _delete_all(self, context: DriverContext, *, kind: str, call: Call) -> Outcome:
        return self._delete(context, context.resources(kind), call)

    def _delete(self, context: DriverContext, resources: Sequence[CloudResource], call: Call) -> Outcome:
        """Ask for the removal of all, newest first, then see what is still there."""
        cluster = context.cluster.uuid
        standing = [resource for resource in reversed(resources) if resource.state is not ResourceState.GONE]
        behaviour = self._behaviour(context)
        for resource in standing:
            thing = self._cloud.find(cluster, resource.kind, resource.name)
            if thing is not None and thing.gone_at is None:
                self._call(
                    context,
                    call,
                    f"delete {resource.kind} {resource.name}",
                    lambda at, resource=resource: self._cloud.delete(  # type: ignore[misc]
                        cluster, resource.kind, resource.name, at=at + microseconds(behaviour.seconds(VANISH))
                    ),
                )
        left = {(thing.kind, thing.name): thing for thing in self._cloud.things(cluster)}
        remaining = [left[key] for resource in standing if (key := (resource.kind, resource.name)) in left]
        for resource in standing:
            if (resource.kind, resource.name) not in left:
                context.gone(resource)
        if not remaining:
            return Done()
        next_gone = min(thing.gone_at or 0 for thing in remaining)
        return wait(next_gone - self._clock.now(), f"waiting for {listed(remaining)} to go")

    def _ensure(self, context: DriverContext, kind: str, name: str, call: Call) -> Thing:
        """Look for it; make it if it is not there; write down its id."""
        cluster = context.cluster.uuid
        resource = context.attempt(kind, name)
        thing = self._cloud.find(cluster, kind, name)
        if thing is None:
            behaviour = self._behaviour(context)
            boot = behaviour.seconds(BOOT) if kind == MACHINE else 0.0
            broken = behaviour.broken_step(name) if kind == MACHINE else None

            def effect(at: Instant) -> None:
                self._cloud.create(cluster, kind, name, at=at, ready_in=boot, broken=broken)

            self._call(context, call, f"create {kind} {name}", effect)
            thing = self._cloud.find(cluster, kind, name)
            if thing is None:
                raise Retry(Code.PROVIDER_UNREACHABLE, f"{kind} {name} was created and cannot be found yet.")
        if resource.state is not ResourceState.PRESENT:
            context.confirm(resource, str(thing.id))
        return thing

    def _set_member(self, context: DriverContext, node: Node, call: Call, what: str, *, member: bool) -> None:
        cluster, authority = context.cluster.uuid, str(context.cluster.ca_cert_ref)

        def effect(_: Instant) -> None:
            self._cloud.set_member(cluster, node.name, member=member)
            if member:
                self._cloud.mark(cluster, node.name, RELEASE, wanted_version(context, node))
                self._cloud.mark(cluster, node.name, AUTHORITY, authority)

        self._call(context, call, what, effect)

    def _mark(self, context: DriverContext, call: Call, what: str, node: Node, key: str, value: str) -> None:  # noqa: PLR0917
        cluster = context.cluster.uuid
        self._call(context, call, what, lambda _: self._cloud.mark(cluster, node.name, key, value))

    def _call(self, context: DriverContext, call: Call, what: str, effect: Callable[[Instant], T]) -> T:
        with context.provider_call(what, timeout=self._call_timeout):
            try:
                return self._provider.call(context.cluster.uuid, call, self._behaviour(context), effect)
            except UnreachableError as error:
                raise Retry(Code.PROVIDER_UNREACHABLE, f"Could not {what}: {error}") from error
            except QuotaError as error:
                raise Fatal(Code.CAPACITY, f"Could not {what}: {error}") from error
            except RefusedError as error:
                raise Fatal(Code.PROVIDER_REFUSED, f"Could not {what}: {error}") from error

    def _behaviour(self, context: LookContext) -> Behaviour:
        return read_behaviour(self._settings.latencies, self._settings.faults, context.cluster.labels)
