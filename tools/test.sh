#!/usr/bin/env bash
# make test: all checks and tests, the quick ones first, with everything they need set up.
# Prints how long each part took and what was left out. Fails when it takes longer than its budget.
set -euo pipefail
cd "$(dirname "$0")/.."

budget=900
pytest=(.venv/bin/pytest --quiet)
summary=()

finish() {
    local status=$?
    printf '\n%s\n' "${summary[@]}"
    [ "$status" -eq 0 ] && echo "All of it passed in $SECONDS s (budget: $budget s)." || echo "FAILED after $SECONDS s."
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

part "set-up" tools/venv.sh
part "set-up of clients and Keystone" tools/environments.sh
part "set-up of database servers" tools/packages.sh postgresql mariadb-server-core mariadb-client-core
part "style, types, layers, scripts" tools/lint.sh
command -v shellcheck >/dev/null || summary+=("LEFT OUT: shellcheck, which is not installed.")
part "unit tests" "${pytest[@]}" --numprocesses=auto -m "not root" tests/unit
part "contracts, crashes, stories" "${pytest[@]}" --numprocesses=auto -m "not root" --durations=5 \
    --dist=loadgroup --ignore=tests/unit --ignore=tests/local tests
if [ "$(id -u)" -eq 0 ]; then
    part "set-up of machines" .venv/bin/python tools/demo.py --prepare-only
    part "real machines" "${pytest[@]}" --durations=10 -m root tests
else
    summary+=("LEFT OUT, because they need root:")
    mapfile -t left_out < <("${pytest[@]}" --collect-only -m root tests | grep :: | cut -d: -f1 | sort | uniq -c)
    summary+=("${left_out[@]}")
fi
