# shellcheck shell=bash
# Whether what this node runs of Kubernetes is well, each asked in its own way.

# shellcheck source=../../lib/units.sh
source "${BASH_SOURCE[0]%/*}/../../lib/units.sh"

readonly own_certificates="$MAGNUM_ROOT/etc/magnum/certificates"

ask() { # URL CURL-OPTION...
  curl --silent --show-error --fail --noproxy '*' --max-time 5 --output /dev/null "$@"
}

api_port() {
  sed -n 's/.*--secure-port=\([0-9]*\).*/\1/p' "$MAGNUM_ROOT/etc/systemd/system/kube-apiserver.service"
}

# A member of etcd is well when it knows a leader.
etcd_answers() {
  ask https://127.0.0.1:2379/health --cacert "$own_certificates/etcd-ca.crt" \
    --cert "$own_certificates/apiserver-etcd.crt" --key "$own_certificates/apiserver-etcd.key"
}

# The others show each their own certificate, made by themselves, and only to this node.
api_is_ready() {
  ask "https://127.0.0.1:$(api_port)/readyz" --cacert "$own_certificates/ca.crt" \
    --cert "$own_certificates/scheduler.crt" --key "$own_certificates/scheduler.key"
}
controller_manager_is_healthy() { ask https://127.0.0.1:10257/healthz --insecure; }
scheduler_is_healthy() { ask https://127.0.0.1:10259/healthz --insecure; }
kubelet_is_healthy() { ask http://127.0.0.1:10248/healthz; }
proxy_is_healthy() { ask http://127.0.0.1:10256/healthz; }

until_well() { # UNIT-WITHOUT-SERVICE
  case $1 in
    etcd) until_true 300 "etcd is not healthy" etcd.service etcd_answers ;;
    kube-apiserver) until_true 300 "the API server is not ready" kube-apiserver.service api_is_ready ;;
    kube-controller-manager)
      until_true 120 "the controller manager is not healthy" kube-controller-manager.service \
        controller_manager_is_healthy
      ;;
    kube-scheduler) until_true 120 "the scheduler is not healthy" kube-scheduler.service scheduler_is_healthy ;;
    kubelet) until_true 120 "the kubelet is not healthy" kubelet.service kubelet_is_healthy ;;
    kube-proxy) until_true 120 "kube-proxy is not healthy" kube-proxy.service proxy_is_healthy ;;
    *) fail "nothing is known of $1" ;;
  esac
}
