#!/usr/bin/env bash
# make stop: ends the service and its machines; what they hold stays in var/.
set -euo pipefail
cd "$(dirname "$0")/.."

[ -d var ] || { echo "Nothing to stop: nothing has been started here."; exit 0; }
tools/venv.sh
.venv/bin/magnum-standalone --state-dir var stop
