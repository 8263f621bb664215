#!/usr/bin/env bash
# Brings .venv to what uv.lock says; takes a moment when it is so already.
set -euo pipefail
cd "$(dirname "$0")/.."

uv="$(tools/uv.sh)"
# Hosts with certification authorities of their own have them here.
if [ -z "${SSL_CERT_FILE:-}" ] && [ -e /etc/ssl/certs/ca-certificates.crt ]; then
    export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
fi
# Compiled, as pip does it: hundreds of programs are started here, also where Python is told not to leave files behind.
options=(--frozen --all-extras --quiet --compile-bytecode)
if [ ! -x .venv/bin/python ]; then
    echo "Making the virtual environment .venv"
    options+=(--python "$(command -v python3)")
fi
env -u VIRTUAL_ENV UV_PYTHON_DOWNLOADS=never "$uv" sync "${options[@]}"
