//! What claims and volumes say.

use serde_json::Value;

use super::{Found, at, text};
use crate::owners::relation::Relation;

pub(super) fn claim<'a>(claim: &'a Value, found: &mut Found<'a>) {
    found.add_global(Relation::Volume, ("", "PersistentVolume"), text(claim, &["spec", "volumeName"]));
    class(claim, found);
}

pub(super) fn volume<'a>(volume: &'a Value, found: &mut Found<'a>) {
    class(volume, found);
}

/// The annotation is what counts if it is there, empty as it may be (`pkg/apis/core/v1/helper`).
fn class<'a>(object: &'a Value, found: &mut Found<'a>) {
    let annotation = ["metadata", "annotations", "volume.beta.kubernetes.io/storage-class"];
    let name = match at(object, &annotation).and_then(Value::as_str) {
        Some(name) => Some(name).filter(|name| !name.is_empty()),
        None => text(object, &["spec", "storageClassName"]),
    };
    found.add_global(Relation::StorageClass, ("storage.k8s.io", "StorageClass"), name);
}

#[cfg(test)]
mod tests {
    use super::super::tests::said;

    const CLAIMS: (&str, &str) = ("", "persistentvolumeclaims");
    const VOLUMES: (&str, &str) = ("", "persistentvolumes");

    #[test]
    fn claims() {
        let claim = "
metadata: {name: data-web-0, namespace: shop, annotations: {pv.kubernetes.io/bind-completed: 'yes'}}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
  storageClassName: standard
  volumeMode: Filesystem
  volumeName: pvc-6f1f3f4e
status: {phase: Bound}
";
        let expected =
            ["volume: PersistentVolume pvc-6f1f3f4e", "storage class: StorageClass.storage.k8s.io standard"];
        assert_eq!(said(CLAIMS, claim), expected);
        assert!(
            said(CLAIMS, "{metadata: {namespace: shop}, spec: {volumeName: '', storageClassName: ''}}")
                .is_empty()
        );
        assert!(
            said(CLAIMS, "{metadata: {namespace: shop}, spec: {volumeName: 3, storageClassName: [a]}}")
                .is_empty()
        );
    }

    #[test]
    fn volumes() {
        let volume = "
metadata: {name: pvc-6f1f3f4e}
spec:
  claimRef: {kind: PersistentVolumeClaim, namespace: shop, name: data-web-0}
  csi: {driver: d, volumeHandle: h, nodePublishSecretRef: {name: it, namespace: shop}}
  storageClassName: standard
";
        assert_eq!(said(VOLUMES, volume), ["storage class: StorageClass.storage.k8s.io standard"]);
    }

    #[test]
    fn classes() {
        let table = [
            ("volume.beta.kubernetes.io/storage-class: old", Some("old")),
            ("volume.beta.kubernetes.io/storage-class: ''", None),
            ("volume.beta.kubernetes.io/storage-class: null", Some("new")),
            ("volume.beta.kubernetes.io/storage-provisioner: old", Some("new")),
        ];
        for (annotation, expected) in table {
            let object =
                format!("{{metadata: {{annotations: {{{annotation}}}}}, spec: {{storageClassName: new}}}}");
            let expected = expected.map(|name| format!("storage class: StorageClass.storage.k8s.io {name}"));
            for kind in [CLAIMS, VOLUMES] {
                assert_eq!(said(kind, &object), Vec::from_iter(expected.clone()), "{annotation}");
            }
        }
    }
}
