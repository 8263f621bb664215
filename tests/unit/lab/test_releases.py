import contextlib
import platform
import threading

import pytest

from lab import releases
from magnum.drivers.kubernetes.names import PROGRAMS
from magnum.drivers.local_kubernetes.download import DownloadError
from magnum.drivers.local_kubernetes.programs import ProgramsSource

TAG = "v1.20.2"


@pytest.fixture
def cache(tmp_path):
    folder = ProgramsSource(cache_dir=tmp_path / "cache").cached(TAG)
    folder.mkdir(parents=True)
    for name in PROGRAMS:
        (folder / name).write_text(f"#!/bin/sh\necho {TAG}\n")
    (folder / "secret").write_text("of the host")
    return tmp_path / "cache"


@contextlib.contextmanager
def mirror(cache):
    with releases.server("127.0.0.1", 0, cache) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_programs_are_fetched_from_it_as_from_the_real_one(cache, tmp_path):
    with mirror(cache) as url:
        source = ProgramsSource(cache_dir=tmp_path / "other", release_url=url)
        fetched = source.fetch(TAG, lambda _: None)
        assert {file.name for file in fetched.iterdir()} == {*PROGRAMS}
        assert (fetched / "kubelet").read_text() == (
            ProgramsSource(cache_dir=cache).cached(TAG) / "kubelet"
        ).read_text()
        with pytest.raises(DownloadError, match="Not Found"):
            source.fetch("v1.20.3", lambda _: None)


def test_a_program_that_was_built_anew_has_another_checksum(cache):
    path = releases.find(cache, releases.release_folder("", TAG, platform.machine()) + "/kubelet")
    before = releases.checksum(path)
    assert releases.checksum(path) == before
    path.write_text("another")
    assert releases.checksum(path) != before


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "kubelet",
        "/v1.20.2/bin/linux/amd64",
        "/v1.20.2/bin/linux/amd64/secret",
        "/v1.20.2/bin/linux/amd64/../amd64/kubelet",
        "/v1.20.2/bin/windows/amd64/kubelet",
        "//v1.20.2/bin/linux/amd64/kubelet",
        "/../v1.20.2/bin/linux/amd64/kubelet",
        "/v1.20.2/bin/linux/sparc/kubelet",
        "/v1.99.0/bin/linux/amd64/kubelet",
    ],
)
def test_there_is_nothing_else(cache, path):
    assert releases.find(cache, path) is None
