//! What bindings say: who has which role.

use serde_json::Value;

use super::{Found, Place, RBAC, Type, at, items, text};
use crate::owners::relation::Relation;

const ACCOUNT: Type = ("", "ServiceAccount");

/// What the server calls a service account begins so.
const PREFIX: &str = "system:serviceaccount:";

pub(super) fn binding<'a>(binding: &'a Value, found: &mut Found<'a>) {
    if let Some(role) = at(binding, &["roleRef"])
        && text(role, &["apiGroup"]).is_none_or(|group| group == RBAC)
    {
        let name = text(role, &["name"]);
        match text(role, &["kind"]) {
            Some("Role") => found.add_here(Relation::Role, (RBAC, "Role"), name, false),
            Some("ClusterRole") => found.add_global(Relation::Role, (RBAC, "ClusterRole"), name),
            _ => {}
        }
    }
    if found.wants(&[Relation::Subject]) {
        items(binding, &["subjects"]).for_each(|it| subject(it, found));
    }
}

/// As the server looks whether a subject is meant (`appliesToUser` in `pkg/registry/rbac/validation`): its group is of no account.
fn subject<'a>(subject: &'a Value, found: &mut Found<'a>) {
    let Some(name) = text(subject, &["name"]) else { return };
    match text(subject, &["kind"]) {
        Some("ServiceAccount") => {
            let namespace = text(subject, &["namespace"]).or(found.namespace);
            add_account(namespace, name, found);
        }
        Some("User") => match account(name) {
            Some((namespace, name)) => add_account(Some(namespace), name, found),
            None => found.add_global(Relation::Subject, (RBAC, "User"), Some(name)),
        },
        Some("Group") => found.add_global(Relation::Subject, (RBAC, "Group"), Some(name)),
        _ => {}
    }
}

fn add_account<'a>(namespace: Option<&'a str>, name: &'a str, found: &mut Found<'a>) {
    if namespace.is_some() {
        found.add(Place::new(Relation::Subject, ACCOUNT, namespace, name), false);
    }
}

/// The namespace and the name of the service account that a user is.
fn account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(PREFIX)?.split_once(':')?;
    (!namespace.is_empty() && !name.is_empty() && !name.contains(':')).then_some((namespace, name))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::said, RBAC};

    fn in_namespace(binding: &str) -> Vec<String> {
        said((RBAC, "rolebindings"), &format!("metadata: {{name: it, namespace: shop}}\n{binding}"))
    }

    fn in_cluster(binding: &str) -> Vec<String> {
        said((RBAC, "clusterrolebindings"), &format!("metadata: {{name: it}}\n{binding}"))
    }

    #[test]
    fn roles() {
        let role = "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}";
        assert_eq!(in_namespace(role), ["role: Role.rbac.authorization.k8s.io shop/reader"]);
        assert!(in_cluster(role).is_empty());
        let cluster_role = "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}";
        for said in [in_namespace(cluster_role), in_cluster(cluster_role)] {
            assert_eq!(said, ["role: ClusterRole.rbac.authorization.k8s.io view"]);
        }
        // The server fills the group in.
        assert_eq!(
            in_namespace("roleRef: {kind: Role, name: a}"),
            ["role: Role.rbac.authorization.k8s.io shop/a"]
        );
        for role in [
            "null",
            "[]",
            "{}",
            "{kind: Role, name: ''}",
            "{kind: ClusterRole}",
            "{kind: ClusterRole, name: 1}",
            "{kind: Rolle, name: a}",
            "{apiGroup: example.com, kind: Role, name: a}",
        ] {
            assert!(in_namespace(&format!("roleRef: {role}")).is_empty(), "{role}");
        }
    }

    #[test]
    fn subjects() {
        // A subject, who it is in a binding of the namespace `shop`, and in one of the cluster.
        let table = [
            (
                "{kind: ServiceAccount, name: builder, namespace: ci}",
                Some("ServiceAccount ci/builder"),
                Some("ServiceAccount ci/builder"),
            ),
            ("{kind: ServiceAccount, name: builder}", Some("ServiceAccount shop/builder"), None),
            (
                "{kind: ServiceAccount, name: builder, namespace: ''}",
                Some("ServiceAccount shop/builder"),
                None,
            ),
            (
                "{apiGroup: rbac.authorization.k8s.io, kind: User, name: jane}",
                Some("User.rbac.authorization.k8s.io jane"),
                Some("User.rbac.authorization.k8s.io jane"),
            ),
            (
                "{apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'system:masters'}",
                Some("Group.rbac.authorization.k8s.io system:masters"),
                Some("Group.rbac.authorization.k8s.io system:masters"),
            ),
            (
                "{kind: User, name: 'system:serviceaccount:ci:builder'}",
                Some("ServiceAccount ci/builder"),
                Some("ServiceAccount ci/builder"),
            ),
            (
                "{kind: Group, name: 'system:serviceaccounts:ci'}",
                Some("Group.rbac.authorization.k8s.io system:serviceaccounts:ci"),
                Some("Group.rbac.authorization.k8s.io system:serviceaccounts:ci"),
            ),
            ("{kind: Robot, name: a}", None, None),
            ("{kind: User, name: ''}", None, None),
            ("{kind: User, name: 3}", None, None),
            ("{name: jane}", None, None),
            ("{kind: ServiceAccount, namespace: ci}", None, None),
            ("null", None, None),
            ("jane", None, None),
        ];
        for (subject, here, everywhere) in table {
            let binding = format!("subjects: [{subject}]");
            let line = |who: Option<&str>| Vec::from_iter(who.map(|who| format!("subject: {who}")));
            assert_eq!(in_namespace(&binding), line(here), "{subject}");
            assert_eq!(in_cluster(&binding), line(everywhere), "{subject}");
        }
        assert!(in_namespace("subjects: null").is_empty());
        assert!(in_namespace("subjects: {kind: User, name: jane}").is_empty());
    }

    /// Users that are called almost as a service account, and are none.
    #[test]
    fn users() {
        let users = [
            "system:serviceaccount",
            "system:serviceaccount:",
            "system:serviceaccount:ci",
            "system:serviceaccount:ci:",
            "system:serviceaccount::builder",
            "system:serviceaccount:ci:builder:x",
            "system:serviceaccounts:ci:builder",
            "system:node:worker-1",
        ];
        for user in users {
            let expected = [format!("subject: User.rbac.authorization.k8s.io {user}")];
            assert_eq!(in_cluster(&format!("subjects: [{{kind: User, name: '{user}'}}]")), expected);
        }
    }

    #[test]
    fn each_once() {
        let binding = "
subjects:
- {kind: User, name: 'system:serviceaccount:shop:web'}
- {kind: ServiceAccount, name: web}
- {kind: ServiceAccount, name: web, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
";
        let expected =
            ["role: ClusterRole.rbac.authorization.k8s.io view", "subject: ServiceAccount shop/web"];
        assert_eq!(in_namespace(binding), expected);
    }

    /// A binding of the cluster has no namespace to add, whatever its metadata says.
    #[test]
    fn no_namespace() {
        let binding = "{metadata: {namespace: shop}, subjects: [{kind: ServiceAccount, name: web}], roleRef: {kind: Role, name: a}}";
        assert!(said((RBAC, "clusterrolebindings"), binding).is_empty());
    }
}
