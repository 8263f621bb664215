"""Our commands with the oldest and the newest python-magnumclient, in environments that have nothing of the service.

Each is given what an installation of this package would give it: the package, and its entry points.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from programs import Standalone

import magnum

REPOSITORY = Path(magnum.__file__).parents[1]
GROUP = "openstack.container_infra.v1"
PATIENCE = 240
RUN_ALL = """
import contextlib, io, json, logging, sys
from openstackclient import shell

answers = []
for arguments in json.load(sys.stdin):
    logging.getLogger().handlers.clear()
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = shell.main(["coe", "cluster", *arguments])
    answers.append((code, out.getvalue(), err.getvalue()))
json.dump(answers, sys.stdout)
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Standalone]:
    path = tmp_path_factory.mktemp("standalone") / "var"
    with Standalone(path, "\n[drivers]\ndisabled_drivers = local_swarm\n") as service:
        template = ("--coe", "swarm-mode", "--image", "fake", "--external-network", "public")
        service.openstack("coe", "cluster", "template", "create", "swarm", *template)
        service.openstack("coe", "cluster", "create", "web", "--cluster-template", "swarm")
        yield service


def run_all(service: Standalone, name: str, folder: Path, *commands: tuple[str, ...]) -> list[tuple[int, str, str]]:
    """Run commands with the client of an environment, all in one process; give code, output and errors of each."""
    script = REPOSITORY / "tools" / "environments.sh"
    made = subprocess.run([script, name], check=True, stdout=subprocess.PIPE, text=True, timeout=600)
    install(folder / "packages")
    environment = {
        "PYTHONPATH": str(folder / "packages"),
        "OS_CLIENT_CONFIG_FILE": str(service.state.clouds),
        "OS_CLOUD": "magnum",
    }
    done = subprocess.run(
        [Path(made.stdout.strip()) / "bin" / "python", "-W", "ignore", "-c", RUN_ALL],
        input=json.dumps(commands),
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=True,
        env=os.environ | environment,
        cwd=folder,
    )
    return [(code, out, err) for code, out, err in json.loads(done.stdout)]


def install(folder: Path) -> None:
    info = folder / "magnum-1.dist-info"
    info.mkdir(parents=True)
    (folder / "magnum").symlink_to(REPOSITORY / "magnum")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: magnum\nVersion: 1\n")
    ours = [f"{point.name} = {point.value}" for point in distribution("magnum").entry_points.select(group=GROUP)]
    (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *ours, ""]))


@pytest.mark.parametrize("name", ["magnumclient-4.9.0", "magnumclient-5.0.0"])
def test_they_work(service, name, tmp_path):
    waited, events, operations, plan, config, retry, none = run_all(
        service,
        name,
        tmp_path,
        ("wait", "web"),
        ("event", "list", "web", "-f", "value", "-c", "text"),
        ("operation", "list", "web", "-f", "value", "-c", "kind", "-c", "state"),
        ("plan", "web", "--node-count", "3", "-f", "value"),
        ("kubeconfig", "web"),
        ("retry", "web"),
        ("plan", "none", "--node-count", "3"),
    )
    assert waited[:2] == (0, "The cluster web is CREATE_COMPLETE.\n"), waited
    assert events[1].splitlines()[-1] == "The create is done.", events
    assert operations[1].splitlines() == ["create COMPLETE"], operations
    assert "1 -> 3; 2 added" in plan[1], plan
    assert "DOCKER_TLS_VERIFY=1" in config[1], config
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert retry[0] == none[0] == 1
    assert "nothing has failed, so there is nothing to retry." in retry[2]
    assert "Cluster none could not be found." in none[2]
