"""Every process of the lab: what is run, what must be there before, and how one sees that it is ready.

What each of them may use is bounded here: processes, threads, memory of caches.
"""

import getpass
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from magnum.drivers.local.settings import default_cache_dir

from . import mariadb
from .settings import LOOPBACK, Lab

HTTP, TCP, NONE = "http", "tcp", "none"
GUESTS = "guests"


class Service(NamedTuple):
    name: str
    command: Sequence[str]
    needs: tuple[str, ...]
    """Tasks."""
    server: str | None = None
    """Who it is among those that have ports."""
    speaks: str = NONE
    seconds: int = 300
    """How long it may take to be ready on a slow and busy host."""
    mark: str = ""
    """Started anew when this changes, as when its command or its configuration does."""


def services(lab: Lab) -> list[Service]:
    return [*infrastructure(lab), *openstack(lab), *of_nodes(lab), *own(lab)]


def infrastructure(lab: Lab) -> list[Service]:
    port = str(lab.port("memcached"))
    memcached = ("memcached", "-u", getpass.getuser(), "-l", LOOPBACK, "-p", port, "-m", "64", "-c", "2048")
    epmd = ("epmd", "-address", LOOPBACK, "-port", str(lab.port("epmd")))
    return [
        Service("mariadb", mariadb.serve(lab), ("database files",), "mariadb", TCP),
        Service("memcached", memcached, (), "memcached", TCP),
        Service("epmd", epmd, (), "epmd", TCP),
        Service("rabbitmq", ("/usr/lib/rabbitmq/bin/rabbitmq-server",), ("epmd",), "rabbitmq", TCP),
    ]


def needs(name: str) -> tuple[str, ...]:
    """Say what a service of OpenStack needs to start: many log in at once."""
    before = (f"{name.partition('-')[0]} tables", "memcached")
    return before if name in ("keystone", "barbican", "placement") else (*before, "rabbitmq", "people and catalogue")


def openstack(lab: Lab) -> list[Service]:
    def behind_http(name: str, module: str, *more: str, processes: int = 1, threads: int = 4) -> Service:
        options = ("--master", "--lazy-apps", "--enable-threads", "--need-app", "--die-on-term", "--disable-logging")
        size = ("--processes", str(processes), "--threads", str(threads), "--buffer-size", "65535")
        application = ("--module", f"{module}:application", "--virtualenv", str(lab.environment))
        # Without keep-alive a thread is not held by a client that asks no more.
        protocol = ("--http-socket", f"{lab.address}:{lab.port(name)}", "--http-chunked-input")
        closing = ("--add-header", "Connection: close", "--procname-prefix", f"{name} ")
        command = (lab.program("uwsgi"), *protocol, *application, *options, *size, *closing, *more)
        return Service(name, command, needs(name), name, HTTP)

    def behind_messages(name: str, *files: str) -> Service:
        configuration = [word for file in files for word in ("--config-file", str(lab.etc / file))]
        return Service(name, (lab.program(name), *configuration), needs(name))

    nova = ("nova/nova.conf", "nova/nova-databases.conf")

    def arguments(file: str) -> tuple[str, str]:
        return ("--pyargv", f"--config-file {lab.etc / file}")

    return [
        behind_http("keystone", "keystone.wsgi.api", processes=2),
        behind_http("barbican", "barbican_application", "--pythonpath", str(lab.etc / "barbican")),
        behind_http("glance", "glance.wsgi.api"),
        behind_http("placement", "placement.wsgi.api"),
        behind_http("nova", "nova.wsgi.osapi_compute"),
        behind_messages("nova-conductor", *nova),
        behind_messages("nova-scheduler", *nova),
        behind_messages("nova-compute", nova[0]),  # it complains of configuration that tells it of databases
        behind_http("neutron", "neutron.wsgi.api"),
        behind_http("cinder", "cinder.wsgi.api", *arguments("cinder/cinder.conf")),
        behind_messages("cinder-scheduler", "cinder/cinder.conf"),
        behind_messages("cinder-volume", "cinder/cinder.conf"),
        behind_http("octavia", "magnum_lab_octavia", *arguments("octavia/octavia.conf")),
        behind_http("heat", "heat.wsgi.api", threads=8),
        behind_http("heat-cfn", "heat.wsgi.cfn"),
        behind_messages("heat-engine", "heat/heat.conf"),
    ]


