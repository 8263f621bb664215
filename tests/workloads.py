"""Work for clusters of Kubernetes, as tests give it to them: a server of pages, made of this host's busybox alone."""

import platform
import threading
import time
from pathlib import Path
from typing import Self

import yaml
from programs import Kubectl, Standalone, inside, run_inside

from magnum.drivers.local_kubernetes.pause_image import archive

NAME = "real"
IMAGE = "localhost/box:1"
SECONDS = 90


def machines(service: Standalone, cluster: dict, role: str) -> list[str]:
    return [path.name for path in service.machine_folders(cluster["uuid"]) if f"-{role}-" in path.name]


def give_image(machine: str) -> None:
    """Import an image of busybox alone, made here."""
    busybox = Path("/bin/busybox").read_bytes()
    content = archive(IMAGE, busybox, {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()])
    inside(machine, "ctr", "--namespace", "k8s.io", "images", "import", "-", stdin=content)


def deployment(name: str, replicas: int) -> str:
    """A server that answers with its host's name, and goes on answering for a while when it is told to end."""
    script = "echo serving; mkdir /www; hostname >/www/index.html; exec busybox httpd -f -p 8080 -h /www"
    container = {
        "name": name,
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": [
            "busybox",
            "sh",
            "-c",
            script.replace("mkdir", "busybox mkdir").replace("hostname", "busybox hostname"),
        ],
        "securityContext": {"runAsUser": 0},
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
        "lifecycle": {"preStop": {"exec": {"command": ["busybox", "sleep", "6"]}}},
    }
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": name}},
    }
    pod = {"containers": [container], "topologySpreadConstraints": [spread], "terminationGracePeriodSeconds": 8}
    labels = {"app": name}
    parts = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
        },
        {
            "apiVersion": "policy/v1beta1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": name},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}},
        },
    ]
    return yaml.safe_dump_all(parts)


def placed(kubectl: Kubectl, name: str) -> dict[str, dict]:
    """Give the running pods by the node that they are on."""
    pods = kubectl.get("pods", "--selector", f"app={name}")["items"]
    return {pod["spec"]["nodeName"]: pod for pod in pods if not pod["metadata"].get("deletionTimestamp")}


def versions(kubectl: Kubectl) -> dict[str, str]:
    """Give the version of each node's kubelet."""
    return {
        node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"] for node in kubectl.get("nodes")["items"]
    }


def ask_until(machine: str, url: str, names: set[str]) -> set[str]:
    """Ask until all have answered; the rules of a node's proxy are a moment late."""
    answered: set[str] = set()
    deadline = time.monotonic() + SECONDS
    while not answered >= names and time.monotonic() < deadline:
        done = run_inside(machine, "curl", "--silent", "--fail", "--max-time", "5", url)
        answered |= {done.stdout.decode().strip()} if done.returncode == 0 else set()
    return answered


class Probe(threading.Thread):
    """Asks for a page ten times a second."""

    def __init__(self, machine: str, url: str) -> None:
        super().__init__()
        self._command = ("curl", "--silent", "--fail", "--max-time", "2", "--output", "/dev/null", url)
        self._machine = machine
        self._ended = threading.Event()
        self.asked = 0
        self.failed = 0

    def run(self) -> None:
        while not self._ended.wait(0.1):
            self.asked += 1
            self.failed += run_inside(self._machine, *self._command).returncode != 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()
