#!/usr/bin/env bash
# Installs those of the named Debian packages that are missing; without root it says how.
set -euo pipefail

missing=()
for package in "$@"; do
    status="$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)"
    [ "$status" = installed ] || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "These Debian packages are missing; as root: apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "Installing Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get --quiet --quiet update </dev/null
apt-get --quiet --quiet --yes --no-install-recommends install "${missing[@]}" </dev/null >/dev/null
