import re

import pytest

from magnum.model.label_registry import REGISTRY, THEMES, problems, read, unknown, without_effect


def test_each_label_stands_in_one_place():
    assert len(REGISTRY) == sum(map(len, THEMES.values()))


@pytest.mark.parametrize("label", REGISTRY.values(), ids=REGISTRY)
def test_an_entry_holds_together(label):
    assert re.fullmatch(r"[a-z0-9_]+", label.name)
    assert label.effect.endswith(".")
    assert "." not in label.kind.allowed, "clients would show no more than what is before it"
    for release in filter(None, (label.since, label.until)):
        assert re.fullmatch(r"[0-9]+\.0\.0", release)
    for text in filter(None, label.defaults.values()):
        label.kind.read(text)


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"anything": "at all"},
        {"kube_tag": "v1.32.4", "use_podman": "True", "etcd_volume_size": "10"},
        {"etcd_volume_size": "", "kube_tag": "", "mesos_slave_isolation": ""},
        {"flannel_network_cidr": "10.0.0.0/23", "flannel_network_subnetlen": "24"},
        {"min_node_count": "1", "max_node_count": "1"},
        {"mesos_slave_image_providers": "docker,appc", "mesos_slave_isolation": "docker/runtime"},
    ],
)
def test_good_values(labels):
    assert problems(labels) == []


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (
            {"kube_tag": "new"},
            "The label kube_tag must be a version of Kubernetes in three numbers. It is 'new'. An example is v1.32.4.",
        ),
        ({"selinux_mode": "on"}, "The label selinux_mode must be one of enforcing, permissive, disabled. It is 'on'."),
        ({"npd_enabled": "x" * 99}, f"The label npd_enabled must be true or false. It is '{'x' * 64}…'."),
        ({"grafana_admin_passwd": "a\nb"}, "The label grafana_admin_passwd must be a text of one line."),
        (
            {"flannel_network_subnetlen": "16"},
            "The label flannel_network_subnetlen must be more than 16, the prefix of flannel_network_cidr, not 16.",
        ),
        (
            {"min_node_count": "2", "max_node_count": "1"},
            "The label max_node_count must be at least min_node_count, 2, not 1.",
        ),
        (
            {"mesos_slave_image_providers": "docker", "mesos_slave_isolation": "posix/cpu"},
            "The label mesos_slave_image_providers with docker needs docker/runtime in mesos_slave_isolation.",
        ),
    ],
)
def test_bad_values(labels, sentence):
    assert problems(labels) == [sentence]


def test_what_was_bad_before_is_not_told():
    before = {"kube_tag": "new", "npd_enabled": "perhaps"}
    assert problems(before, kept=before) == []
    assert problems({**before, "a": "b"}, kept=before) == []
    (sentence,) = problems({**before, "npd_enabled": "maybe"}, kept=before)
    assert "maybe" in sentence


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("kube_tga", " Did you mean kube_tag?"),
        ("KUBE_TAG", " Did you mean kube_tag?"),
        ("mine", ""),
        ("own2", " Did you mean own?"),
    ],
)
def test_unknown_labels(name, hint):
    assert unknown([name, "kube_tag", "own"], honoured=["own"]) == [
        f"No label is called {name}: it has no effect.{hint}"
    ]


def test_a_flood_of_unknown_labels_is_told_in_short():
    *first, last = unknown([f"x{number}" for number in range(10_000)])
    assert (len(first), last) == (10, "So it is with 9990 more labels.")


def test_known_labels_that_a_driver_does_not_honour():
    assert without_effect(["etcd_tag", "kube_tag", "mine"], honoured=["kube_tag"]) == ["etcd_tag"]


def test_reading():
    assert read({"npd_enabled": "Yes"}, "npd_enabled", "false") is True
    assert read({}, "npd_enabled", "false") is False
    assert read({"boot_volume_size": ""}, "boot_volume_size", "") is None
    with pytest.raises(ValueError, match=r"must be a whole number of at least 0\. It is 'big'"):
        read({"boot_volume_size": "big"}, "boot_volume_size", "0")
