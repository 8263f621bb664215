"""How the programs start and stop, together and each by itself, and what they say when they cannot."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
import urllib3
import yaml
from programs import COMMANDS, SECONDS, Openstack, end, free_port, start

from magnum.standalone.state import StateDirectory

TEMPLATE = ("--coe", "swarm-mode", "--image", "fake", "--external-network", "public")


def test_a_taken_port_is_refused_and_leaves_nothing_running(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [COMMANDS / "magnum-standalone", "--state-dir", tmp_path / "var", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == f"magnum-standalone: Cannot listen on 127.0.0.1:{port}: Address already in use.\n"
    assert StateDirectory(tmp_path / "var").holder() is None


def test_a_lost_encryption_key_is_told_and_nothing_is_started(tmp_path):
    state = StateDirectory(tmp_path / "var")
    with state.held():
        state.prepare(host="127.0.0.1", port=free_port())
    with state.configuration.open("a") as file:
        file.write("\n[drivers]\ndisabled_drivers = local_swarm\n")
    assert end(start("magnum-standalone", "--state-dir", state.path, ready="is ready")) == 0
    state.encryption_key.unlink()
    done = subprocess.run(
        [COMMANDS / "magnum-standalone", "--state-dir", state.path],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert "encryption_keys" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_stops_and_comes_back_with_its_clusters(tmp_path):
    state = StateDirectory(tmp_path / "var")
    with state.held():
        state.prepare(host="127.0.0.1", port=free_port())
    with state.configuration.open("a") as file:
        file.write("\n[drivers]\ndisabled_drivers = local_swarm\n")
    openstack = Openstack(state.clouds)
    process = start("magnum-standalone", "--state-dir", state.path, ready="is ready")
    openstack("coe", "cluster", "template", "create", "t", *TEMPLATE)
    openstack("coe", "cluster", "create", "c", "--cluster-template", "t")
    stopped = subprocess.run(
        [COMMANDS / "magnum-standalone", "--state-dir", state.path, "stop"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    assert stopped.stdout == "The service has stopped.\n"
    assert process.wait(SECONDS) == 0
    assert process.stdout
    process.stdout.close()
    port = free_port()
    process = start("magnum-standalone", "--state-dir", state.path, "--port", str(port), ready=f":{port}/v1")
    openstack.until("c", "CREATE_COMPLETE")
    assert end(process) == 0


@pytest.fixture
def cloud(tmp_path) -> Path:
    """The configuration of an API and a conductor in processes of their own."""
    state = StateDirectory(tmp_path / "var")
    with state.held():
        state.prepare(host="127.0.0.1", port=free_port())
    settings = re.sub(r"log_file = .*\n", "", state.configuration.read_text())
    state.configuration.write_text(
        settings.replace("[api]\n", "[api]\nworkers = 2\n") + "\n[drivers]\ndisabled_drivers = local_swarm\n"
    )
    [port] = re.findall(r"port = (\d+)", settings)
    state.announce(f"http://127.0.0.1:{port}/v1")
    subprocess.run(
        [COMMANDS / "magnum-db-manage", "--config-file", state.configuration, "upgrade"], check=True, timeout=SECONDS
    )
    return state.configuration


def test_api_and_conductor_in_processes_of_their_own(cloud):
    api = start("magnum-api", "--config-file", cloud, ready="Listening at")
    conductor = start("magnum-conductor", "--config-file", cloud, ready="is at work")
    try:
        openstack = Openstack(cloud.with_name("clouds.yaml"))
        openstack("coe", "cluster", "template", "create", "t", *TEMPLATE)
        api.send_signal(signal.SIGUSR2)  # they say what they are doing, and go on
        conductor.send_signal(signal.SIGUSR2)
        openstack("coe", "cluster", "create", "c", "--cluster-template", "t")
        openstack.until("c", "CREATE_COMPLETE")
        assert "BEGIN CERTIFICATE" in openstack("coe", "ca", "show", "c")
    finally:
        assert end(conductor) == 0
        assert end(api) == 0


def test_requests_that_wait_are_answered_when_the_api_stops(cloud):
    """Two processes hold four each at most, so of nine one is answered at once; the others when all is over."""
    clouds = cloud.with_name("clouds.yaml")
    api = start("magnum-api", "--config-file", cloud, ready="Listening at")
    openstack = Openstack(clouds)
    openstack("coe", "cluster", "template", "create", "t", *TEMPLATE)
    openstack("coe", "cluster", "create", "c", "--cluster-template", "t")  # there is no conductor
    access = yaml.safe_load(clouds.read_text())["clouds"]["magnum"]
    login = urllib3.make_headers(basic_auth=f"{access['auth']['username']}:{access['auth']['password']}")
    url = f"{access['auth']['endpoint']}/clusters/c?wait=30"

    def ask(_number: int) -> urllib3.BaseHTTPResponse:
        return urllib3.request("GET", url, headers=login, timeout=SECONDS, retries=False)

    with ThreadPoolExecutor(9) as pool:
        asked = [pool.submit(ask, number) for number in range(9)]
        wait(asked, timeout=SECONDS, return_when=FIRST_COMPLETED)
        assert len([one for one in asked if not one.done()]) in range(4, 9)
        began = time.monotonic()
        assert end(api) == 0
        assert {one.result().status for one in asked} == {200}
        assert time.monotonic() - began < 25


def test_any_wsgi_server_can_load_the_application(cloud):
    home = cloud.parent / "home"
    (home / ".magnum").mkdir(parents=True)
    (home / ".magnum" / "magnum.conf").symlink_to(cloud)
    script = (
        "import magnum.wsgi, magnum.wsgi.api\n"
        "from wsgiref.util import setup_testing_defaults\n"
        "environ = {}\n"
        "setup_testing_defaults(environ)\n"
        "answer = magnum.wsgi.application(environ, lambda status, headers: print(status))\n"
        "assert magnum.wsgi.application is magnum.wsgi.api.application\n"
        "print(b''.join(answer).decode())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
        env=os.environ | {"HOME": str(home)},
    )
    status, document = done.stdout.split("\n", 1)
    assert status == "200 OK"
    assert json.loads(document)["versions"][0]["id"] == "v1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[api]\napi_paste_config = /no/such/pipeline.ini\n", "/no/such/pipeline.ini"),
        (
            "[DEFAULT]\nauth_strategy = noauth\n[api]\nenabled_ssl = true\nssl_cert_file = /no/such/cert.pem\n",
            "/no/such/cert.pem",
        ),
        ("[api]\nport = nonsense\n", "[api] port"),
        ("[DEFAULT]\nauth_strategy = http_basic\nhttp_basic_auth_user_file = /no/such/users\n", "/no/such/users"),
    ],
)
def test_an_api_that_cannot_start_says_why(tmp_path, text, words):
    configuration = tmp_path / "magnum.conf"
    configuration.write_text(text)
    done = subprocess.run(
        [COMMANDS / "magnum-api", "--config-file", configuration],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("magnum-api: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
