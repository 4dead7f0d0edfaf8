//! What a pod says: where it runs, as whom, and with what.

use serde_json::Value;

use super::{Found, Type, at, items, text};
use crate::owners::relation::Relation;

/// A relation, and the kind that it leads to.
type Use = (Relation, Type);

const CONFIG_MAP: Use = (Relation::ConfigMap, ("", "ConfigMap"));
const SECRET: Use = (Relation::Secret, ("", "Secret"));
const CLAIM: Use = (Relation::Claim, ("", "PersistentVolumeClaim"));

/// Where a volume has a secret, and the field that has its name.
const SECRETS: [(&[&str], &str); 10] = [
    (&["azureFile"], "secretName"),
    (&["cephfs", "secretRef"], "name"),
    (&["cinder", "secretRef"], "name"),
    (&["csi", "nodePublishSecretRef"], "name"),
    (&["flexVolume", "secretRef"], "name"),
    (&["iscsi", "secretRef"], "name"),
    (&["rbd", "secretRef"], "name"),
    (&["scaleIO", "secretRef"], "name"),
    (&["secret"], "secretName"),
    (&["storageos", "secretRef"], "name"),
];

pub(super) fn pod<'a>(pod: &'a Value, found: &mut Found<'a>) {
    let Some(spec) = at(pod, &["spec"]) else { return };
    found.add_global(Relation::Node, ("", "Node"), text(spec, &["nodeName"]));
    let account = text(spec, &["serviceAccountName"]).or_else(|| text(spec, &["serviceAccount"]));
    found.add_here(Relation::ServiceAccount, ("", "ServiceAccount"), account, false);
    if found.wants(&[Relation::ConfigMap, Relation::Secret, Relation::Claim]) {
        items(spec, &["volumes"]).for_each(|it| volume(pod, it, found));
    }
    if found.wants(&[Relation::ConfigMap, Relation::Secret]) {
        let containers = ["initContainers", "containers", "ephemeralContainers"];
        containers.iter().flat_map(|field| items(spec, &[field])).for_each(|it| container(it, found));
    }
    items(spec, &["imagePullSecrets"]).for_each(|it| add(SECRET, Some(it), "name", found));
}

fn volume<'a>(pod: &'a Value, volume: &'a Value, found: &mut Found<'a>) {
    add(CONFIG_MAP, at(volume, &["configMap"]), "name", found);
    for (path, field) in SECRETS {
        add(SECRET, at(volume, path), field, found);
    }
    for source in items(volume, &["projected", "sources"]) {
        add(CONFIG_MAP, at(source, &["configMap"]), "name", found);
        add(SECRET, at(source, &["secret"]), "name", found);
    }
    add(CLAIM, at(volume, &["persistentVolumeClaim"]), "claimName", found);
    if at(volume, &["ephemeral"]).is_some_and(Value::is_object) {
        let names = text(pod, &["metadata", "name"]).zip(text(volume, &["name"]));
        let name = names.map(|(pod, volume)| format!("{pod}-{volume}"));
        found.add_here(CLAIM.0, CLAIM.1, name, false);
    }
}

fn container<'a>(container: &'a Value, found: &mut Found<'a>) {
    for source in items(container, &["envFrom"]) {
        add(CONFIG_MAP, at(source, &["configMapRef"]), "name", found);
        add(SECRET, at(source, &["secretRef"]), "name", found);
    }
    for source in items(container, &["env"]).filter_map(|variable| at(variable, &["valueFrom"])) {
        add(CONFIG_MAP, at(source, &["configMapKeyRef"]), "name", found);
        add(SECRET, at(source, &["secretKeyRef"]), "name", found);
    }
}

