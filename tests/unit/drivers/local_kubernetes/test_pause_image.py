import hashlib
import io
import json
import tarfile

from magnum.drivers.local_kubernetes import pause_image


def files(content):
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar.getmembers()}


def test_the_archive_is_an_image_of_busybox_alone():
    packed = files(pause_image.archive("localhost/pause:1", b"busybox", "amd64"))
    [manifest] = json.loads(packed["manifest.json"])
    assert manifest["RepoTags"] == ["localhost/pause:1"]
    configuration = packed[manifest["Config"]]
    assert manifest["Config"] == f"{hashlib.sha256(configuration).hexdigest()}.json"
    [layer] = manifest["Layers"]
    told = json.loads(configuration)
    assert told["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(packed[layer]).hexdigest()}"]
    assert told["config"]["User"] != "0:0"
    assert files(packed[layer]) == {"bin/busybox": b"busybox"}


def test_it_is_always_the_same():
    assert pause_image.archive("a", b"b", "amd64") == pause_image.archive("a", b"b", "amd64")


def test_it_is_made_once_for_each_busybox(tmp_path):
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / pause_image.BUSYBOX).write_bytes(b"old")
    first = pause_image.ensure(tmp_path / "cache", root, "x86_64")
    assert json.loads(files((first / pause_image.ARCHIVE).read_bytes())["manifest.json"])[0]["RepoTags"] == [
        pause_image.PAUSE_IMAGE
    ]
    assert pause_image.ensure(tmp_path / "cache", root, "x86_64") == first
    (root / pause_image.BUSYBOX).write_bytes(b"new")
    assert pause_image.ensure(tmp_path / "cache", root, "x86_64") != first
    assert not list((tmp_path / "cache").rglob("*.partial"))
