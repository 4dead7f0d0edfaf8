//! The cluster that an example talks to.
use std::{error::Error as _, io, path::PathBuf};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::{
    Failure,
    demo::{self, Demo},
};

/// Which cluster to talk to.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ClusterArgs {
    /// The kubeconfig file; `$KUBECONFIG`, `~/.kube/config` or the pod's own account if absent; where there is none of
    /// these, a demo inside this process.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; its current context if absent.
    #[arg(long)]
    pub context: Option<String>,
    /// The demo inside this process, whatever kubeconfig there is.
    #[arg(long, conflicts_with_all = ["kubeconfig", "context"])]
    pub fake: bool,
}

/// A cluster that answers.
pub struct Connection {
    /// A client for it.
    pub client: Client,
    /// The namespace that is meant: the one given, or else that of the context.
    pub namespace: String,
    /// It ends with the connection.
    _demo: Option<Demo>,
}

impl ClusterArgs {
    /// Connects to the cluster that is asked for. When it is the demo, a line on standard error says so.
    ///
    /// # Errors
    /// When the kubeconfig cannot be read or has no such context, or the cluster does not answer.
    pub async fn connect(&self, namespace: Option<&str>) -> Result<Connection, Failure> {
        if self.fake || !self.names_cluster() {
            let why = if self.fake { "as asked" } else { "no kubeconfig found" };
            eprintln!("{why}: this is the demo cluster inside the example");
            let demo = Demo::start().await?;
            let namespace = namespace.unwrap_or(demo::NAMESPACE).to_owned();
            return Ok(Connection { client: demo.client()?, namespace, _demo: Some(demo) });
        }
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
            Ok(_) | Err(kube::Error::Api(_)) => Ok(Connection { client, namespace, _demo: None }),
            Err(err) if is_refused(&err) => {
                let server = server.authority().map_or("", |authority| authority.as_str());
                Err(Failure(format!(
                    "The connection to the server {server} was refused - did you specify the right host or port?"
                )))
            }
            Err(err) => Err(err.into()),
        }
    }

    /// Whether a cluster is given, or can be found where kubectl looks for one.
    fn names_cluster(&self) -> bool {
        let in_pod = || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
        let in_home = || std::env::home_dir().is_some_and(|home| home.join(".kube/config").exists());
        let given = self.kubeconfig.is_some() || self.context.is_some();
        given || std::env::var_os("KUBECONFIG").is_some_and(|path| !path.is_empty()) || in_home() || in_pod()
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
