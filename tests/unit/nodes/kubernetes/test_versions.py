import itertools

import pytest

from magnum.nodes.kubernetes import versions
from magnum.nodes.kubernetes.versions import NEWEST, OLDEST, Version

TABLES = [
    value
    for name, value in vars(versions).items()
    if name.isupper() and isinstance(value, dict) and all(isinstance(since, int) for since in value)
]


@pytest.mark.parametrize(
    ("tag", "minor", "patch", "shown"),
    [
        ("v1.20.2", 20, 2, "v1.20.2"),
        ("1.31.0", 31, 0, "v1.31.0"),
        ("v1.34.1-rc.0", 34, 1, "v1.34.1-rc.0"),
        ("v1.27.3+k3s1", 27, 3, "v1.27.3+k3s1"),
        ("v1.26.8-rancher1", 26, 8, "v1.26.8-rancher1"),
    ],
)
def test_a_tag_is_read(tag, minor, patch, shown):
    assert Version.parse(tag) == Version(minor, patch, shown)


@pytest.mark.parametrize(
    "tag", ["", "latest", "v1", "v1.20", "v2.0.0", "v1.20.2; rm", "v1.20.2\n", "v1.020.2", "v1.20.2 "]
)
def test_what_is_no_version_is_refused(tag):
    with pytest.raises(ValueError, match="is no version of Kubernetes"):
        Version.parse(tag)


def test_what_is_too_old_is_refused_and_what_is_newer_than_known_is_like_the_newest():
    with pytest.raises(ValueError, match=r"older than v1\.20"):
        Version.parse("v1.19.16")
    newest, unknown = Version.parse(f"v1.{NEWEST}.0"), Version.parse(f"v1.{NEWEST + 5}.0")
    assert TABLES
    for table in TABLES:
        assert newest.of(table) == unknown.of(table)


def test_every_table_says_something_of_every_version_and_repeats_nothing():
    for table in TABLES:
        assert min(table) == OLDEST
        rows = [table[since] for since in sorted(table)]
        assert all(one != other for one, other in itertools.pairwise(rows))


def test_the_first_image_of_a_pod_is_the_versions_own_wherever_it_is_pulled_from():
    assert Version.parse("v1.20.2").pause_image() == "registry.k8s.io/pause:3.2"
    assert Version.parse("v1.33.1").pause_image("10.0.0.9:5000/k8s/") == "10.0.0.9:5000/k8s/pause:3.10"


def test_versions_are_ordered():
    assert Version.parse("v1.20.10") > Version.parse("v1.20.9")
    assert Version.parse("v1.21.0") > Version.parse("v1.20.10")


@pytest.mark.parametrize(
    ("minor", "taints", "labels"),
    [
        (20, ["master"], ["control-plane", "master"]),
        (23, ["master"], ["control-plane", "master"]),
        (24, ["master", "control-plane"], ["control-plane", "master"]),
        (25, ["control-plane"], ["control-plane"]),
        (37, ["control-plane"], ["control-plane"]),
    ],
)
def test_the_control_plane_is_called_differently_over_time(minor, taints, labels):
    version = Version.parse(f"v1.{minor}.0")
    assert [taint["key"].partition("/")[2] for taint in version.control_plane_taints] == taints
    assert [name.partition("/")[2] for name in version.control_plane_labels] == labels
