# shellcheck shell=bash
# The node's keys and certificates. A private key is made here and never leaves; the service signs a request that
# names what the key is for.
#
# Keys are EC P-256: made in milliseconds on the smallest machine. A key that is there is kept, so that a step run
# again asks for a certificate of the same key.

# shellcheck source=http.sh
source "${BASH_SOURCE[0]%/*}/http.sh"

readonly certificates=/etc/magnum/certificates

fetch_ca() { # FILE-NAME [CA-TYPE]
  local cluster pem
  cluster=$(value cluster_uuid)
  api "fetch the cluster's CA certificate" "$scratch/ca" "certificates/$cluster${2:+?ca_cert_type=$2}"
  pem=$(json_text pem "$scratch/ca")
  openssl x509 -noout <<<"$pem" || fail "what the service gave as the cluster's CA is no certificate"
  install_file "$certificates/$1" 0644 <<<"$pem"
}

# Makes NAME.key and NAME.crt, and sees that the CA in CA-FILE vouches for it. What proves itself to servers alone may
# have no alternative names.
make_certificate() { # NAME SUBJECT EXTENDED-KEY-USAGE ALTERNATIVE-NAMES CA-FILE [CA-TYPE]
  local key="$certificates/$1.key" cluster request pem alternatives=()
  cluster=$(value cluster_uuid)
  if [[ -n $4 ]]; then alternatives=(-addext "subjectAltName = $4"); fi
  if [[ ! -s $MAGNUM_ROOT$key ]]; then
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 | install_file "$key" 0600
  fi
  request=$(openssl req -new -key "$MAGNUM_ROOT$key" -subj "$2" \
    -config <(printf '[req]\ndistinguished_name = subject\n[subject]\n') \
    -addext "keyUsage = critical, digitalSignature" -addext "extendedKeyUsage = $3" "${alternatives[@]}")
  printf '{"cluster_uuid": %s, "ca_cert_type": %s, "csr": %s}' "$(quoted "$cluster")" "$(quoted "${6:-kubernetes}")" \
    "$(quoted "$request"$'\n')" >"$scratch/request"
  api "have the $1 certificate signed" "$scratch/signed" certificates --header "Content-Type: application/json" \
    --data-binary "@$scratch/request"
  pem=$(json_text pem "$scratch/signed")
  openssl verify -CAfile "$MAGNUM_ROOT$certificates/$5" <<<"$pem" >/dev/null ||
    fail "the cluster's CA does not vouch for the $1 certificate"
  install_file "$certificates/$1.crt" 0644 <<<"$pem"
}
