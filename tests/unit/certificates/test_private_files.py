import os
import stat

import pytest

from magnum.certificates import private_files
from magnum.certificates.private_files import write_private_file


def names_in(directory):
    return [path.name for path in directory.iterdir()]


def test_a_file_is_private_whatever_the_umask(tmp_path):
    previous = os.umask(0)
    try:
        write_private_file(tmp_path / "secret", b"content", replace=False)
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert (tmp_path / "secret").read_bytes() == b"content"
    assert names_in(tmp_path) == ["secret"]


def test_an_existing_file_stays_unless_it_is_to_be_replaced(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        write_private_file(path, b"new", replace=False)
    assert path.read_bytes() == b"old"
    write_private_file(path, b"new", replace=True)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names_in(tmp_path) == ["secret"]


@pytest.mark.parametrize("replace", [False, True])
def test_a_file_is_complete_or_absent(tmp_path, monkeypatch, replace):
    def disk_full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(private_files.os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space left"):
        write_private_file(tmp_path / "secret", b"content", replace=replace)
    assert names_in(tmp_path) == []
