//! What a rule covers.
use super::{
    super::pattern::{ResourcePattern, path_matches},
    Attributes,
};

const ALL: &str = "*";

/// Something that users may do, as a rule of RBAC and where it is bound.
///
/// ```
/// use kube_ext::fake::Rule;
///
/// let view = Rule::verbs(["get", "list", "watch"]).resources(["pods", "pods/log", "deployments.apps"]);
/// let exec = Rule::verbs(["get", "create"]).resources(["pods/exec"]).namespace("default");
/// let one = Rule::verbs(["delete"]).resources(["configmaps"]).names(["settings"]);
/// let metrics = Rule::verbs(["get"]).paths(["/metrics"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(super) verbs: Vec<String>,
    pub(super) resources: Vec<ResourcePattern>,
    /// Where it is bound; empty for everywhere.
    pub(super) namespaces: Vec<String>,
    /// Empty for all.
    pub(super) names: Vec<String>,
    pub(super) paths: Vec<String>,
}

impl Rule {
    /// The right to use some verbs, for what is named next: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`,
    /// `deletecollection`; `*` is all. For a websocket of `pods/exec`, `pods/attach` or `pods/portforward` it takes both
    /// `get` and `create`, as in Kubernetes since 1.35.
    pub fn verbs<V: Into<String>>(verbs: impl IntoIterator<Item = V>) -> Self {
        let verbs = verbs.into_iter().map(Into::into).collect();
        Self { verbs, resources: Vec::new(), namespaces: Vec::new(), names: Vec::new(), paths: Vec::new() }
    }

    /// The right to do everything.
    pub fn everything() -> Self {
        Self::verbs([ALL]).resources([ALL]).paths([ALL])
    }

    /// On these resources: `pods` of the core group, `deployments.apps`, the subresource `pods/log`, which `pods` does not
    /// cover, `*/scale` of all resources, `*.apps` of a group, `*`. As in RBAC, `pods/*` covers nothing.
    #[must_use]
    pub fn resources<R: AsRef<str>>(mut self, resources: impl IntoIterator<Item = R>) -> Self {
        self.resources.extend(resources.into_iter().map(|name| ResourcePattern::parse(name.as_ref())));
        self
    }

    /// In this namespace, and others that are named like this: as if a `RoleBinding` in each gave the right. Without it, as
    /// if a `ClusterRoleBinding` did, which also covers lists of all namespaces and what is in none.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespaces.push(namespace.into());
        self
    }

    /// For objects of these names only. A list is covered if a field selector leaves but one of them; a create never is.
    #[must_use]
    pub fn names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.names.extend(names.into_iter().map(Into::into));
        self
    }

    /// On these paths that are no resources: `/metrics`, `/healthz/*`. Their verb is the HTTP method in small letters. A
    /// rule that is bound in a namespace covers no paths.
    #[must_use]
    pub fn paths<P: Into<String>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.paths.extend(paths.into_iter().map(Into::into));
        self
    }

    pub(super) fn is_namespaced(&self) -> bool {
        !self.namespaces.is_empty()
    }

    /// Whether it is bound where it has to be.
    pub(super) fn is_bound_in(&self, namespace: &str) -> bool {
        !self.is_namespaced() || self.namespaces.iter().any(|bound| bound == namespace)
    }

    pub(super) fn covers(&self, asked: &Attributes<'_>) -> bool {
        if !self.verbs.iter().any(|verb| verb == ALL || verb == asked.verb) {
            return false;
        }
        if let Some(path) = asked.path {
            return !self.is_namespaced() && self.paths.iter().any(|pattern| path_matches(pattern, path));
        }
        self.is_bound_in(asked.namespace)
            && (self.names.is_empty() || self.names.iter().any(|name| name == asked.name))
            && self.resources.iter().any(|resource| covers(resource, asked))
    }
}

/// The API group of a resource as a rule names it: none is the core group, except of `*`.
pub(super) fn group(pattern: &ResourcePattern) -> &str {
    match &pattern.group {
        Some(group) => group,
        None if pattern.resource == ALL => ALL,
        None => "",
    }
}

