"""How programs end."""

import os
import signal

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
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        assert stop.wait(5)
    assert signal.getsignal(number) is before
