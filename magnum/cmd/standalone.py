"""magnum-standalone: API and conductor in one process, on one machine, with all it keeps in one directory.

`serve` (the default) runs it; `stop` ends it and its machines, which the next start brings back; `clean` removes its
machines and networks for good.
"""

import argparse
import logging
import os
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from magnum.api.app import load_app
from magnum.api.nodes import make_node_application
from magnum.conf.settings import Settings, SettingsError, load_settings
from magnum.db import migrate, operations
from magnum.drivers.registry import Registry
from magnum.model.clocks import SystemClock
from magnum.standalone import machines
from magnum.standalone.identity import ensure_identity
from magnum.standalone.listeners import Listener, NodeListeners
from magnum.standalone.state import StateDirectory

from .assembly import listen_address, make_service, open_configured_database
from .conductor_assembly import make_conductor
from .programs import END_SECONDS, program, set_up_process, until_told_to_stop

LOG = logging.getLogger(__name__)
_STOP_SECONDS = 60


@program("magnum-standalone")
def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    state = StateDirectory(options.state_dir)
    match options.command:
        case "stop":
            return _stop(state)
        case "clean":
            return _clean(state)
        case _:
            return _serve(state, host=options.host, port=options.port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="magnum-standalone", description=__doc__.partition("\n")[0])
    parser.add_argument("command", nargs="?", choices=("serve", "stop", "clean"), default="serve")
    parser.add_argument("--state-dir", type=Path, default=Path("var"), help="what it keeps (default: var)")
    parser.add_argument("--host", help="address to listen on (default: what magnum.conf says; at first 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default: what magnum.conf says; at first 9511)")
    return parser


def _serve(state: StateDirectory, *, host: str | None, port: int | None) -> int:
    with state.held(), until_told_to_stop() as stop, ExitStack() as at_the_end:
        state.prepare(host=host or "127.0.0.1", port=port or 9511)
        settings = _settings(state, host=host, port=port)
        set_up_process(settings)
        migrate.upgrade(settings.database.connection)
        database = open_configured_database(settings, SystemClock())
        at_the_end.callback(database.dispose)
        # We hold the directory, so whoever ran operations from it before us is dead.
        database.write(operations.release_all)
        drivers = Registry.load(settings)
        nodes = NodeListeners(
            lambda cluster_uuid: make_node_application(service, cluster_uuid),
            port=settings.local.node_port,
            identity=state.node_listener,
            pin=ensure_identity(state.node_listener, datetime.now(UTC)),
        )
        conductor = make_conductor(settings, node_listeners=nodes, database=database, drivers=drivers)
        wakers = {"wake": conductor.wake, "sign_wake": conductor.wake_signing}
        service = make_service(settings, database=database, drivers=drivers, **wakers)
        api = Listener(
            load_app(service),
            settings.api.host,
            settings.api.port,
            threads=settings.api.threads,
            longest_body=settings.api.max_request_body_size,
            tls=None,
        )
        at_the_end.callback(nodes.stop)
        at_the_end.callback(conductor.stop, settings.conductor.stop_timeout)
        at_the_end.callback(api.stop)
        at_the_end.callback(service.ending.set)
        conductor.start()
        api.start()
        url = f"http://{listen_address(settings)}/v1"
        state.announce(url)
        LOG.info("Ready at %s.", url)
        print(f"magnum-standalone is ready: {url}", flush=True)
        stop.wait(settings.conductor.stop_timeout + END_SECONDS)
        LOG.info("Stopping.")
    return 0


def _settings(state: StateDirectory, *, host: str | None, port: int | None) -> Settings:
    """Read the directory's own configuration, with what the command line says laid over it."""
    settings = load_settings(files=[state.configuration])
    if settings.default.state_path != state.path:
        raise SettingsError(
            f"{state.configuration} is for {settings.default.state_path}, not for {state.path}. "
            "Was the directory moved? Change the paths in that file."
        )
    if settings.api.enabled_ssl:
        raise SettingsError("[api] enabled_ssl is for magnum-api. Put a proxy that speaks TLS in front of this one.")
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = msgspec.structs.replace(settings, api=msgspec.structs.replace(settings.api, **given))
    if missing := machines.missing():
        LOG.warning("There will be no machines on this host: %s", " ".join(missing))
        disabled = (*settings.drivers.disabled_drivers, *machines.DRIVERS)
        drivers = msgspec.structs.replace(settings.drivers, disabled_drivers=disabled)
        settings = msgspec.structs.replace(settings, drivers=drivers)
    return settings


def _stop(state: StateDirectory) -> int:
    if process := state.holder():
        os.kill(process, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while state.holder() == process:
            if time.monotonic() > deadline:
                raise SettingsError(f"Process {process} has not stopped within {_STOP_SECONDS} s; see {state.log}.")
            time.sleep(0.1)
        print("The service has stopped.")
    else:
        print("The service is not running.")
    if state.configuration.exists():
        machines.stop(load_settings(files=[state.configuration]))
    return 0


def _clean(state: StateDirectory) -> int:
    _stop(state)
    if state.configuration.exists():
        machines.remove(load_settings(files=[state.configuration]))
    return 0
