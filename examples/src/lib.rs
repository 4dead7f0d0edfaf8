//! What the examples share: the connection to the cluster, and errors in kubectl's words.
use std::{fmt, io, path::PathBuf};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
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
    /// A client, and the namespace that is meant when none is named.
    ///
    /// # Errors
    /// When the kubeconfig cannot be read, or has no such context; the cluster is not asked yet.
    pub async fn connect(&self) -> Result<(Client, String), Failure> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let config = match &self.kubeconfig {
            Some(path) => Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &options).await?,
            None if self.context.is_some() => Config::from_kubeconfig(&options).await?,
            None => Config::infer().await.map_err(|err| Failure(format!("error: {err}")))?,
        };
        let namespace = config.default_namespace.clone();
        Ok((Client::try_from(config)?, namespace))
    }
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
