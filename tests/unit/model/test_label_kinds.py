import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnum.model import label_kinds as kinds
from magnum.model.known_labels.swarm_and_mesos import LABELS

STRATEGY, _, ISOLATION, PROVIDERS, *_ = (label.kind for label in LABELS)


@pytest.mark.parametrize(
    ("kind", "text", "meaning"),
    [
        (kinds.FLAG, "True", True),
        (kinds.FLAG, " yes ", True),
        (kinds.FLAG, "1", True),
        (kinds.FLAG, "OFF", False),
        (kinds.Number(), "0", 0),
        (kinds.Number(least=8, most=30), "30", 30),
        (kinds.Choice(("a", "b")), "b", "b"),
        (STRATEGY, "spread  binpack", ("spread", "binpack")),
        (ISOLATION, "docker/runtime,posix/cpu", ("docker/runtime", "posix/cpu")),
        (PROVIDERS, "APPC", ("appc",)),
        (kinds.Cidr(), "10.100.0.0/16", ipaddress.ip_network("10.100.0.0/16")),
        (kinds.Cidrs(), "10.0.0.0/8, fd00::/8", (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))),
        (kinds.Url(), "https://example.com/a?b=c", "https://example.com/a?b=c"),
        (kinds.Sha256(), f"sha256:{'AB' * 32}", "ab" * 32),
        (kinds.Json(), '{"A": "1"}', '{"A": "1"}'),
        (kinds.Json(), "/home/ubuntu/test.json", "/home/ubuntu/test.json"),
        *((kinds.KUBERNETES_VERSION, text, text) for text in ("v1.18.2", "1.20.2", "v1.23.3-rancher1", "v1.32.0+k0s")),
        *((kinds.PREFIX, text, text) for text in ("docker.io/some/", "registry:5000/", "10.0.0.1:5000/a/b_c/")),
        *((kinds.TAG, text, text) for text in ("v0.12.0-amd64", "1.6.6", "abf028a", "latest")),
        (kinds.NAMES, "NodeRestriction,PodSecurity", "NodeRestriction,PodSecurity"),
        (kinds.DOMAIN, "cluster.local", "cluster.local"),
        (kinds.OPTIONS, "--v=2 --feature-gates=A=true", "--v=2 --feature-gates=A=true"),
    ],
)
def test_good_values(kind, text, meaning):
    assert kind.read(text) == meaning


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (kinds.FLAG, "perhaps"),
        (kinds.Number(), "-1"),
        (kinds.Number(), "1.5"),
        (kinds.Number(), "\u0663"),
        (kinds.Number(), "9999999999"),
        (kinds.Number(least=8, most=30), "31"),
        (kinds.Choice(("a", "b")), "A"),
        (STRATEGY, "chaos"),
        (ISOLATION, "docker/runtime, posix/cpu"),
        (kinds.Cidr(), "10.100.0.0"),
        (kinds.Cidr(), "10.100.0.1/16"),
        (kinds.Cidr(), "fd00::/48"),
        (kinds.Cidr(widest=12), "10.0.0.0/8"),
        (kinds.Cidrs(), "10.0.0.0/8,"),
        (kinds.Url(), "ftp://example.com/"),
        (kinds.Url(), "https://example.com/a b"),
        (kinds.Url(), "https://"),
        (kinds.Sha256(), "ab"),
        (kinds.Json(), "{A: 1}"),
        (kinds.Json(), "[" * 100_000),
        (kinds.KUBERNETES_VERSION, "latest"),
        (kinds.KUBERNETES_VERSION, "v1.20.2\n"),
        (kinds.PREFIX, "registry.example.com"),
        (kinds.PREFIX, "a/;reboot/"),
        (kinds.PREFIX, "a//"),
        (kinds.TAG, "v1 "),
        (kinds.TAG, "v1:2"),
        (kinds.OPTIONS, "--a\n--b"),
        (kinds.DOMAIN, "a" * 254),
    ],
)
def test_bad_values(kind, text):
    with pytest.raises(ValueError):
        kind.read(text)


ALL = [kinds.FLAG, kinds.Number(), kinds.Cidr(), kinds.Cidrs(), kinds.Url(), kinds.Sha256(), kinds.Json(), STRATEGY]
ALL += [kinds.TAG, kinds.PREFIX, kinds.DOMAIN, kinds.NAME, kinds.NAMES, kinds.VERSION, kinds.LABEL_VALUE, kinds.OPTIONS]


@given(st.sampled_from(ALL), st.text())
def test_any_text_is_read_or_refused(kind, text):
    try:
        kind.read(text)
    except ValueError:
        assert kind.allowed
