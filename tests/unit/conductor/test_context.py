"""What a step may do, and when it may not."""

from datetime import timedelta

import msgspec
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from simulation import SECOND, Crash

from magnum.conductor.context import CallForbidden, StepContext
from magnum.conductor.lease import Lease
from magnum.conductor.rows import read_rows
from magnum.db import cluster_secrets, clusters, credentials
from magnum.db.errors import LeaseLost
from magnum.drivers.base import DriverContext
from magnum.model.clocks import to_datetime
from magnum.model.credentials import hash_token
from magnum.model.failures import Code, Fatal, Retry
from magnum.model.ledger import ResourceState
from magnum.model.signing import CaType, NodeLimits


@pytest.fixture
def cluster(world):
    """A cluster in the middle of its creation; its conductor has died just before the step "machines"."""
    cluster = world.create(nodes=2)

    def die(point):
        if point == "create: machines":
            raise Crash

    with pytest.raises(Crash):
        world.settle(die)
    return cluster


@pytest.fixture
def make(world, cluster):
    """Contexts of one claim on the operation, as if no call had been made for it yet."""
    operation = world.operations(cluster)[0]
    world.update_operation(operation.uuid, accepted=False)
    world.clock.turn(11)
    conductor = world.conductor()
    (claim,) = conductor.worker.claim(lambda: "me", 1)
    lease = Lease(conductor.services, claim)
    lease.begin_step(60)

    def make(**more) -> DriverContext:
        rows = world.database.read(lambda tx: read_rows(tx, operation.uuid))
        return StepContext(conductor.services, lease, rows, **more)

    return make


def accepted(world, cluster):
    return world.operations(cluster)[0].accepted


class TestProviderCall:
    def test_the_first_is_written_down_before_it_begins(self, world, cluster, make):
        context = make()
        with context.provider_call("start", timeout=1):
            assert accepted(world, cluster)
        assert accepted(world, cluster)

    def test_a_refused_first_one_counts_as_none(self, world, cluster, make):
        context = make()
        with pytest.raises(Fatal), context.provider_call("start", timeout=1):
            raise Fatal(Code.PROVIDER_REFUSED, "no")
        assert not accepted(world, cluster)

    def test_a_first_one_without_an_answer_counts(self, world, cluster, make):
        with pytest.raises(Retry), make().provider_call("start", timeout=1):
            raise Retry(Code.PROVIDER_UNREACHABLE, "no answer")
        with pytest.raises(Fatal), make().provider_call("start", timeout=1):
            raise Fatal(Code.PROVIDER_REFUSED, "no")
        assert accepted(world, cluster)

    @pytest.mark.parametrize("calls_before", [0, 1])
    def test_none_begins_once_a_delete_has_taken_over(self, world, cluster, make, calls_before):
        context = make()
        for _ in range(calls_before):
            with context.provider_call("start", timeout=1):
                pass
        world.delete(cluster)
        with pytest.raises(LeaseLost), context.provider_call("start", timeout=1):
            raise AssertionError("the call was begun")

    def test_none_begins_on_the_last_look(self, make):
        context = make(look_only=True)
        with pytest.raises(CallForbidden, match="start"), context.provider_call("start", timeout=1):
            raise AssertionError("the call was begun")
        with pytest.raises(CallForbidden, match="create machine m"):
            context.attempt("machine", "m")

    def test_none_begins_when_the_last_look_took_the_lease_away(self, world, make, monkeypatch):
        """Paused between its look and its call, a worker may not call any more."""
        context = make()
        with context.provider_call("start", timeout=1):
            pass
        write = world.database.write

        def slowly(f):
            done = write(f)
            world.clock.turn(30)
            return done

        monkeypatch.setattr(world.database, "write", slowly)
        with pytest.raises(LeaseLost), context.provider_call("start", timeout=1):
            raise AssertionError("the call was begun")

    def test_the_lease_outlasts_it(self, world, make):
        context = make()
        with context.provider_call("start", timeout=45):
            world.clock.turn(44)
            assert world.conductor().worker.claim(lambda: "other", 1) == []


class TestLedger:
    def test_what_is_attempted_is_there_before_it_is_made(self, world, cluster, make):
        context = make()
        resource = context.attempt("machine", "m1")
        assert world.ledger(cluster)[-1] == resource
        assert context.attempt("machine", "m1").id == resource.id
        context.confirm(resource, "id-1")
        assert [row.provider_id for row in context.resources("machine")] == ["id-1"]
        context.gone(resource)
        assert context.resources("machine")[0].state is ResourceState.GONE
        assert [row.kind for row in context.resources()] == ["network", "machine"]


class TestRows:
    def test_a_step_sees_its_own_writes(self, make):
        context = make()
        node = context.nodes[0]
        context.save_node(msgspec.structs.replace(node, address="198.18.0.9"))
        assert context.nodes[0].address == "198.18.0.9"
        context.remove_node(node)
        assert node.uuid not in {left.uuid for left in context.nodes}
        context.update_cluster(stack_id="stack")
        assert context.cluster.stack_id == "stack"
        context.update_nodegroup(context.nodegroups[0], stack_id="its own")
        assert context.nodegroups[0].stack_id == make().nodegroups[0].stack_id == "its own"
        again = make()
        assert (again.nodes, again.cluster.stack_id) == (context.nodes, "stack")

    def test_masters_come_first(self, make):
        assert [node.role for node in make().nodes] == ["master", "worker", "worker"]

    def test_a_driver_may_not_set_what_is_not_its_own(self, make):
        with pytest.raises(TypeError, match="status"):
            make().update_cluster(status="CREATE_COMPLETE")

    def test_each_batch_of_rolling_work_has_the_whole_time(self, world, cluster, make):
        context = make()
        world.clock.turn(600)
        context.batch_done()
        minutes = world.settings.conductor.update_timeout
        assert world.operations(cluster)[0].deadline == world.clock.now() + minutes * 60 * SECOND

    def test_what_may_take_as_long_as_it_needs_gets_no_limit_by_that(self, world, cluster, make):
        world.update_operation(world.operations(cluster)[0].uuid, deadline=None)
        make().batch_done()
        assert world.operations(cluster)[0].deadline is None

    def test_an_event_is_for_the_owner(self, world, cluster, make):
        make().event("The moon is full.")
        told = world.events(cluster)[-1]
        assert (told.kind, told.text, told.request_id) == ("driver", "The moon is full.", "req-1")


