//! What a request asks for, as the API server reads it from the path and the query
//! (`k8s.io/apiserver/pkg/endpoints/request`).
use http::Method;

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestInfo {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`; for paths that are no resources,
    /// the HTTP method in small letters.
    pub(crate) verb: String,
    pub(crate) group: String,
    pub(crate) version: String,
    /// The plural; empty for paths that are no resources.
    pub(crate) resource: String,
    /// What follows the name, such as `log`; empty for the object itself.
    pub(crate) subresource: String,
    /// Empty for all namespaces and for resources without.
    pub(crate) namespace: String,
    /// Empty for a collection.
    pub(crate) name: String,
    /// Whether the path names a namespace, `/api/v1/namespaces/x` aside.
    pub(crate) in_namespace: bool,
    pub(crate) path: String,
    pub(crate) query: Query,
}

impl RequestInfo {
    pub(crate) fn parse(method: &Method, path: &str, query: Option<&str>) -> Self {
        let query = Query::parse(query.unwrap_or_default());
        let mut info = Self { path: path.to_owned(), query, ..Self::default() };
        let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).map(decode).collect();
        let rest = match segments.as_slice() {
            [root, version, rest @ ..] if root == "api" && !rest.is_empty() => {
                info.version.clone_from(version);
                rest
            }
            [root, group, version, rest @ ..] if root == "apis" && !rest.is_empty() => {
                info.group.clone_from(group);
                info.version.clone_from(version);
                rest
            }
            _ => {
                info.verb = method.as_str().to_lowercase();
                return info;
            }
        };
        let mut rest = rest;
        if let [first, namespace, inner @ ..] = rest
            && first == "namespaces"
        {
            info.namespace.clone_from(namespace);
            // Of a namespace itself there are two subresources.
            if let [resource, ..] = inner
                && !["status", "finalize"].contains(&resource.as_str())
            {
                info.in_namespace = true;
                rest = inner;
            }
        }
        let mut rest = rest.iter().cloned();
        info.resource = rest.next().unwrap_or_default();
        info.name = rest.next().unwrap_or_default();
        info.subresource = rest.collect::<Vec<_>>().join("/");
        info.verb_of(method).clone_into(&mut info.verb);
        info
    }

    fn verb_of(&self, method: &Method) -> &'static str {
        let collection = self.name.is_empty();
        match method.as_str() {
            // One object is not watched: for its name, `watch` says nothing.
            "GET" | "HEAD" if collection && self.query.flag("watch") => "watch",
            "GET" | "HEAD" if collection => "list",
            "GET" | "HEAD" => "get",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" if collection => "deletecollection",
            "DELETE" => "delete",
            _ => "",
        }
    }

    /// Whether this is about objects.
    pub(crate) fn is_resource(&self) -> bool {
        !self.resource.is_empty()
    }
}

/// A part of a path without its escapes.
pub(crate) fn decode(segment: &str) -> String {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// The parameters of a request, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The first value of a parameter, if it is there.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter unless it is absent or empty.
    pub(crate) fn non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a parameter is given and is none of the words for no (`k8s.io/apimachinery/pkg/runtime.Convert_Slice_string_To_bool`).
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !["0", "false"].contains(&value.to_lowercase().as_str()))
    }
}
