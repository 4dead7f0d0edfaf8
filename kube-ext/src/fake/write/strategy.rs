//! What is particular to some kinds (`strategy.go` and `storage.go` of each in `k8s.io/kubernetes/pkg/registry`).
use serde_json::{Value, json};

use super::{object::Object, own};
use crate::fake::kinds::Kind;

/// Kinds that count the changes of their spec.
const WITH_GENERATION: [&str; 29] = [
    "cronjobs.batch",
    "customresourcedefinitions.apiextensions.k8s.io",
    "daemonsets.apps",
    "deployments.apps",
    "deviceclasses.resource.k8s.io",
    "devicetaintrules.resource.k8s.io",
    "endpointslices.discovery.k8s.io",
    "flowschemas.flowcontrol.apiserver.k8s.io",
    "ingressclasses.networking.k8s.io",
    "ingresses.networking.k8s.io",
    "jobs.batch",
    "mutatingadmissionpolicies.admissionregistration.k8s.io",
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "networkpolicies.networking.k8s.io",
    "poddisruptionbudgets.policy",
    "pods",
    "podtemplates",
    "priorityclasses.scheduling.k8s.io",
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
    "replicasets.apps",
    "replicationcontrollers",
    "resourceslices.resource.k8s.io",
    "statefulsets.apps",
    "storageversionmigrations.storagemigration.k8s.io",
    "validatingadmissionpolicies.admissionregistration.k8s.io",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
    "apiservices.apiregistration.k8s.io",
];

/// Kinds that a deletion answers with the object that is gone, not with a `Status`.
const ANSWER_DELETED: [&str; 17] = [
    "csidrivers.storage.k8s.io",
    "csinodes.storage.k8s.io",
    "deviceclasses.resource.k8s.io",
    "devicetaintrules.resource.k8s.io",
    "namespaces",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "podtemplates",
    "resourceclaims.resource.k8s.io",
    "resourceclaimtemplates.resource.k8s.io",
    "resourcequotas",
    "resourceslices.resource.k8s.io",
    "serviceaccounts",
    "services",
    "storageclasses.storage.k8s.io",
    "volumeattachments.storage.k8s.io",
];

/// Built-in kinds whose updates must tell the version that they were made from.
const CONDITIONAL: [&str; 16] = [
    "clustertrustbundles.certificates.k8s.io",
    "csidrivers.storage.k8s.io",
    "csinodes.storage.k8s.io",
    "csistoragecapacities.storage.k8s.io",
    "customresourcedefinitions.apiextensions.k8s.io",
    "leasecandidates.coordination.k8s.io",
    "leases.coordination.k8s.io",
    "mutatingadmissionpolicies.admissionregistration.k8s.io",
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "poddisruptionbudgets.policy",
    "runtimeclasses.node.k8s.io",
    "validatingadmissionpolicies.admissionregistration.k8s.io",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
    "volumeattachments.storage.k8s.io",
];

/// Kinds that an update creates.
const CREATED_BY_UPDATE: [&str; 11] = [
    "clusterrolebindings.rbac.authorization.k8s.io",
    "clusterroles.rbac.authorization.k8s.io",
    "endpoints",
    "events",
    "leasecandidates.coordination.k8s.io",
    "leases.coordination.k8s.io",
    "limitranges",
    "rolebindings.rbac.authorization.k8s.io",
    "roles.rbac.authorization.k8s.io",
    "runtimeclasses.node.k8s.io",
    "services",
];

/// Metadata that a write to `status` leaves alone (`ResetObjectMetaForStatus`).
const STATUS_METADATA: [&str; 5] =
    ["labels", "annotations", "finalizers", "ownerReferences", "deletionTimestamp"];

pub(super) fn has_generation(kind: &Kind) -> bool {
    kind.custom.is_some() || WITH_GENERATION.contains(&&*kind.storage)
}

pub(super) fn answers_deleted(kind: &Kind) -> bool {
    ANSWER_DELETED.contains(&&*kind.storage)
}

pub(super) fn needs_version(kind: &Kind) -> bool {
    kind.custom.is_some() || CONDITIONAL.contains(&&*kind.storage)
}

pub(super) fn created_by_update(kind: &Kind) -> bool {
    CREATED_BY_UPDATE.contains(&&*kind.storage)
}

pub(super) fn has_status(kind: &Kind) -> bool {
    kind.subresource("status").is_some()
}

