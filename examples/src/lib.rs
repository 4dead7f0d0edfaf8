//! What the examples share: the connection to the cluster, a demo for where there is none, and errors in kubectl's words.
mod cluster;
pub mod demo;

use std::{
    fmt,
    io::{self, Write as _},
};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Resource, ResourceExt as _, config::KubeconfigError, core::DynamicObject};

use kube_ext::exec::{self, Cause};

pub use self::cluster::{ClusterArgs, Connection};

/// Why a command failed, in the words that kubectl prints for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Failure> for Vec<Failure> {
    fn from(failure: Failure) -> Self {
        vec![failure]
    }
}

impl From<KubeconfigError> for Failure {
    fn from(err: KubeconfigError) -> Self {
        Self(match err {
            KubeconfigError::LoadContext(context) => {
                format!("Error in configuration: context was not found for specified context: {context}")
            }
            KubeconfigError::ReadConfig(err, path) if err.kind() == io::ErrorKind::NotFound => {
                format!("error: stat {}: no such file or directory", path.display())
            }
            err => format!("error: {err}"),
        })
    }
}

impl From<kube::Error> for Failure {
    fn from(err: kube::Error) -> Self {
        Self(match err {
            kube::Error::Api(status) => status_text(&status),
            err => format!("Unable to connect to the server: {err}"),
        })
    }
}

/// What the server says as kubectl says it; more than kubectl where it is about the container or the program.
impl From<exec::Error> for Failure {
    fn from(err: exec::Error) -> Self {
        match err.cause() {
            Cause::Forbidden { source, .. }
            | Cause::PodNotFound { source, .. }
            | Cause::Request { source, .. } => match source {
                kube::Error::Api(status) => Self(status_text(status)),
                _ => Self(format!("error: {err}")),
            },
            _ => Self(format!("error: {err}")),
        }
    }
}

/// What kubectl prints for a failed request.
pub fn status_text(status: &kube::core::Status) -> String {
    let message = &status.message;
    match status.reason.as_str() {
        "" => format!("Error from server: {message}"),
        "Unauthorized" => format!("error: You must be logged in to the server ({message})"),
        reason => format!("Error from server ({reason}): {message}"),
    }
}

/// What kubectl prints for an object that it cannot get. If the object is missing, it looks whether its namespace is, too.
pub async fn get_failure<K: Clone + Resource>(api: &Api<K>, err: kube::Error) -> Failure {
    if let (kube::Error::Api(status), Some(namespace)) = (&err, api.namespace())
        && status.code == 404
        && namespace != "default"
    {
        let namespaces: Api<Namespace> = Api::all(api.clone().into_client());
        if let Err(kube::Error::Api(status)) = namespaces.get_metadata(namespace).await
            && status.code == 404
        {
            return Failure(status_text(&status));
        }
    }
    err.into()
}

/// An object as `-o name` shows it: `pod/web-0`, `deployment.apps/web`.
pub fn type_and_name(object: &DynamicObject) -> String {
    let types = object.types.clone().unwrap_or_default();
    let kind = types.kind.to_lowercase();
    match types.api_version.split_once('/') {
        Some((group, _)) => format!("{kind}.{group}/{}", object.name_any()),
        None => format!("{kind}/{}", object.name_any()),
    }
}

/// Prints a text at once, so that whoever reads it over a pipe sees it.
///
/// # Errors
/// When standard output is closed.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|err| Failure(format!("error: standard output: {err}")))
}
