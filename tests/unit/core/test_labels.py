from types import SimpleNamespace

import pytest

from magnum.core.errors import InvalidRequest
from magnum.core.labels import check_labels, warn_of_all, warn_of_unknown

SPEC = SimpleNamespace(name="here", labels={"kube_tag": "v1.20.2", "own": ""})


def test_all_bad_values_are_named_at_once():
    with pytest.raises(InvalidRequest, match=r"The label use_podman must be .* The label kube_tag must be ") as refused:
        check_labels({"use_podman": "perhaps", "kube_tag": "new", "anything": "at all"})
    assert refused.value.status == 400


def test_what_was_there_before_is_nobodys_fault():
    check_labels({"kube_tag": "new", "use_podman": "true"}, kept={"kube_tag": "new"})
    with pytest.raises(InvalidRequest, match="newer"):
        check_labels({"kube_tag": "newer"}, kept={"kube_tag": "new"})


def test_warnings():
    labels = {"kube_tag": "v1.20.2", "own": "x", "kube_tga": "v1", "etcd_tag": "v3"}
    unknown = "No label is called kube_tga: it has no effect. Did you mean kube_tag?"
    assert warn_of_unknown(SPEC, labels) == [unknown]
    assert warn_of_all(SPEC, labels) == [unknown, "The label etcd_tag has no effect on clusters of the driver here."]
