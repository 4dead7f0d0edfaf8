//! What an object says of others beside its owner references, read from its JSON.

mod access;
mod network;
mod pod;
mod policy;
mod storage;

use std::{borrow::Cow, collections::BTreeMap};

use kube::core::Selector;
use serde_json::Value;

use super::relation::{Relation, Relations};

/// What an object says of another, or of several.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mention {
    pub(super) relation: Relation,
    /// Wherever it is named, `optional: true` says that it need not be there.
    pub(super) is_optional: bool,
    pub(super) to: Target,
}

/// What is mentioned.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    /// An object, or a user or a group.
    Object {
        group: Cow<'static, str>,
        kind: Cow<'static, str>,
        namespace: Option<String>,
        name: String,
        uid: Option<String>,
    },
    /// Those pods of the object's namespace that have these labels.
    Pods(Selector),
}

/// What an object of that kind says of others: each once, in the order of relations, groups, kinds, namespaces, names.
///
/// A kind that the object names without its scope (what is scaled, an ingress's resource) is given the object's namespace; that is to
/// be left out if the kind is in none.
pub(super) fn mentions(group: &str, plural: &str, object: &Value, wanted: &Relations) -> Vec<Mention> {
    let mut found = Found { wanted, namespace: None, places: BTreeMap::new(), pods: None };
    // It is in no namespace, whatever it says.
    if (group, plural) != (RBAC, "clusterrolebindings") {
        found.namespace = text(object, &["metadata", "namespace"]);
    }
    match (group, plural) {
        ("", "pods") => pod::pod(object, &mut found),
        ("", "persistentvolumeclaims") => storage::claim(object, &mut found),
        ("", "persistentvolumes") => storage::volume(object, &mut found),
        ("discovery.k8s.io", "endpointslices") => network::slice(object, &mut found),
        ("networking.k8s.io", "ingresses") => network::ingress(object, &mut found),
        ("networking.k8s.io", "networkpolicies") => policy::network_policy(object, &mut found),
        ("autoscaling", "horizontalpodautoscalers") => policy::autoscaler(object, &mut found),
        ("policy", "poddisruptionbudgets") => policy::budget(object, &mut found),
        (RBAC, "rolebindings" | "clusterrolebindings") => access::binding(object, &mut found),
        _ => {}
    }
    found.into_mentions()
}

const RBAC: &str = "rbac.authorization.k8s.io";

/// The group and the kind of what is mentioned.
type Type = (&'static str, &'static str);

/// Where a mention points to.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place<'a> {
    relation: Relation,
    group: Cow<'static, str>,
    kind: Cow<'static, str>,
    namespace: Option<&'a str>,
    name: Cow<'a, str>,
    uid: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn new(
        relation: Relation,
        (group, kind): Type,
        namespace: Option<&'a str>,
        name: impl Into<Cow<'a, str>>,
    ) -> Self {
        Self { relation, group: group.into(), kind: kind.into(), namespace, name: name.into(), uid: None }
    }
}

/// What has been found in an object so far.
struct Found<'a> {
    wanted: &'a Relations,
    /// The object's.
    namespace: Option<&'a str>,
    /// Places, and whether each mention of them is optional.
    places: BTreeMap<Place<'a>, bool>,
    pods: Option<(Relation, Selector)>,
}

impl<'a> Found<'a> {
    fn wants(&self, relations: &[Relation]) -> bool {
        relations.iter().any(|relation| self.wanted.has(*relation))
    }

    fn add(&mut self, place: Place<'a>, is_optional: bool) {
        if self.wants(&[place.relation]) {
            let all = self.places.entry(place).or_insert(true);
            *all &= is_optional;
        }
    }

    /// Adds something in the object's namespace; nothing, if it has none.
    fn add_here(
        &mut self,
        relation: Relation,
        of: Type,
        name: Option<impl Into<Cow<'a, str>>>,
        is_optional: bool,
    ) {
        if let (Some(namespace), Some(name)) = (self.namespace, name) {
            self.add(Place::new(relation, of, Some(namespace), name), is_optional);
        }
    }

    /// Adds something that is in no namespace.
    fn add_global(&mut self, relation: Relation, of: Type, name: Option<&'a str>) {
        if let Some(name) = name {
            self.add(Place::new(relation, of, None, name), false);
        }
    }

    /// Adds something of a kind that may be in a namespace or not.
    fn add_unknown(&mut self, relation: Relation, group: &str, kind: Option<&str>, name: Option<&'a str>) {
        if let (Some(kind), Some(name)) = (kind, name) {
            let (group, kind) = (group.to_owned().into(), kind.to_owned().into());
            let place =
                Place { relation, group, kind, namespace: self.namespace, name: name.into(), uid: None };
            self.add(place, false);
        }
    }

