"""One service and one cluster, of a master and two workers, for all tests of this folder, made by the usual command.

They are run in the order of their modules' names. What changes the cluster puts it back, or says so; the last one
deletes it.
"""

from collections.abc import Iterator

import pytest
from programs import Kubectl, Openstack, Standalone
from workloads import NAME, machines


@pytest.fixture(scope="session")
def service(tmp_path_factory) -> Iterator[Standalone]:
    # Programs are in the cache, or nowhere: what can be had must not depend on where this runs.
    configuration = "[kubernetes]\nhealth_polling_interval = 5\nrelease_url = http://127.0.0.1:1\n"
    with Standalone(tmp_path_factory.mktemp("kubernetes") / "var", configuration) as service:
        yield service


@pytest.fixture(scope="session")
def openstack(service) -> Openstack:
    return service.openstack


@pytest.fixture(scope="session")
def cluster(service, openstack) -> dict:
    kind = ("--coe", "kubernetes", "--network-driver", "bridge", "--image", "debian-12", "--external-network", "public")
    flavors = ("--master-flavor", "m1.medium", "--flavor", "m1.small")
    openstack("coe", "cluster", "template", "create", "kubernetes", *kind, *flavors)
    openstack("coe", "cluster", "create", NAME, "--cluster-template", "kubernetes", "--node-count", "2")
    return service.until(NAME, "CREATE_COMPLETE", seconds=300)


@pytest.fixture(scope="session")
def kubectl(cluster, openstack, tmp_path_factory) -> Kubectl:
    return Kubectl.configured(openstack, NAME, tmp_path_factory.mktemp("config"))


@pytest.fixture
def master(service, cluster) -> str:
    return machines(service, cluster, "master")[0]


@pytest.fixture
def workers(service, cluster) -> list[str]:
    return machines(service, cluster, "worker")
