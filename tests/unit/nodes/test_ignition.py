import msgspec
import pytest
from hypothesis import given, settings
from ignition_checker import checked, written

from magnum.nodes.files import node_files
from magnum.nodes.ignition import Ignition
from magnum.nodes.packing import pack

from .test_packing import CLOSED, SIGNAL, URL, groups, machine

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKz me@home"
OWN = {"/etc/zincati/config.d/90-disable-auto-updates.toml", "/etc/selinux/config"}


@settings(deadline=None)
@given(group=groups)
def test_the_parts_put_together_are_a_configuration_with_all_files_and_the_signal(group):
    packed = pack(
        {number: machine(number, files) for number, files in group.items()}, closed_folders=CLOSED, form=Ignition(KEY)
    )
    for number, files in group.items():
        # As Heat does it.
        signal = packed.signal.replace("$ESCAPED_URL", URL.replace("%", "%25")).replace("$URL", URL)
        text = packed.head + packed.own[number] + signal + packed.tail
        assert text == packed.of(number, URL)
        configuration = checked(text)
        told = [file for file in written(configuration) if file.path not in OWN]
        expected = [*node_files(machine(number).data), *files, SIGNAL]
        assert sorted(told, key=lambda file: file.path) == sorted(expected, key=lambda file: file.path)
        assert [(folder.path, folder.mode) for folder in configuration.storage.directories] == [
            ("/etc/magnum/node", 0o700),
            ("/etc/kubernetes", 0o700),
        ]


def test_who_may_log_in_and_what_runs():
    packed = pack({1: machine(1)}, form=Ignition(KEY, "permissive"))
    configuration = checked(packed.of(1, URL))
    assert msgspec.to_builtins(configuration.passwd) == {"users": [{"name": "core", "sshAuthorizedKeys": [KEY]}]}
    units = {unit.name: (unit.enabled, unit.mask) for unit in configuration.systemd.units}
    assert units == {"magnum-node.service": (True, False), "zincati.service": (None, True)}
    content = {file.path: file.content.decode() for file in written(configuration)}
    assert content["/etc/selinux/config"] == "SELINUX=permissive\nSELINUXTYPE=targeted\n"
    assert content["/etc/zincati/config.d/90-disable-auto-updates.toml"] == "[updates]\nenabled = false\n"
    assert "/etc/systemd/system/magnum-node.service" in content


def test_without_a_key_nobody_may_log_in():
    configuration = checked(pack({1: machine(1)}, form=Ignition()).of(1, URL))
    assert configuration.passwd.users[0].sshAuthorizedKeys == []


@pytest.mark.parametrize(("key", "selinux"), [("ssh-rsa\nAAAA", "enforcing"), ("", "enforcing"), (KEY, "off")])
def test_what_a_system_would_misunderstand_is_refused(key, selinux):
    with pytest.raises(ValueError, match="does not have the form"):
        Ignition(key, selinux)
