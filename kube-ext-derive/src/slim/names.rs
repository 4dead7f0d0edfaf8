//! From the names of JSON fields to those of Rust fields, as `k8s-openapi` has them.

use std::borrow::Cow;

/// Those that do not follow from a capital a word: all of `k8s-openapi` 0.29, `v1_33` to `v1_37`.
const IRREGULAR: &[(&str, &str)] = &[
    ("$ref", "ref_path"),
    ("$schema", "schema"),
    ("Port", "port"),
    ("apiServerID", "api_server_id"),
    ("bootID", "boot_id"),
    ("clientCIDR", "client_cidr"),
    ("clientIP", "client_ip"),
    ("clusterIP", "cluster_ip"),
    ("clusterIPs", "cluster_ips"),
    ("containerID", "container_id"),
    ("continue", "continue_"),
    ("currentCPUUtilizationPercentage", "current_cpu_utilization_percentage"),
    ("datasetUUID", "dataset_uuid"),
    ("diskURI", "disk_uri"),
    ("downwardAPI", "downward_api"),
    ("enum", "enum_"),
    ("externalID", "external_id"),
    ("externalIPs", "external_ips"),
    ("hostIP", "host_ip"),
    ("hostIPC", "host_ipc"),
    ("hostIPs", "host_ips"),
    ("hostPID", "host_pid"),
    ("imageID", "image_id"),
    ("insecureSkipTLSVerify", "insecure_skip_tls_verify"),
    ("loadBalancerIP", "load_balancer_ip"),
    ("machineID", "machine_id"),
    ("nodeID", "node_id"),
    ("nodeUID", "node_uid"),
    ("nonResourceURLs", "non_resource_urls"),
    ("openAPIV3Schema", "open_api_v3_schema"),
    ("pdID", "pd_id"),
    ("podCIDR", "pod_cidr"),
    ("podCIDRs", "pod_cidrs"),
    ("podIP", "pod_ip"),
    ("podIPs", "pod_ips"),
    ("podUID", "pod_uid"),
    ("providerID", "provider_id"),
    ("resourceID", "resource_id"),
    ("scaleIO", "scale_io"),
    ("serverAddressByClientCIDRs", "server_address_by_client_cidrs"),
    ("serviceAccountUID", "service_account_uid"),
    ("setHostnameAsFQDN", "set_hostname_as_fqdn"),
    ("shareID", "share_id"),
    ("storagePolicyID", "storage_policy_id"),
    ("systemUUID", "system_uuid"),
    ("targetCPUUtilizationPercentage", "target_cpu_utilization_percentage"),
    ("targetWWNs", "target_wwns"),
    ("type", "type_"),
    ("volumeID", "volume_id"),
];

/// The Rust field of a JSON field.
pub(super) fn rust(json: &str) -> Cow<'static, str> {
    if let Some((_, rust)) = IRREGULAR.iter().find(|(irregular, _)| *irregular == json) {
        return Cow::Borrowed(rust);
    }
    let mut rust = String::with_capacity(json.len() + 4);
    for letter in json.chars() {
        match letter {
            '-' => rust.push('_'),
            letter if letter.is_ascii_uppercase() => {
                if !rust.is_empty() {
                    rust.push('_');
                }
                rust.push(letter.to_ascii_lowercase());
            }
            letter => rust.push(letter),
        }
    }
    Cow::Owned(rust)
}

/// Whether Kubernetes' own types spell a field like this. `pod_ip` and `podIp` lead to the Rust field of `podIP` as well, and to
/// nothing in an object's JSON.
pub(super) fn is_kubernetes(json: &str) -> bool {
    if json.starts_with("x-kubernetes-") || IRREGULAR.iter().any(|(irregular, _)| *irregular == json) {
        return true;
    }
    let is_camel = json.starts_with(|letter: char| letter.is_ascii_lowercase())
        && json.chars().all(|letter| letter.is_ascii_alphanumeric());
    let rust = rust(json);
    is_camel
        && !IRREGULAR
            .iter()
            .any(|(irregular, of)| *of == rust && *irregular != "$schema" && *irregular != "Port")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_k8s_openapi_names_them() {
        for (json, name) in [
            ("nodeName", "node_name"),
            ("podIPs", "pod_ips"),
            ("type", "type_"),
            ("fsGroup", "fs_group"),
            ("x-kubernetes-map-type", "x_kubernetes_map_type"),
            ("imagePullSecrets", "image_pull_secrets"),
        ] {
            assert_eq!(rust(json), name);
            assert!(is_kubernetes(json), "{json}");
        }
    }

    #[test]
    fn other_spellings_are_not_kubernetes() {
        for json in ["podIp", "pod_ip", "node_name", "NodeName", "hostIp", "node-name", ""] {
            assert!(!is_kubernetes(json), "{json}");
        }
        assert!(["port", "Port", "schema", "$schema"].map(is_kubernetes).iter().all(|is| *is));
    }
}
