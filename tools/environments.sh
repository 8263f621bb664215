#!/usr/bin/env bash
# Makes the named environments of tools/environments/, or all of them, and prints where each one is. They hold programs
# that tests use and that must not meet our own dependencies: a Keystone, and clients of several years. Made once, in the
# cache that all checkouts share, under a name that changes with what is in them.
set -euo pipefail
cd "$(dirname "$0")/.."

lists=tools/environments
if [ "$#" -eq 0 ]; then
    mapfile -t names < <(basename --suffix=.txt "$lists"/*.txt)
    set -- "${names[@]}"
fi
if [ -z "${SSL_CERT_FILE:-}" ] && [ -e /etc/ssl/certs/ca-certificates.crt ]; then
    export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
fi
uv="$(tools/uv.sh)"
cache="$(dirname "$(dirname "$uv")")/environments"
mkdir -p "$cache"

for name in "$@"; do
    list="$lists/$name.txt"
    version="$(sha256sum "$list" | cut -c1-12)"
    environment="$cache/$name-$version"
    # One at a time: others who want the same wait, and find it made.
    exec {lock}>"$cache/$name.lock"
    flock "$lock"
    if [ ! -e "$environment/complete" ]; then
        echo "Making the environment $name" >&2
        rm -rf "$environment"
        export UV_PYTHON_DOWNLOADS=never
        env -u VIRTUAL_ENV "$uv" venv --quiet --python "$(command -v python3)" "$environment"
        env -u VIRTUAL_ENV "$uv" pip install --quiet --python "$environment/bin/python" --requirement "$list"
        # Compiled, also where Python is told to leave no files behind: many programs are started from each.
        "$environment/bin/python" -m compileall -q --workers 0 -x '/tests/' "$environment/lib" || true
        touch "$environment/complete"
    fi
    exec {lock}>&-
    echo "$environment"
done