fn covers(pattern: &ResourcePattern, asked: &Attributes<'_>) -> bool {
    let group = group(pattern);
    let every = pattern.resource == ALL;
    (group == ALL || group == asked.group)
        && (every || pattern.resource == asked.resource)
        && match pattern.subresource.as_deref() {
            None => every || asked.subresource.is_empty(),
            Some(wanted) => wanted == asked.subresource,
        }
}

/// What everybody may, and the roles that say so: those of a cluster's default roles for `system:authenticated`
/// (`k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy`).
pub(super) fn everybody() -> [(&'static str, Rule); 4] {
    let reviews =
        ["selfsubjectaccessreviews.authorization.k8s.io", "selfsubjectrulesreviews.authorization.k8s.io"];
    let health = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
    let discovery = [
        "/api",
        "/api/*",
        "/apis",
        "/apis/*",
        "/healthz",
        "/livez",
        "/openapi",
        "/openapi/*",
        "/readyz",
        "/version",
        "/version/",
    ];
    let review_of_self = ["selfsubjectreviews.authentication.k8s.io"];
    [
        ("system:basic-user", Rule::verbs(["create"]).resources(reviews)),
        ("system:basic-user", Rule::verbs(["create"]).resources(review_of_self)),
        ("system:discovery", Rule::verbs(["get"]).paths(discovery)),
        ("system:public-info-viewer", Rule::verbs(["get"]).paths(health)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: Attributes<'_> = Attributes {
        verb: "list",
        group: "",
        resource: "pods",
        subresource: "",
        namespace: "a",
        name: "",
        path: None,
    };

    /// As a Kubernetes 1.36.2 with the same roles.
    #[test]
    fn coverage() {
        let rule = || Rule::verbs(["list", "get"]);
        let log = Attributes { verb: "get", name: "x", subresource: "log", ..LIST };
        let cluster = Attributes { namespace: "", ..LIST };
        let scale = Attributes { group: "apps", resource: "deployments", subresource: "scale", ..LIST };
        let create = Attributes { verb: "create", ..LIST };
        let table: [(Rule, [bool; 5]); 13] = [
            (Rule::everything(), [true, true, true, true, true]),
            (rule().resources(["*"]), [true, true, true, true, false]),
            (rule().resources(["pods"]), [true, false, true, false, false]),
            (rule().resources(["pods/log"]), [false, true, false, false, false]),
            (rule().resources(["pods/*"]), [false, false, false, false, false]),
            (rule().resources(["pods.apps"]), [false, false, false, false, false]),
            (rule().resources(["deployments/scale"]), [false, false, false, false, false]),
            (rule().resources(["deployments.apps/scale"]), [false, false, false, true, false]),
            (rule().resources(["*/scale"]), [false, false, false, true, false]),
            (rule().resources(["*.apps"]), [false, false, false, true, false]),
            (rule().resources(["pods"]).namespace("a"), [true, false, false, false, false]),
            (rule().resources(["*"]).namespace("b"), [false, false, false, false, false]),
            (rule().resources(["*"]).names(["x"]), [false, true, false, false, false]),
        ];
        for (rule, expected) in table {
            let found = [LIST, log, cluster, scale, create].map(|asked| rule.covers(&asked));
            assert_eq!(found, expected, "{rule:?}");
        }
    }

    #[test]
    fn paths() {
        let asked = Attributes { verb: "get", path: Some("/metrics"), ..Attributes::default() };
        assert!(Rule::verbs(["get"]).paths(["/metrics"]).covers(&asked));
        assert!(Rule::verbs(["get"]).paths(["/met*"]).covers(&asked));
        assert!(!Rule::verbs(["post"]).paths(["/metrics"]).covers(&asked));
        assert!(!Rule::verbs(["get"]).resources(["*"]).covers(&asked));
        assert!(!Rule::verbs(["get"]).paths(["*"]).namespace("a").covers(&asked));
    }
}
