import re
import subprocess

from magnum.nodes.files import NodeFile, data_files

STATE = "/var/lib/magnum-node"


def statuses(machine) -> list[tuple[str, ...]]:
    """The reports that were made, as (status, step)."""
    return [tuple(re.findall(r"^(?:status|step)=(.*)$", call, re.MULTILINE)) for call in machine.calls]


def test_steps_run_in_the_order_of_their_numbers_and_success_is_reported(machine):
    machine.only_steps(step_20_second="echo second is here", step_10_first="echo first is here")
    ran = machine.program("bootstrap")
    assert ran.returncode == 0, ran.stdout
    assert ran.stdout.index("first is here") < ran.stdout.index("second is here")
    assert statuses(machine) == [("PROGRESS", "10-first"), ("PROGRESS", "20-second"), ("SUCCESS", "bootstrap")]


def test_every_step_is_logged_with_its_time_for_root_only(machine):
    machine.only_steps(step_10_first="echo what it said")
    ran = machine.program("bootstrap")
    log = machine.path("/var/log/magnum-node.log")
    assert re.search(r"^20\d\d-\d\d-\d\dT[\d:.]{12}Z 10-first: begins$", log.read_text(), re.MULTILINE)
    assert re.search(r"10-first: done in \d+\.\d{3} s$", log.read_text(), re.MULTILINE)
    assert "what it said" in log.read_text()
    assert log.read_text() == ran.stdout
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_step_that_fails_stops_the_program_and_is_reported_with_its_last_words(machine):
    machine.only_steps(
        step_10_first="echo fine", step_20_bad="echo before; echo it is broken >&2; exit 3", step_30_never=""
    )
    ran = machine.program("bootstrap")
    assert ran.returncode == 1
    assert statuses(machine)[-1] == ("FAILURE", "20-bad")
    assert machine.calls[-1].endswith("--- output\nbefore\nit is broken\n")
    assert "20-bad: FAILED after" in ran.stdout
    assert "30-never" not in ran.stdout


def test_a_command_that_fails_within_a_step_fails_the_step(machine):
    machine.only_steps(step_10_first="ls /no/such/folder | cat\necho not reached")
    assert machine.program("bootstrap").returncode == 1
    assert "not reached" not in machine.calls[-1]
    assert "/no/such/folder" in machine.calls[-1]


def test_running_again_after_a_failure_goes_on_where_it_stopped(machine):
    machine.only_steps(
        step_10_first="echo first >>$STUBS/commands", step_20_second="echo second >>$STUBS/commands; test -e $STUBS/ok"
    )
    assert machine.program("bootstrap").returncode == 1
    (machine.stubs / "ok").touch()
    assert machine.program("bootstrap").returncode == 0
    assert machine.commands == ["first", "second", "second"]
    assert statuses(machine)[-1] == ("SUCCESS", "bootstrap")


def test_running_again_after_success_does_and_reports_nothing(machine):
    machine.only_steps(step_10_first="echo first >>$STUBS/commands")
    machine.program("bootstrap")
    reported = len(machine.calls)
    ran = machine.program("bootstrap")
    assert ran.returncode == 0
    assert "nothing to do" in ran.stdout
    assert machine.commands == ["first"]
    assert len(machine.calls) == reported


def test_success_that_could_not_be_reported_is_reported_when_run_again(machine):
    machine.only_steps(step_10_first="echo first >>$STUBS/commands")
    machine.answer((0, 204, ""), (0, 401, "no"))
    assert machine.program("bootstrap").returncode == 1
    machine.answer((0, 204, ""))
    assert machine.program("bootstrap").returncode == 0
    assert machine.commands == ["first"]
    assert statuses(machine)[-2:] == [("SUCCESS", "bootstrap"), ("SUCCESS", "bootstrap")]


def test_steps_go_on_while_their_beginning_cannot_be_reported(machine):
    machine.only_steps(step_10_first="echo first >>$STUBS/commands")
    machine.answer((7, 0, ""), (0, 204, ""))
    ran = machine.program("bootstrap")
    assert ran.returncode == 0
    assert "it did not work" in ran.stdout
    assert machine.commands == ["first"]  # no sleep: a beginning is told once


def test_a_failure_that_cannot_be_reported_is_in_the_log(machine):
    machine.only_steps(step_10_bad="echo the reason; exit 1")
    machine.answer((0, 403, "forbidden"))
    ran = machine.program("bootstrap")
    assert ran.returncode == 1
    assert "the reason" in ran.stdout
    assert "could not be reported" in ran.stdout


def test_a_full_disk_is_reported(machine):
    machine.only_steps(step_10_bad="cat /dev/zero >/dev/full")
    machine.path("/var/log/magnum-node.log").symlink_to("/dev/full")
    ran = machine.program("bootstrap")
    assert ran.returncode == 1
    assert statuses(machine)[-1] == ("FAILURE", "10-bad")
    assert "No space left on device" in machine.calls[-1]


def test_a_disk_without_room_for_the_marks_is_reported(machine):
    machine.only_steps(step_10_first="true")
    machine.path("/var/lib").mkdir()
    machine.path(STATE).symlink_to("/dev/null")
    assert machine.program("bootstrap").returncode == 1
    assert statuses(machine) == [("FAILURE", "bootstrap")]
    assert "magnum-node" in machine.calls[-1]


def test_a_cluster_of_an_unknown_kind_is_reported(machine, make_data):
    machine.install(data_files(make_data(coe="abacus")))
    assert machine.program("bootstrap").returncode == 1
    assert "this program has no steps for abacus" in machine.calls[-1]


def test_values_are_never_run(machine, make_data):
    machine.only_steps(step_10_first="true")
    harm = "$(touch $STUBS/harm)`touch $STUBS/harm`; touch $STUBS/harm"
    placed = [
        NodeFile(file.path, file.mode, harm.encode()) for file in data_files(make_data()) if "address" in file.path
    ]
    machine.install(placed)
    assert machine.program("bootstrap").returncode == 0
    assert not (machine.stubs / "harm").exists()


def test_two_at_a_time_is_refused(machine):
    machine.only_steps(step_10_first="true")
    state = machine.path(STATE)
    state.mkdir(parents=True)
    with subprocess.Popen(["flock", state / "lock", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write(b"held\n")
        holder.stdin.flush()
        holder.stdout.readline()
        ran = machine.program("bootstrap")
        holder.stdin.close()
    assert ran.returncode == 1
    assert "is running already" in ran.stderr
    assert machine.calls == []


def test_nothing_is_left_in_scratch_space(machine):
    machine.only_steps(step_10_bad="exit 1")
    machine.program("bootstrap")
    assert list(machine.path("/run").iterdir()) == []
