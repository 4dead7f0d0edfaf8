# What build, up, down, restart-apiserver and peers share: folders, messages, the packages a machine needs. Sourced, not run.
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

# The settings of every build, and one at a time of each kind, so that no `up` waits for benches: prepare_builds KIND
prepare_builds() {
  mkdir -p "$BIN_DIR" "$IMAGE_DIR"
  exec 9> "$CACHE_DIR/$1.lock"
  flock 9
  # Each module is held to our go.sum; no checksum database is asked.
  export CGO_ENABLED=0 GOFLAGS='-mod=readonly -buildvcs=false' GOTOOLCHAIN=local GONOSUMDB='*'
}

# Builds commands of a module into $BIN_DIR unless all is as at the last build: build_module FOLDER LDFLAGS PACKAGE...
build_module() {
  local folder=$1 flags=$2 stamp started=$SECONDS
  shift 2
  stamp=$(cd "$CLUSTER_DIR/go/$folder" && { go version; echo "$flags"; find . -type f | sort | xargs cat; } | sha256sum)
  if [ "$(cat "$BIN_DIR/.${folder//\//-}" 2> /dev/null)" = "$stamp" ]; then return 0; fi
  say "building $folder"
  (cd "$CLUSTER_DIR/go/$folder" && go build -trimpath -ldflags "$flags" -o "$BIN_DIR/" "$@" >&2)
  echo "$stamp" > "$BIN_DIR/.${folder//\//-}"
  say "built $folder in $((SECONDS - started)) s"
}

# --- What up, down and restart-apiserver share: a cluster is a folder, $CLUSTER; a process of it is a file, $CLUSTER/pids/PART.

# The addresses of a full cluster are fixed: the same for its certificates, its settings and its checks.
HOST_LINK=kube-ext0
HOST_IP=10.244.255.1
NODE_IP=10.244.255.2
LINK_RANGE=10.244.255.0/30
POD_RANGE=10.244.0.0/24
SERVICE_RANGE=10.96.0.0/16
# Of the routes that only count when the link is gone.
GUARD_METRIC=4096

# How long each part may take. Generous: the machine may be busy.
PATIENCE=${KUBE_EXT_CLUSTER_PATIENCE:-180}

use_cluster() {
  [[ $1 =~ ^[a-z0-9][a-z0-9-]{0,39}$ ]] || die "a cluster's name is of a-z, 0-9 and -, not \"$1\""
  NAME=$1 CLUSTER=$STATE_DIR/$1
}

# One up or down at a time for each name. Whatever is started must not inherit the lock: it ends with 9>&-.
lock_cluster() {
  [ -d "$STATE_DIR" ] || { mkdir -p "$STATE_DIR" && chmod 700 "$STATE_DIR"; }
  [ -O "$STATE_DIR" ] || die "$STATE_DIR belongs to somebody else"
  exec 9> "$STATE_DIR/.$NAME.lock"
  flock -w 600 9 || die "another command has held cluster $NAME for 10 minutes"
}

# When a process started, in clock ticks since boot: with it a pid names one process for good. Empty for none.
started_at() {
  local stat
  stat=$(cat "/proc/$1/stat" 2> /dev/null) || return 0
  # The command's name may hold spaces and brackets; what follows it starts at field 3, and the time is field 22.
  read -ra stat <<< "${stat##*) }"
  [ "${stat[0]}" = Z ] || echo "${stat[19]}"
}

# The pid of a part if that very process still runs: pid_of PART
pid_of() {
  local pid started
  read -r pid started 2> /dev/null < "$CLUSTER/pids/$1" || return 1
  [ "$(started_at "$pid")" = "$started" ] && echo "$pid"
}

# Runs a command in the background that outlives the caller and holds none of its files: start PART COMMAND...
start() {
  local part=$1
  shift
  setsid "$@" > "$CLUSTER/logs/$part.log" 2>&1 < /dev/null 9>&- &
  echo "$! $(started_at $!)" > "$CLUSTER/pids/$part"
  disown
}

# Ends a part and the children in its process group, at once: a cluster that goes down has nothing left to save.
stop() {
  local pid
  if pid=$(pid_of "$1"); then
    kill -KILL -- "-$pid" 2> /dev/null || kill -KILL "$pid" 2> /dev/null || true
    has_ended "$1" 120 || die "$1 of cluster $NAME (pid $pid) does not end"
  fi
  rm -f "$CLUSTER/pids/$1"
}

# Waits until a part has ended: has_ended PART SECONDS
has_ended() {
  local end=$((SECONDS + $2))
  while pid_of "$1" > /dev/null; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.05
  done
}

# Says which part of a cluster failed, and why, and ends: fail_part PART MESSAGE
fail_part() {
  say "error: cluster $NAME: $1: $2"
  if [ -s "$CLUSTER/logs/$1.log" ]; then
    say "--- the last lines of $1:"
    tail -n 20 "$CLUSTER/logs/$1.log" >&2
  fi
  exit 1
}

# Polls until a command succeeds, while the process that should make it true lives: wait_for PART WHAT COMMAND...
wait_for() {
  local part=$1 what=$2 end=$((SECONDS + PATIENCE))
  shift 2
  until "$@" > /dev/null 2>&1; do
    pid_of "$part" > /dev/null || fail_part "$part" "ended before $what"
    [ $SECONDS -lt $end ] || fail_part "$part" "$what: not so after $PATIENCE s"
    sleep 0.2
  done
}

curl_server() { curl --silent --fail --max-time 10 --noproxy '*' --cacert "$CLUSTER/pki/ca.crt" "$@"; }

# Runs a command in the node's namespaces: in_node COMMAND...
in_node() {
  local pid
  pid=$(pid_of node) || { say "the node of cluster $NAME does not run"; return 1; }
  nsenter "--net=/proc/$pid/ns/net" "--mount=/proc/$pid/ns/mnt" "--pid=/proc/$pid/ns/pid_for_children" -- "$@"
}
