import os
import sys
import time

import pytest

from magnum.drivers.local.commands import installed, run
from magnum.drivers.local.errors import CommandError


def test_output_is_returned_and_input_given():
    assert run(["cat"], timeout=5, stdin="hello\n") == "hello\n"


def test_an_argument_is_never_interpreted():
    assert run(["printf", "%s", "$(id); a b"], timeout=5) == "$(id); a b"


def test_a_failure_names_the_command_and_ends_with_what_it_said():
    script = "for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; exit 3"
    with pytest.raises(CommandError, match=r"^sh -c .*: failed with status 3: line 3 \| .* \| line 7$"):
        run(["sh", "-c", script], timeout=5)


def test_a_failure_that_is_told_on_the_output_is_told_too():
    with pytest.raises(CommandError, match="told here"):
        run(["sh", "-c", "echo told here; exit 1"], timeout=5)


def test_a_flood_is_cut():
    with pytest.raises(CommandError) as failed:
        run(["sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1", "y" * 100000], timeout=10)
    assert len(str(failed.value)) < 2500


def test_what_is_not_installed_is_told():
    with pytest.raises(CommandError, match="no-such-program: cannot be started: No such file"):
        run(["no-such-program"], timeout=5)


def test_what_takes_too_long_is_ended_with_all_its_children(tmp_path):
    begun = time.monotonic()
    with pytest.raises(CommandError, match=r"did not end within 0\.2 seconds"):
        run(["sh", "-c", f"sleep 60 & echo $! > {tmp_path}/child; wait"], timeout=0.2)
    assert time.monotonic() - begun < 30
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 5
    while _alive(child):
        assert time.monotonic() < deadline


def _alive(process):
    try:
        with open(f"/proc/{process}/stat") as file:  # noqa: PTH123  a race, not a path
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_environment_is_added_to_ours():
    program = "import os; print(os.environ['ADDED'], os.environ['HOME'])"
    assert run([sys.executable, "-c", program], timeout=10, environment={"ADDED": "x"}) == f"x {os.environ['HOME']}\n"


def test_the_administrators_programs_are_found_from_a_users_path(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert installed("chroot")
    assert "chroot" in run(["chroot", "--version"], timeout=5)
    assert not installed("no-such-program")


def test_a_descriptor_can_be_its_input(tmp_path):
    file = tmp_path / "input"
    file.write_text("from the file")
    descriptor = os.open(file, os.O_RDONLY)
    try:
        assert run(["cat"], timeout=5, stdin=descriptor) == "from the file"
    finally:
        os.close(descriptor)


def test_it_runs_where_it_is_told_to(tmp_path):
    assert run(["pwd"], timeout=5, cwd=tmp_path) == f"{tmp_path}\n"
