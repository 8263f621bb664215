"""How programs end."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from magnum.cmd.programs import program, until_told_to_stop
from magnum.conf.settings import SettingsError


def test_what_an_operator_must_mend_is_one_sentence(capsys):
    @program("magnum-test")
    def main(arguments):
        raise SettingsError(f"No {arguments[0]} today.")

    assert main(["bread"]) == 1
    assert capsys.readouterr().err == "magnum-test: No bread today.\n"


def test_a_bug_is_not_hidden():
    @program("magnum-test")
    def main(arguments):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        main([])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_tells_it_to_stop_and_the_handlers_come_back(number):
    before = signal.getsignal(number)
    with until_told_to_stop() as stop:
        os.kill(os.getpid(), number)
        stop.wait(600)
        assert signal.getsignal(number) is signal.SIG_DFL
    assert signal.getsignal(number) is before


def test_it_is_told_by_a_signal_that_another_thread_gets():
    with until_told_to_stop() as stop:
        other = threading.Thread(target=lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM))
        other.start()
        stop.wait(600)
        other.join()


def test_an_end_that_takes_too_long_is_one_at_any_rate_and_says_where_it_hung():
    script = """
import os, signal, threading
from magnum.cmd.programs import until_told_to_stop
with until_told_to_stop() as stop:
    os.kill(os.getpid(), signal.SIGTERM)
    stop.wait(0.1)
    threading.Event().wait()
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "Timeout" in ended.stderr
    assert "in wait" in ended.stderr
