"""The client of etcd towards real members with TLS, each at an address of the loopback of its own."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path

import pytest
from background import running
from cluster_certificates import ClusterCertificates
from cryptography import x509
from installation import free_port

from magnum.coe.etcd import EtcdClient, EtcdError, EtcdRefused, EtcdUnreachable, EtcdUntrusted
from magnum.drivers.local import rootfs
from magnum.drivers.local.settings import default_cache_dir

LONGEST = 120.0
"""Seconds; it takes about one."""
HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


class Members:
    """Processes of etcd, begun and ended by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.peer_port = free_port(), free_port()
        self.certificates = ClusterCertificates("etcd")
        self.program = rootfs.path_of(rootfs.DEBIAN_12, default_cache_dir()) / "usr/bin/etcd"
        assert self.program.exists(), "run this by make test-kubernetes, which makes what it needs"
        own = self.certificates.peer(*(x509.IPAddress(ip_address(host)) for host in HOSTS))
        for name, content in (("ca", own.ca), ("crt", own.certificate), ("key", own.key)):
            (folder / name).write_text(content)
        self._running = ExitStack()

    def start(self, host: str, *before: str) -> None:
        """Start one that joins those before it, if there are any."""
        peers = ",".join(f"{name}={self.peer(name)}" for name in (*before, host))
        secured = [
            f"--{whose}{option}={self.folder / file}"
            for whose in ("", "peer-")
            for option, file in (("cert-file", "crt"), ("key-file", "key"), ("trusted-ca-file", "ca"))
        ]
        command = (
            *(self.program, f"--name={host}", f"--data-dir={self.folder / host}", "--unsafe-no-fsync"),
            *(f"--listen-client-urls={self.url(host)}", f"--advertise-client-urls={self.url(host)}"),
            *(f"--listen-peer-urls={self.peer(host)}", f"--initial-advertise-peer-urls={self.peer(host)}"),
            *(f"--initial-cluster={peers}", f"--initial-cluster-state={'existing' if before else 'new'}"),
            *("--client-cert-auth", "--peer-client-cert-auth", *secured),
        )
        self._running.enter_context(running(self.folder / f"{host}.log", *command))

    def end(self) -> None:
        self._running.close()

    def url(self, host: str) -> str:
        return f"https://{host}:{self.port}"

    def peer(self, host: str) -> str:
        return f"https://{host}:{self.peer_port}"

    def client(self, *hosts: str, timeout: float = 20) -> EtcdClient:
        return EtcdClient(hosts, self.certificates.client(), timeout, port=self.port)


@pytest.fixture(scope="module")
def members(tmp_path_factory) -> Iterator[Members]:
    members = Members(tmp_path_factory.mktemp("etcd"))
    try:
        members.start(HOSTS[0])
        until(lambda: members.client(HOSTS[0]).is_healthy())
        yield members
    finally:
        members.end()


def until(is_so) -> None:
    ends = time.monotonic() + LONGEST
    while not _tried(is_so):
        assert time.monotonic() < ends
        time.sleep(0.1)


def _tried(is_so) -> bool:
    try:
        return is_so()
    except (EtcdUnreachable, EtcdRefused):
        return False  # it is choosing a leader


def test_one_becomes_three_and_one_again(members):
    """Each is asked twice, as after a crash."""
    first, others = HOSTS[0], HOSTS[1:]
    client = members.client(first)
    [alone] = client.members()
    assert (alone.name, alone.peer_urls, alone.is_learner) == (first, (members.peer(first),), False)
    for number, host in enumerate(others, start=1):
        for _ in range(2):
            until(lambda host=host: client.add_learner(members.peer(host)) is None)
        new = next(member for member in client.members() if member.peer_urls == (members.peer(host),))
        assert (new.name, new.is_learner) == ("", True)
        assert client.promote(new.id) is False  # it has not even started
        members.start(host, *HOSTS[:number])
        until(lambda new=new: client.promote(new.id))
        assert client.promote(new.id) is True
        assert members.client(host).is_healthy()
    assert {member.name for member in client.members()} == set(HOSTS)
    ids = {member.name: member.id for member in client.members()}
    assert client.leader() == ids[first]
    client.transfer_leadership(ids[HOSTS[1]])
    until(lambda: members.client(HOSTS[1]).leader() == ids[HOSTS[1]])
    for host in (HOSTS[2], HOSTS[0]):
        asked = members.client(HOSTS[1])
        for _ in range(2):
            until(lambda host=host, asked=asked: asked.remove(ids[host]) is None)
    # Who has been removed has ended, so the one that is left is asked in the end, within the time of one call.
    assert [member.name for member in members.client(*HOSTS).members()] == [HOSTS[1]]
    assert not members.client(HOSTS[0], timeout=2).is_healthy()


def test_what_it_refuses_is_told_in_its_own_words(members):
    client = members.client(HOSTS[1])
    with pytest.raises(EtcdRefused, match=rf"127\.0\.0\.2:{members.port}: .*member not found"):
        client.promote(12345)
    with pytest.raises(EtcdError, match=r"127\.0\.0\.2"):
        client.add_learner("no URL")


def test_who_does_not_answer_and_who_is_not_believed(members):
    with pytest.raises(EtcdUnreachable, match=rf"127\.0\.0\.3:{members.port} did not answer"):
        members.client(HOSTS[2], timeout=2).members()
    stranger = EtcdClient([HOSTS[1]], ClusterCertificates("other").client(), 20, port=members.port)
    with pytest.raises(EtcdUntrusted, match=r"127\.0\.0\.2"):
        stranger.members()
    ours = members.certificates.client()
    other = ClusterCertificates("other").client()
    half = type(ours)(ours.ca, other.certificate, other.key)
    with pytest.raises(EtcdUntrusted, match="certificate away"):
        EtcdClient([HOSTS[1]], half, 20, port=members.port).members()
