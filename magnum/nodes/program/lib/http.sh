# shellcheck shell=bash
# Calls to the services that a node talks to: the API of its cluster's service, Keystone and Heat.
#
# What may pass (no connection, 429, 5xx) is tried again with growing pauses until `http_seconds` are over: the
# service may be restarting, and a node that gives up early has to be made anew. Any other refusal is final and fails
# at once with what the service said. URLs and credentials reach curl through a pipe, never as arguments, which every
# user of a machine can read. When a node's token has ended, `proof` names the certificate that proves it instead. No
# proxy is used: these services are the cloud's own, and a proxy is for what containers and image pulls need from
# outside.

# shellcheck source=node.sh
source "${BASH_SOURCE[0]%/*}/node.sh"

http_seconds=${MAGNUM_HTTP_SECONDS:-1800}
readonly certificates=/etc/magnum/certificates
proof=

# curl's exit statuses that another try cannot mend: wrong use, a key that is not the expected one, an answer too
# large. A certificate that cannot be verified is not among them: the machine's clock may not be set yet.
readonly final_curl_statuses=" 1 2 3 4 26 58 59 63 66 77 90 "

http() { # WHAT ANSWER-FILE CONFIGURATION CURL-OPTION...
  local what=$1 answer=$2 configuration=$3 problem answered code
  local pause=1 deadline=$((SECONDS + http_seconds))
  shift 3
  while true; do
    code=0
    : >"$answer"
    answered=$(curl --config <(printf '%s\n' "$configuration") --silent --show-error --noproxy '*' \
      --connect-timeout 10 --max-time 60 --max-filesize 1048576 --output "$answer" --write-out '%{http_code}' \
      "$@" 2>"$scratch/problem") || code=$?
    if ((code == 0)) && [[ $answered == 2?? ]]; then return; fi
    if ((code == 0)); then
      problem="$what: answered $answered: $(head -c 300 "$answer" | tr -cd '\40-\176')"
      [[ $answered == 429 || $answered == 5?? ]] || fail "$problem"
    else
      problem="$what: $(head -c 300 "$scratch/problem" | tr -cd '\40-\176')"
      [[ $final_curl_statuses != *" $code "* ]] || fail "$problem"
    fi
    ((SECONDS + pause <= deadline)) || fail "$problem (tried for $http_seconds s)"
    echo "$problem; trying again in $pause s" >&2
    sleep "$pause"
    pause=$((pause < 8 ? pause * 2 : 15))
  done
}

# An authority that the node was given vouches for who is called, or else one of the system's, unless the operator has
# said that nobody needs to.
authority() { # NAME-OF-ARRAY
  local -n options=$1
  options=()
  if has_value verify_api; then
    options+=(--insecure)
  elif has_value api_ca; then
    options+=(--cacert "$node_data/api_ca")
  fi
}

keystone_token() {
  local url tls
  url=$(value keystone_auth_url)
  authority tls
  http "ask Keystone for a token" "$scratch/token" "url = $(quoted "$url/auth/tokens")" "${tls[@]}" \
    --header "Content-Type: application/json" --data-binary "@$node_data/keystone_request" \
    --dump-header "$scratch/headers"
  sed -n 's/^x-subject-token:[[:space:]]*\([A-Za-z0-9._~+/=-]*\).*/\1/Ip' "$scratch/headers"
}

# What is signed: the method, the path, the time and the digest of the body, each on a line. It holds for five minutes.
signed_headers() { # METHOD PATH BODY-FILE
  local own="$MAGNUM_ROOT$certificates/$proof" time digest signature certificate
  time=$(date +%s)
  digest=$(sha256sum <"$3")
  signature=$(printf 'magnum-node-1\n%s\n/v1/%s\n%s\n%s\n' "$1" "$2" "$time" "${digest%% *}" |
    openssl dgst -sha256 -sign "$own.key" | base64 --wrap=0)
  certificate=$(openssl x509 -in "$own.crt" -outform DER | base64 --wrap=0)
  printf 'header = "X-Magnum-Node-%s"\n' "Certificate: $certificate" "Time: $time" "Signature: $signature"
}

# The service's API may also prove itself by a key, and nothing but that key, that the node was told of.
api() { # WHAT ANSWER-FILE PATH [@BODY-FILE] CURL-OPTION...
  local what=$1 answer=$2 path=$3 method=GET body=/dev/null by url credential tls
  url="$(value api_url)/$path"
  shift 3
  if [[ ${1:-} == @* ]]; then
    method=POST body=${1#@}
    shift
    set -- --header "Content-Type: application/json" --data-binary "@$body" "$@"
  fi
  by=$(value auth)
  if [[ -n $proof ]]; then by=certificate; fi
  case $by in
    certificate) credential=$(signed_headers "$method" "$path" "$body") ;;
    token) credential="X-Magnum-Node-Token: $(value token)" ;;
    keystone) credential="X-Auth-Token: $(keystone_token)" ;;
    *) fail "auth is neither token nor keystone" ;;
  esac
  [[ $by == certificate ]] || credential="header = $(quoted "$credential")"
  authority tls
  if has_value api_pin; then tls=(--insecure --pinnedpubkey "sha256//$(value api_pin)"); fi
  http "$what" "$answer" "url = $(quoted "$url")"$'\n'"$credential" "${tls[@]}" \
    --header "OpenStack-API-Version: container-infra latest" --header "Accept: application/json" "$@"
}
