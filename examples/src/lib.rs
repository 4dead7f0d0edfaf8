//! What the examples share: the connection to the cluster, and errors in kubectl's words.
use std::{
    error::Error as _,
    fmt,
    io::{self, Write as _},
    path::PathBuf,
};

use kube::{
    Client, Config, ResourceExt as _,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
    core::DynamicObject,
};

/// Which cluster to talk to.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ClusterArgs {
    /// The kubeconfig file; `$KUBECONFIG`, `~/.kube/config` or the pod's own account if absent.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; its current context if absent.
    #[arg(long)]
    pub context: Option<String>,
}

impl ClusterArgs {
    /// A client, and the namespace that is meant: the one given, or else that of the context.
    ///
    /// # Errors
    /// When the kubeconfig cannot be read or has no such context, or the cluster does not answer.
    pub async fn connect(&self, namespace: Option<&str>) -> Result<(Client, String), Failure> {
        let config = self.config().await.map_err(|failure| match (&self.context, namespace) {
            // kubectl has other words for this once it need not look for the namespace.
            (Some(context), Some(_)) if failure.0.starts_with("Error in configuration") => {
                Failure(format!("error: context {context:?} does not exist"))
            }
            _ => failure,
        })?;
        let namespace = namespace.unwrap_or(&config.default_namespace).to_owned();
        let server = config.cluster_url.clone();
        let client = Client::try_from(config)?;
        // Asked once, a server that is not there is one error, however many requests were to come. That it refuses
        // this one says nothing about them.
        match client.apiserver_version().await {
            Ok(_) | Err(kube::Error::Api(_)) => Ok((client, namespace)),
            Err(err) if is_refused(&err) => {
                let server = server.authority().map_or("", |authority| authority.as_str());
                Err(Failure(format!(
                    "The connection to the server {server} was refused - did you specify the right host or port?"
                )))
            }
            Err(err) => Err(err.into()),
        }
    }

    async fn config(&self) -> Result<Config, Failure> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        Ok(match &self.kubeconfig {
            Some(path) => Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &options).await?,
            None if self.context.is_some() => Config::from_kubeconfig(&options).await?,
            None => Config::infer().await.map_err(|err| Failure(format!("error: {err}")))?,
        })
    }
}

/// Whether nobody listens where the server should be.
fn is_refused(err: &kube::Error) -> bool {
    let mut cause = err.source();
    while let Some(err) = cause {
        if err.downcast_ref().is_some_and(|err: &io::Error| err.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = err.source();
    }
    false
}

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

/// What kubectl prints for a failed request.
pub fn status_text(status: &kube::core::Status) -> String {
    let message = &status.message;
    match status.reason.as_str() {
        "" => format!("Error from server: {message}"),
        "Unauthorized" => format!("error: You must be logged in to the server ({message})"),
        reason => format!("Error from server ({reason}): {message}"),
    }
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