/// Gives a new object what the server gives it, and takes what the user may not set.
pub(super) fn prepare_create(kind: &Kind, object: &mut Object) {
    if has_generation(kind) {
        object.set("generation", 1);
    }
    // A kubelet registers its node with its status.
    if has_status(kind) && &*kind.storage != "nodes" {
        object.content.remove("status");
    }
    initial(kind, object);
}

/// What a new object of a built-in kind has without being told.
pub(super) fn initial(kind: &Kind, object: &mut Object) {
    if &*kind.storage == "namespaces" {
        let finalizers = object.pointer("/spec/finalizers").and_then(Value::as_array).cloned();
        let mut finalizers = finalizers.unwrap_or_default();
        if !finalizers.iter().any(|finalizer| finalizer == "kubernetes") {
            finalizers.push("kubernetes".into());
        }
        object.set_in("spec", "finalizers", finalizers);
        let name = object.name().to_owned();
        let labels = object.metadata.entry("labels").or_insert_with(|| json!({}));
        if let Some(labels) = labels.as_object_mut() {
            labels.insert("kubernetes.io/metadata.name".to_owned(), name.into());
        }
    }
    if &*kind.storage == "leases.coordination.k8s.io" {
        object.content.entry("spec").or_insert_with(|| json!({}));
    }
    own::complete(kind, object);
    let status = match &*kind.storage {
        "namespaces" => json!({"phase": "Active"}),
        "persistentvolumeclaims" | "persistentvolumes" | "pods" => json!({"phase": "Pending"}),
        "services" | "ingresses.networking.k8s.io" => json!({"loadBalancer": {}}),
        "replicasets.apps" | "replicationcontrollers" => json!({"replicas": 0}),
        "statefulsets.apps" => json!({"availableReplicas": 0, "replicas": 0}),
        "daemonsets.apps" => json!({
            "currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0,
        }),
        "poddisruptionbudgets.policy" => json!({
            "currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0,
        }),
        _ if kind.custom.is_none() && has_status(kind) => json!({}),
        _ => return,
    };
    let present = object.content.entry("status").or_insert_with(|| json!({}));
    if let (Some(present), Value::Object(status)) = (present.as_object_mut(), status) {
        for (field, value) in status {
            present.entry(field).or_insert(value);
        }
    }
}

/// Takes back what an update of the object itself may not change.
pub(super) fn prepare_update(kind: &Kind, new: &mut Object, old: &Object) {
    own::complete(kind, new);
    if has_status(kind) {
        keep_part(new, old, "status");
    }
    if &*kind.storage == "namespaces" {
        keep_part(new, old, "spec");
    }
    count_generation(kind, new, old);
}

/// Takes back all but the status, and the metadata that the kind lets go with it.
pub(super) fn prepare_status_update(kind: &Kind, new: &mut Object, old: &Object) {
    let status = new.content.remove("status");
    new.content.clone_from(&old.content);
    match status {
        Some(status) => new.content.insert("status".to_owned(), status),
        None => new.content.remove("status"),
    };
    match &*kind.storage {
        _ if kind.custom.is_some() => {
            let managed = new.metadata.remove("managedFields");
            let version = new.metadata.get("resourceVersion").cloned();
            new.metadata.clone_from(&old.metadata);
            new.metadata.extend(version.map(|version| ("resourceVersion".to_owned(), version)));
            new.metadata.remove("managedFields");
            new.metadata.extend(managed.map(|managed| ("managedFields".to_owned(), managed)));
        }
        "deployments.apps" => new.keep(old, &["labels"]),
        "pods" => new.keep(old, &["ownerReferences"]),
        "customresourcedefinitions.apiextensions.k8s.io"
        | "flowschemas.flowcontrol.apiserver.k8s.io"
        | "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io"
        | "resourceclaims.resource.k8s.io"
        | "servicecidrs.networking.k8s.io"
        | "validatingadmissionpolicies.admissionregistration.k8s.io"
        | "volumeattachments.storage.k8s.io" => new.keep(old, &STATUS_METADATA),
        _ => {}
    }
}

/// One generation more if anything but metadata changed. A status that has a path of its own has not.
fn count_generation(kind: &Kind, new: &mut Object, old: &Object) {
    if has_generation(kind) && new.content != old.content {
        new.set("generation", old.number("generation").unwrap_or(0) + 1);
    }
}

fn keep_part(new: &mut Object, old: &Object, part: &str) {
    match old.content.get(part) {
        Some(value) => new.content.insert(part.to_owned(), value.clone()),
        None => new.content.remove(part),
    };
}
