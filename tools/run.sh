#!/usr/bin/env bash
# make run: everything from nothing to a running cluster.
set -euo pipefail
cd "$(dirname "$0")/.."

tools/venv.sh
exec .venv/bin/python tools/demo.py --driver "${DRIVER:-local}" --coe "${COE:-swarm}" --port "${PORT:-9511}"
