"""How our settings become gunicorn's, and how its workers end."""

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from gunicorn.workers.gthread import ThreadWorker

from magnum.cmd import api as program
from magnum.cmd.api import gunicorn_options
from magnum.conf.api import Api
from magnum.conf.settings import Settings, SettingsError


def options(**api: object) -> dict[str, object]:
    return gunicorn_options(Settings(api=Api(**api)))


def test_where_it_listens_and_how_many_it_serves():
    made = options(host="127.0.0.1", port=9600, workers=3, threads=7)
    assert (made["bind"], made["workers"], made["threads"]) == ("127.0.0.1:9600", 3, 7)
    assert options(host="::1")["bind"] == "[::1]:9511"


def test_without_workers_there_is_one_for_each_cpu(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert options()["workers"] == 6


def test_tls_needs_both_files(tmp_path):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.touch()
    with pytest.raises(SettingsError, match=r"ssl_key_file .*key\.pem"):
        options(enabled_ssl=True, ssl_cert_file=certificate, ssl_key_file=key)
    with pytest.raises(SettingsError, match=r"ssl_cert_file \(not set\)"):
        options(enabled_ssl=True)
    key.touch()
    made = options(enabled_ssl=True, ssl_cert_file=certificate, ssl_key_file=key)
    assert (made["certfile"], made["keyfile"]) == (str(certificate), str(key))
    assert "certfile" not in options(ssl_cert_file=certificate, ssl_key_file=key)


@pytest.mark.parametrize(("connections", "waits"), [(0, False), (7, False), (8, True), (30, True)])
def test_a_process_that_has_enough_to_do_lets_others_take_new_connections(monkeypatch, connections, waits):
    done = []
    worker = object.__new__(options()["worker_class"])
    worker.nr_conns, worker.cfg = connections, SimpleNamespace(threads=8)
    monkeypatch.setattr(program.time, "sleep", lambda _: done.append("waited"))
    monkeypatch.setattr(ThreadWorker, "accept", lambda _self, listener: done.append(listener))
    worker.accept("listener")
    assert done == ["waited"] * waits + ["listener"]


FORGETFUL = """
import os, signal
from magnum.cmd.api import _Arbiter, gunicorn_options
from magnum.conf.settings import Settings
import gunicorn.arbiter

def fork(arbiter):
    os.kill(os.getpid(), signal.SIGTERM)  # while it is being made
    gunicorn_options(Settings())["post_fork"](arbiter, None)
    print("it went on")

signal.signal(signal.SIGTERM, lambda *_: None)  # the parent's, which would only take note
gunicorn.arbiter.Arbiter.spawn_worker = fork
_Arbiter.spawn_worker(object.__new__(_Arbiter))
"""


def test_a_worker_ends_when_it_is_told_to_before_it_has_begun():
    worker = subprocess.run([sys.executable, "-c", FORGETFUL], capture_output=True, env=os.environ, check=False)
    assert (worker.returncode, worker.stdout) == (-signal.SIGTERM, b""), worker.stderr.decode()
