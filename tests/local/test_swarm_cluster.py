"""A real swarm on machines of this host, made by the unmodified command: what its users can do, and its enemies cannot.

The tests of this module share one service and one cluster of a manager and two workers, and are run in order; the last
ones change its size and delete it.
"""

import ipaddress
import json
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from programs import Docker, Openstack, Standalone

pytestmark = [
    pytest.mark.root,
    # Who attacks does not care whom he talks to.
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]
NAME = "real"


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Standalone]:
    with Standalone(tmp_path_factory.mktemp("swarm") / "var") as service:
        yield service


@pytest.fixture(scope="module")
def openstack(service) -> Openstack:
    return service.openstack


@pytest.fixture(scope="module")
def cluster(service, openstack) -> dict:
    image = ("--image", "debian-12", "--external-network", "public")
    openstack("coe", "cluster", "template", "create", "swarm", "--coe", "swarm-mode", *image)
    openstack("coe", "cluster", "create", NAME, "--cluster-template", "swarm", "--node-count", "2")
    return service.until(NAME, "CREATE_COMPLETE", seconds=120)


@pytest.fixture(scope="module")
def docker(cluster, openstack, tmp_path_factory) -> Docker:
    return Docker.configured(openstack, cluster, tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="module")
def image(cluster, docker, tmp_path_factory) -> str:
    """An image made here out of busybox, on every node."""
    root = tmp_path_factory.mktemp("image")
    (root / "bin").mkdir()
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for applet in ("sh", "sleep", "ping", "hostname", "nc", "wget", "httpd"):
        (root / "bin" / applet).symlink_to("busybox")
    archive = subprocess.run(["tar", "-C", root, "-c", "."], capture_output=True, check=True).stdout
    for address in [*cluster["master_addresses"], *cluster["node_addresses"]]:
        docker("import", "-c", 'CMD ["/bin/sleep", "100000"]', "-", "box:1", engine=address, stdin=archive)
    return "box:1"


def test_the_cluster_tells_what_it_is(cluster):
    assert re.fullmatch(r"tcp://[\d.]+:2376", cluster["api_address"])
    assert (len(cluster["master_addresses"]), len(cluster["node_addresses"])) == (1, 2)
    assert cluster["coe_version"]


def test_three_nodes_are_ready(docker):
    assert sorted(docker.nodes().values()) == ["Ready"] * 3


def test_a_service_runs_on_all_nodes_and_its_containers_reach_each_other(docker, cluster, image):
    docker("network", "create", "-d", "overlay", "--attachable", "mesh")
    docker(
        *("service", "create", "--name", "web", "--network", "mesh", "--no-resolve-image", "--endpoint-mode", "dnsrr"),
        *("--mode", "global", "--stop-grace-period", "1s", "-d", image),
    )
    on = placed(docker, "web", 3)
    assert len(set(on)) == 3
    docker("service", "rm", "web")
    docker(
        *("service", "create", "--name", "box", "--network", "mesh", "--no-resolve-image", "--endpoint-mode", "dnsrr"),
        *("--replicas", "3", "--replicas-max-per-node", "1", "--stop-grace-period", "1s", "-d", image),
    )
    assert len(set(placed(docker, "box", 3))) == 3
    for address in [*cluster["master_addresses"], *cluster["node_addresses"]]:
        [container] = docker("ps", "-q", "--filter", "name=box", engine=address).split()
        found = docker("exec", container, "ping", "-c", "1", "-W", "5", "tasks.box", engine=address)
        assert "0% packet loss" in found
    docker("service", "rm", "box")


def placed(docker: Docker, service: str, replicas: int) -> list[str]:
    """Wait until so many tasks run, and say on which nodes."""
    for _ in range(100):
        form = ("--format", "{{.Node}} {{.CurrentState}}", "--filter", "desired-state=running")
        lines = docker("service", "ps", service, *form)
        running = [line.split()[0] for line in lines.splitlines() if " Running" in line]
        if len(running) == replicas:
            return running
        subprocess.run(["sleep", "0.2"], check=True)
    pytest.fail(f"{service} does not run {replicas} times: {lines}")


