#!/usr/bin/env bash
# make clean: removes every trace of `make run` and `make lab`: machines, networks, processes, state. The cache stays.
set -euo pipefail
cd "$(dirname "$0")/.."

[ -d var ] || { echo "Nothing to clean: nothing has been started here."; exit 0; }
for lab in var/lab var/lab-of-tests; do
    [ ! -d "$lab" ] || tools/lab.sh clean --folder "$lab"
done
tools/venv.sh
.venv/bin/magnum-standalone --state-dir var clean
rm -rf --one-file-system var
