"""The steps by which any driver of Kubernetes has certificates replaced on nodes, while everything goes on.

Each node does it itself. It is asked by an annotation of its Node object, and answers by another; nothing secret goes
that way. Here is decided who is asked when: masters one after the other, so that at most one API server and one member
of etcd is starting; then workers, a tenth of them at a time, because pods with a readiness probe are not ready for a
moment when their kubelet starts, and those of a service should not be that all together. A node that has done a later
phase of the same rotation has done the earlier ones. One that says it failed, or says nothing for too long, ends the
operation with its name; when that is tried again the node is asked once more, and those that are done are left alone.

Whoever administers the cluster can write these annotations too. So what stands there decides nothing but whether a
node is asked, and how long it is waited for.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from magnum.coe.kubernetes import KubernetesClient
from magnum.coe.kubernetes_calls import printable
from magnum.coe.kubernetes_values import KubernetesNode, ObjectName
from magnum.drivers.base import DriverContext, RotationPhase, Step
from magnum.drivers.cluster_failures import told
from magnum.model.clocks import MICROSECONDS
from magnum.model.failures import Code, Fatal
from magnum.model.nodegroups import MASTER
from magnum.model.nodes import Node, NodeState
from magnum.model.outcomes import Done, Outcome, Wait

WANTED = "magnum.openstack.org/certificates"
DONE = f"{WANTED}-done"
FAILED = f"{WANTED}-failed"
ASKED = f"{WANTED}-asked"
"""By which operation, and when: `UUID/seconds`."""
PATIENCE = 600.0
"""Seconds that a node gets for one phase: it looks every ten, and starts everything anew, one after the other."""
MOST_AT_ONCE = 10
PAUSE = 1.0
_PUBLISHED = ObjectName("v1", "ConfigMap", "extension-apiserver-authentication", "kube-system")
_ROOT = ObjectName("v1", "ConfigMap", "kube-root-ca.crt", "kube-system")
_ACCOUNT = ObjectName("v1", "ServiceAccount", "default", "kube-system")
_STEPS = {
    RotationPhase.TRUST: "trust both authorities",
    RotationPhase.RENEW: "renew certificates",
    RotationPhase.DROP: "drop the old authorities",
}


class NodeCertificates:
    """`connect` gives a client none of whose calls takes longer than `call_timeout` seconds."""

    def __init__(self, connect: Callable[[DriverContext], KubernetesClient], *, call_timeout: float) -> None:
        self._connect = connect
        self._call_timeout = call_timeout

    def steps(self, phase: RotationPhase) -> tuple[Step, ...]:
        """Give the steps of one phase; a rotation runs those of all of them, in order."""
        own = Step(_STEPS[phase], lambda context: self._nodes(context, phase))
        match phase:
            case RotationPhase.TRUST:
                return (own, Step("let pods trust both", self._pods))
            case RotationPhase.RENEW:
                return (own,)
            case RotationPhase.DROP:
                return (own, Step("publish the new alone", self._publish))

    def _nodes(self, context: DriverContext, phase: RotationPhase) -> Outcome:
        """Ask those whose turn it is, and wait until the last one has done it."""
        wanted = f"{phase}-{context.operation.origin}"
        with told("looking at the nodes' certificates"):
            client = self._connect(context)
            members = {member.name: member for member in client.nodes()}
            joined = [node for node in context.nodes if node.state is NodeState.JOINED]
            pending = [node for node in joined if not _is_done(node, members, phase, context.operation.origin)]
            turn = _turn(pending, sum(node.role != MASTER for node in joined))
            for node in turn:
                if node.name in members:
                    self._ask(context, client, members[node.name], wanted)
        for node in turn:
            _check(context, members.get(node.name), node, phase)
        if not pending:
            return Done()
        return Wait(PAUSE, f"{', '.join(node.name for node in turn)} at work; {len(pending)} of {len(joined)} to go")

    def _ask(self, context: DriverContext, client: KubernetesClient, member: KubernetesNode, wanted: str) -> None:
        """Once for each operation; what the node said to an earlier one is taken away."""
        notes = member.annotations
        operation = context.operation.uuid
        if notes.get(WANTED) == wanted and notes.get(ASKED, "").startswith(f"{operation}/"):
            return
        asked = f"{operation}/{context.clock.now() // MICROSECONDS}"
        with context.provider_call(f"ask {member.name} to {wanted.partition('-')[0]}", timeout=self._call_timeout):
            client.annotate(member.name, {WANTED: wanted, ASKED: asked, FAILED: None})

    def _pods(self, context: DriverContext) -> Outcome:
        """Wait until the cluster gives pods both authorities."""
        expected = _blocks(context.client_tls().ca)
        with told("looking at what pods trust"):
            given = _given_to_pods(self._connect(context))
        late = [str(name) for name, blocks in given.items() if not expected <= blocks]
        if not late:
            return Done()
        if context.operation.seconds_in_step(context.clock.now()) > PATIENCE:
            raise Fatal(Code.COE_REFUSED, f"After {PATIENCE:.0f} s {late[0]} does not hold the new authority yet.")
        return Wait(PAUSE, "pods are not given both authorities yet")

    def _publish(self, context: DriverContext) -> Outcome:
        """Have the API servers publish the new authorities alone.

        To what others know they only ever add; when that is gone, they write what they know themselves.
        """
        trusted = _blocks(context.client_tls().ca)
        with told("looking at what the API publishes"):
            client = self._connect(context)
            found = client.get(_PUBLISHED)
            published = _blocks(_text(found, "client-ca-file"))
            if found is not None and not published <= trusted:
                with context.provider_call("take away the old authorities", timeout=2 * self._call_timeout):
                    client.delete(_PUBLISHED)
        return Done()


def _given_to_pods(client: KubernetesClient) -> dict[ObjectName, set[str]]:
    """Say what pods are told to trust: in a ConfigMap, and before 1.24 with the tokens of their accounts."""
    given = {_ROOT: _blocks(_text(client.get(_ROOT), "ca.crt"))}
    account = client.get(_ACCOUNT) or {}
    for named in account.get("secrets") or ():
        secret = ObjectName("v1", "Secret", str(named.get("name")), _ACCOUNT.namespace)
        try:
            given[secret] = _blocks(base64.b64decode(_text(client.get(secret), "ca.crt")).decode(errors="replace"))
        except ValueError:
            given[secret] = set()
    return given


def _text(found: Mapping[str, Any] | None, key: str) -> str:
    return str(((found or {}).get("data") or {}).get(key) or "")


def _is_done(node: Node, members: dict[str, KubernetesNode], phase: RotationPhase, origin: str) -> bool:
    """A node whose kubelet has just been started is not Ready for a moment; the next one's turn comes after that."""
    member = members.get(node.name)
    phases = list(RotationPhase)
    later = {f"{one}-{origin}" for one in phases[phases.index(phase) :]}
    return member is not None and member.ready and member.annotations.get(DONE) in later


