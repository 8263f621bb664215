"""The command behind `make lab`, `make lab-stop` and `make lab-clean`: docs/lab.md."""

import argparse
import shutil
import sys
import time
from pathlib import Path

from openstack.exceptions import SDKException

from magnum.drivers.local.errors import LocalError

from .clouds import PEOPLE
from .control_plane import ControlPlane
from .settings import Lab, LabError, open_lab

CHECKOUT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab", description=__doc__)
    parser.add_argument("action", choices=("start", "stop", "clean"))
    parser.add_argument("--folder", type=Path, default=CHECKOUT / "var/lab")
    parser.add_argument("--environment", type=Path, help="the virtual environment with the services")
    parser.add_argument("--port", type=int, help="the first of the ports")
    options = parser.parse_args()
    folder = options.folder.absolute()
    if options.action != "start" and not (folder / "lab.json").exists():
        print("There is no lab.")
        return 0
    try:
        lab = open_lab(folder, options.environment or Path(), CHECKOUT, options.port)
        plane = ControlPlane(lab, Progress())
        if options.action == "start":
            print_how_to_go_on(lab, changed=plane.start())
            return 0
        plane.stop(gently=options.action == "stop")
        if options.action == "clean":
            shutil.rmtree(folder)
    except (LabError, LocalError, SDKException) as reason:
        print(f"\n{reason}", file=sys.stderr)
        return 1
    return 0


class Progress:
    """Tells what has been done, and when."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {text}", flush=True)


def print_how_to_go_on(lab: Lab, *, changed: bool) -> None:
    print("The lab runs." if changed else "Everything was there and running; nothing was changed.")
    print(f"  users      {', '.join(PEOPLE)}, admin, system-admin: the clouds of {lab.clouds}")
    print(f"  services   {lab.identity} and the ports that follow; logs in {lab.logs}")
    print("To go on:")
    print(f"  export OS_CLIENT_CONFIG_FILE={lab.clouds} OS_CLOUD=member PATH={lab.folder / 'bin'}:$PATH")
    print("  openstack catalog list")
    print("  openstack coe cluster template list")
    print("  make lab        # again after a change of our code: it starts what is not up to date")
    print("  make lab-stop   # ends all processes; make lab brings them back")
    print("  make lab-clean  # removes all of it")


if __name__ == "__main__":
    sys.exit(main())
