#!/usr/bin/env bash
# Runs one suite, the quick parts first, with everything it needs set up; prints how long each part took and what was
# left out, and fails when the suite takes longer than its budget.
#
#   test        all checks, unit tests, contracts, stories, and real machines when root
#   chaos       conductors that die or pause at every point
#   kubernetes  real clusters of Kubernetes, when root; without its programs in the cache it builds them first
#   openstack   real services of OpenStack, in a lab that is made for it and removed in the end
#   openstack-full  the same, and every combination that a cluster's stacks can be of
#   clients     the clients of several years, against files of users and against a real Keystone
#   openapi     the API asked by its own document, with many random examples, others each time
set -euo pipefail
cd "$(dirname "$0")/.."

suite="${1:-test}"
declare -A budgets=([test]=900 [chaos]=480 [clients]=480 [kubernetes]=1500 [openstack]=1800
    [openstack-full]=7200 [openapi]=7200)
budget="${budgets[$suite]}"
pytest=(.venv/bin/pytest --quiet)
# Tests that need the same server are run by the same process; the long rows of them come first.
together=("${pytest[@]}" --numprocesses=auto --dist=loadgroup --durations=10 -m "not root")
apart=(--ignore=tests/unit --ignore=tests/local --ignore=tests/crash --ignore=tests/kubernetes --ignore=tests/openstack)
clients=(keystone magnumclient-{4.9.0,4.11.0,5.0.0})
summary=()
export MAGNUM_LAB="$PWD/var/lab-of-tests"

finish() {
    local status=$?
    if [[ "$suite" = openstack* ]] && [ "$status" -ne 0 ]; then
        tools/lab.sh stop --folder "$MAGNUM_LAB" >/dev/null
        summary+=("The logs of the services are in $MAGNUM_LAB/logs.")
    fi
    printf '\n%s\n' "${summary[@]}"
    [ "$status" -eq 0 ] && echo "$suite: all of it passed in $SECONDS s (budget: $budget s)." || echo "$suite: FAILED after $SECONDS s."
}
trap finish EXIT

part() {
    local name="$1" began=$SECONDS status=0
    shift
    printf '\n=== %s\n' "$name"
    timeout --foreground --kill-after=30 "$((budget - SECONDS))" "$@" </dev/null || status=$?
    summary+=("$(printf '%-40s %4d s' "$name" "$((SECONDS - began))")")
    if [ "$status" -eq 124 ]; then
        summary+=("The budget of $budget s for all parts is spent.")
    fi
    return "$status"
}

real_machines() {
    if [ "$(id -u)" -eq 0 ]; then
        part "set-up of machines" .venv/bin/python tools/demo.py --prepare-only
        # They wait more than they compute. Each module has its own machines, as each checkout has.
        part "real machines" "${pytest[@]}" --numprocesses=2 --dist=loadfile --durations=10 -m root \
            --ignore=tests/kubernetes --ignore=tests/openstack tests
    else
        summary+=("LEFT OUT, because they need root:")
        mapfile -t left_out < <("${pytest[@]}" --collect-only -m root tests | grep :: | cut -d: -f1 | sort | uniq -c)
        summary+=("${left_out[@]}")
    fi
}

part "set-up" tools/venv.sh
case "$suite" in
    test)
        part "set-up of database servers" tools/packages.sh postgresql mariadb-server-core mariadb-client-core
        part "style, types, layers, scripts" tools/lint.sh
        command -v shellcheck >/dev/null || summary+=("LEFT OUT: shellcheck, which is not installed.")
        part "unit tests" "${pytest[@]}" --numprocesses=auto -m "not root" tests/unit
        part "contracts, stories" "${together[@]}" "${apart[@]}" --ignore=tests/functional/clients tests
        real_machines
        ;;
    chaos)
        part "crashes and pauses" "${pytest[@]}" --numprocesses=auto --durations=10 tests/crash
        ;;
    kubernetes)
        if [ "$(id -u)" -eq 0 ]; then
            part "set-up of a registry" tools/packages.sh docker-registry
            part "set-up of machines, programs" .venv/bin/python tools/demo.py --prepare-only --coe kubernetes --also v1.21.0
            # They wait more than they compute.
            part "Kubernetes" "${pytest[@]}" --numprocesses=2 --dist=loadgroup --durations=10 tests/kubernetes
        else
            summary+=("LEFT OUT, because it needs root: tests/kubernetes")
        fi
        ;;
    openstack | openstack-full)
        if [ "$suite" = openstack-full ]; then export MAGNUM_EVERY_COMBINATION=1; fi
        part "what is left of the last lab" tools/lab.sh clean --folder "$MAGNUM_LAB"
        if [ "$(id -u)" -eq 0 ]; then
            part "set-up of machines, programs" .venv/bin/python tools/demo.py --prepare-only --coe kubernetes --also v1.21.0
        fi
        LAB_PORT=15000 part "the lab" tools/lab.sh start --folder "$MAGNUM_LAB"
        part "OpenStack" "${pytest[@]}" --durations=10 tests/openstack
        part "the end of the lab" tools/lab.sh clean --folder "$MAGNUM_LAB"
        ;;
    clients)
        part "set-up of clients and Keystone" tools/environments.sh "${clients[@]}"
        part "clients" "${together[@]}" tests/functional/clients
        ;;
    openapi)
        export MAGNUM_OPENAPI_EXAMPLES="${MAGNUM_OPENAPI_EXAMPLES:-200}"
        part "the document" "${pytest[@]}" tests/functional/openapi
        ;;
esac
