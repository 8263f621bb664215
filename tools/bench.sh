#!/usr/bin/env bash
# make bench: each measurement prints its own figures. `--full` measures the API for longer.
set -euo pipefail
cd "$(dirname "$0")/.."

tools/venv.sh
tools/packages.sh postgresql mariadb-server-core mariadb-client-core
# Installed packages are compiled; where Python is told to leave no files behind, a working tree never is.
.venv/bin/python -m compileall -q magnum
if [ "${1:-}" = --full ]; then
    exec .venv/bin/python bench/api.py --full
fi
shopt -s nullglob
for measurement in bench/*.py; do
    echo "=== $measurement"
    .venv/bin/python "$measurement"
done
