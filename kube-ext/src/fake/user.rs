//! How requests say whose they are: a path before all others, `/as/USER`. Credentials would not do, since kubectl sends none
//! over plain HTTP.
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::{FakeCluster, request::decode};

/// The user of requests that name none: it may do everything.
pub(crate) const ADMIN: &str = "kubernetes-admin";

/// What is not itself in the path of a user.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':').remove(b'@');

/// The path that comes before all others of a user's requests.
pub(crate) fn prefix(user: &str) -> String {
    // Twice, since Go's clients send the path of a server's URL as it is when it was decoded once.
    let once = utf8_percent_encode(user, ESCAPED).to_string();
    format!("/as/{}", utf8_percent_encode(&once, ESCAPED))
}

/// The user whom a path names, and the path as the API server would see it.
pub(crate) fn split(path: &str) -> (String, String) {
    match path.strip_prefix("/as/").and_then(|rest| rest.split_once('/')) {
        Some((user, path)) => (decode(&decode(user)), format!("/{path}")),
        None => (ADMIN.to_owned(), path.to_owned()),
    }
}

impl FakeCluster {
    /// A kubeconfig for `kubectl --kubeconfig` and kube's `Kubeconfig::from_yaml`, with a context for each user that has
    /// rules by now, named like the user. The current one is that of `kubernetes-admin`, who may do everything. All have
    /// the default namespace.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use kube::config::{KubeConfigOptions, Kubeconfig};
    /// use kube_ext::fake::{FakeCluster, Rule};
    ///
    /// let cluster =
    ///     FakeCluster::builder().user("jane", [Rule::verbs(["get"]).resources(["pods"])]).start().await?;
    /// let kubeconfig = Kubeconfig::from_yaml(&cluster.kubeconfig("web"))?;
    /// let options = KubeConfigOptions { context: Some("jane".to_owned()), ..KubeConfigOptions::default() };
    /// let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    /// assert_eq!(config.default_namespace, "web");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn kubeconfig(&self, namespace: &str) -> String {
        let mut users = self.shared.access.users();
        users.retain(|user| user != ADMIN);
        users.insert(0, ADMIN.to_owned());
        let clusters = users.iter().map(|user| {
            let url = self.url(Some(user.as_str()).filter(|user| *user != ADMIN));
            json!({"name": user, "cluster": {"server": url}})
        });
        let contexts = users.iter().map(
            |user| json!({"name": user, "context": {"cluster": user, "user": user, "namespace": namespace}}),
        );
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": clusters.collect::<Vec<_>>(),
            "contexts": contexts.collect::<Vec<_>>(),
            "current-context": ADMIN,
            "users": users.iter().map(|user| json!({"name": user, "user": {}})).collect::<Vec<_>>(),
        });
        // JSON is YAML.
        format!("{config:#}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_come_through() {
        for user in [
            "jane",
            "jane@example.com",
            "system:serviceaccount:ns:name",
            "arn:aws:x/y",
            "a b%c",
            "é?#",
            "%2F",
        ] {
            let prefix = prefix(user);
            assert_eq!(
                split(&format!("{prefix}/api/v1")),
                (user.to_owned(), "/api/v1".to_owned()),
                "{prefix}"
            );
            // What Go makes of it: decoded once, encoded again.
            let again = prefix.replace("%25", "%").replace('%', "%25");
            assert_eq!(split(&format!("{again}/api")).0, user);
        }
        assert_eq!(prefix("system:serviceaccount:ns:name"), "/as/system:serviceaccount:ns:name");
        assert_eq!(split("/version"), (ADMIN.to_owned(), "/version".to_owned()));
        assert_eq!(split("/as/a%3Ab/"), ("a:b".to_owned(), "/".to_owned()));
    }
}
