#!/usr/bin/env bash
# make clean: removes every trace of `make run`: machines, networks, state. The cache stays.
set -euo pipefail
cd "$(dirname "$0")/.."

[ -d var ] || { echo "Nothing to clean: nothing has been started here."; exit 0; }
tools/venv.sh
.venv/bin/magnum-standalone --state-dir var clean
rm -rf --one-file-system var
