"""What `make run` does once the virtual environment is there: machines, service, cluster; each step looks first.

The cluster is made with the unmodified `openstack` command and nothing else; every command is shown, so that it can be
typed again.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from magnum.conf.settings import load_settings
from magnum.drivers.kubernetes.names import DEFAULT_TAG
from magnum.drivers.local import preflight, rootfs
from magnum.drivers.local.settings import default_cache_dir
from magnum.drivers.local_kubernetes import source_build
from magnum.drivers.local_kubernetes.programs import ProgramsSource
from magnum.standalone import machines
from magnum.standalone.state import StateDirectory

CHECKOUT = Path(__file__).resolve().parent.parent
COMMANDS = Path(sys.executable).parent
STATE = StateDirectory(CHECKOUT / "var")
READY_SECONDS = 60
CLUSTER_SECONDS = 300
NODES_SECONDS = 60


class Demo(NamedTuple):
    template: str
    cluster: str
    coe: str
    image: str
    simulated: bool
    masters: str
    """The word for them."""
    options: tuple[str, ...] = ()

    @property
    def is_kubernetes(self) -> bool:
        return self.coe == "kubernetes"


SMALL = ("--flavor", "m1.small", "--master-flavor", "m1.small")
BRIDGED = ("--flavor", "m1.small", "--master-flavor", "m1.medium", "--network-driver", "bridge")
DEMOS = {
    ("local", "swarm"): Demo("swarm", "demo", "swarm-mode", "debian-12", False, "manager", SMALL),
    ("fake", "swarm"): Demo("swarm-simulated", "demo-simulated", "swarm-mode", "fake", True, "manager", SMALL),
    ("local", "kubernetes"): Demo("kubernetes", "kube", "kubernetes", "debian-12", False, "master", BRIDGED),
    ("fake", "kubernetes"): Demo(
        "kubernetes-simulated", "kube-simulated", "kubernetes", "fake", True, "master", BRIDGED
    ),
}


class GiveUp(Exception):  # noqa: N818  not an error of this program
    """There is something to do for the person at the keyboard; the text says what."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--driver", choices=("local", "fake"), default="local")
    parser.add_argument("--coe", choices=("swarm", "kubernetes"), default="swarm")
    parser.add_argument("--port", type=int, default=9511)
    parser.add_argument("--also", metavar="VERSION", help="a version of Kubernetes to get besides")
    parser.add_argument("--prepare-only", action="store_true", help="make what machines need, then end")
    options = parser.parse_args()
    demo = DEMOS[options.driver, options.coe]
    try:
        if options.driver == "local":
            prepare_machines()
            if demo.is_kubernetes:
                prepare_kubernetes([DEFAULT_TAG, *([options.also] if options.also else [])])
        if options.prepare_only:
            return 0
        folder = STATE.path / demo.cluster
        changed = [
            start_service(options.port),
            ensure_template(demo),
            ensure_cluster(demo),
            ensure_client_configuration(demo, folder),
        ]
        show(demo, folder)
    except GiveUp as reason:
        print(f"\n{reason}", file=sys.stderr)
        return 1
    print_next_commands(demo, folder, changed=any(changed))
    return 0


# -- the host ----------------------------------------------------------------------------------------------------------


def prepare_machines() -> None:
    """Install the packages that machines need, and build their root file system."""
    if os.geteuid() == 0:
        packages = sorted({*preflight.PACKAGES.values(), "debian-archive-keyring"})
        subprocess.run([CHECKOUT / "tools/packages.sh", *packages], check=False)
    if missing := preflight.missing():
        reasons = "\n".join(f"  * {reason}" for reason in missing)
        raise GiveUp(
            f"Machines cannot run here:\n{reasons}\nWithout machines you can have simulated ones: make run DRIVER=fake"
        )
    if not rootfs.path_of(rootfs.DEBIAN_12, default_cache_dir()).is_dir():
        say("Building the root file system of the machines, once for all checkouts")
        built = subprocess.run([sys.executable, "-m", "magnum.drivers.local.rootfs"], check=False)
        if built.returncode != 0:
            raise GiveUp("Without it there are no machines. Simulated ones: make run DRIVER=fake")


