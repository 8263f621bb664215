# shellcheck shell=bash
# What a server gets from outside: through the proxies that the node was given, and tried again.

# shellcheck source=../../lib/node.sh
source "${BASH_SOURCE[0]%/*}/../../lib/node.sh"

# For programs that are started from here on, in the environment, where others cannot read it.
use_proxies() {
  local name
  for name in http_proxy https_proxy no_proxy; do
    if has_value "$name"; then
      printf -v "$name" '%s' "$(value "$name")"
      export "${name?}"
    fi
  done
}

# Leaves why not in $scratch/problem.
try_again() { # TIMES COMMAND...
  local tries=$1 pause=2
  shift
  while ! "$@" >"$scratch/output" 2>"$scratch/problem"; do
    tries=$((tries - 1))
    ((tries > 0)) || return 1
    sleep "$pause"
    pause=$((pause * 2))
  done
}

problem() {
  tail -n 3 "$scratch/problem" | tr '\n' ' ' | tr -cd '\40-\176' | head -c 500
}
