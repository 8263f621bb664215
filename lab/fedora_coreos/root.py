"""The root file system of servers with Fedora CoreOS: that of the machines of this host, and podman.

`python -m lab.fedora_coreos.root` builds it, in half a minute if the machines' own is there.
"""

import sys
from pathlib import Path

from magnum.drivers.local.errors import LocalError
from magnum.drivers.local.rootfs import DEBIAN_12, Recipe, ensure
from magnum.drivers.local.settings import default_cache_dir

RECIPE = Recipe(
    suite=DEBIAN_12.suite,
    base_packages=(),
    packages=("podman",),
    files=Path(__file__).with_name("files"),
    upon=DEBIAN_12,
    # It would answer programs that ask an engine, and wait to start containers; units do that here.
    disabled_units=("podman.service", "podman.socket", "podman-restart.service", "podman-auto-update.timer"),
)


def main() -> int:
    try:
        print(ensure(RECIPE, default_cache_dir(), lambda text: print(text, flush=True)))
    except LocalError as error:
        print(f"The root file system for Fedora CoreOS could not be built: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
