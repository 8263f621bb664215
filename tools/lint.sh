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
$bin/lint-imports --no-logo

mapfile -t scripts < <(
    grep --recursive --binary-files=without-match --files-with-matches --max-count=1 \
        --extended-regexp '^#!.*\b(bash|sh)\b' .ci tools magnum tests bench
    find magnum tools tests -name '*.sh'
)
mapfile -t scripts < <(printf '%s\n' "${scripts[@]}" | grep --invert-match '/__pycache__/' | sort --unique)
if command -v shellcheck >/dev/null || tools/packages.sh shellcheck; then
    shellcheck --external-sources "${scripts[@]}"
    echo "shellcheck: ${#scripts[@]} scripts are fine"
elif [ "$(id -u)" -eq 0 ]; then
    exit 1
fi
