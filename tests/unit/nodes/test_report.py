import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from magnum.nodes.data import HeatSignal
from magnum.nodes.files import data_files

TOKEN = "secret-token-of-the-node-0123456789abcdef"


@pytest.fixture
def output(machine):
    path = machine.stubs / "output"
    path.write_text("")
    return path


def told(call: str) -> str:
    return call.partition("--- output\n")[2]


def test_it_goes_to_the_nodes_own_address_with_the_nodes_token(machine, output):
    assert machine.program("report", "SUCCESS", "bootstrap", str(output), "12").returncode == 0
    (call,) = machine.calls
    cluster = "5d12f6fd-a196-4bf0-ae4c-1f639a523a52"
    assert f'url = "https://10.20.0.1:9511/v1/clusters/{cluster}/nodes/web-1/report"' in call
    assert f'header = "X-Magnum-Node-Token: {TOKEN}"' in call
    for field in ("status=SUCCESS", "step=bootstrap", "output=", "seconds=12"):
        assert f"--data-urlencode\n{field}\n" in call


def test_no_secret_is_an_argument(machine, output, make_data):
    machine.install(data_files(make_data(heat_signal=HeatSignal("https://heat/?Signature=presigned"))))
    machine.program("report", "SUCCESS", "bootstrap", str(output), "12")
    for call, secret in zip(machine.calls, (TOKEN, "presigned"), strict=True):
        arguments = call.partition("--- config")[0]
        assert TOKEN not in arguments
        assert "presigned" not in arguments
        assert secret in call


def test_what_is_told_is_the_end_of_the_output_and_bounded(machine, output):
    output.write_text("".join(f"line {number} {'x' * 200}\n" for number in range(1000)))
    machine.program("report", "FAILURE", "20-step", str(output), "1")
    assert len(told(machine.calls[0])) == 2048
    assert told(machine.calls[0]).endswith(f"line 999 {'x' * 200}\n")
    output.write_text("".join(f"line {number}\n" for number in range(1000)))
    machine.program("report", "FAILURE", "20-step", str(output), "1")
    assert told(machine.calls[1]).splitlines() == [f"line {number}" for number in range(980, 1000)]


def test_control_characters_are_taken_out(machine, output):
    output.write_bytes(b"\x1b[31mred\x1b[0m\ttab\r\n\x00\xff\xc3\xa4end\n")
    machine.program("report", "FAILURE", "20-step", str(output), "1")
    assert told(machine.calls[0]) == "[31mred[0m\ttab\nend\n"


def signal_of(call: str) -> object:
    return json.loads(call.partition("--- body\n")[2])


@pytest.fixture
def waited_for(machine, make_data):
    """A machine that Heat waits for."""
    machine.install(data_files(make_data(heat_signal=HeatSignal("https://heat:8004/signal"))))
    return machine


def test_heat_is_told_the_end_only_and_the_service_before_it(machine, output, make_data):
    signal = HeatSignal("https://heat:8004/signal", token="token-of-the-wait-condition")
    machine.install(data_files(make_data(heat_signal=signal)))
    output.write_text('a "quoted" \\ word\n\tand more\n')
    assert machine.program("report", "PROGRESS", "20-step", str(output), "0").returncode == 0
    [progress] = machine.calls
    assert "heat:8004" not in progress
    assert machine.program("report", "FAILURE", "20-step", str(output), "1").returncode == 0
    _, to_magnum, to_heat = machine.calls
    assert told(to_magnum) == output.read_text()
    config = to_heat.partition("--- body\n")[0]
    assert 'url = "https://heat:8004/signal"' in config
    assert 'header = "X-Auth-Token: token-of-the-wait-condition"' in config
    assert TOKEN not in config
    assert "--request\nPOST\n" in config
    assert signal_of(to_heat) == {"status": "FAILURE", "reason": 'web-1: 20-step: a "quoted" \\ word\n\tand more'}


def test_success_is_a_signal_too(waited_for, output):
    assert waited_for.program("report", "SUCCESS", "bootstrap", str(output), "9").returncode == 0
    _, to_heat = waited_for.calls
    assert "X-Auth-Token" not in to_heat
    assert "--request\nPUT\n" in to_heat
    assert signal_of(to_heat) == {"status": "SUCCESS", "reason": "web-1: all steps are done"}


def test_a_report_that_cannot_be_delivered_does_not_keep_heat_waiting(waited_for, output):
    waited_for.answer((7, 0, ""), (0, 204, ""), (7, 0, ""), (0, 204, ""))
    ran = waited_for.program("report", "SUCCESS", "bootstrap", str(output), "9", MAGNUM_SECONDS_BEFORE_HEAT="0")
    assert ran.returncode == 0, ran.stderr
    told_first, to_heat, told_again, and_again = waited_for.calls
    assert signal_of(to_heat) == {"status": "SUCCESS", "reason": "web-1: all steps are done"}
    for call in (told_first, told_again, and_again):
        assert "status=SUCCESS" in call


def test_a_report_that_is_refused_does_not_lose_the_signal(waited_for, output):
    waited_for.answer((0, 401, "no"), (0, 204, ""), (0, 401, "no"))
    assert waited_for.program("report", "FAILURE", "20-step", str(output), "9").returncode == 1
    assert signal_of(waited_for.calls[1]) == {"status": "FAILURE", "reason": "web-1: 20-step: "}


def test_a_signal_that_is_refused_is_a_failure_of_which_the_service_knows_all_the_same(waited_for, output):
    waited_for.answer((0, 204, ""), (0, 403, "no"))
    ran = waited_for.program("report", "SUCCESS", "bootstrap", str(output), "9")
    assert (ran.returncode, len(waited_for.calls)) == (1, 2)
    assert "signal SUCCESS to Heat: answered 403" in ran.stderr


def test_nobody_has_to_vouch_for_services_where_the_operator_says_so(machine, output, make_data):
    heat = HeatSignal("https://heat:8004/signal")
    machine.install(data_files(make_data(verify_api=False, api_ca=None, heat_signal=heat)))
    assert machine.program("report", "SUCCESS", "bootstrap", str(output), "9").returncode == 0
    assert ["--insecure\n" in call for call in machine.calls] == [True, True]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("\n\t"), min_size=1))
def test_a_string_is_what_json_makes_of_it(machine, text):
    path = machine.stubs / "text"
    path.write_text(text + "end")  # a shell takes newlines off the end
    made = machine.shell(f'quoted "$(<"{path}")"')
    assert json.loads(made.stdout) == text + "end"
