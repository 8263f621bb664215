"""What the API of a cluster answers, be it of Kubernetes, of its etcd or of Swarm, as failures of a step.

A certificate that is not believed stays so; everything else is worth another try, until the operation's deadline.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from magnum.coe.etcd import EtcdError, EtcdUnreachable, EtcdUntrusted
from magnum.coe.kubernetes_calls import KubernetesError, KubernetesUnreachable, KubernetesUntrusted
from magnum.coe.swarm import SwarmError, SwarmUnreachable, SwarmUntrusted
from magnum.model.failures import Code, Fatal, Retry


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Name in the failure what was being done ("looking at the nodes")."""
    try:
        yield
    except (KubernetesUnreachable, EtcdUnreachable, SwarmUnreachable) as error:
        raise Retry(Code.COE_UNREACHABLE, f"While {doing}: {error}") from error
    except (KubernetesUntrusted, EtcdUntrusted, SwarmUntrusted) as error:
        raise Fatal(Code.CERTIFICATE_REFUSED, f"While {doing}: {error}") from error
    except (KubernetesError, EtcdError, SwarmError) as error:
        raise Retry(Code.COE_REFUSED, f"While {doing}: {error}") from error
