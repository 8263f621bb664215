"""The lab's mirror of Kubernetes' releases and its container registry, as nodes ask them."""

import hashlib
from pathlib import Path

import pytest
import urllib3

from lab.container_images import Sources
from lab.registry import MANIFEST
from lab.settings import Lab, open_lab
from magnum.drivers.kubernetes.names import PROGRAMS
from magnum.drivers.local.settings import default_cache_dir
from magnum.drivers.local_kubernetes.programs import ProgramsSource

pytestmark = pytest.mark.root  # who makes the machines' root file system
SECONDS = 60


@pytest.fixture(scope="module")
def lab(cloud) -> Lab:
    return open_lab(cloud.folder, Path(), Path(), None)


@pytest.fixture(scope="module")
def tag() -> str:
    programs = Sources.found(default_cache_dir()).programs
    if not programs:
        pytest.fail("No version of Kubernetes is built: python -m magnum.drivers.local_kubernetes.programs")
    return min(programs)


def get(url: str) -> urllib3.BaseHTTPResponse:
    answer = urllib3.request("GET", url, headers={"Accept": MANIFEST}, timeout=SECONDS, retries=False)
    assert answer.status == 200, answer.data
    return answer


def test_a_release_is_fetched_from_the_mirror(lab, tag, tmp_path):
    fetched = ProgramsSource(cache_dir=tmp_path, release_url=lab.url("releases")).fetch(tag, print)
    assert {file.name for file in fetched.iterdir()} == {*PROGRAMS}


@pytest.mark.parametrize("name", ["hyperkube", "kube-proxy", "etcd", "pause", "coredns", "flannel"])
def test_the_registry_has_whole_images(lab, tag, name):
    images = f"{lab.url('registry')}/v2/magnum/{name}"
    tags = get(f"{images}/tags/list").json()["tags"]
    manifest = get(f"{images}/manifests/{tag if tag in tags else tags[0]}").json()
    for blob in (manifest["config"], *manifest["layers"]):
        content = get(f"{images}/blobs/{blob['digest']}").data
        assert (f"sha256:{hashlib.sha256(content).hexdigest()}", len(content)) == (blob["digest"], blob["size"])
