"""Octavia's load balancers in the lab: they become ACTIVE, or go, by themselves. What balances is `lab/guests`.

A call only wakes a thread, for Octavia has not committed yet what it tells of. The thread looks for what is pending and
reports it done, in the way in which every provider does. The address of a balancer is a real port of Neutron's.
"""

import logging
import threading
import time
from typing import Any, NoReturn

from octavia.api.drivers.driver_agent.driver_updater import DriverUpdater
from octavia.db import api, models
from octavia_lib.api.drivers import exceptions, provider_base

LOG = logging.getLogger(__name__)
BETWEEN_LOOKS = 0.3
LOOKING = 30.0
"""Seconds for which it looks after a call: a transaction may take its time."""
KINDS = {
    "members": models.Member,
    "healthmonitors": models.HealthMonitor,
    "pools": models.Pool,
    "l7rules": models.L7Rule,
    "l7policies": models.L7Policy,
    "listeners": models.Listener,
    "loadbalancers": models.LoadBalancer,
}


class Balancers(provider_base.ProviderDriver):
    def __init__(self) -> None:
        super().__init__()
        self._called = threading.Event()
        self._last_call = time.monotonic()
        self._called.set()  # for what was pending when we were stopped
        threading.Thread(target=self._settle_for_ever, daemon=True).start()

    def create_vip_port(self, *_: object, **__: object) -> NoReturn:
        """Let Octavia make the port: this is how a provider says so."""
        raise exceptions.NotImplementedError(user_fault_string="", operator_fault_string="")

    def _note(self, *_: object, **__: object) -> None:
        self._last_call = time.monotonic()
        self._called.set()

    loadbalancer_create = loadbalancer_update = loadbalancer_delete = loadbalancer_failover = _note
    listener_create = listener_update = listener_delete = _note
    pool_create = pool_update = pool_delete = _note
    member_create = member_update = member_delete = member_batch_update = _note
    health_monitor_create = health_monitor_update = health_monitor_delete = _note
    l7policy_create = l7policy_update = l7policy_delete = _note
    l7rule_create = l7rule_update = l7rule_delete = _note

    def _settle_for_ever(self) -> None:
        while self._called.wait():
            if time.monotonic() > self._last_call + LOOKING:
                self._called.clear()
            try:
                settle()
            except Exception:  # whatever it is: a thread that ended would leave every load balancer pending for ever
                LOG.exception("What is pending could not be settled; it is tried again.")
            time.sleep(BETWEEN_LOOKS)


def settle() -> None:
    """Report all that is pending as done."""
    with api.session()() as session, session.begin():
        for leaving in session.query(models.LoadBalancer).filter_by(provisioning_status="PENDING_DELETE"):
            for part in parts(leaving):
                part.provisioning_status = "PENDING_DELETE"
    with api.session()() as session, session.begin():
        reports = {kind: [report(row) for row in pending(session, model)] for kind, model in KINDS.items()}
    if any(reports.values()):
        answer = DriverUpdater().update_loadbalancer_status(reports)
        if answer["status_code"] != 200:
            LOG.error("Octavia does not take the report: %s", answer)


def parts(balancer: Any) -> list[Any]:
    """Give all that goes with a load balancer."""
    policies = [policy for listener in balancer.listeners for policy in listener.l7policies]
    members = [member for pool in balancer.pools for member in pool.members]
    monitors = [pool.health_monitor for pool in balancer.pools if pool.health_monitor]
    rules = [rule for policy in policies for rule in policy.l7rules]
    return [*members, *monitors, *balancer.pools, *rules, *policies, *balancer.listeners]


def pending(session: Any, model: Any) -> Any:
    return session.query(model).filter(model.provisioning_status.like("PENDING_%"))


def report(row: Any) -> dict[str, str]:
    if row.provisioning_status == "PENDING_DELETE":
        return {"id": row.id, "provisioning_status": "DELETED"}
    return {"id": row.id, "provisioning_status": "ACTIVE", "operating_status": "ONLINE"}
