//! How tests name resources and paths: `pods`, `pods/log`, `deployments.apps/scale`, `*`, `/apis/*`.
use super::request::RequestInfo;

/// A resource as a test names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourcePattern {
    pub(crate) resource: String,
    /// Nothing if none is named.
    pub(crate) group: Option<String>,
    pub(crate) subresource: Option<String>,
}

impl ResourcePattern {
    pub(crate) fn parse(text: &str) -> Self {
        let (resource, subresource) = match text.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (text, None),
        };
        let (resource, group) = match resource.split_once('.') {
            Some((resource, group)) => (resource, Some(group.to_owned())),
            None => (resource, None),
        };
        Self { resource: resource.to_owned(), group, subresource }
    }
}

/// What a request is about in these words: `deployments.apps/scale`; empty for paths that are no resources.
pub(crate) fn named(info: &RequestInfo) -> String {
    let mut name = info.resource.clone();
    if !info.group.is_empty() && !name.is_empty() {
        name = format!("{name}.{}", info.group);
    }
    match subresource(info) {
        "" => name,
        subresource => format!("{name}/{subresource}"),
    }
}

/// The subresource without what follows it: a path of its own, as that of `services/x/proxy/metrics`, is no part of it.
pub(crate) fn subresource(info: &RequestInfo) -> &str {
    info.subresource.split('/').next().unwrap_or_default()
}

/// Whether a path is the one of a pattern, or begins like it if that ends in `*`.
pub(crate) fn path_matches(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => pattern == path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_resource() {
        let parts = |text| {
            let ResourcePattern { resource, group, subresource } = ResourcePattern::parse(text);
            (resource, group.unwrap_or("-".to_owned()), subresource.unwrap_or("-".to_owned()))
        };
        let expect = |resource: &str, group: &str, subresource: &str| {
            (resource.to_owned(), group.to_owned(), subresource.to_owned())
        };
        assert_eq!(parts("pods"), expect("pods", "-", "-"));
        assert_eq!(parts("pods/log"), expect("pods", "-", "log"));
        assert_eq!(parts("deployments.apps/scale"), expect("deployments", "apps", "scale"));
        assert_eq!(parts("issuers.cert-manager.io"), expect("issuers", "cert-manager.io", "-"));
        assert_eq!(parts("*/scale"), expect("*", "-", "scale"));
        assert_eq!(parts("pods."), expect("pods", "", "-"));
    }

    #[test]
    fn name_of_a_request() {
        let name = |path| named(&RequestInfo::parse(&http::Method::GET, path, None));
        assert_eq!(name("/api/v1/namespaces/a/pods/b/log"), "pods/log");
        assert_eq!(name("/apis/apps/v1/namespaces/a/deployments/b/scale"), "deployments.apps/scale");
        assert_eq!(name("/api/v1/namespaces/a/services/b/proxy/metrics/x"), "services/proxy");
        assert_eq!(name("/version"), "");
    }

    #[test]
    fn paths() {
        assert!(path_matches("/apis/*", "/apis/apps/v1"));
        assert!(!path_matches("/apis/*", "/apis"));
        assert!(path_matches("*", "/x"));
        assert!(!path_matches("/version", "/version/"));
    }
}
