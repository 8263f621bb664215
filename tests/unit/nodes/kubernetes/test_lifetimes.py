"""Nothing that a version does not know, or not any more, is in the files of any node of it."""

import itertools

import pytest
import yaml

from magnum.nodes.kubernetes.cluster import NetworkDriver
from magnum.nodes.kubernetes.versions import NEWEST, OLDEST

from .conftest import flags
from .lifetimes import ADMISSION_PLUGINS_UNTIL, CONFIGURATIONS, FIELDS, FLAGS

EVERY_MINOR = range(OLDEST, NEWEST + 1)
ROLES = ("master", "worker")


@pytest.fixture
def every_node(rendered):
    """Give the files of every sort of node of a version."""
    return lambda minor: [
        rendered(minor, role, network_driver=driver) for role, driver in itertools.product(ROLES, NetworkDriver)
    ]


@pytest.mark.parametrize("minor", EVERY_MINOR)
def test_every_flag_is_known_to_its_program(every_node, minor):
    for files in every_node(minor):
        for program, known in FLAGS.items():
            if f"/etc/systemd/system/{program}.service" in files:
                unknown = [flag for flag in flags(files, program) if flag not in known or minor not in known[flag]]
                assert unknown == [], f"{program} of 1.{minor}"


@pytest.mark.parametrize("minor", EVERY_MINOR)
def test_every_configuration_is_of_a_version_and_has_fields_that_its_program_knows(every_node, minor):
    seen = set()
    for files in every_node(minor):
        for path, file in files.items():
            if path.startswith("/etc/kubernetes/") and path.endswith((".yaml", ".kubeconfig")):
                told = yaml.safe_load(file.content)
                kind = told["kind"]
                seen.add(kind)
                assert minor in CONFIGURATIONS[kind, told["apiVersion"]], (path, told["apiVersion"])
                known = FIELDS[kind]
                assert [field for field in told if field not in known or minor not in known[field]] == [], path
    assert seen == FIELDS.keys() - ({"AuthenticationConfiguration"} if minor < 32 else set())


@pytest.mark.parametrize("minor", EVERY_MINOR)
def test_admission_plugins_are_asked_for_while_they_exist(rendered, minor):
    asked = (*ADMISSION_PLUGINS_UNTIL, "LimitRanger")
    told = flags(rendered(minor, admission_plugins=asked), "kube-apiserver")["enable-admission-plugins"].split(",")
    there = [name for name, until in ADMISSION_PLUGINS_UNTIL.items() if minor < until]
    assert told == ["NodeRestriction", *there, "LimitRanger"]


def test_what_is_gone_is_found():
    """Else the tests above would prove nothing."""
    assert 24 not in FLAGS["kube-apiserver"]["insecure-port"]
    assert 23 in FLAGS["kube-apiserver"]["insecure-port"]
    assert 26 in FLAGS["kubelet"]["container-runtime"]
    assert 27 not in FLAGS["kubelet"]["container-runtime"]
