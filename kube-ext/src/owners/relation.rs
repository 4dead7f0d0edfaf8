//! What an object says of others, beside its owner references.

use std::{collections::BTreeSet, fmt};

use super::list::Depth;

/// What one object says of another, beside its owner references.
///
/// It is shown as the label of an edge, which leads from the object that says it to the other; that of a slice leads from its service to it.
///
/// ```
/// use kube_ext::owners::Relation;
///
/// assert_eq!(Relation::Node.to_string(), "runs on");
/// assert_eq!(Relation::ConfigMap.to_string(), "config map");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Relation {
    /// A pod runs on a node: `spec.nodeName`.
    Node,
    /// A pod is a service account to the server: `spec.serviceAccountName`, or `spec.serviceAccount` if that is not there.
    ServiceAccount,
    /// A pod uses a config map: in a volume, a projected one too, or in `env` or `envFrom` of a container of any sort.
    ConfigMap,
    /// A pod uses a secret: as a config map, or in `imagePullSecrets`, or for the access to a volume (`azureFile`, `cephfs`, `cinder`,
    /// `csi`, `flexVolume`, `iscsi`, `rbd`, `scaleIO`, `storageos`). These are the secrets that the server lets the pod's node read
    /// (`VisitPodSecretNames` in `pkg/api/v1/pod`).
    Secret,
    /// A pod uses a claim: `persistentVolumeClaim.claimName` of a volume; that of an ephemeral volume has the pod's and the volume's
    /// name, with a hyphen between.
    Claim,
    /// A claim has a volume: `spec.volumeName`.
    Volume,
    /// A claim or a volume is of a storage class: the annotation `volume.beta.kubernetes.io/storage-class` if it is there, or
    /// `spec.storageClassName`.
    StorageClass,
    /// An endpoint slice is a service's: the label `kubernetes.io/service-name`.
    Slice,
    /// An endpoint slice leads to a pod: `endpoints[].targetRef`.
    Endpoint,
    /// An ingress leads to a service, or to a resource of another kind: `spec.defaultBackend`, and `backend` of the paths in
    /// `spec.rules`.
    Backend,
    /// An autoscaler scales something: `spec.scaleTargetRef`.
    ScaleTarget,
    /// A disruption budget is for pods: `spec.selector`, as in `policy/v1`: an empty one is for all of the namespace, none is for no pod.
    Budget,
    /// A network policy is for pods: `spec.podSelector`; an empty one, or none, is for all of the namespace.
    Policy,
    /// A binding grants a role: `roleRef`.
    Role,
    /// A binding grants it to somebody: `subjects`, which are service accounts, users and groups. A user that is called as a service
    /// account is to the server (`system:serviceaccount:default:builder`) is that service account.
    Subject,
    /// A service account is in a group, as the server puts it there: `system:serviceaccounts`, that of its namespace, and
    /// `system:authenticated`. No object says so; a group is in the graph if a binding names it, which takes [`Relation::Subject`].
    Member,
}

/// All, in the order of the enum.
const ALL: [Relation; 16] = [
    Relation::Node,
    Relation::ServiceAccount,
    Relation::ConfigMap,
    Relation::Secret,
    Relation::Claim,
    Relation::Volume,
    Relation::StorageClass,
    Relation::Slice,
    Relation::Endpoint,
    Relation::Backend,
    Relation::ScaleTarget,
    Relation::Budget,
    Relation::Policy,
    Relation::Role,
    Relation::Subject,
    Relation::Member,
];

