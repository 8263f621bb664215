#!/usr/bin/env bash
# make distclean: removes the virtual environment and the cache that all checkouts of this user share.
set -euo pipefail
cd "$(dirname "$0")/.."

cache="${XDG_CACHE_HOME:-$HOME/.cache}/magnum"
if grep --quiet --fixed-strings "lowerdir=$cache" /proc/mounts; then
    echo "The cache $cache is kept: machines of another checkout run on it." >&2
    echo "Stop them first (make stop there), then try again." >&2
    exit 1
fi
rm -rf --one-file-system .venv docs/_build "$cache"
find . -name __pycache__ -prune -exec rm -rf {} +
rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
