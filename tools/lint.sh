#!/usr/bin/env bash
# make lint: style, types, layers and scripts.
set -euo pipefail
cd "$(dirname "$0")/.."

tools/venv.sh
bin=.venv/bin
$bin/ruff check .
$bin/ruff format --check .
$bin/mypy
$bin/mypy tools/*.py
$bin/mypy --exclude '^lab/(plugins|etc)/' lab  # what services load is checked by them
$bin/lint-imports --no-logo

# Every file that begins like one, or is named like one.
mapfile -t scripts < <(
    find .ci tools lab magnum tests bench -type f -not -path '*/__pycache__/*' -exec \
        awk 'FNR == 1 && (/^#!.*[\/ ](ba)?sh( |$)/ || FILENAME ~ /\.sh$/) { print FILENAME } { nextfile }' {} + | sort
)
if command -v shellcheck >/dev/null || tools/packages.sh shellcheck; then
    shellcheck --external-sources "${scripts[@]}"
    echo "shellcheck: ${#scripts[@]} scripts are fine"
elif [ "$(id -u)" -eq 0 ]; then
    exit 1
fi
