#!/usr/bin/env bash
# Prints where uv is. It comes from pip, once, into the cache that all checkouts share.
set -euo pipefail
cd "$(dirname "$0")/.."

uv_version=0.13.8
uv="${XDG_CACHE_HOME:-$HOME/.cache}/magnum/uv-$uv_version/uv"

get_uv() {
    echo "Getting uv $uv_version"
    if ! python3 -c 'import ensurepip' 2>/dev/null; then
        tools/packages.sh python3-venv
    fi
    local scratch
    scratch="$(mktemp -d)"
    # shellcheck disable=SC2064  # now: it is local
    trap "rm -rf '$scratch'" EXIT
    python3 -m venv "$scratch"
    "$scratch/bin/pip" install --quiet --disable-pip-version-check "uv==$uv_version"
    # Renamed when it is complete, so that it is there or not, never half.
    mkdir -p "$(dirname "$uv")"
    cp "$scratch/bin/uv" "$uv.$$"
    mv "$uv.$$" "$uv"
}

[ -x "$uv" ] || get_uv >&2
echo "$uv"
