"""Leftovers of a cluster's controllers, against simulated services; against real ones in tests/openstack."""

import pytest
from deletions import Deletion

from magnum.drivers.heat.leftovers import LABEL, Leftovers
from magnum.drivers.heat.marks import CSI_CLUSTER
from magnum.model.events import EventLevel
from magnum.model.failures import Code, Retry
from magnum.model.outcomes import Done, Wait
from magnum.openstack.errors import NotAllowed, NotThere, Refused, Unanswered

UUID, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
PROJECT = "fishers"
PATIENCE = 60


class Simulated:
    """A service that holds things by id, and shows all of them to everybody."""

    def __init__(self, name):
        self.name = name
        self.is_there = True
        self.things = {}
        self.deleted = []
        self.failure = None
        """Raised by every call."""
        self.refusal = None
        """Raised by every deletion."""
        self.takes = None
        """What a thing's status is while it goes; it is gone at once without."""

    def get(self, path, **_query):
        if self.failure:
            raise self.failure
        return {path.split("/")[-2 if path.endswith("/detail") else -1]: list(self.things.values())}

    def delete(self, path, *, params=None):
        ident = path.rsplit("/", 1)[1]
        self.deleted.append((ident, params))
        for failure in (self.failure, self.refusal):
            if failure:
                raise failure
        if ident not in self.things:
            raise NotThere(f"{self.name}: there is no {ident}")
        if self.takes:
            self.things[ident] |= {"provisioning_status": self.takes, "status": self.takes}
        else:
            del self.things[ident]


class SimulatedCloud:
    def __init__(self):
        self.services = {name: Simulated(name.capitalize()) for name in ("octavia", "neutron", "cinder")}
        self.trusts = []

    def trusted(self, trust):
        self.trusts.append(trust)
        return self

    def octavia(self):
        return self.services["octavia"]

    def neutron(self):
        return self.services["neutron"]

    def cinder(self):
        return self.services["cinder"]

    def add_balancer(self, ident, uuid=UUID, *, project=PROJECT, status="ACTIVE"):
        description = f"Kubernetes external service default/{ident} from cluster {uuid}"
        self.octavia().things[ident] = {
            "id": ident,
            "name": f"kube_{ident}",
            "description": description,
            "project_id": project,
            "provisioning_status": status,
            "vip_port_id": f"port-{ident}",
        }
        self.neutron().things[f"address-{ident}"] = {
            "id": f"address-{ident}",
            "floating_ip_address": "192.0.2.1",
            "description": f"Floating IP for {description}",
            "project_id": project,
            "port_id": f"port-{ident}",
        }

    def add_volume(self, ident, uuid=UUID, *, project=PROJECT, status="available"):
        self.cinder().things[ident] = {
            "id": ident,
            "name": f"pvc-{ident}",
            "size": 5,
            "status": status,
            "metadata": {CSI_CLUSTER: uuid},
            "os-vol-tenant-attr:tenant_id": project,
        }


@pytest.fixture
def cloud():
    return SimulatedCloud()


@pytest.fixture
def steps(cloud):
    leftovers = Leftovers(cloud, patience=PATIENCE)
    return {step.name: step.run for step in (*leftovers.before_stacks(), *leftovers.after_stacks())}


@pytest.fixture
def balancers(steps):
    return steps["load balancers of services"]


@pytest.fixture
def volumes(steps):
    return steps["volumes of pods"]


@pytest.fixture
def rest(steps):
    return steps["what remains"]


@pytest.fixture
def deletion():
    return Deletion(UUID, project=PROJECT)


@pytest.fixture
def thorough():
    return Deletion(UUID, project=PROJECT, volumes=True)


def test_load_balancers_go_with_all_that_is_in_them_and_their_addresses(cloud, balancers, deletion):
    cloud.add_balancer("web")
    assert isinstance(balancers(deletion), Wait)
    assert cloud.octavia().deleted == [("web", {"cascade": "true"})]
    assert cloud.neutron().deleted == [("address-web", None)]
    assert balancers(deletion) == Done()
    assert deletion.calls == ["delete the floating address 192.0.2.1", "delete the load balancer kube_web"]
    assert set(cloud.trusts) == {"trust"}


def test_what_looks_like_them_stays(cloud, steps, thorough):
    cloud.add_balancer("another-cluster's", OTHER)
    cloud.add_balancer("another-project's", project="others")
    cloud.add_volume("another-cluster's", OTHER)
    cloud.add_volume("another-project's", project="others")
    for run in steps.values():
        assert run(thorough) == Done()
    assert [service.deleted for service in cloud.services.values()] == [[], [], []]


def test_one_that_is_going_is_waited_for_and_left_alone(cloud, balancers, deletion):
    cloud.octavia().takes = "PENDING_DELETE"
    cloud.add_balancer("web")
    for _ in range(3):
        outcome = balancers(deletion)
    assert len(cloud.octavia().deleted) == 1
    assert outcome.reason == "There is still the load balancer kube_web (PENDING_DELETE)"


