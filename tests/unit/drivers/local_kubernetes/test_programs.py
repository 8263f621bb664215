"""Where programs come from, tried with a server of releases on loopback and programs that are two lines long."""

import functools
import hashlib
import http.server
import threading

import pytest

from magnum.drivers.kubernetes.names import PROGRAMS
from magnum.drivers.local.errors import LocalError
from magnum.drivers.local_kubernetes import programs, source_build
from magnum.drivers.local_kubernetes.download import DownloadError
from magnum.drivers.local_kubernetes.programs import ProgramsMissingError, ProgramsSource

TAG = "v1.31.2"


def put_programs(folder, tag=TAG):
    folder.mkdir(parents=True)
    for name in PROGRAMS:
        (folder / name).write_text(f"#!/bin/sh\necho Kubernetes {tag}\n")
        (folder / name).chmod(0o755)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def releases(tmp_path, monkeypatch):
    """A server with one release; gives its URL and its folder."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    folder = tmp_path / "releases" / TAG / "bin/linux/amd64"
    put_programs(folder)
    for name in PROGRAMS:
        (folder / f"{name}.sha256").write_text(hashlib.sha256((folder / name).read_bytes()).hexdigest() + "\n")
    handler = functools.partial(Quiet, directory=tmp_path / "releases")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()
        thread.join()


@pytest.fixture
def source(tmp_path, releases):
    return ProgramsSource(cache_dir=tmp_path / "cache", release_url=releases[0])


def test_a_release_is_downloaded_once(source, releases):
    told = []
    assert source.find(TAG) is None
    folder = source.fetch(TAG, told.append)
    assert folder == source.find(TAG) == source.cached(TAG)
    assert sorted(path.name for path in folder.iterdir()) == sorted(PROGRAMS)
    assert all(path.stat().st_mode & 0o111 for path in folder.iterdir())
    assert len(told) == len(PROGRAMS)
    (releases[1] / "kubelet").unlink()
    assert source.fetch(TAG, told.append) == folder
    assert len(told) == len(PROGRAMS)


@pytest.mark.parametrize("damage", ["other", "no sum", "no program", "empty sum"])
def test_what_is_not_what_was_released_is_not_kept(source, releases, damage):
    kubelet = releases[1] / "kubelet"
    match damage:
        case "other":
            kubelet.write_text("other")
        case "no sum":
            kubelet.with_suffix(".sha256").unlink()
        case "no program":
            kubelet.unlink()
        case "empty sum":
            kubelet.with_suffix(".sha256").write_text("\n")
    with pytest.raises(DownloadError, match="kubelet"):
        source.fetch(TAG, lambda _: None)
    assert source.find(TAG) is None
    assert not list(source.cache_dir.rglob("*.partial"))


def test_where_nobody_answers_the_reason_is_told(tmp_path):
    source = ProgramsSource(cache_dir=tmp_path, release_url="http://127.0.0.1:1")
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:1/v1\.31\.2/.* cannot be downloaded: .*refused"):
        source.fetch(TAG, lambda _: None)
    with pytest.raises(DownloadError, match="no http or https URL"):
        ProgramsSource(cache_dir=tmp_path, release_url="file:///etc").fetch(TAG, lambda _: None)


def test_the_operators_own_come_first(source, tmp_path):
    own = tmp_path / "own"
    put_programs(own / TAG)
    mine = ProgramsSource(cache_dir=source.cache_dir, binaries_dir=own, release_url=source.release_url)
    assert mine.fetch(TAG, lambda _: None) == own / TAG
    assert not source.cache_dir.exists()


def test_the_operators_folder_counts_for_the_version_that_it_is(source, tmp_path):
    own = tmp_path / "own"
    put_programs(own)
    mine = ProgramsSource(cache_dir=source.cache_dir, binaries_dir=own, release_url=source.release_url)
    assert mine.find(TAG) == own
    assert mine.find("v1.31.3") is None
    (own / "kube-proxy").unlink()
    assert mine.find(TAG) is None


@pytest.mark.parametrize(
    ("kubelet", "told"),
    [
        (None, "has no kubelet"),
        ("#!/bin/sh\necho no such instruction >&2; exit 1\n", "no such instruction"),
        ("#!/bin/sh\n", "says that it is not"),
        ("#!/bin/sh\necho Kubernetes v1.0.0\n", "says that it is not"),
    ],
)
def test_what_the_operator_has_put_there_is_not_passed_over(source, tmp_path, kubelet, told):
    own = tmp_path / "own"
    put_programs(own / TAG)
    (own / TAG / "kubelet").unlink() if kubelet is None else (own / TAG / "kubelet").write_text(kubelet)
    mine = ProgramsSource(cache_dir=source.cache_dir, binaries_dir=own, release_url=source.release_url)
    with pytest.raises(LocalError, match=told):
        mine.fetch(TAG, lambda _: None)
    assert not source.cache_dir.exists()


class Builder:
    """Stands in for the build from source."""

    built: tuple[str, ...] = ()

    def __init__(self, folder, _progress, _lock):
        self._folder = folder

    def prepare(self):
        self._folder.mkdir(parents=True)

    def programs(self, tag):
        type(self).built += (tag,)
        put_programs(self._folder / tag, tag)
        return self._folder / tag


@pytest.fixture
def builder(monkeypatch):
    Builder.built = ()
    monkeypatch.setattr(programs.source_build, "SourceBuild", Builder)
    return Builder


def test_what_cannot_be_downloaded_is_built_all_at_once(source, builder):
    told = []
    folders = source.ensure((TAG, "v1.20.2", "v1.21.0"), told.append)
    assert builder.built == ("v1.20.2", "v1.21.0")
    assert folders == [source.cached(tag) for tag in (TAG, "v1.20.2", "v1.21.0")]
    assert [text for text in told if "v1.20.2" in text and "cannot be downloaded" in text]
    assert not (source.cache_dir / "kubernetes/build").exists()
    source.ensure((TAG, "v1.20.2", "v1.21.0"), told.append)
    assert len(builder.built) == 2


def test_a_build_of_something_else_is_not_kept(source, builder, monkeypatch):
    real = builder.programs
    monkeypatch.setattr(builder, "programs", lambda self, _tag: real(self, "v1.20.2"))
    with pytest.raises(ProgramsMissingError, match=r"is not Kubernetes v1\.21\.0"):
        source.ensure(("v1.21.0",), lambda _: None)
    assert source.find("v1.21.0") is None


def test_the_build_is_told_its_version():
    told = dict(line.split("=") for line in source_build.version_variables("v1.21.0").splitlines())
    assert (told["KUBE_GIT_VERSION"], told["KUBE_GIT_MAJOR"], told["KUBE_GIT_MINOR"]) == ("'v1.21.0'", "'1'", "'21'")


def test_a_build_that_fails_leaves_nothing(source, builder, monkeypatch):
    def fail(_self, _tag):
        raise ProgramsMissingError("the compiler says no")

    monkeypatch.setattr(builder, "programs", fail)
    with pytest.raises(ProgramsMissingError, match="the compiler says no"):
        source.ensure(("v1.20.2",), lambda _: None)
    assert source.find("v1.20.2") is None
    assert not (source.cache_dir / "kubernetes/build").exists()
