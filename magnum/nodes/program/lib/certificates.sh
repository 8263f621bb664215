# shellcheck shell=bash
# The node's keys and certificates. A private key is made here and never leaves; the service signs a request that
# names what the key is for.
#
# Keys are EC P-256: made in milliseconds on the smallest machine. A key that is there is kept, so that a step run
# again asks for a certificate of the same key.

# shellcheck source=http.sh
source "${BASH_SOURCE[0]%/*}/http.sh"

# Where they are put: where programs look for them, unless they are made beside those that are in use.
target=$certificates

fetch_ca() { # FILE-NAME [CA-TYPE]
  local cluster pem
  cluster=$(value cluster_uuid)
  api "fetch the cluster's CA certificate" "$scratch/ca" "certificates/$cluster${2:+?ca_cert_type=$2}"
  pem=$(json_text pem "$scratch/ca")
  openssl x509 -noout <<<"$pem" || fail "what the service gave as the cluster's CA is no certificate"
  install_file "$target/$1" 0644 <<<"$pem"
}

# Makes NAME.key and NAME.crt, and sees that the CA in CA-FILE vouches for it. What proves itself to servers alone may
# have no alternative names.
make_certificate() { # NAME SUBJECT EXTENDED-KEY-USAGE ALTERNATIVE-NAMES CA-FILE [CA-TYPE]
  local key="$target/$1.key" cluster request pem alternatives=()
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
  api "have the $1 certificate signed" "$scratch/signed" certificates "@$scratch/request"
  pem=$(json_text pem "$scratch/signed")
  openssl verify -CAfile "$MAGNUM_ROOT$target/$5" <<<"$pem" >/dev/null ||
    fail "the cluster's CA does not vouch for the $1 certificate"
  install_file "$target/$1.crt" 0644 <<<"$pem"
}

# All authorities that this node was told of. One that takes another's place is given together with it.
fetch_authorities() {
  local lines line file ca
  mapfile -t lines < <(value authorities)
  for line in "${lines[@]}"; do
    IFS='|' read -r file ca <<<"$line"
    fetch_ca "$file.crt" "$ca"
  done
}

# All certificates that this node was told of; the lists of them came with its data.
make_certificates() {
  local lines line file ca name subject usages names
  local -A authority_file
  mapfile -t lines < <(value authorities)
  for line in "${lines[@]}"; do
    IFS='|' read -r file ca <<<"$line"
    authority_file[$ca]=$file.crt
  done
  mapfile -t lines < <(value certificates)
  for line in "${lines[@]}"; do
    IFS='|' read -r name ca subject usages names <<<"$line"
    make_certificate "$name" "$subject" "$usages" "$names" "${authority_file[$ca]}" "$ca"
  done
}
