"""How images are pulled: what containerd of every version that there is reads."""

import tomllib

import pytest

from magnum.nodes.data import Engine

ENGINE = Engine(
    insecure_registries=("10.0.0.1:5000", "registry"),
    http_proxy="http://user:hush@proxy:3128",
    https_proxy="http://proxy:3129",
    no_proxy="10.0.0.1,.example.com",
)
DROP_IN = "/etc/systemd/system/containerd.service.d/magnum-proxy.conf"


@pytest.mark.parametrize("role", ["master", "worker"])
def test_an_insecure_registry_is_asked_without_tls_and_then_with_any(rendered, role):
    files = rendered(20, role, engine=ENGINE)
    containerd = tomllib.loads(files["/etc/containerd/config.toml"].content.decode())
    folder = containerd["plugins"]["io.containerd.grpc.v1.cri"]["registry"]["config_path"]
    for registry in ENGINE.insecure_registries:
        told = tomllib.loads(files[f"{folder}/{registry}/hosts.toml"].content.decode())
        assert told == {
            "server": f"https://{registry}",
            "skip_verify": True,
            "host": {f"http://{registry}": {"capabilities": ["pull", "resolve"]}},
        }


def test_proxies_are_containerds_alone_and_for_root_only(rendered):
    files = rendered(20, "worker", engine=ENGINE)
    holding = [file for file in files.values() if b"hush" in file.content]
    [environment] = holding
    assert environment.mode == 0o600
    assert environment.content.decode().splitlines() == [
        "HTTP_PROXY=http://user:hush@proxy:3128",
        "HTTPS_PROXY=http://proxy:3129",
        "NO_PROXY=10.0.0.1,.example.com",
    ]
    assert files[DROP_IN].content.decode() == f"[Service]\nEnvironmentFile={environment.path}\n"


def test_who_says_nothing_gets_nothing(rendered):
    files = rendered(20, "worker")
    assert DROP_IN not in files
    assert not [path for path in files if "certs.d" in path]
