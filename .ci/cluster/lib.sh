# What build, up, down and peers share: folders, messages, the packages a machine needs. Sourced, not run.
set -euo pipefail

CLUSTER_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE_DIR=${KUBE_EXT_CLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kube-ext-cluster}
BIN_DIR=$CACHE_DIR/bin
IMAGE_DIR=$CACHE_DIR/images
# Clusters live here, one folder each: keys, logs, data and the pids of what was started.
STATE_DIR=${KUBE_EXT_CLUSTER_STATE:-${XDG_RUNTIME_DIR:-/tmp}/kube-ext-clusters-$(id -u)}

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# The version of a module that a go.mod pins: module_version FOLDER MODULE
module_version() {
  awk -v module="$2" '$1 == "require" { $1 = ""; $0 = $0 } $1 == module { print $2; exit }' "$CLUSTER_DIR/go/$1/go.mod"
}

# Debian packages by name; elsewhere, or without root, the caller's own check says what is missing.
install_packages() {
  local missing=() package
  command -v dpkg-query > /dev/null && command -v apt-get > /dev/null && [ "$(id -u)" = 0 ] || return 0
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0
  say "installing ${missing[*]}"
  apt-get update -q > /dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" > /dev/null
}

need_commands() {
  local command
  for command in "$@"; do command -v "$command" > /dev/null || die "$command is not installed"; done
}
