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

architecture() {
  local machine
  local -A names=([x86_64]=amd64 [aarch64]=arm64 [ppc64le]=ppc64le [s390x]=s390x)
  machine=$(uname -m)
  printf '%s' "${names[$machine]:-$machine}"
}

digest_of() { # FILE
  local sum
  sum=$(sha256sum <"$1")
  printf '%s' "${sum%% *}"
}

# Goes on with what is in the file. One that has come whole and is wrong is begun anew.
download() { # URL FILE DIGEST
  local found
  if [[ ! -s $2 || $(digest_of "$2") != "$3" ]]; then
    curl --fail --location --silent --show-error --proto '=https,http' --connect-timeout 20 --speed-limit 1024 \
      --speed-time 60 --max-filesize 1073741824 --continue-at - --output "$2" "$1" || {
      # It cannot go on: the server does not know how, or there is no more of it.
      local code=$?
      if ((code == 33 || code == 22)); then rm -f -- "$2"; fi
      return "$code"
    }
  fi
  found=$(digest_of "$2")
  if [[ $found != "$3" ]]; then
    rm -f -- "$2"
    echo "$1 has the SHA-256 $found and not $3, so it is not used" >&2
    return 1
  fi
}