def prepare_kubernetes(tags: list[str]) -> None:
    """Get the programs of these versions, built here at once if they cannot be downloaded, and Kubernetes' command."""
    if not shutil.which("kubectl"):
        subprocess.run([CHECKOUT / "tools/packages.sh", "kubernetes-client"], check=False)
    configured = STATE.configuration.exists() and load_settings(files=[STATE.configuration]).kubernetes
    source = ProgramsSource(cache_dir=default_cache_dir(), binaries_dir=configured.binaries_dir if configured else None)
    if any(source.find(tag) is None for tag in tags):
        say(f"Getting the programs of Kubernetes {' and '.join(tags)}, once for all checkouts")
        subprocess.run([CHECKOUT / "tools/packages.sh", *source_build.packages()], check=False)
        got = subprocess.run([sys.executable, "-m", "magnum.drivers.local_kubernetes.programs", *tags], check=False)
        if got.returncode != 0:
            raise GiveUp("Without them there is no Kubernetes. A swarm: make run")


# -- the service -------------------------------------------------------------------------------------------------------


def start_service(port: int) -> bool:
    """Start the service in the background unless it runs; say whether there was anything to do."""
    if process := STATE.holder():
        say(f"The service is running, as process {process}")
        return False
    say("Starting the service")
    STATE.path.mkdir(mode=0o700, exist_ok=True)
    output = STATE.path / "output.log"
    with output.open("wb") as file:
        command: list[str | Path] = [COMMANDS / "magnum-standalone", "--state-dir", STATE.path, "--port", str(port)]
        service = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    deadline = time.monotonic() + READY_SECONDS
    while "is ready" not in output.read_text():
        if service.poll() is not None:
            raise GiveUp(f"The service has not started; see {STATE.log}.\n{output.read_text()}")
        if time.monotonic() > deadline:
            raise GiveUp(f"The service is not ready after {READY_SECONDS} s; see {output} and {STATE.log}.")
        time.sleep(0.1)
    return True


# -- the cluster -------------------------------------------------------------------------------------------------------


def openstack(*arguments: str, quiet: bool = False) -> subprocess.CompletedProcess[str]:
    """Run the unmodified command. A quiet one only looks, so it is not shown."""
    if not quiet:
        print(f"$ openstack {shlex.join(arguments)}", flush=True)
    return subprocess.run(
        [COMMANDS / "openstack", *arguments],
        check=False,
        capture_output=True,
        text=True,
        # The command fails without SHELL, which is not there under cron or in continuous integration.
        env={"SHELL": "/bin/sh"} | os.environ | {"OS_CLIENT_CONFIG_FILE": str(STATE.clouds), "OS_CLOUD": "magnum"},
        timeout=60,
    )


def find(*arguments: str, name: str) -> dict[str, Any] | None:
    """Give what a list command shows under this name."""
    answer = expect(openstack(*arguments, "-f", "json", quiet=True))
    return next((item for item in json.loads(answer) if item["name"] == name), None)