impl Relation {
    /// All that there are.
    ///
    /// ```
    /// use kube_ext::owners::Relation;
    ///
    /// let storage: Vec<_> = Relation::all().filter(|it| (Relation::Claim..=Relation::StorageClass).contains(it)).collect();
    /// assert_eq!(storage, [Relation::Claim, Relation::Volume, Relation::StorageClass]);
    /// ```
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        ALL.into_iter()
    }

    /// Whether objects of that kind say something of it.
    pub(super) fn is_said_by(self, group: &str, plural: &str) -> bool {
        let kind = (group, plural);
        match self {
            Self::Node | Self::ServiceAccount | Self::ConfigMap | Self::Secret | Self::Claim => {
                kind == ("", "pods")
            }
            Self::Volume => kind == ("", "persistentvolumeclaims"),
            Self::StorageClass => matches!(kind, ("", "persistentvolumeclaims" | "persistentvolumes")),
            Self::Slice | Self::Endpoint => kind == ("discovery.k8s.io", "endpointslices"),
            Self::Backend => kind == ("networking.k8s.io", "ingresses"),
            Self::ScaleTarget => kind == ("autoscaling", "horizontalpodautoscalers"),
            Self::Budget => kind == ("policy", "poddisruptionbudgets"),
            Self::Policy => kind == ("networking.k8s.io", "networkpolicies"),
            Self::Role | Self::Subject => {
                matches!(kind, ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings"))
            }
            Self::Member => false,
        }
    }

    /// Whether the metadata of an object is not enough for it.
    pub(super) fn needs_whole(self) -> bool {
        !matches!(self, Self::Slice | Self::Member)
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "runs on",
            Self::ServiceAccount => "service account",
            Self::ConfigMap => "config map",
            Self::Secret => "secret",
            Self::Claim => "claim",
            Self::Volume => "volume",
            Self::StorageClass => "storage class",
            Self::Slice => "slice",
            Self::Endpoint => "endpoint",
            Self::Backend => "backend",
            Self::ScaleTarget => "scale target",
            Self::Budget => "budget",
            Self::Policy => "policy",
            Self::Role => "role",
            Self::Subject => "subject",
            Self::Member => "member",
        })
    }
}

/// Those that are wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Relations(BTreeSet<Relation>);

impl Relations {
    pub(super) fn has(&self, relation: Relation) -> bool {
        self.0.contains(&relation)
    }

    pub(super) fn extend(&mut self, relations: impl IntoIterator<Item = Relation>) {
        self.0.extend(relations);
    }

    /// Whether pods are wanted by their labels.
    pub(super) fn selects(&self) -> bool {
        self.has(Relation::Budget) || self.has(Relation::Policy)
    }

    /// How much must be read of the objects of a kind for it.
    pub(super) fn depth(&self, group: &str, plural: &str) -> Depth {
        let said = self.0.iter().filter(|relation| relation.is_said_by(group, plural));
        let said = said.map(|relation| if relation.needs_whole() { Depth::Whole } else { Depth::Metadata });
        let of_labels = ((group, plural) == ("", "pods") && self.selects()).then_some(Depth::Metadata);
        said.chain(of_labels).max().unwrap_or(Depth::Identity)
    }
}

impl FromIterator<Relation> for Relations {
    fn from_iter<T: IntoIterator<Item = Relation>>(relations: T) -> Self {
        Self(relations.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them() {
        let all: Vec<_> = Relation::all().collect();
        assert!(all.is_sorted_by(|one, other| one < other), "{all:?}");
        assert_eq!(all.last(), Some(&Relation::Member));
        assert_eq!(all.len(), Relation::Member as usize + 1);
        let labels: BTreeSet<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(labels.len(), all.len());
        assert!(labels.iter().all(|label| label.bytes().all(|b| b.is_ascii_lowercase() || b == b' ')));
    }

    #[test]
    fn sets() {
        let none = Relations::default();
        assert!(Relation::all().all(|relation| !none.has(relation)));
        let some: Relations = [Relation::Node, Relation::Member, Relation::Node].into_iter().collect();
        let those: Vec<_> = Relation::all().filter(|relation| some.has(*relation)).collect();
        assert_eq!(those, [Relation::Node, Relation::Member]);
    }

    #[test]
    fn who_says_what() {
        assert!(Relation::Secret.is_said_by("", "pods"));
        // Pods of the metrics server are another kind.
        assert!(!Relation::Secret.is_said_by("metrics.k8s.io", "pods"));
        assert!(!Relation::Slice.is_said_by("", "services"));
        assert!(Relation::StorageClass.is_said_by("", "persistentvolumes"));
        assert!(!Relation::Volume.is_said_by("", "persistentvolumes"));
        let small: Vec<_> = Relation::all().filter(|relation| !relation.needs_whole()).collect();
        assert_eq!(small, [Relation::Slice, Relation::Member]);
    }
}