def test_one_that_octavia_works_on_is_left_until_it_is_done(cloud, balancers, deletion):
    cloud.add_balancer("web", status="PENDING_UPDATE")
    assert isinstance(balancers(deletion), Wait)
    assert cloud.octavia().deleted == []
    cloud.octavia().things["web"]["provisioning_status"] = "ERROR"
    balancers(deletion)
    assert balancers(deletion) == Done()


def test_an_address_of_one_that_is_gone_already_goes_too(cloud, balancers, deletion):
    cloud.add_balancer("web")
    del cloud.octavia().things["web"]
    cloud.neutron().things["address-web"]["port_id"] = None
    balancers(deletion)
    assert balancers(deletion) == Done()
    assert cloud.neutron().things == {}


@pytest.mark.parametrize("trouble", [Unanswered("Octavia does not answer"), Refused("Octavia: immutable", 409)])
def test_the_deletion_goes_on_after_a_while_and_comes_back(cloud, balancers, rest, deletion, trouble):
    cloud.add_balancer("web")
    cloud.octavia().failure = trouble if isinstance(trouble, Unanswered) else None
    cloud.octavia().refusal = trouble
    deletion.seconds = PATIENCE - 1
    assert isinstance(balancers(deletion), Wait)
    deletion.seconds = PATIENCE
    assert balancers(deletion) == Done()
    [(level, text)] = deletion.events
    assert (level, str(trouble) in text) == (EventLevel.WARNING, True)
    with pytest.raises(Retry, match=str(trouble)):
        rest(deletion)
    cloud.octavia().failure = cloud.octavia().refusal = None
    with pytest.raises(Retry, match="the load balancer kube_web") as still:
        rest(deletion)
    assert still.value.code is Code.PROVIDER_BUSY
    assert rest(deletion) == Done()


def test_who_may_not_look_is_not_kept_from_deleting(cloud, steps, thorough):
    for service in cloud.services.values():
        service.failure = NotAllowed("Keystone refuses: there is no such trust")
    for run in steps.values():
        assert run(thorough) == Done()
    assert {level for level, _ in thorough.events} == {EventLevel.WARNING}
    assert all("no such trust" in text for _, text in thorough.events)


def test_who_may_not_list_volumes_is_told_so(cloud, volumes, deletion):
    cloud.cinder().failure = Unanswered("Cinder does not answer")
    assert volumes(deletion) == Done()
    assert deletion.events == [
        (EventLevel.WARNING, "Whether pods have left volumes cannot be seen. Cinder does not answer")
    ]


def test_volumes_are_kept_and_named(cloud, volumes, rest, deletion):
    for number in range(7):
        cloud.add_volume(str(number))
    assert volumes(deletion) == rest(deletion) == Done()
    [(level, text)] = deletion.events
    assert level is EventLevel.INFO
    assert "the volume pvc-0 of 5 GB, " in text
    assert "pvc-4 of 5 GB and 2 more. " in text
    assert cloud.cinder().deleted == []


@pytest.mark.parametrize("asked", [{"volumes": True}, {"labels": {LABEL: "True"}}])
def test_volumes_go_if_that_is_asked_for(cloud, volumes, rest, asked):
    deletion = Deletion(UUID, project=PROJECT, **asked)
    cloud.add_volume("data")
    assert isinstance(volumes(deletion), Wait)
    assert volumes(deletion) == rest(deletion) == Done()
    assert (cloud.cinder().deleted, deletion.events) == ([("data", None)], [])


def test_a_label_that_says_nothing_keeps_them(cloud, volumes):
    deletion = Deletion(UUID, project=PROJECT, labels={LABEL: "perhaps"})
    cloud.add_volume("data")
    assert volumes(deletion) == Done()
    assert cloud.cinder().deleted == []


def test_a_volume_that_somebody_uses_is_not_touched_and_told_until_it_is_free(cloud, volumes, rest, thorough):
    cloud.add_volume("data", status="in-use")
    thorough.seconds = PATIENCE
    assert volumes(thorough) == Done()
    with pytest.raises(Retry, match=r"the volume pvc-data of 5 GB \(in-use\)"):
        rest(thorough)
    assert cloud.cinder().deleted == []


def test_one_that_goes_by_itself_meanwhile_is_fine(cloud, balancers, deletion):
    cloud.add_balancer("web")
    cloud.octavia().refusal = NotThere("Octavia: no load balancer")
    assert "it has just gone" in balancers(deletion).reason


def test_a_cloud_without_such_services_has_nothing_of_them(cloud, steps, thorough):
    for service in cloud.services.values():
        service.is_there, service.failure = False, Unanswered("it must not be asked")
    assert all(run(thorough) == Done() for run in steps.values())
    assert thorough.events == []


def test_a_cluster_without_a_trust_has_made_nothing(cloud, steps):
    deletion = Deletion(UUID, project=PROJECT, trust=None)
    assert all(run(deletion) == Done() for run in steps.values())
    assert cloud.trusts == []
