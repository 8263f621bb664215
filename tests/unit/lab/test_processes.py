import signal
import subprocess
import sys
import time

import pytest

from lab.processes import Process, birth, last_lines, written_down

SLEEP = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]
PARENT = [
    *(sys.executable, "-c"),
    "import subprocess, sys, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)",
]
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")


@pytest.fixture
def make(tmp_path):
    made = []

    def run(name="one"):
        made.append(Process(name, tmp_path, tmp_path))
        return made[-1]

    yield run
    for process in made:
        process.end()


def await_line(process):
    deadline = time.monotonic() + 30
    while not process.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process.log.read_text().strip()


def start(process, command=SLEEP, mark="1"):
    process.start(command, {}, process.log.parent, mark)


def test_it_runs_is_found_again_and_ends(make):
    start(make())
    found = make()
    assert (found.running, found.record().mark) == (True, "1")
    assert found.end()
    assert (found.running, found.end()) == (False, False)


def test_what_has_ended_by_itself_does_not_run(make):
    start(process := make(), [sys.executable, "-c", ""])
    deadline = time.monotonic() + 30
    while process.running:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not process.end()


def test_what_it_has_started_ends_with_it(make):
    start(process := make(), PARENT)
    child = int(await_line(process))
    assert birth(child) is not None
    process.end()
    deadline = time.monotonic() + 30
    while birth(child) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_number_that_is_somebody_elses_now_is_left_alone(make, tmp_path):
    start(process := make())
    other = subprocess.Popen(SLEEP, stdout=subprocess.DEVNULL)
    try:
        file = tmp_path / "one.json"
        written = file.read_text()
        number = process.record().number
        file.write_text(written.replace(f'"number":{number}', f'"number":{other.pid}').replace('"born":', '"born":1'))
        assert not process.end()
        assert other.poll() is None
        file.write_text(written)
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait(30)


def test_all_are_known_by_their_files_the_latest_first(make, tmp_path):
    for name in ("first", "second"):
        start(make(name))
    assert written_down(tmp_path) == ["second", "first"]


def test_the_end_of_a_log(tmp_path):
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(10_000)))
    assert last_lines(log, 2) == "line 9998\nline 9999"
