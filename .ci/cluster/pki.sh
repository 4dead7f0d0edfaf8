# Keys, certificates, tokens and kubeconfigs of one cluster, new for each. Sourced by up.

# A key and a self-signed certificate that may sign others: authority FILE CN
authority() {
  openssl_request "$1" "/CN=$2" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
}

# A key and its certificate: certificate FILE AUTHORITY SUBJECT USAGE [NAMES]
certificate() {
  openssl_request "$1" "$3" -CA "$PKI/$2.crt" -CAkey "$PKI/$2.key" \
    -addext basicConstraints=critical,CA:FALSE -addext "extendedKeyUsage=$4" ${5:+-addext "subjectAltName=$5"}
}

openssl_request() {
  local file=$1 subject=$2
  shift 2
  # With a configuration of our own, nothing of the machine's openssl.cnf ends up in a certificate.
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 365 -sha256 \
    -config <(printf '[req]\ndistinguished_name=dn\n[dn]\n') \
    -subj "$subject" -keyout "$PKI/$file.key" -out "$PKI/$file.crt" "$@" 2> "$CLUSTER/logs/openssl.log"
}

random_token() { openssl rand -hex 24; }

# One user per part of Kubernetes, and the two that tests use. A token each is all that they need.
make_tokens() {
  local user
  for user in "admin admin system:masters" "powerless powerless" \
    "controller-manager system:kube-controller-manager" "scheduler system:kube-scheduler" \
    "kubelet system:node:$NODE_NAME system:nodes" "kube-proxy system:kube-proxy"; do
    read -ra user <<< "$user"
    random_token > "$PKI/${user[0]}.token"
    echo "$(cat "$PKI/${user[0]}.token"),${user[1]},${user[0]},\"${user[2]-}\""
  done > "$PKI/tokens.csv"
}

# A kubeconfig with a context per user; the first is the current one: kubeconfig FILE SERVER USER...
kubeconfig() {
  local file=$1 server=$2 user
  shift 2
  {
    printf 'apiVersion: v1\nkind: Config\ncurrent-context: %s\n' "$1"
    printf 'clusters:\n- name: kube-ext-%s\n  cluster:\n    server: %s\n    certificate-authority-data: %s\n' \
      "$NAME" "$server" "$(base64 -w0 "$PKI/ca.crt")"
    printf 'contexts:\n'
    for user in "$@"; do printf -- '- name: %s\n  context: {cluster: kube-ext-%s, user: %s}\n' "$user" "$NAME" "$user"; done
    printf 'users:\n'
    for user in "$@"; do printf -- '- name: %s\n  user: {token: %s}\n' "$user" "$(cat "$PKI/$user.token")"; done
  } > "$file"
  chmod 600 "$file"
}

make_pki() {
  PKI=$CLUSTER/pki
  mkdir "$PKI"
  authority ca kube-ext
  certificate apiserver ca /CN=kube-apiserver serverAuth \
    "IP:127.0.0.1,IP:$HOST_IP,IP:${SERVICE_RANGE%.0/*}.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  openssl genrsa -out "$PKI/service-accounts.key" 2048 2> /dev/null
  openssl rsa -in "$PKI/service-accounts.key" -pubout -out "$PKI/service-accounts.pub" 2> /dev/null
  make_tokens
  if [ "$MODE" = full ]; then
    certificate apiserver-kubelet-client ca /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
    certificate kubelet ca "/O=system:nodes/CN=system:node:$NODE_NAME" serverAuth "IP:$NODE_IP,DNS:$NODE_NAME"
    authority front-proxy-ca kube-ext-front-proxy
    certificate front-proxy-client front-proxy-ca /CN=front-proxy-client clientAuth
  fi
}