def of_nodes(lab: Lab) -> list[Service]:
    """Give those that clusters get their programs and images from."""
    where = ("--address", lab.address, "--port", str(lab.port("releases")), "--cache", str(default_cache_dir()))
    releases = ("env", f"--chdir={lab.checkout}", lab.own_program("python"), "-m", "lab.releases", *where)
    registry = ("docker-registry", "serve", str(lab.etc / "registry/registry.yml"))
    return [
        Service("releases", releases, (), "releases", HTTP, mark=last_change(lab.checkout / "lab/releases.py")),
        Service("registry", registry, (), "registry", HTTP),
    ]


def own(lab: Lab) -> list[Service]:
    configuration = ("--config-file", str(lab.etc / "magnum/magnum.conf"))
    before = ("magnum tables",)
    mark = last_change(lab.checkout / "magnum")
    return [
        *([guests(lab)] if lab.has_guests else []),
        Service("magnum", (lab.own_program("magnum-api"), *configuration), before, "magnum", HTTP, mark=mark),
        Service("magnum-conductor", (lab.own_program("magnum-conductor"), *configuration), before, mark=mark),
    ]


def guests(lab: Lab) -> Service:
    """Give the process that makes servers run."""
    program = ("env", f"--chdir={lab.checkout}", lab.own_program("python"), "-m", "lab.guests")
    places = ("--folder", str(lab.folder), "--cache", str(default_cache_dir()))
    mark = last_change(lab.checkout / "lab") + last_change(lab.checkout / "magnum/drivers/local")
    return Service(GUESTS, (*program, *places), ("root file system", "networks"), mark=mark)


def last_change(code: Path) -> str:
    """Give the time of the last change of our own code, so that `make lab` runs what is there."""
    files = [code, *code.rglob("*")]
    return str(max(file.stat().st_mtime_ns for file in files if file.is_file() and file.suffix != ".pyc"))


def environment(lab: Lab) -> Mapping[str, str]:
    """Give the variables of all processes: where each finds what it reads and keeps."""
    data, logs = lab.data / "rabbitmq", lab.logs
    rabbitmq = {
        "NODENAME": f"magnum-lab-{lab.port('rabbitmq')}@localhost",
        "DIST_PORT": str(lab.port("rabbitmq-nodes")),
        "CONFIG_FILE": str(lab.etc / "rabbitmq/rabbitmq.conf"),
        "ENABLED_PLUGINS_FILE": str(lab.etc / "rabbitmq/enabled_plugins"),
        "CONF_ENV_FILE": "/dev/null",
        "MNESIA_BASE": str(data),
        "PID_FILE": str(data / "pid"),
        "LOG_BASE": str(logs),
        "LOGS": "-",
        # Sleeping schedulers sleep, for there are few processors and many processes.
        "SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
    }
    return {
        **{name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ},
        "PATH": f"{lab.environment / 'bin'}:{os.environ['PATH']}:/usr/sbin:/sbin",
        "HOME": str(lab.folder / "home"),
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(lab.checkout / "lab/plugins"),
        "OS_BOOTSTRAP_PASSWORD": lab.password,
        "OS_KEYSTONE_CONFIG_FILES": str(lab.etc / "keystone/keystone.conf"),
        "OS_GLANCE_CONFIG_DIR": str(lab.etc / "glance"),
        "OS_PLACEMENT_CONFIG_DIR": str(lab.etc / "placement"),
        "OS_NOVA_CONFIG_DIR": str(lab.etc / "nova"),
        # The first of them is the pipeline.
        "OS_NOVA_CONFIG_FILES": f"{lab.environment}/etc/nova/api-paste.ini;nova.conf;nova-databases.conf",
        "OS_NEUTRON_CONFIG_DIR": str(lab.etc / "neutron"),
        "OS_NEUTRON_CONFIG_FILES": "neutron.conf",
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "ERL_EPMD_PORT": str(lab.port("epmd")),
        **{f"RABBITMQ_{name}": value for name, value in rabbitmq.items()},
    }