def expect(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode != 0:
        raise GiveUp(f"The command failed:\n{done.stderr.strip()}")
    return done.stdout


def ensure_template(demo: Demo) -> bool:
    if find("coe", "cluster", "template", "list", name=demo.template):
        return False
    expect(
        openstack(
            *("coe", "cluster", "template", "create", demo.template, "--coe", demo.coe, "--image", demo.image),
            *("--external-network", "public", *demo.options),
        )
    )
    return True


def ensure_cluster(demo: Demo) -> bool:
    if (cluster := find("coe", "cluster", "list", name=demo.cluster)) is None:
        if not demo.simulated:
            say_egress()
        template = ("--cluster-template", demo.template)
        counts = ("--master-count", "1", "--node-count", "2")
        expect(openstack("coe", "cluster", "create", demo.cluster, *template, *counts))
    elif cluster["status"].endswith("_COMPLETE"):
        return False
    await_cluster(demo)
    return True


def say_egress() -> None:
    if reason := machines.why_no_egress(load_settings(files=[STATE.configuration])):
        say(f"The machines will have no way to the outside: {reason}")
        print("   Clusters cannot pull images then; give them yours with `docker load` or `docker import`.")


def await_cluster(demo: Demo) -> None:
    """Show each change of the status until it is final."""
    began = time.monotonic()
    shown = None
    while True:
        cluster = look(demo)
        status, reason = cluster["status"], cluster["status_reason"] or ""
        seconds = time.monotonic() - began
        if (status, reason) != shown:
            print(f"  {seconds:5.1f} s  {status}  {reason}", flush=True)
            shown = (status, reason)
        if status.endswith("_COMPLETE"):
            return
        if status.endswith("_FAILED"):
            raise GiveUp(f"The cluster has failed. To remove it: openstack coe cluster delete {demo.cluster}")
        if seconds > CLUSTER_SECONDS:
            raise GiveUp(f"The cluster is not ready after {CLUSTER_SECONDS} s; see {STATE.log}.")
        time.sleep(0.5)


def look(demo: Demo) -> dict[str, Any]:
    cluster: dict[str, Any] = json.loads(
        expect(openstack("coe", "cluster", "show", demo.cluster, "-f", "json", quiet=True))
    )
    return cluster


# -- what it is good for -----------------------------------------------------------------------------------------------


def ensure_client_configuration(demo: Demo, folder: Path) -> bool:
    """Fetch certificates for docker or kubectl, unless there are some of this very cluster."""
    authority = expect(openstack("coe", "ca", "show", demo.cluster, quiet=True))
    present = folder / "ca.pem"
    if present.exists() and present.read_text().strip() == authority.strip():
        return False
    folder.mkdir(mode=0o700, exist_ok=True)
    fetch = ("coe", "cluster", "config", demo.cluster, "--dir", str(folder), "--force", "--output-certs")
    print(expect(openstack(*fetch)))
    return True


def show(demo: Demo, folder: Path) -> None:
    cluster = look(demo)
    nodes = f"{cluster['master_count']} {demo.masters}, {cluster['node_count']} workers"
    say(f"{demo.cluster}: {cluster['status']}, {nodes}, at {cluster['api_address']}")
    if demo.simulated:
        return
    commands = kubernetes_commands(folder) if demo.is_kubernetes else swarm_commands(folder, cluster["api_address"])
    for number, command in enumerate(commands):
        print(f"$ {shlex.join(command)}", flush=True)
        print(await_nodes(command, 0 if number else cluster["master_count"] + cluster["node_count"]))


def swarm_commands(folder: Path, address: str) -> list[list[str]]:
    files = {"cacert": "ca.pem", "cert": "cert.pem", "key": "key.pem"}
    certificates = [f"--tls{option}={folder / file}" for option, file in files.items()]
    return [[docker_client(), "--tlsverify", *certificates, "-H", address, "node", "ls"]]


def kubernetes_commands(folder: Path) -> list[list[str]]:
    kubectl = ["kubectl", "--kubeconfig", str(folder / "config")]
    return [[*kubectl, "get", "nodes"], [*kubectl, "get", "pods", "--all-namespaces"]]


def await_nodes(command: list[str], expected: int) -> str:
    """Give the list of nodes once all of them are ready: after `make stop` they are still booting."""
    deadline = time.monotonic() + NODES_SECONDS
    while True:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        ready = sum("Ready" in line.split() for line in done.stdout.splitlines())
        if done.returncode == 0 and ready >= expected:
            return done.stdout or done.stderr
        if time.monotonic() > deadline:
            raise GiveUp(f"{ready} of {expected} nodes are ready after {NODES_SECONDS} s.\n{done.stdout}{done.stderr}")
        time.sleep(0.5)


def docker_client() -> str:
    """Give the host's own, or that of the machines: installing a package would start an engine on this host."""
    if own := shutil.which("docker"):
        return own
    lent = STATE.path / "bin" / "docker"
    if not lent.exists():
        lent.parent.mkdir(exist_ok=True)
        lent.symlink_to(rootfs.path_of(rootfs.DEBIAN_12, default_cache_dir()) / "usr/bin/docker")
    return str(lent)


def print_next_commands(demo: Demo, folder: Path, *, changed: bool) -> None:
    if not changed:
        print("Everything was there and running; nothing was changed.\n")
    print("To go on:")
    print(f"  export OS_CLIENT_CONFIG_FILE={STATE.clouds} OS_CLOUD=magnum PATH={COMMANDS}:{STATE.path}/bin:$PATH")
    print(f"  openstack coe cluster show {demo.cluster}")
    print(f"  openstack coe cluster update {demo.cluster} replace node_count=3")
    if not demo.simulated:
        print(f"  eval $(openstack coe cluster config {demo.cluster} --dir {folder} --force --output-certs)")
        print("  kubectl get nodes" if demo.is_kubernetes else "  docker node ls")
    print("  make stop     # stops the service and its machines; make run brings them back")
    print("  make clean    # removes all of it")


def say(text: str) -> None:
    print(f"== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