def test_an_overlay_network_joins_containers_of_different_nodes(docker, cluster, image):
    first, second = cluster["node_addresses"]
    docker("network", "create", "-d", "overlay", "--attachable", "pair")
    docker("run", "-d", "--name", "one", "--network", "pair", image, engine=first)
    docker("run", "-d", "--name", "two", "--network", "pair", image, engine=second)
    assert "0% packet loss" in docker("exec", "two", "ping", "-c", "2", "-W", "5", "one", engine=second)
    for name, engine in (("one", first), ("two", second)):
        docker("rm", "-f", name, engine=engine)
    docker("network", "rm", "pair")


def test_a_certificate_of_another_authority_is_refused(docker, tmp_path):
    authority = ("-newkey", "rsa:2048", "-nodes", "-keyout", "other.key", "-out", "other.pem")
    openssl("req", "-x509", "-subj", "/CN=other", *authority, cwd=tmp_path)
    request = new_request(tmp_path, "/O=system:masters/CN=admin")
    signer = ("-CA", "other.pem", "-CAkey", "other.key", "-CAcreateserial")
    openssl("x509", "-req", "-in", request, *signer, "-out", "cert.pem", cwd=tmp_path)
    shutil.copy(docker.certificates / "ca.pem", tmp_path)
    done = Docker(tmp_path, docker.manager).run("node", "ls")
    assert done.returncode != 0
    assert b"certificate" in done.stderr


def test_a_certificate_signed_by_coe_ca_sign_is_accepted(openstack, docker, tmp_path):
    request = new_request(tmp_path, "/CN=somebody")
    (tmp_path / "cert.pem").write_text(openstack("coe", "ca", "sign", NAME, str(request)))
    (tmp_path / "ca.pem").write_text(openstack("coe", "ca", "show", NAME))
    assert len(Docker(tmp_path, docker.manager).nodes()) == 3


def new_request(folder: Path, subject: str) -> Path:
    """Have openssl make `key.pem` and a CSR."""
    key = ("-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem")
    openssl("req", "-new", *key, "-subj", subject, "-out", "request.pem", cwd=folder)
    return folder / "request.pem"


