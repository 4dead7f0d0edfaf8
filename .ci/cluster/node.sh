# The node of a full cluster: a pid, a mount and a network namespace on this machine. Sourced by up.

# Whether any part of a cluster does: runs NAME
runs() {
  local CLUSTER=$STATE_DIR/$1 part
  for part in "$CLUSTER"/pids/*; do
    if [ -e "$part" ] && pid_of "${part##*/}" > /dev/null; then return 0; fi
  done
  return 1
}

# What cannot work is said before anything is started.
check_host() {
  local other range found controller
  [ "$(id -u)" = 0 ] || die "a full cluster needs root (namespaces, mounts, cgroups); without it there is 'up api'"
  for other in "$STATE_DIR"/*/mode; do
    [ "$(cat "$other" 2> /dev/null)" = full ] || continue
    other=$(basename "$(dirname "$other")")
    if runs "$other"; then
      die "only one full cluster at a time (its addresses are fixed), and there is one: $other"
    fi
    say "cluster $other has died; taking it down"
    (exec 9>&-; "$CLUSTER_DIR/down" "$other")
  done
  # No route of this machine may lie in our ranges, nor one around them that is not the default route.
  for range in "$LINK_RANGE" "$POD_RANGE" "$SERVICE_RANGE"; do
    found=$(ip -4 route show table all root "$range"; ip -4 route show table all match "$range" | grep -v ^default || true)
    [ -z "$found" ] || die "this machine already uses addresses of $range: $found"
  done
  if ip link show "$HOST_LINK" > /dev/null 2>&1; then die "this machine already has an interface $HOST_LINK"; fi
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    for controller in cpu cpuset memory pids; do
      grep -qw "$controller" /sys/fs/cgroup/cgroup.controllers || die "cgroups: the $controller controller is not there"
    done
  else
    for controller in cpu cpuacct cpuset memory pids; do
      mountpoint -q "/sys/fs/cgroup/$controller" || die "cgroups: no $controller hierarchy at /sys/fs/cgroup/$controller"
    done
  fi
  found=$(ls -d /sys/fs/cgroup/kubepods /sys/fs/cgroup/*/kubepods 2> /dev/null || true)
  [ -z "$found" ] || die "cgroups: another kubelet runs on this machine, or ran: $found"
}

# The node's namespaces, with all that they need before Kubernetes starts.
start_node_namespaces() {
  local pid range
  # Should the link go, because the node dies, its addresses must not fall to the default route.
  for range in "$LINK_RANGE" "$POD_RANGE" "$SERVICE_RANGE"; do
    ip route add unreachable "$range" metric "$GUARD_METRIC" || fail_part network "no route can be set for $range"
    echo "$range" >> "$CLUSTER/routes"
  done
  # pause reaps what shims leave behind. It dies with unshare, and all of the node with it.
  start node unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc "$BIN_DIR/pause"
  pid=$(pid_of node) || fail_part node "its namespaces cannot be made"
  wait_for node "it has a pid namespace" in_node true

  ip link add "$HOST_LINK" type veth peer name eth0 netns "$pid" || fail_part node "it cannot have a link to this machine"
  # Written down only now: the link that was in our way would not be ours to remove.
  echo "$HOST_LINK" > "$CLUSTER/link"
  ip link set "$HOST_LINK" addrgenmode none
  ip address add "$HOST_IP/30" dev "$HOST_LINK"
  ip link set "$HOST_LINK" up
  in_node bash -euc "
    ip link set lo up
    ip link set eth0 addrgenmode none
    ip address add $NODE_IP/30 dev eth0
    ip link set eth0 up
    # What the node sends to a service needs a route until kube-proxy has put a pod's address in its place.
    ip route add $SERVICE_RANGE dev lo src $NODE_IP
    # From here nothing leads on to anywhere: not by this machine, not by way of a pod.
    ip route add unreachable default
    ip -6 route add unreachable default
    sysctl -qw net.ipv4.ip_forward=1
  " > "$CLUSTER/logs/network.log" 2>&1 || fail_part network "the node's network cannot be set up"
  ip route add "$POD_RANGE" via "$NODE_IP" dev "$HOST_LINK"
  ip route add "$SERVICE_RANGE" via "$NODE_IP" dev "$HOST_LINK"
  "$CLUSTER_DIR/check-isolation" "$NAME" || fail_part network "packets could leave this machine"

  mkdir -p "$CLUSTER"/node/{run,lib,log,sysctl}
  in_node bash -euc "$(declare -f mount_node); mount_node \"\$@\"" - "$CLUSTER" "$CACHE_DIR" \
    > "$CLUSTER/logs/mounts.log" 2>&1 || fail_part mounts "the node's mounts cannot be made"
  # Of this machine too the node sees the API server and nothing else, whatever listens on all addresses here.
  in_node nft -f - << END > "$CLUSTER/logs/nftables.log" 2>&1 || fail_part nftables "kube-proxy needs it, and it does not work here"
table inet kube-ext {
  chain link { oifname "eth0" ct state new tcp dport != $SERVER_PORT reject; oifname "eth0" ct state new meta l4proto != tcp reject; }
  chain output { type filter hook output priority filter; jump link; }
  chain forward { type filter hook forward priority filter; jump link; }
}
END
}

