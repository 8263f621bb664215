#!/usr/bin/env bash
# make bench: each measurement prints its own figures.
set -euo pipefail
cd "$(dirname "$0")/.."

tools/venv.sh
shopt -s nullglob
for measurement in bench/*.py; do
    echo "=== $measurement"
    .venv/bin/python "$measurement"
done
