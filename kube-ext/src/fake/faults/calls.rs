//! Which requests a fault strikes.
use std::ops::{Bound, RangeBounds};

use super::super::{
    pattern::{ResourcePattern, path_matches, subresource},
    request::RequestInfo,
};

/// Requests to a [`FakeCluster`](crate::fake::FakeCluster), by what they ask for: every condition that is named must hold.
///
/// Verbs are those of the API server: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` and
/// `deletecollection`; for paths that are no resources, such as `/version`, the HTTP method in small letters.
///
/// ```
/// use kube_ext::fake::Calls;
///
/// let second_watch_of_pods = Calls::verb("watch").resource("pods").nth(2);
/// let all_logs_of_one_pod = Calls::any().resource("pods/log").namespace("default").name("web-0");
/// let first_discovery = Calls::any().path("/apis*").first(1);
/// ```
#[derive(Clone, Debug)]
pub struct Calls {
    verbs: Vec<String>,
    resource: Option<ResourcePattern>,
    group: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    user: Option<String>,
    path: Option<String>,
    which: Which,
}

/// Which of the calls that match, counted from 1.
#[derive(Clone, Copy, Debug)]
enum Which {
    Range(Bound<u64>, Bound<u64>),
    Every(u64),
}

impl Calls {
    /// All requests.
    pub fn any() -> Self {
        Self::verbs::<String>([])
    }

    /// Requests of one verb.
    pub fn verb(verb: impl Into<String>) -> Self {
        Self::verbs([verb])
    }

    /// Requests of some verbs; of all if none is named.
    pub fn verbs<V: Into<String>>(verbs: impl IntoIterator<Item = V>) -> Self {
        Self {
            verbs: verbs.into_iter().map(Into::into).collect(),
            resource: None,
            group: None,
            namespace: None,
            name: None,
            user: None,
            path: None,
            which: Which::Range(Bound::Unbounded, Bound::Unbounded),
        }
    }

    /// Of a resource: `pods`, `deployments.apps`, and of a subresource: `pods/log`, `deployments.apps/scale`. `pods` does
    /// not mean its subresources; `pods/*` means all of these, and `*` all resources with all of theirs. Without a group
    /// it is the resource of any group.
    #[must_use]
    pub fn resource(mut self, resource: &str) -> Self {
        self.resource = Some(ResourcePattern::parse(resource));
        self
    }

    /// Of an API group; the core group is `""`.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// In a namespace; `""` means requests that name none, such as a list of all namespaces.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// For one object by its name. A create has no name, it is in the body.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// By a user.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// With a path: `/version`. One that ends in `*` means all that begin with what is before: `/apis*`.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Only the nth of them, counted from 1 and from when the fault was added.
    #[must_use]
    pub fn nth(self, n: u64) -> Self {
        self.range(n..=n)
    }

    /// Only the first `n` of them.
    #[must_use]
    pub fn first(self, n: u64) -> Self {
        self.range(..=n)
    }

    /// Only these of them, counted from 1: `range(3..)` is all but the first two.
    #[must_use]
    pub fn range(mut self, range: impl RangeBounds<u64>) -> Self {
        self.which = Which::Range(range.start_bound().cloned(), range.end_bound().cloned());
        self
    }

    /// Every nth of them: `every(3)` is the third, the sixth and so on.
    #[must_use]
    pub fn every(mut self, n: u64) -> Self {
        self.which = Which::Every(n);
        self
    }

    pub(super) fn matches(&self, user: &str, info: &RequestInfo) -> bool {
        let is = |wanted: &Option<String>, value: &str| wanted.as_ref().is_none_or(|wanted| wanted == value);
        (self.verbs.is_empty() || self.verbs.contains(&info.verb))
            && self.resource.as_ref().is_none_or(|wanted| is_resource(wanted, info))
            && is(&self.group, &info.group)
            && is(&self.namespace, &info.namespace)
            && is(&self.name, &info.name)
            && is(&self.user, user)
            && self.path.as_ref().is_none_or(|pattern| path_matches(pattern, &info.path))
    }

    /// Whether the `count`th call that matches is one of these.
    pub(super) fn counts(&self, count: u64) -> bool {
        match self.which {
            Which::Range(from, to) => (from, to).contains(&count),
            Which::Every(n) => n > 0 && count.is_multiple_of(n),
        }
    }
}

fn is_resource(wanted: &ResourcePattern, info: &RequestInfo) -> bool {
    let every = wanted.resource == "*";
    let subresource = subresource(info);
    info.is_resource()
        && (every || wanted.resource == info.resource)
        && wanted.group.as_ref().is_none_or(|group| *group == info.group)
        && match wanted.subresource.as_deref() {
            None => every || subresource.is_empty(),
            Some("*") => !subresource.is_empty(),
            Some(wanted) => wanted == subresource,
        }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    fn matches(calls: &Calls, request: &str) -> bool {
        let (method, uri) = request.split_once(' ').unwrap();
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let info = RequestInfo::parse(&Method::from_bytes(method.as_bytes()).unwrap(), path, Some(query));
        calls.matches("jane", &info)
    }

    #[test]
    fn conditions() {
        let watch = "GET /api/v1/namespaces/a/pods?watch=1";
        let log = "GET /api/v1/namespaces/a/pods/b/log";
        let scale = "PUT /apis/apps/v1/namespaces/a/deployments/b/scale";
        let table: [(Calls, [bool; 4]); 17] = [
            (Calls::any(), [true, true, true, true]),
            (Calls::verb("watch"), [true, false, false, false]),
            (Calls::verbs(["get", "update"]), [false, true, true, true]),
            (Calls::any().resource("pods"), [true, false, false, false]),
            (Calls::any().resource("pods/log"), [false, true, false, false]),
            (Calls::any().resource("pods/*"), [false, true, false, false]),
            (Calls::any().resource("*/*"), [false, true, true, false]),
            (Calls::any().resource("*"), [true, true, true, false]),
            (Calls::any().resource("*.apps"), [false, false, true, false]),
            (Calls::any().resource("deployments/scale"), [false, false, true, false]),
            (Calls::any().resource("deployments.batch/scale"), [false, false, false, false]),
            (Calls::any().group("apps"), [false, false, true, false]),
            (Calls::any().namespace("a"), [true, true, true, false]),
            (Calls::any().name("b"), [false, true, true, false]),
            (Calls::any().user("jane").name("c"), [false, false, false, false]),
            (Calls::any().user("joe"), [false, false, false, false]),
            (Calls::any().path("/version"), [false, false, false, true]),
        ];
        for (calls, expected) in table {
            let found = [watch, log, scale, "GET /version"].map(|request| matches(&calls, request));
            assert_eq!(found, expected, "{calls:?}");
        }
    }

    #[test]
    fn counts() {
        let of = |calls: Calls| (1..=7_u64).filter(|count| calls.counts(*count)).collect::<Vec<_>>();
        assert_eq!(of(Calls::any()), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(of(Calls::any().nth(2)), [2]);
        assert_eq!(of(Calls::any().first(3)), [1, 2, 3]);
        assert_eq!(of(Calls::any().range(3..5)), [3, 4]);
        assert_eq!(of(Calls::any().range(6..)), [6, 7]);
        assert_eq!(of(Calls::any().every(3)), [3, 6]);
        assert_eq!(of(Calls::any().every(0)), [0_u64; 0]);
        assert_eq!(of(Calls::any().nth(0)), [0_u64; 0]);
    }
}