def _turn(pending: Sequence[Node], workers: int) -> list[Node]:
    """Give the next master, or when there is none left the next workers, of so many in all."""
    masters = [node for node in pending if node.role == MASTER]
    return masters[:1] or list(pending[: min(MOST_AT_ONCE, max(1, workers // 10))])


def _check(context: DriverContext, member: KubernetesNode | None, node: Node, phase: RotationPhase) -> None:
    """Raise `Fatal` for a node that has failed, or has been silent for too long."""
    what = f"{_STEPS[phase]} on {node.name}"
    waited = context.operation.seconds_in_step(context.clock.now())
    if member is not None:
        by, _, at = member.annotations.get(ASKED, "").partition("/")
        own = by == context.operation.uuid
        if own and FAILED in member.annotations:
            said = printable(member.annotations[FAILED].partition(": ")[2]) or "it does not say why"
            raise Fatal(Code.NODE_STEP, f"Could not {what}: {said}")
        if own and at.isascii() and at.isdigit() and len(at) < 12:
            waited = min(waited, context.clock.now() / MICROSECONDS - int(at))
        elif not own:
            waited = 0.0  # it has just been asked
    if waited > PATIENCE:
        raise Fatal(Code.NODE_DEAD, f"Could not {what}: it has not answered, and been Ready, for {PATIENCE:.0f} s.")


def _blocks(pem: str) -> set[str]:
    """Give the certificates of a text, to be compared."""
    end = "-----END CERTIFICATE-----"
    return {"".join(block.split()) for block in pem.split(end) if block.strip()}