    /// Adds the pods of the object's namespace that a selector selects; none, if the server would not take it for a selector.
    fn add_pods(&mut self, relation: Relation, selector: &Value) {
        if self.wants(&[relation]) && self.namespace.is_some() {
            self.pods = policy::selector(selector).map(|selector| (relation, selector));
        }
    }

    fn into_mentions(self) -> Vec<Mention> {
        let objects = self.places.into_iter().map(|(place, is_optional)| {
            let Place { relation, group, kind, namespace, name, uid } = place;
            let (namespace, uid) = (namespace.map(ToOwned::to_owned), uid.map(ToOwned::to_owned));
            let to = Target::Object { group, kind, namespace, name: name.into_owned(), uid };
            Mention { relation, is_optional, to }
        });
        let pods = self.pods.map(|(relation, selector)| Mention {
            relation,
            is_optional: false,
            to: Target::Pods(selector),
        });
        objects.chain(pods).collect()
    }
}

/// What is there, if it is anything.
fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key)).filter(|value| !value.is_null())
}

/// A text that is not empty.
fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    at(value, path)?.as_str().filter(|text| !text.is_empty())
}

/// What is in the list that is there; nothing, if it is none.
fn items<'a>(value: &'a Value, path: &[&str]) -> impl Iterator<Item = &'a Value> + use<'a> {
    at(value, path).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const KINDS: [(&str, &str); 10] = [
        ("", "pods"),
        ("", "persistentvolumeclaims"),
        ("", "persistentvolumes"),
        ("discovery.k8s.io", "endpointslices"),
        ("networking.k8s.io", "ingresses"),
        ("networking.k8s.io", "networkpolicies"),
        ("autoscaling", "horizontalpodautoscalers"),
        ("policy", "poddisruptionbudgets"),
        (RBAC, "rolebindings"),
        (RBAC, "clusterrolebindings"),
    ];

    /// A mention in a line: `secret? Secret default/password`.
    fn line(mention: Mention) -> String {
        let mark = if mention.is_optional { "?" } else { "" };
        let to = match mention.to {
            Target::Object { group, kind, namespace, name, uid } => {
                let group = if group.is_empty() { String::new() } else { format!(".{group}") };
                let namespace = namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
                let uid = uid.map(|uid| format!(" {uid}")).unwrap_or_default();
                format!("{kind}{group} {namespace}{name}{uid}")
            }
            Target::Pods(selector) if selector.selects_all() => "all pods".to_owned(),
            Target::Pods(selector) => format!("pods {selector}"),
        };
        format!("{}{mark}: {to}", mention.relation)
    }

    /// What the YAML of an object says of others, a mention in a line.
    pub(super) fn said((group, plural): (&str, &str), yaml: &str) -> Vec<String> {
        let object = serde_yaml::from_str(yaml).unwrap();
        mentions(group, plural, &object, &Relation::all().collect()).into_iter().map(line).collect()
    }

    #[test]
    fn only_what_is_wanted() {
        let pod = serde_json::json!({
            "metadata": {"name": "web-0", "namespace": "default"},
            "spec": {
                "nodeName": "worker-1",
                "serviceAccountName": "web",
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-web-0"}}],
            },
        });
        let relations = |wanted: &[Relation]| {
            let found = mentions("", "pods", &pod, &wanted.iter().copied().collect());
            found.into_iter().map(|mention| mention.relation).collect::<Vec<_>>()
        };
        assert!(relations(&[]).is_empty());
        assert!(relations(&[Relation::Volume, Relation::Member]).is_empty());
        assert_eq!(relations(&[Relation::Claim]), [Relation::Claim]);
        assert_eq!(relations(&[Relation::Claim, Relation::Node]), [Relation::Node, Relation::Claim]);
    }

    #[test]
    fn other_kinds_say_nothing() {
        let pod = "{metadata: {name: web-0, namespace: default}, spec: {nodeName: worker-1}}";
        assert_eq!(said(("", "pods"), pod), ["runs on: Node worker-1"]);
        for kind in [("metrics.k8s.io", "pods"), ("", "Pod"), ("", ""), ("apps", "deployments")] {
            assert!(said(kind, pod).is_empty(), "{kind:?}");
        }
    }

    /// Nothing of another shape is taken for anything.
    #[test]
    fn wrong_shapes() {
        for kind in KINDS {
            for object in ["null", "1", "[]", "'x'", "{}", "{metadata: null, spec: null}", "{spec: []}"] {
                assert!(said(kind, object).is_empty(), "{kind:?} {object}");
            }
        }
    }

    /// An object that is of each kind at once, and says all that there is to say.
    const EVERYTHING: &str = "
metadata:
  name: it
  namespace: shop
  labels: {kubernetes.io/service-name: web}
  annotations: {volume.beta.kubernetes.io/storage-class: fast}
spec:
  nodeName: worker-1
  serviceAccountName: web
  serviceAccount: web
  volumes:
  - {name: a, configMap: {name: a, optional: true}}
  - {name: b, secret: {secretName: b, optional: false}}
  - {name: c, projected: {sources: [{configMap: {name: c}}, {secret: {name: c, optional: true}}]}}
  - {name: d, csi: {driver: d, nodePublishSecretRef: {name: d}}}
  - {name: e, persistentVolumeClaim: {claimName: e}}
  - {name: f, ephemeral: {volumeClaimTemplate: {spec: {}}}}
  containers:
  - {name: g, envFrom: [{configMapRef: {name: g, optional: true}}, {secretRef: {name: g}}]}
  - {name: h, env: [{name: H, valueFrom: {secretKeyRef: {name: h, key: h}}}]}
  imagePullSecrets: [{name: i}]
  volumeName: pvc-1
  storageClassName: slow
  defaultBackend: {service: {name: web}}
  rules: [{http: {paths: [{backend: {resource: {apiGroup: example.com, kind: Bucket, name: images}}}]}}]
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  selector: {matchLabels: {app: web}, matchExpressions: [{key: tier, operator: In, values: [front]}]}
  podSelector: {matchExpressions: [{key: app, operator: Exists}]}
endpoints:
- {addresses: [10.0.0.1], targetRef: {kind: Pod, name: web-0, namespace: shop, uid: '1'}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects:
- {kind: ServiceAccount, name: web, namespace: shop}
- {kind: User, name: 'system:serviceaccount:shop:api'}
- {kind: Group, name: staff}
";

    #[test]
    fn each_kind_says_what_it_is_known_to_say() {
        let object = serde_yaml::from_str(EVERYTHING).unwrap();
        for (group, plural) in KINDS {
            let found = mentions(group, plural, &object, &Relation::all().collect());
            let said: BTreeSet<_> = found.into_iter().map(|mention| mention.relation).collect();
            let known = Relation::all().filter(|relation| relation.is_said_by(group, plural));
            assert_eq!(said, known.collect(), "{plural}");
        }
    }

    const FIELDS: [&str; 12] = [
        "apiVersion",
        "configMap",
        "key",
        "kind",
        "matchLabels",
        "name",
        "namespace",
        "operator",
        "optional",
        "secretName",
        "spec",
        "values",
    ];

    const TEXTS: [&str; 9] =
        ["", "a", "Pod", "Role", "ServiceAccount", "User", "system:serviceaccount:a:b", "In", "a/b/c"];

    /// JSON, some of whose fields have the names of real ones.
    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            proptest::sample::select(&TEXTS).prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let fields = proptest::sample::select(&FIELDS).prop_map(ToOwned::to_owned);
            let map = proptest::collection::btree_map(fields, inner.clone(), 0..4);
            prop_oneof![
                proptest::collection::vec(inner, 0..4).prop_map(Value::from),
                map.prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// Puts something in the place of that part, counted from the outside.
    fn replace(object: &mut Value, part: &mut Option<usize>, with: &Value) {
        match part {
            None => return,
            Some(0) => {
                *object = with.clone();
                *part = None;
                return;
            }
            Some(part) => *part -= 1,
        }
        match object {
            Value::Array(list) => list.iter_mut().for_each(|it| replace(it, part, with)),
            Value::Object(map) => map.values_mut().for_each(|it| replace(it, part, with)),
            _ => {}
        }
    }

    proptest! {
        /// Whatever it is: no panic, and what is found has a name, is of a relation of that kind, and is there once.
        #[test]
        fn whatever_it_is(parts in proptest::collection::vec((0..150_usize, anything()), 0..12)) {
            let mut object = serde_yaml::from_str(EVERYTHING).unwrap();
            for (part, with) in parts {
                replace(&mut object, &mut Some(part), &with);
            }
            let wanted = Relation::all().collect();
            for (group, plural) in KINDS {
                let found = mentions(group, plural, &object, &wanted);
                for mention in &found {
                    prop_assert!(mention.relation.is_said_by(group, plural), "{mention:?}");
                    if let Target::Object { kind, name, namespace, uid, .. } = &mention.to {
                        let texts = [Some(name), namespace.as_ref(), uid.as_ref()];
                        prop_assert!(!kind.is_empty() && !texts.into_iter().flatten().any(String::is_empty), "{mention:?}");
                    }
                }
                let lines: Vec<_> = found.iter().map(|mention| format!("{:?} {:?}", mention.relation, mention.to)).collect();
                let once: BTreeSet<_> = lines.iter().collect();
                prop_assert_eq!(once.len(), lines.len());
            }
        }
    }
}
