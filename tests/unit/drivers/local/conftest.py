"""A host that is only written down: what would be run is recorded, and control groups are plain folders."""

import json
import shlex
import shutil

import pytest

from magnum.drivers.local import cgroups, commands, egress, firewall, folders, machines, netns, networks
from magnum.drivers.local.errors import CommandError
from magnum.drivers.local.settings import LocalSettings


class ImaginaryHost:
    """Stands in for `commands.run`: keeps links, routes and tables, and remembers what it was told."""

    class Crash(BaseException):
        """The process dies here."""

    def __init__(self):
        self.commands = []
        self.bridges = {}
        self.routes = []
        self.tables = {}
        self.saved_rules = ""
        self.fails = ()
        """Words that make a command fail."""
        self.crash_at = None
        """(how many commands from now, whether its effect is still seen)"""

    def run(self, argv, *, timeout, stdin="", **_):
        assert timeout > 0
        crash = self._crash()
        if crash is False:
            raise self.Crash
        answer = self._answer([str(word) for word in argv], stdin)
        if crash is True:
            raise self.Crash
        return answer

    def _crash(self):
        """Say whether to crash after this command, or before it, or (None) not now."""
        if self.crash_at is None:
            return None
        countdown, after = self.crash_at
        self.crash_at = (countdown - 1, after) if countdown else None
        return None if countdown else after

    def _answer(self, words, stdin):
        self.commands.append((words, stdin))
        for word in self.fails:
            if word in words or (isinstance(stdin, str) and word in stdin):
                raise CommandError(f"{words}: told to fail")
        if words[:2] == ["ip", "-json"]:
            return json.dumps(self.routes if "route" in words else self._links())
        if words[0] == "ip" and "-batch" in words:
            for line in stdin.splitlines():
                self._link(shlex.split(line))
        if words[0] == "nft":
            return self._nft(words, stdin)
        if words[0] == "rm":
            return commands.run(words, timeout=10)
        if words[0] == "iptables-save":
            return self.saved_rules
        return ""

    def batches(self):
        return [stdin for words, stdin in self.commands if "-batch" in words]

    def _links(self):
        # What `ip -json link show type bridge` says: an empty object for every link that is no bridge.
        return [{}, *({"ifname": name} | ({"ifalias": alias} if alias else {}) for name, alias in self.bridges.items())]

    def _link(self, words):
        match words:
            case ["link", "add", "name", name, "type", "bridge"]:
                assert name not in self.bridges
                self.bridges[name] = None
            case ["link", "set", "dev", name, "alias", alias]:
                self.bridges[name] = alias
            case ["link", "delete", "dev", name]:
                self.bridges.pop(name, None)

    def _nft(self, words, stdin):
        if words[1] == "list":
            return "".join(f"table inet {name}\n" for name in self.tables)
        for line in stdin.splitlines():
            match line.split():
                case ["delete", "table", "inet", name]:
                    self.tables.pop(name, None)
                case ["table", "inet", name, "{"]:
                    self.tables[name] = stdin
        return ""


@pytest.fixture
def imaginary(monkeypatch):
    host = ImaginaryHost()
    for module in (egress, firewall, folders, machines, netns, networks):
        monkeypatch.setattr(module, "run", host.run)
    # Unlike a real control group, a plain folder does not go while it has files.
    monkeypatch.setattr(cgroups, "_remove", lambda folder, _: shutil.rmtree(folder, ignore_errors=True))
    monkeypatch.setattr(firewall, "installed", lambda _: True)
    return host


@pytest.fixture
def settings(tmp_path):
    for name in ("memory", "cpu", "pids", "systemd"):
        (tmp_path / "cgroup" / name).mkdir(parents=True)
    return LocalSettings(
        state_dir=tmp_path / "state",
        cache_dir=tmp_path / "cache",
        claims_lock=tmp_path / "claims.lock",
        cgroup_root=tmp_path / "cgroup",
        lock_limit=5.0,
        kill_limit=0.2,
        shutdown_limit=0.2,
    )
