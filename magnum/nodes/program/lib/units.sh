# shellcheck shell=bash
# Putting units of systemd to work, and waiting for what they run.

# shellcheck source=node.sh
source "${BASH_SOURCE[0]%/*}/node.sh"

# Now and at every boot. A unit that runs is started anew, because its files may have changed.
start_units() { # UNIT...
  systemctl daemon-reload
  systemctl --quiet enable "$@"
  systemctl restart --no-block "$@"
}

# What is asked of a program that comes up is answered by its own log when the time is over.
until_true() { # SECONDS WHAT-IS-WRONG UNIT FUNCTION
  local deadline=$((SECONDS + $1))
  until "$4" >"$scratch/answer" 2>&1; do
    if ((SECONDS >= deadline)); then
      echo "$2 after $1 s: $(tail -n 1 "$scratch/answer"); the log of $3 ends with:"
      journalctl --unit "$3" --no-pager --lines 8 --output cat | cut -c 1-200
      exit 1
    fi
    sleep 0.2
  done
}
