"""The process of `make lab` that makes real what Nova, Neutron, Octavia and Cinder only say: docs/lab.md."""

import argparse
import logging
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

from lab.settings import open_lab

from .runner import Runner

QUIET_SECONDS = 60.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab.guests", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="where root file systems are")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("lab").setLevel(logging.INFO)
    logging.getLogger().handlers[0].addFilter(news(time.monotonic))
    end = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    Runner(open_lab(options.folder, Path(), Path(), None), options.cache).run(end)
    return 0


def news(clock: Callable[[], float]) -> Callable[[logging.LogRecord], bool]:
    """Give a filter that lets no text pass twice in a minute: what fails is tried, and fails, every few seconds."""
    told: dict[str, float] = {}

    def is_new(record: logging.LogRecord) -> bool:
        now = clock()
        for text in [text for text, when in told.items() if now - when > QUIET_SECONDS]:
            del told[text]
        return told.setdefault(record.getMessage(), now) == now

    return is_new


if __name__ == "__main__":
    sys.exit(main())
