//! Users, and what they may do.
//!
//! What a rule covers is what a rule of RBAC covers (`k8s.io/kubernetes/pkg/registry/rbac/validation`).
mod protobuf;
mod review;
mod rule;

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

use http::{HeaderMap, StatusCode};

pub(crate) use self::review::{review, reviews};
pub use self::rule::Rule;
use super::{
    Builder, FakeCluster,
    pattern::subresource,
    request::{Query, RequestInfo},
    status::Failure,
    user::ADMIN,
};

/// Names a user to act as, if the caller may.
const IMPERSONATE_USER: &str = "impersonate-user";

impl Builder {
    /// Adds a user who may do what the rules say and nothing else, apart from what every user may: discovery, `/version`,
    /// the health paths, and reviews of what the user may. Users are made by being named; one without rules has no more
    /// than that. `kubernetes-admin` may do everything, whatever its rules.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube::Api;
    /// use kube_ext::fake::{FakeCluster, Rule};
    ///
    /// let cluster = FakeCluster::builder()
    ///     .user("reader", [Rule::verbs(["get", "list", "watch"]).resources(["pods"]).namespace("default")])
    ///     .start()
    ///     .await?;
    /// let pods: Api<Pod> = Api::all(cluster.client_as("reader")?);
    /// let error = pods.list(&Default::default()).await.unwrap_err();
    /// assert!(error.to_string().starts_with(
    ///     r#"ApiError: pods is forbidden: User "reader" cannot list resource "pods" in API group "" at the cluster scope"#
    /// ));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.users.entry(name.into()).or_default().extend(rules);
        self
    }
}

impl FakeCluster {
    /// Gives a user more rights, from the next request on.
    pub fn allow(&self, user: &str, rules: impl IntoIterator<Item = Rule>) {
        self.shared.access.change(user, |all| all.extend(rules));
    }

    /// Gives a user these rights instead of those it has, from the next request on; without rules, takes them away. What is
    /// under way goes on, as it does in Kubernetes.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube::{Api, api::ListParams};
    /// use kube_ext::fake::{FakeCluster, Rule};
    ///
    /// let cluster = FakeCluster::builder().start().await?;
    /// let pods: Api<Pod> = Api::all(cluster.client_as("jane")?);
    /// cluster.allow("jane", [Rule::verbs(["list"]).resources(["pods"])]);
    /// pods.list(&ListParams::default()).await?;
    /// cluster.set_rules("jane", []);
    /// pods.list(&ListParams::default()).await.unwrap_err();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_rules(&self, user: &str, rules: impl IntoIterator<Item = Rule>) {
        self.shared.access.change(user, |all| *all = rules.into_iter().collect());
    }
}

/// Who may do what.
#[derive(Debug, Default)]
pub(crate) struct Access {
    rules: RwLock<BTreeMap<String, Vec<Rule>>>,
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attributes<'a> {
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) subresource: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    /// If it is about a path and no resource.
    pub(crate) path: Option<&'a str>,
}

impl<'a> Attributes<'a> {
    fn of(info: &'a RequestInfo) -> Self {
        let mut name = info.name.as_str();
        if name.is_empty() && matches!(info.verb.as_str(), "list" | "watch" | "deletecollection") {
            name = only_name(&info.query).unwrap_or_default();
        }
        Self {
            verb: &info.verb,
            group: &info.group,
            resource: &info.resource,
            subresource: subresource(info),
            namespace: &info.namespace,
            name,
            path: (!info.is_resource()).then_some(&info.path),
        }
    }
}

/// The one name that a field selector leaves, which counts as the name of the request.
fn only_name(query: &Query) -> Option<&str> {
    query.get("fieldSelector")?.split(',').find_map(|term| {
        let (field, value) = term.split_once('=')?;
        (field == "metadata.name").then(|| value.strip_prefix('=').unwrap_or(value))
    })
}

impl Access {
    pub(crate) fn new(rules: BTreeMap<String, Vec<Rule>>) -> Self {
        Self { rules: RwLock::new(rules) }
    }

    /// All users that were given rules, though it may be none.
    pub(crate) fn users(&self) -> Vec<String> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    fn change(&self, user: &str, change: impl FnOnce(&mut Vec<Rule>)) {
        change(
            self.rules.write().unwrap_or_else(PoisonError::into_inner).entry(user.to_owned()).or_default(),
        );
    }

