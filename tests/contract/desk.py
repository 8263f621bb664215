"""One cluster, and the calls on it that tests of operations are about, each in a transaction of its own."""

import pytest

from magnum.db import operations
from magnum.db.errors import LeaseLost
from magnum.model.operations import DeleteCluster, OperationState, ResizeNodeGroup

SECOND = 1_000_000
LEASE = 10.0


class Desk:
    def __init__(self, database, make, clock):
        self.database, self.make, self.clock = database, make, clock
        self.cluster = database.write(make.cluster)

    def write(self, function, *arguments, **named):
        return self.database.write(lambda tx: function(tx, *arguments, **named))

    def enqueue(self, arguments=None, **fields):
        operation = self.make.operation(self.cluster, arguments, **fields)
        self.write(operations.enqueue, operation)
        return operation.uuid

    def resize(self, count, *, group="g", previous=1, **fields):
        operation = self.make.operation(self.cluster, ResizeNodeGroup(group, count, previous), **fields)
        replaced = self.write(operations.replace_resize, operation)
        if not replaced:
            self.write(operations.enqueue, operation)
        return operation.uuid, replaced

    def delete(self, longest_call=30.0):
        operation = self.make.operation(self.cluster, DeleteCluster())
        self.write(operations.supersede, operation, longest_call=longest_call)
        return operation.uuid

    def claim(self, limit=10):
        return self.write(operations.claim, owner=self.make.owner, limit=limit, lease=LEASE)

    def claim_one(self):
        (claim,) = self.claim()
        return claim

    def save(self, claim, *, wait=0.0, release=False, step="machines", **fields):
        given = {"step": step, "step_number": 1, "steps_total": 3, "attempts": 0, "reason": None}
        due = self.clock.now() + int(wait * SECOND)
        self.write(operations.save_step, claim, **given | fields, next_attempt=due, release=release)

    def finish(self, claim, state=OperationState.COMPLETE, **fields):
        self.write(operations.finish, claim, state=state, **fields)

    def get(self, uuid):
        return self.database.read(lambda tx: operations.get(tx, uuid))

    def state(self):
        return self.write(operations.lock, self.cluster)

    def next_due(self):
        return self.database.read(operations.next_due)

    def lost(self, claim):
        with pytest.raises(LeaseLost, match=self.cluster):
            self.write(operations.verify, claim)
        return True
