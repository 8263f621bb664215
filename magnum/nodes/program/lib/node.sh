# shellcheck shell=bash
# What every part of the node program shares: the values that the node was given, scratch space, and how files are put
# in place.
#
# A value is the content of one file. It is read into a variable or handed on by its file's name; it is never sourced
# and never becomes shell text, so nothing in it can be run. MAGNUM_ROOT is empty on a machine; tests put it in front
# of every path.

if [[ -n ${node_data:-} ]]; then return; fi # another part has sourced it already

shopt -s inherit_errexit
umask 077
export LC_ALL=C

MAGNUM_ROOT=${MAGNUM_ROOT:-}
readonly node_data="$MAGNUM_ROOT/etc/magnum/node"

# In memory, not on disk, so that a node whose disk is full can still say so.
mkdir -p "$MAGNUM_ROOT/run"
scratch=$(mktemp -d "$MAGNUM_ROOT/run/magnum-node.XXXXXX")
readonly scratch
trap 'rm -rf -- "$scratch"' EXIT

fail() { # WHY
  printf '%s\n' "$1" >&2
  exit 1
}

has_value() { # NAME
  [[ -s $node_data/$1 ]]
}

value() { # NAME
  has_value "$1" || fail "$node_data/$1 is missing or empty: this machine was not given its $1"
  printf '%s' "$(<"$node_data/$1")"
}

# Puts standard input in place of a file, whole or not at all.
install_file() { # PATH MODE
  local path="$MAGNUM_ROOT$1" partial
  [[ -d ${path%/*} ]] || install --directory "${path%/*}"
  partial=$(mktemp "$path.XXXXXX")
  cat >"$partial"
  chmod "$2" "$partial"
  mv -f "$partial" "$path"
}

# A string as JSON writes it, and curl's configuration too. Other control characters than these two never come here:
# they are refused where the node's data is made, and taken out of what programs wrote.
quoted() { # TEXT
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  printf '"%s"' "$text"
}

# A member of a JSON object, a string whose only escapes are \n and \/: a certificate in PEM is one.
json_text() { # NAME FILE
  local text
  text=$(tr -d '\n' <"$2" | sed -n "s/.*\"$1\"[[:space:]]*:[[:space:]]*\"\([^\"]*\)\".*/\1/p")
  [[ -n $text ]] || fail "the answer holds no \"$1\""
  text=${text//\\n/$'\n'}
  printf '%s\n' "${text//\\\//\/}"
}

# An address as URLs have it.
url_host() { # ADDRESS
  if [[ $1 == *:* ]]; then printf '[%s]' "$1"; else printf '%s' "$1"; fi
}
