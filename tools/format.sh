#!/usr/bin/env bash
# make format
set -euo pipefail
cd "$(dirname "$0")/.."

tools/venv.sh
.venv/bin/ruff check --fix --quiet . || true
.venv/bin/ruff format .