/// Adds what a part of the pod names in that field.
fn add<'a>((relation, of): Use, part: Option<&'a Value>, field: &str, found: &mut Found<'a>) {
    if let Some(part) = part {
        let is_optional = at(part, &["optional"]).and_then(Value::as_bool).unwrap_or_default();
        found.add_here(relation, of, text(part, &[field]), is_optional);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::said;

    fn pod(spec: &str) -> Vec<String> {
        let spec: serde_yaml::Value = serde_yaml::from_str(spec).unwrap();
        let pod = serde_json::json!({"metadata": {"name": "web-0", "namespace": "shop"}, "spec": spec});
        said(("", "pods"), &pod.to_string())
    }

    #[test]
    fn where_and_as_whom() {
        let both = "{nodeName: worker-1, serviceAccountName: web, serviceAccount: old}";
        assert_eq!(pod(both), ["runs on: Node worker-1", "service account: ServiceAccount shop/web"]);
        assert_eq!(pod("{serviceAccount: old}"), ["service account: ServiceAccount shop/old"]);
        let empty = "{nodeName: '', serviceAccountName: '', serviceAccount: old}";
        assert_eq!(pod(empty), ["service account: ServiceAccount shop/old"]);
        assert!(pod("{nodeName: 7, serviceAccountName: [web], serviceAccount: {name: web}}").is_empty());
    }

    #[test]
    fn volumes() {
        let table = [
            ("{configMap: {name: it}}", "config map: ConfigMap shop/it"),
            ("{configMap: {name: it, optional: true}}", "config map?: ConfigMap shop/it"),
            ("{configMap: {name: it, optional: false}}", "config map: ConfigMap shop/it"),
            ("{configMap: {name: it, optional: 'true'}}", "config map: ConfigMap shop/it"),
            ("{secret: {secretName: it, defaultMode: 420}}", "secret: Secret shop/it"),
            ("{secret: {secretName: it, optional: true}}", "secret?: Secret shop/it"),
            ("{azureFile: {secretName: it, shareName: files}}", "secret: Secret shop/it"),
            ("{cephfs: {monitors: [m], secretFile: /f, secretRef: {name: it}}}", "secret: Secret shop/it"),
            ("{cinder: {volumeID: v, secretRef: {name: it}}}", "secret: Secret shop/it"),
            ("{csi: {driver: d, nodePublishSecretRef: {name: it}}}", "secret: Secret shop/it"),
            ("{flexVolume: {driver: d, secretRef: {name: it}}}", "secret: Secret shop/it"),
            ("{iscsi: {iqn: i, lun: 0, secretRef: {name: it}}}", "secret: Secret shop/it"),
            ("{rbd: {image: i, monitors: [m], secretRef: {name: it}}}", "secret: Secret shop/it"),
            ("{scaleIO: {gateway: g, system: s, secretRef: {name: it}}}", "secret: Secret shop/it"),
            ("{storageos: {volumeName: v, secretRef: {name: it}}}", "secret: Secret shop/it"),
            ("{projected: {sources: [{configMap: {name: it}}]}}", "config map: ConfigMap shop/it"),
            ("{projected: {sources: [{secret: {name: it, optional: true}}]}}", "secret?: Secret shop/it"),
            ("{persistentVolumeClaim: {claimName: it}}", "claim: PersistentVolumeClaim shop/it"),
            (
                "{ephemeral: {volumeClaimTemplate: {spec: {storageClassName: fast}}}}",
                "claim: PersistentVolumeClaim shop/web-0-data",
            ),
        ];
        for (source, expected) in table {
            let source = source.trim_start_matches('{');
            assert_eq!(pod(&format!("{{volumes: [{{name: data, {source}]}}")), [expected], "{source}");
        }
    }

    #[test]
    fn volumes_of_nothing() {
        let table = [
            "{emptyDir: {}}",
            "{hostPath: {path: /data}}",
            "{image: {reference: 'registry.example/data:1'}}",
            "{configMap: {}}",
            "{configMap: {name: ''}}",
            "{configMap: null}",
            "{secret: {name: it}}",
            "{secret: it}",
            "{secret: {secretName: 1}}",
            "{azureFile: {secretName: ''}}",
            "{cephfs: {secretRef: null}}",
            "{cephfs: {secretRef: {}}}",
            "{cephfs: {secretFile: /etc/secret}}",
            "{csi: {driver: d, secretRef: {name: it}}}",
            "{projected: {sources: null}}",
            "{projected: {sources: {secret: {name: it}}}}",
            "{projected: {sources: [null, 1, {secret: {secretName: it}}, {downwardAPI: {}}]}}",
            "{projected: {sources: [{serviceAccountToken: {path: token}}]}}",
            "{persistentVolumeClaim: {claimName: null}}",
            "{ephemeral: null}",
            "{ephemeral: []}",
        ];
        for source in table {
            let source = source.trim_start_matches('{');
            let said = pod(&format!("{{volumes: [{{name: data, {source}]}}"));
            assert!(said.is_empty(), "{source}: {said:?}");
        }
        assert!(pod("{volumes: [{ephemeral: {}}]}").is_empty(), "a volume without a name");
    }

    #[test]
    fn containers() {
        let spec = "
initContainers:
- name: setup
  envFrom: [{configMapRef: {name: setup}}, {secretRef: {name: setup, optional: true}}]
containers:
- name: app
  env:
  - {name: PLAIN, value: text}
  - {name: MODE, valueFrom: {configMapKeyRef: {name: app, key: mode}}}
  - {name: PASSWORD, valueFrom: {secretKeyRef: {name: app, key: password}}}
  - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
  - {name: BROKEN, valueFrom: null}
- name: sidecar
  env: null
  envFrom: [null, {prefix: A_}, {configMapRef: {name: ''}}, {secretRef: {name: 3}}]
ephemeralContainers:
- name: debugger
  targetContainerName: app
  env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: debug, key: token, optional: true}}}]
