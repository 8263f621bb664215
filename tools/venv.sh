#!/usr/bin/env bash
# Brings .venv to what uv.lock says; takes a moment when it is so already.
# uv itself comes from pip, once, into the cache that all checkouts share.
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

[ -x "$uv" ] || get_uv

# Hosts with certification authorities of their own have them here.
if [ -z "${SSL_CERT_FILE:-}" ] && [ -e /etc/ssl/certs/ca-certificates.crt ]; then
    export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
fi
options=(--frozen --all-extras --quiet)
if [ ! -x .venv/bin/python ]; then
    echo "Making the virtual environment .venv"
    options+=(--python "$(command -v python3)")
fi
env -u VIRTUAL_ENV UV_PYTHON_DOWNLOADS=never "$uv" sync "${options[@]}"
