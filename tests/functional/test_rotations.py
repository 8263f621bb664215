"""Rotation of a cluster's CA and of its credential, as its owner asks for them."""

import msgspec
import pytest

from magnum.drivers.local_swarm.spec import SPEC as LOCAL_SWARM
from magnum.drivers.registry import Registry
from magnum.model.operations import RotateCertificates, RotateCredential

pytestmark = pytest.mark.live

EMPTY = {"Content-Type": "application/octet-stream"}
CA = "/certificates/web"
CREDENTIAL = "/credentials/web"


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


@pytest.fixture
def cluster(world, ann) -> str:
    ann.make_template()
    uuid = ann.make_cluster("swarm", name="web")
    world.set_status(uuid, "CREATE_COMPLETE")
    return uuid


@pytest.mark.parametrize(
    ("path", "version", "arguments"),
    [
        (CA, "1.1", RotateCertificates()),
        (CA, "latest", RotateCertificates()),
        (CREDENTIAL, "1.12", RotateCredential()),
        (CREDENTIAL, "latest", RotateCredential()),
    ],
)
def test_it_is_accepted_and_shown_at_once(world, ann, cluster, path, version, arguments):  # noqa: PLR0917
    answer = ann.patch(path, version=version, headers=EMPTY)
    assert (answer.status_code, answer.json) == (202, {"uuid": cluster})
    assert ann.get("/clusters/web").json["status"] == "UPDATE_IN_PROGRESS"
    assert world.operations(cluster)[0].arguments == arguments
    assert "rotation" in world.events(cluster)[-1].text


@pytest.mark.parametrize("version", ["1.1", "1.11"])
def test_credentials_are_there_from_1_12_on(ann, cluster, version):
    assert ann.patch(CREDENTIAL, version=version).status_code == 406


@pytest.mark.parametrize(
    ("status", "ca", "credential"),
    [
        ("UPDATE_COMPLETE", 202, 202),
        ("ADOPT_COMPLETE", 202, 202),
        ("UPDATE_FAILED", 400, 202),
        ("UPDATE_IN_PROGRESS", 400, 202),
        ("CREATE_IN_PROGRESS", 400, 400),
        ("CREATE_FAILED", 400, 400),
        ("DELETE_FAILED", 400, 400),
    ],
)
def test_the_status_decides(world, ann, cluster, status, ca, credential):  # noqa: PLR0917
    for path, expected in ((CA, ca), (CREDENTIAL, credential)):
        world.set_status(cluster, status)
        answer = ann.patch(path)
        assert answer.status_code == expected
        assert expected == 202 or status in title(answer)


def test_without_tls_there_is_nothing_to_rotate(world, ann):
    ann.make_template(name="open", tls_disabled=True)
    world.set_status(ann.make_cluster("open", name="web"), "CREATE_COMPLETE")
    answer = ann.patch(CA)
    assert (answer.status_code, "TLS disabled" in title(answer)) == (400, True)


@pytest.mark.in_process
@pytest.mark.parametrize(("path", "words"), [(CA, "CA"), (CREDENTIAL, "credentials")])
def test_a_driver_that_cannot_says_so(world, ann, cluster, path, words):
    provides = world.service.drivers.spec("fake").provides
    world.change(drivers=Registry([msgspec.structs.replace(LOCAL_SWARM, name="fake", provides=provides)]))
    answer = ann.patch(path)
    assert (answer.status_code, title(answer)) == (
        400,
        f"The driver fake does not support the rotation of a cluster's {words}",
    )
    assert ann.get("/clusters/web").json["status"] == "CREATE_COMPLETE"


def test_who_may(ann, bob, eve, reader, root, cluster, world):  # noqa: PLR0917
    for path in (CA, CREDENTIAL):
        assert eve.patch(path).status_code == 404
        assert reader.patch(path).status_code == 403
        assert ann.patch(path.replace("web", "none")).status_code == 404
    assert root.patch(CREDENTIAL).status_code == 404
    assert root.patch(CA).status_code == 202
    world.set_status(cluster, "UPDATE_COMPLETE")
    assert bob.patch(CA).status_code == 202


def test_other_methods_and_questions(ann, cluster):
    for method in ("GET", "POST", "DELETE"):
        assert ann.call(method, CREDENTIAL).status_code == 405
        assert ann.call(method, "/credentials").status_code == 405
    assert ann.patch("/certificates/web/etcd").status_code == 405
    for path in (CA, CREDENTIAL):
        assert ann.patch(path, query_string="x=1").status_code == 400
