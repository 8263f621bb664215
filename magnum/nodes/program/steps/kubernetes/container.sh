# shellcheck shell=bash
# Whether this machine is a container that behaves like one: then kernel and disk are others' as well.

shares_kernel() {
  systemd-detect-virt --container --quiet
}
