#!/usr/bin/env bash
# make lab, lab-stop, lab-clean: OpenStack on one machine. LAB_PORT is the first of its ports.
set -euo pipefail
cd "$(dirname "$0")/.."

action="$1"
shift
tools/venv.sh
if [ "$action" = start ]; then
    tools/packages.sh mariadb-server-core memcached rabbitmq-server openssh-client docker-registry
    if [ "$(id -u)" -eq 0 ]; then  # for guests, which nobody else can have
        tools/packages.sh debian-archive-keyring debootstrap haproxy ignition iproute2 mount nftables procps systemd-container util-linux
    fi
    set -- --environment "$(tools/environments.sh openstack)" ${LAB_PORT:+--port "$LAB_PORT"} "$@"
fi
exec .venv/bin/python -m lab "$action" "$@"
