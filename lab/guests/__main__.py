"""The process of `make lab` that makes real what Nova, Neutron, Octavia and Cinder only say: docs/lab.md."""

import argparse
import logging
import signal
import sys
from pathlib import Path
from threading import Event

from lab.settings import open_lab

from .runner import Runner


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab.guests", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="where root file systems are")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("lab").setLevel(logging.INFO)
    end = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    Runner(open_lab(options.folder, Path(), Path(), None), options.cache).run(end)
    return 0


if __name__ == "__main__":
    sys.exit(main())