    /// The rules of a user, those that everybody has aside.
    fn rules(&self, user: &str) -> Vec<Rule> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).get(user).cloned().unwrap_or_default()
    }

    /// Whether a user may, and if so, RBAC's words for why.
    fn allows(&self, user: &str, asked: &Attributes<'_>) -> Option<String> {
        if user == ADMIN {
            // Its group is not subject to rules, and gives no reason.
            return Some(String::new());
        }
        let everybody = rule::everybody();
        if let Some((role, _)) = everybody.iter().find(|(_, rule)| rule.covers(asked)) {
            return Some(format!(
                "RBAC: allowed by ClusterRoleBinding {role:?} of ClusterRole {role:?} to Group \"system:authenticated\""
            ));
        }
        let rules = self.rules(user);
        let rule = rules.iter().find(|rule| rule.covers(asked))?;
        Some(if rule.is_namespaced() {
            let binding = format!("{user}/{}", asked.namespace);
            format!("RBAC: allowed by RoleBinding {binding:?} of Role {user:?} to User {user:?}")
        } else {
            format!("RBAC: allowed by ClusterRoleBinding {user:?} of ClusterRole {user:?} to User {user:?}")
        })
    }

    /// An error in the words of RBAC if the user may not.
    pub(crate) fn check(&self, user: &str, info: &RequestInfo) -> Result<(), Failure> {
        let asked = Attributes::of(info);
        self.allows(user, &asked).ok_or_else(|| refusal(user, &asked))?;
        // A websocket begins with a GET, but does what else takes a POST (AuthorizePodWebsocketUpgradeCreatePermission).
        if asked.verb == "get"
            && (asked.group, asked.resource) == ("", "pods")
            && matches!(asked.subresource, "exec" | "attach" | "portforward")
            && self.allows(user, &Attributes { verb: "create", ..asked }).is_none()
        {
            return Err(Failure::forbidden("", "pods", asked.name, ""));
        }
        Ok(())
    }

    /// An error if the caller may not act as the user.
    pub(crate) fn check_impersonation(
        &self,
        caller: &str,
        user: &str,
        info: &RequestInfo,
    ) -> Result<(), Failure> {
        let mut asked =
            Attributes { verb: "impersonate", resource: "users", name: user, ..Attributes::default() };
        if let Some((namespace, name)) = service_account(user) {
            asked = Attributes { resource: "serviceaccounts", namespace, name, ..asked };
        }
        if self.allows(caller, &asked).is_some() {
            return Ok(());
        }
        // What it says since it has finer rights, which are asked for last (ConstrainedImpersonation).
        let verb = format!("impersonate-on:user-info:{}", info.verb);
        Err(refusal(caller, &Attributes { verb: &verb, ..Attributes::of(info) }))
    }
}

/// The user whom the caller wants to be.
pub(crate) fn impersonated(headers: &HeaderMap) -> Option<String> {
    let user = headers.get(IMPERSONATE_USER)?.as_bytes();
    Some(String::from_utf8_lossy(user).into_owned())
}

/// Namespace and name of the service account that a user is.
fn service_account(user: &str) -> Option<(&str, &str)> {
    user.strip_prefix("system:serviceaccount:")?.split_once(':')
}

/// What RBAC says to a request that it does not allow.
pub(crate) fn forbidden(user: &str, info: &RequestInfo) -> Failure {
    refusal(user, &Attributes::of(info))
}

