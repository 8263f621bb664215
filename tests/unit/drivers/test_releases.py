import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from magnum.drivers.releases import ReleaseError, Releases
from magnum.nodes.kubernetes.releases import PROGRAMS

TAG = "v1.31.2"


class Mirror(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, str] = {}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/mirror"

    def has(self, architecture: str, names: tuple[str, ...] = PROGRAMS, end: str = "  kubelet\n") -> None:
        for name in names:
            self.files[f"/mirror/{TAG}/bin/linux/{architecture}/{name}.sha256"] = digest(architecture, name) + end


class _Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *_: object) -> None:
        pass


def digest(architecture: str, name: str) -> str:
    return f"{architecture}{name}".encode().hex().ljust(64, "0")[:64]


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with Mirror() as mirror:
        thread = threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield mirror
        mirror.shutdown()
        thread.join()


def test_the_digests_of_every_architecture_are_read_once(mirror):
    mirror.has("amd64")
    mirror.has("arm64", end="")
    releases = Releases(f"{mirror.url}/")
    release = releases.read(TAG)
    assert release.folder == f"{mirror.url}/{TAG}/bin/linux"
    assert {(p.architecture, p.name, p.sha256) for p in release.programs} == {
        (architecture, name, digest(architecture, name)) for architecture in ("amd64", "arm64") for name in PROGRAMS
    }
    assert releases.read(TAG) is release
    assert len(mirror.asked) == 2 * len(PROGRAMS)


def test_an_architecture_that_a_mirror_has_not_is_left_out(mirror):
    mirror.has("arm64")
    assert {program.architecture for program in Releases(mirror.url).read(TAG).programs} == {"arm64"}


def test_a_release_that_is_not_there_is_told_and_looked_for_again(mirror):
    releases = Releases(mirror.url)
    with pytest.raises(ReleaseError, match=f"/mirror/{TAG}/bin/linux has no programs of Kubernetes for amd64 or arm64"):
        releases.read(TAG)
    mirror.has("amd64")
    assert releases.read(TAG).programs


@pytest.mark.parametrize(
    ("lacking", "content", "complaint"),
    [
        ("kubelet", None, "amd64 has no kubelet.sha256, though it has other programs"),
        ("kube-proxy", "<html>", "amd64/kube-proxy.sha256 holds no SHA-256"),
        ("kube-proxy", "", "amd64/kube-proxy.sha256 holds no SHA-256"),
    ],
)
def test_half_a_release_is_none(mirror, lacking, content, complaint):
    mirror.has("amd64")
    path = f"/mirror/{TAG}/bin/linux/amd64/{lacking}.sha256"
    if content is None:
        del mirror.files[path]
    else:
        mirror.files[path] = content
    with pytest.raises(ReleaseError, match=complaint):
        Releases(mirror.url).read(TAG)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        (
            "http://127.0.0.1:1",
            r"http://127.0.0.1:1/v1.31.2/bin/linux/amd64/kube-apiserver.sha256 cannot be read: .*refused",
        ),
        ("file:///etc", r"release_url is 'file:///etc', which is no http or https URL"),
    ],
)
def test_an_address_that_does_not_work_is_named(url, complaint):
    with pytest.raises(ReleaseError, match=complaint):
        Releases(url).read(TAG)
