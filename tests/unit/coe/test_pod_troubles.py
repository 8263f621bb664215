import msgspec
import pytest
from pods import pending

from magnum.addons.rendering import Addon
from magnum.coe.kubernetes_values import Waiting
from magnum.coe.pod_troubles import sentence, troubles

IMAGE = "docker.io/flannel/flannel:v0.22.3"
DAEMONS = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "flannel", "namespace": "kube-system"},
    "spec": {"selector": {"matchLabels": {"k8s-app": "flannel"}}},
}
ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "flannel", "namespace": "kube-system"}}
ADDON = Addon(name="flannel", title="flannel", objects=(ACCOUNT, DAEMONS), images=(IMAGE,), before_nodes=True)
POD = pending("flannel-x7k2p")
REFUSED = "dial tcp: lookup registry-1.docker.io on 127.0.0.1:53: read: connection refused"


class Cluster:
    def __init__(self, *pods, failures=()):
        self.pods = pods
        self.failures = failures

    def pods_with(self, namespace, labels):
        assert (namespace, labels) == ("kube-system", {"k8s-app": "flannel"})
        return self.pods

    def failures_of(self, pod):
        assert pod.waiting
        return self.failures


def waiting(reason, message="", **changes):
    return msgspec.structs.replace(POD, waiting=(Waiting(IMAGE, reason, message),), **changes)


def test_what_runs_or_is_being_made_is_no_trouble():
    assert troubles(Cluster(POD), ADDON) == ()
    assert troubles(Cluster(waiting("ImagePullBackOff", terminating=True)), ADDON) == ()


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff"])
def test_an_image_that_cannot_be_had_is_told_with_what_the_registry_said(reason):
    failure = (
        f'Failed to pull image "{IMAGE}": rpc error: code = Unknown desc = failed to pull and unpack image "{IMAGE}": '
        f'failed to resolve reference "{IMAGE}": failed to do request: '
        f'Head "https://registry-1.docker.io/v2/flannel/flannel/manifests/v0.22.3": {REFUSED}'
    )
    cluster = Cluster(waiting(reason, f'Back-off pulling image "{IMAGE}"'), failures=("Error: ErrImagePull", failure))
    [trouble] = troubles(cluster, ADDON)
    assert trouble.lacks_image
    assert str(trouble) == f"kube-system/flannel-x7k2p on w-1 cannot get its image {IMAGE}: {REFUSED}"


def test_without_a_report_its_state_says_what_there_is_to_say():
    [trouble] = troubles(Cluster(waiting("ErrImageNeverPull")), ADDON)
    assert str(trouble).endswith(f"{IMAGE}: ErrImageNeverPull")
    [trouble] = troubles(Cluster(waiting("ImagePullBackOff", "x" * 5000)), ADDON)
    assert len(str(trouble)) < 500


def test_what_ends_again_and_again_lacks_no_image():
    [trouble] = troubles(Cluster(waiting("CrashLoopBackOff", "back-off 10s restarting failed container")), ADDON)
    assert not trouble.lacks_image
    assert str(trouble) == "kube-system/flannel-x7k2p on w-1 does not run: back-off 10s restarting failed container"


def test_one_is_told_for_all():
    found = troubles(Cluster(*(waiting("CrashLoopBackOff", "no", node=f"w-{number}") for number in range(3))), ADDON)
    assert sentence(found) == "kube-system/flannel-x7k2p on w-0 does not run: no (and 2 more)"
