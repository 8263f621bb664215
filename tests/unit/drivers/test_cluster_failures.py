import pytest

from magnum.coe.etcd import EtcdRefused, EtcdUnreachable, EtcdUntrusted
from magnum.coe.kubernetes_calls import KubernetesRefused, KubernetesUnreachable, KubernetesUntrusted
from magnum.coe.swarm import SwarmRefused, SwarmUnreachable, SwarmUntrusted
from magnum.drivers.cluster_failures import told
from magnum.model.failures import Code, Fatal, Retry


@pytest.mark.parametrize(
    ("error", "failure", "code"),
    [
        (KubernetesUnreachable("no answer"), Retry, Code.COE_UNREACHABLE),
        (KubernetesUntrusted("no trust"), Fatal, Code.CERTIFICATE_REFUSED),
        (EtcdUnreachable("no answer"), Retry, Code.COE_UNREACHABLE),
        (EtcdUntrusted("no trust"), Fatal, Code.CERTIFICATE_REFUSED),
        (EtcdRefused("m-1", "unhealthy"), Retry, Code.COE_REFUSED),
        (KubernetesRefused(403, "Forbidden", "not for you"), Retry, Code.COE_REFUSED),
        (SwarmUnreachable("no answer"), Retry, Code.COE_UNREACHABLE),
        (SwarmUntrusted("no trust"), Fatal, Code.CERTIFICATE_REFUSED),
        (SwarmRefused(503, "not for you"), Retry, Code.COE_REFUSED),
    ],
)
def test_what_was_being_done_is_told(error, failure, code):
    with pytest.raises(failure, match=f"While looking: {error}") as raised, told("looking"):
        raise error
    assert raised.value.code is code


def test_a_bug_stays_one():
    with pytest.raises(KeyError), told("looking"):
        raise KeyError