def openssl(*arguments: str | Path, cwd: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


def test_no_file_of_a_worker_opens_the_managers_api(service, cluster, docker, tmp_path):
    """Take all its files, and try every certificate with the key that belongs to it."""
    contents = list(contents_of(a_worker(service, cluster)))
    keys = pem_blocks(contents, rb"(?:EC |RSA )?PRIVATE KEY")
    certificates = pem_blocks(contents, rb"CERTIFICATE")
    tried = [ask_manager(docker, tmp_path, key, certificate) for key in keys for certificate in certificates]
    assert True in tried, "the worker's own pair was found and tried"
    assert ask_manager(docker, tmp_path, None, None)


def test_no_file_of_a_worker_gets_an_administrators_certificate(service, cluster, tmp_path):
    worker = a_worker(service, cluster)
    words = {word for content in contents_of(worker) for word in re.findall(rb"[A-Za-z0-9_-]{43}", content)}
    assert token_of(worker) in words
    request = new_request(tmp_path, "/O=system:masters/CN=admin").read_text()
    for word in words:
        for header in ("X-Magnum-Node-Token", "X-Auth-Token"):
            for url in (service.url, node_url(service, cluster)):
                assert ask_for_signature(url, cluster, request, {header: word.decode()}) in (401, 403, 404, 429)
    assert ask_for_signature(service.url, cluster, request, service.login()) == 201  # the question itself was right


def a_worker(service: Standalone, cluster: dict) -> Path:
    return next(path for path in service.machine_folders(cluster["uuid"]) if "worker" in path.name)


def contents_of(machine: Path) -> Iterator[bytes]:
    for folder in ("upper", "volumes"):
        for path in (machine / folder).rglob("*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_size < 2**20:
                yield path.read_bytes()


def pem_blocks(contents: list[bytes], label: bytes) -> list[bytes]:
    pattern = rb"-----BEGIN " + label + rb"-----.+?-----END " + label + rb"-----"
    return sorted({block for content in contents for block in re.findall(pattern, content, re.DOTALL)})


def ask_manager(docker: Docker, folder: Path, key: bytes | None, certificate: bytes | None) -> bool:
    """See that the manager's API does not answer; say whether key and certificate could be shown to it at all."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if key and certificate:
        (folder / "pair.pem").write_bytes(certificate + b"\n" + key + b"\n")
        try:
            context.load_cert_chain(folder / "pair.pem")
        except ssl.SSLError:
            return False  # they do not belong together
    with (
        urllib3.PoolManager(ssl_context=context, retries=False, timeout=10) as pool,
        pytest.raises(urllib3.exceptions.HTTPError, match=r"(?i)certificate"),
    ):
        pool.request("GET", f"https://{docker.manager}:2376/nodes")
    return True


def token_of(machine: Path) -> bytes:
    return (machine / "upper/etc/magnum/node/token").read_bytes().strip()


def gateway_of(cluster: dict) -> str:
    return str(ipaddress.ip_network(f"{cluster['master_addresses'][0]}/24", strict=False)[1])


def node_url(service: Standalone, cluster: dict) -> str:
    return f"https://{gateway_of(cluster)}:{service.node_port}/v1"


def ask_for_signature(url: str, cluster: dict, csr: str, headers: dict[str, str]) -> int:
    with urllib3.PoolManager(cert_reqs="CERT_NONE", assert_hostname=False, retries=False, timeout=10) as pool:
        body = {"cluster_uuid": cluster["uuid"], "csr": csr}
        return pool.request("POST", f"{url}/certificates", json=body, headers=headers).status


def test_it_listens_on_loopback_and_its_clusters_bridges_only(service, cluster):
    listed = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    ours = {line.split()[3] for line in listed.splitlines() if f"pid={service.pid}," in line}
    assert ours == {f"127.0.0.1:{service.port}", f"{gateway_of(cluster)}:{service.node_port}"}


def test_no_secret_is_told_or_lies_open(service, cluster):
    secrets = {token_of(machine) for machine in service.machine_folders(cluster["uuid"])}
    secrets |= {service.password.encode(), service.encryption_key, b"PRIVATE KEY", b"SWMTKN-"}
    told = [service.state.log.read_bytes(), service.everything_stored()]
    told += [path.read_bytes() for path in service.state.path.rglob("*") if lies_open(path, service.state.path)]
    for secret in secrets:
        assert not any(secret in text for text in told), secret


def lies_open(path: Path, top: Path) -> bool:
    """Whether others than root may come to it, through all folders above, and read it."""
    if path.is_symlink() or not path.is_file() or not path.stat().st_mode & 0o044:
        return False
    return all(folder.stat().st_mode & 0o011 for folder in path.parents if folder.is_relative_to(top))


def test_it_grows_to_three_workers_and_shrinks_to_one(service, openstack, cluster, docker):
    openstack("coe", "cluster", "update", NAME, "replace", "node_count=3")
    grown = service.until(NAME, "UPDATE_COMPLETE", seconds=60)
    assert len(grown["node_addresses"]) == 3
    assert sorted(docker.nodes().values()) == ["Ready"] * 4

    openstack("coe", "cluster", "update", NAME, "replace", "node_count=1")
    shrunk = service.until(NAME, "UPDATE_COMPLETE", seconds=60)
    assert len(shrunk["node_addresses"]) == 1
    assert sorted(docker.nodes().values()) == ["Ready"] * 2  # and none that is Down
    assert len(service.machine_folders(cluster["uuid"])) == 2


def test_it_is_deleted_with_all_that_it_had(service, openstack, cluster):
    bridge_before = bridges(service)
    assert bridge_before
    openstack("coe", "cluster", "delete", NAME)
    service.until_gone(NAME, seconds=30)
    assert service.machine_folders(cluster["uuid"]) == []
    assert bridges(service) == []


def bridges(service: Standalone) -> list[str]:
    command = ["ip", "-json", "link", "show", "type", "bridge"]
    listed = json.loads(subprocess.run(command, capture_output=True, check=True).stdout or "[]")
    return [link["ifname"] for link in listed if service.names_prefix in link.get("ifalias", "")]