imagePullSecrets: [{name: registry}, {name: ''}, {}, null]
";
        let expected = [
            "config map: ConfigMap shop/app",
            "config map: ConfigMap shop/setup",
            "secret: Secret shop/app",
            "secret?: Secret shop/debug",
            "secret: Secret shop/registry",
            "secret?: Secret shop/setup",
        ];
        assert_eq!(pod(spec), expected);
    }

    /// Something may only be absent if all say so.
    #[test]
    fn optional() {
        let volume =
            |is_optional: bool| format!("volumes: [{{secret: {{secretName: it, optional: {is_optional}}}}}]");
        let variable = |is_optional: bool| {
            format!("containers: [{{envFrom: [{{secretRef: {{name: it, optional: {is_optional}}}}}]}}]")
        };
        let pulls = "imagePullSecrets: [{name: it}]";
        let table = [
            (vec![volume(true), variable(true)], "secret?: Secret shop/it"),
            (vec![volume(true), variable(false)], "secret: Secret shop/it"),
            (vec![volume(false), variable(true)], "secret: Secret shop/it"),
            (vec![volume(true), variable(true), pulls.to_owned()], "secret: Secret shop/it"),
        ];
        for (parts, expected) in table {
            assert_eq!(pod(&parts.join("\n")), [expected], "{parts:?}");
        }
        // A config map is another thing of that name.
        let both = "volumes: [{configMap: {name: it, optional: true}}, {secret: {secretName: it}}]";
        assert_eq!(pod(both), ["config map?: ConfigMap shop/it", "secret: Secret shop/it"]);
    }

    /// What would be in its namespace cannot be said without one.
    #[test]
    fn no_namespace() {
        let spec = "{nodeName: worker-1, serviceAccountName: web, imagePullSecrets: [{name: it}]}";
        let pod = format!("{{metadata: {{name: web-0, namespace: ''}}, spec: {spec}}}");
        assert_eq!(said(("", "pods"), &pod), ["runs on: Node worker-1"]);
    }
}