/// `k8s.io/apiserver/pkg/endpoints/handlers/responsewriters`.
fn refusal(user: &str, asked: &Attributes<'_>) -> Failure {
    let Attributes { verb, group, resource, subresource, namespace, name, path } = *asked;
    let what = if let Some(path) = path {
        format!("User {user:?} cannot {verb} path {path:?}")
    } else {
        let of =
            if subresource.is_empty() { resource.to_owned() } else { format!("{resource}/{subresource}") };
        let place = match namespace {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace {namespace:?}"),
        };
        format!("User {user:?} cannot {verb} resource {of:?} in API group {group:?} {place}")
    };
    // Nothing that looks like HTML.
    let what = what.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    if path.is_some() {
        return Failure::general(StatusCode::FORBIDDEN, "Forbidden", format!("forbidden: {what}"));
    }
    Failure::forbidden(group, resource, name, &what)
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::*;

    fn info(request: &str) -> RequestInfo {
        let (method, uri) = request.split_once(' ').unwrap();
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        RequestInfo::parse(&Method::from_bytes(method.as_bytes()).unwrap(), path, Some(query))
    }

    fn access(user: &str, rules: &[Rule]) -> Access {
        Access::new(BTreeMap::from([(user.to_owned(), rules.to_vec())]))
    }

    /// Answers of a Kubernetes 1.36.2.
    #[test]
    fn words_of_refusals() {
        let access = Access::default();
        for (request, message, details) in [
            ("GET /metrics", r#"forbidden: User "powerless" cannot get path "/metrics""#, json!({})),
            ("POST /foo", r#"forbidden: User "powerless" cannot post path "/foo""#, json!({})),
            (
                "GET /api/v1/pods",
                r#"pods is forbidden: User "powerless" cannot list resource "pods" in API group "" at the cluster scope"#,
                json!({"kind": "pods"}),
            ),
            (
                "GET /api/v1/namespaces/default/pods?watch=1",
                r#"pods is forbidden: User "powerless" cannot watch resource "pods" in API group "" in the namespace "default""#,
                json!({"kind": "pods"}),
            ),
            (
                "GET /api/v1/namespaces/default/pods?fieldSelector=metadata.name%3Dfoo",
                r#"pods "foo" is forbidden: User "powerless" cannot list resource "pods" in API group "" in the namespace "default""#,
                json!({"name": "foo", "kind": "pods"}),
            ),
            (
                "GET /api/v1/namespaces/default/pods/x/log",
                r#"pods "x" is forbidden: User "powerless" cannot get resource "pods/log" in API group "" in the namespace "default""#,
                json!({"name": "x", "kind": "pods"}),
            ),
            (
                "GET /api/v1/namespaces/default",
                r#"namespaces "default" is forbidden: User "powerless" cannot get resource "namespaces" in API group "" in the namespace "default""#,
                json!({"name": "default", "kind": "namespaces"}),
            ),
            (
                "GET /api/v1/nodes/x",
                r#"nodes "x" is forbidden: User "powerless" cannot get resource "nodes" in API group "" at the cluster scope"#,
                json!({"name": "x", "kind": "nodes"}),
            ),
            (
                "GET /apis/apps/v1/namespaces/default/deployments/x/scale",
                r#"deployments.apps "x" is forbidden: User "powerless" cannot get resource "deployments/scale" in API group "apps" in the namespace "default""#,
                json!({"name": "x", "group": "apps", "kind": "deployments"}),
            ),
            (
                "GET /apis/foo.io/v1/namespaces/default/bars",
                r#"bars.foo.io is forbidden: User "powerless" cannot list resource "bars" in API group "foo.io" in the namespace "default""#,
                json!({"group": "foo.io", "kind": "bars"}),
            ),
            (
                "DELETE /api/v1/namespaces/default/pods",
                r#"pods is forbidden: User "powerless" cannot deletecollection resource "pods" in API group "" in the namespace "default""#,
                json!({"kind": "pods"}),
            ),
            (
                "GET /api/v1/namespaces/default/secrets/a/b/c",
                r#"secrets "a" is forbidden: User "powerless" cannot get resource "secrets/b" in API group "" in the namespace "default""#,
                json!({"name": "a", "kind": "secrets"}),
            ),
        ] {
            let status = access.check("powerless", &info(request)).unwrap_err().status();
            let expected = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
                "reason": "Forbidden", "details": details, "code": 403,
            });
            assert_eq!(status, expected, "{request}");
        }
    }

    #[test]
    fn markup_in_names_is_harmless() {
        let failure = Access::default().check("a\"b<c>&é", &info("GET /api/v1/pods")).unwrap_err();
        let expected = r#"pods is forbidden: User "a\"b&lt;c&gt;&amp;é" cannot list resource "pods" in API group "" at the cluster scope"#;
        assert_eq!(failure.message(), expected);
    }

    #[test]
    fn everybody_may_discover() {
        let access = Access::default();
        for path in ["/api", "/api/v1", "/apis", "/apis/apps/v1", "/version", "/readyz", "/livez", "/healthz"]
        {
            access.check("powerless", &info(&format!("GET {path}"))).unwrap();
        }
        for path in ["/", "/readyz/etcd", "/logs", "/versions"] {
            access.check("powerless", &info(&format!("GET {path}"))).unwrap_err();
        }
        let reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        access.check("powerless", &info(&format!("POST {reviews}"))).unwrap();
        access.check("powerless", &info(&format!("GET {reviews}"))).unwrap_err();
        access.check(ADMIN, &info("DELETE /api/v1/namespaces/default/pods")).unwrap();
        access.check(ADMIN, &info("GET /metrics")).unwrap();
    }

    /// Asked of a Kubernetes 1.36.2 with the same roles.
    #[test]
    fn streams_need_get_and_create() {
        let paths = ["exec", "attach", "portforward"];
        let resources = paths.map(|path| format!("pods/{path}"));
        let getter = access("x", &[Rule::verbs(["get"]).resources(resources.clone())]);
        let creator = access("x", &[Rule::verbs(["create"]).resources(resources.clone())]);
        let both = access("x", &[Rule::verbs(["get", "create"]).resources(resources)]);
        for path in paths {
            let get = info(&format!("GET /api/v1/namespaces/a/pods/b/{path}"));
            let post = info(&format!("POST /api/v1/namespaces/a/pods/b/{path}"));
            assert_eq!(getter.check("x", &get).unwrap_err().message(), r#"pods "b" is forbidden: "#);
            getter.check("x", &post).unwrap_err();
            creator.check("x", &get).unwrap_err();
            creator.check("x", &post).unwrap();
            both.check("x", &get).unwrap();
        }
    }

    #[test]
    fn impersonation() {
        let list = info("GET /api/v1/pods");
        let access = access(
            "x",
            &[
                Rule::verbs(["impersonate"]).resources(["users"]).names(["bob"]),
                Rule::verbs(["impersonate"]).resources(["serviceaccounts"]).namespace("ns"),
            ],
        );
        let check = |caller, user| access.check_impersonation(caller, user, &list);
        check("x", "bob").unwrap();
        check("x", "system:serviceaccount:ns:name").unwrap();
        check("x", "system:serviceaccount:other:name").unwrap_err();
        check(ADMIN, "anybody").unwrap();
        let failure = check("powerless", "bob").unwrap_err();
        let expected = r#"pods is forbidden: User "powerless" cannot impersonate-on:user-info:list resource "pods" in API group "" at the cluster scope"#;
        assert_eq!(failure.message(), expected);
    }
}