# Gives the node its own /run, /var/lib and /var/log, so that everything in it can stay at its usual place and none of
# it ends up on the machine; and its own copies of the settings of the whole kernel that a kubelet changes.
mount_node() {
  local cluster=$1 folder place name fds=()
  mount --make-rshared /
  # A cluster's folder, or the commands, may lie in what is covered next: a descriptor keeps them in reach.
  for folder in "$@"; do
    exec {fd}< "$folder"
    fds+=("$fd")
  done
  mount --bind "$cluster/node/run" /run
  mount --no-canonicalize --bind "/proc/self/fd/${fds[0]}/node/lib" /var/lib
  mount --no-canonicalize --bind "/proc/self/fd/${fds[0]}/node/log" /var/log
  for folder in "$@"; do
    if [ ! -e "$folder" ]; then
      mkdir -p "$folder"
      mount --no-canonicalize --bind "/proc/self/fd/${fds[0]}" "$folder"
    fi
    fds=("${fds[@]:1}")
  done
  mkdir -p /var/lib/containerd
  for name in vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops \
    kernel.keys.root_maxkeys kernel.keys.root_maxbytes; do
    place=/proc/sys/${name//.//}
    [ -e "$place" ] || continue
    cat "$place" > "$cluster/node/sysctl/$name"
    mount --bind "$cluster/node/sysctl/$name" "$place"
  done
  # containerd's snapshots need it.
  mkdir -p /run/probe/{lower,upper,work,merged}
  mount -t overlay overlay -o lowerdir=/run/probe/lower,upperdir=/run/probe/upper,workdir=/run/probe/work /run/probe/merged
  umount /run/probe/merged
  rm -r /run/probe
}

write_node_settings() {
  local server=https://$HOST_IP:$SERVER_PORT
  kubeconfig "$CLUSTER/kubelet.kubeconfig" "$server" kubelet
  kubeconfig "$CLUSTER/kube-proxy.kubeconfig" "$server" kube-proxy
  mkdir -p "$CLUSTER/cni"
  : > "$CLUSTER/resolv.conf"

  cat > "$CLUSTER/containerd.toml" << END
version = 3
[plugins.'io.containerd.internal.v1.opt']
  path = "/var/lib/containerd/opt"
[plugins.'io.containerd.nri.v1.nri']
  disable = true
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "kube-ext.local/pause:1"
[plugins.'io.containerd.cri.v1.runtime']
  # Not every machine lets a process ask to be spared when memory runs out.
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["$BIN_DIR"]
    conf_dir = "$CLUSTER/cni"
  [plugins.'io.containerd.cri.v1.runtime'.containerd]
    default_runtime_name = "runc"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
        BinaryName = "$(command -v runc)"
        SystemdCgroup = false
END

  # A link per pod, as kind has it: on a shared bridge, a reply between two pods would not pass the node, and the
  # service's address would not be put back.
  cat > "$CLUSTER/cni/10-kube-ext.conflist" << END
{
  "cniVersion": "1.0.0",
  "name": "kube-ext",
  "plugins": [
    {
      "type": "ptp",
      "ipMasq": false,
      "ipam": {
        "type": "host-local",
        "dataDir": "/run/cni-addresses",
        "routes": [{"dst": "0.0.0.0/0"}],
        "ranges": [[{"subnet": "$POD_RANGE"}]]
      }
    }
  ]
}
END

  cat > "$CLUSTER/kubelet.yaml" << END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
readOnlyPort: 0
tlsCertFile: $PKI/kubelet.crt
tlsPrivateKeyFile: $PKI/kubelet.key
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $PKI/ca.crt}}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
resolvConf: $CLUSTER/resolv.conf
clusterDomain: cluster.local
# Nobody answers there; without it every pod gets an event that says so.
clusterDNS: [${SERVICE_RANGE%.0/*}.10]
volumePluginDir: /var/lib/kubelet/volume-plugins
# Memory and disk are the machine's, and how full they are says nothing about this node. A kubelet ignores 0%.
evictionHard: {memory.available: 0%, nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
END

  cat > "$CLUSTER/kube-proxy.yaml" << END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $CLUSTER/kube-proxy.kubeconfig}
hostnameOverride: $NODE_NAME
mode: nftables
clusterCIDR: $POD_RANGE
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
END
}

node_is_ready() {
  [ "$(kubectl get node "$NODE_NAME" \
    -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}{.spec.taints[*].key}')" = True ]
}

# Runs a part of Kubernetes in the node, which has its commands first in its PATH: start_in_node PART COMMAND...
start_in_node() {
  local part=$1 pid
  shift
  pid=$(pid_of node) || fail_part node "ended before $part"
  start "$part" nsenter "--net=/proc/$pid/ns/net" "--mount=/proc/$pid/ns/mnt" "--pid=/proc/$pid/ns/pid_for_children" -- \
    env "PATH=$BIN_DIR:$PATH" "$@"
}

start_node() {
  local image
  write_node_settings
  # The API server listens on loopback only; the node reaches it at this end of the link.
  start proxy socat "TCP-LISTEN:$SERVER_PORT,bind=$HOST_IP,reuseaddr,fork" "TCP:127.0.0.1:$SERVER_PORT"
  start_in_node containerd containerd --config "$CLUSTER/containerd.toml"
  wait_for containerd "it answers" in_node "$BIN_DIR/ctr" version
  for image in pause tools; do
    in_node "$BIN_DIR/ctr" --namespace k8s.io images import "$IMAGE_DIR/$image.tar" > "$CLUSTER/logs/images.log" 2>&1 ||
      fail_part images "$image.tar cannot be imported"
  done
  : > "$CLUSTER/cgroups"
  start_in_node kubelet kubelet --config="$CLUSTER/kubelet.yaml" --kubeconfig="$CLUSTER/kubelet.kubeconfig" \
    --hostname-override="$NODE_NAME" --node-ip="$NODE_IP"
  start_in_node kube-proxy kube-proxy --config="$CLUSTER/kube-proxy.yaml"
  wait_for kubelet "its node is Ready and takes pods" node_is_ready
  wait_for kube-proxy "it has written its rules" in_node curl -sf http://127.0.0.1:10256/healthz
  "$CLUSTER_DIR/check-isolation" "$NAME" || fail_part network "packets could leave this machine"
}