class TestNodeToken:
    LIMITS = NodeLimits(common_name="n")

    def test_it_is_stored_as_its_hash_and_ends_with_the_operation(self, world, cluster, make):
        context = make()
        token = context.new_node_token(context.nodes[0], self.LIMITS)
        stored = world.database.read(lambda tx: credentials.find(tx, hash_token(token)))
        assert (stored.node_name, stored.limits) == (context.nodes[0].name, self.LIMITS)
        assert stored.expires_at == world.operations(cluster)[0].deadline
        assert len(token) >= 43  # 256 bits

    def test_every_one_is_new_and_earlier_ones_stay_good(self, world, make):
        """A machine that was begun twice may hold either."""
        context = make()
        tokens = {context.new_node_token(context.nodes[0], self.LIMITS) for _ in range(2)}
        assert len(tokens) == 2
        for token in tokens:
            assert world.database.read(lambda tx, token=token: credentials.find(tx, hash_token(token)))

    def test_it_ends_without_a_deadline_too(self, world, cluster, make):
        world.update_operation(world.operations(cluster)[0].uuid, deadline=None)
        context = make()
        token = context.new_node_token(context.nodes[0], self.LIMITS)
        stored = world.database.read(lambda tx: credentials.find(tx, hash_token(token)))
        assert stored.expires_at == world.clock.now() + 24 * 3600 * SECOND

    def test_it_ends_with_its_node(self, world, make):
        context = make()
        token = context.new_node_token(context.nodes[0], self.LIMITS)
        context.remove_node(context.nodes[0])
        assert world.database.read(lambda tx: credentials.find(tx, hash_token(token))) is None


class TestSecret:
    def test_it_is_made_once_and_lies_sealed_in_the_database(self, world, cluster, make):
        context = make()
        assert context.secret("key", lambda: "hush") == "hush"
        assert context.secret("key", lambda: "another") == "hush"
        assert make().secret("key", lambda: "another") == "hush"
        assert make().secret("other", lambda: "another") == "another"
        stored = world.database.read(lambda tx: cluster_secrets.get(tx, cluster, "key"))
        assert stored.startswith("magnum:1:")
        assert "hush" not in stored

    def test_whoever_comes_second_takes_the_first_ones(self, make):
        first, second = make(), make()
        assert second.secret("key", lambda: first.secret("key", lambda: "first")) == "first"

    def test_one_that_was_moved_to_another_name_does_not_open(self, world, cluster, make):
        make().secret("key", lambda: "hush")
        stored = world.database.read(lambda tx: cluster_secrets.get(tx, cluster, "key"))
        world.database.write(lambda tx: cluster_secrets.put_first(tx, cluster, "other", stored))
        with pytest.raises(Fatal) as failure:
            make().secret("other", lambda: "new")
        assert failure.value.code is Code.SECRET_STORE

    def test_it_goes_with_its_cluster(self, world, cluster, make):
        make().secret("key", lambda: "hush")
        world.clock.turn(100)
        world.delete(cluster)
        world.settle()
        assert world.database.read(lambda tx: cluster_secrets.get(tx, cluster, "key")) is None


class TestClientTls:
    def test_it_opens_magnums_own_key_and_shows_none_of_it(self, make):
        tls = make().client_tls()
        assert tls.ca != tls.certificate
        assert "PRIVATE KEY" in tls.key
        assert "PRIVATE" not in repr(tls)

    def test_that_of_another_authority_lasts_a_day_and_is_not_stored(self, world, make):
        context = make()
        own, lent = context.client_tls(), context.client_tls(CaType.ETCD)
        assert lent is context.client_tls(CaType.ETCD)
        assert lent.ca != own.ca
        authority = x509.load_pem_x509_certificate(lent.ca.encode())
        certificate = x509.load_pem_x509_certificate(lent.certificate.encode())
        certificate.verify_directly_issued_by(authority)
        ends = certificate.not_valid_after_utc - to_datetime(world.clock.now())
        assert timedelta(0) < ends <= timedelta(days=1)
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(usages) == [ExtendedKeyUsageOID.CLIENT_AUTH]

    def test_a_cluster_without_that_authority_has_none(self, world, cluster, make):
        world.database.write(lambda tx: clusters.update(tx, cluster, etcd_ca_cert_ref=None))
        with pytest.raises(Fatal, match="no certificates of the authority etcd"):
            make().client_tls(CaType.ETCD)

    def test_a_store_that_fails_is_a_failure_of_the_step(self, world, cluster, make):
        world.store.delete(world.cluster(cluster).magnum_cert_ref)
        with pytest.raises(Retry) as failure:
            make().client_tls()
        assert failure.value.code is Code.SECRET_STORE
