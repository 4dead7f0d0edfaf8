//! Restarts: connections end, the state stays.
use super::{
    super::{Error, server},
    Faults,
};

impl Faults {
    /// Restarts the server at once: all connections are dropped in the middle of what they carry, upgraded ones too, and
    /// new ones are taken. Objects, their history, users and faults stay.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use kube_ext::fake::{Calls, FakeCluster, Fault};
    ///
    /// let cluster = FakeCluster::builder().start().await?;
    /// cluster.faults().add(Calls::any().nth(1), Fault::hang());
    /// let client = cluster.client()?;
    /// let (answer, ()) = tokio::join!(client.apiserver_version(), async {
    ///     while cluster.requests_open() == 0 {
    ///         tokio::task::yield_now().await;
    ///     }
    ///     cluster.faults().restart();
    /// });
    /// answer.unwrap_err();
    /// client.apiserver_version().await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn restart(&self) {
        self.shared.drop_connections();
    }

    /// Shuts the server down: all connections are dropped, new ones are refused until
    /// [`start_again`](Self::start_again). Objects, their history, users and faults stay, and so does the port.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use kube_ext::fake::FakeCluster;
    ///
    /// let cluster = FakeCluster::builder().start().await?;
    /// let client = cluster.client()?;
    /// cluster.faults().shut_down().await;
    /// assert!(client.apiserver_version().await.is_err());
    /// cluster.faults().start_again().await?;
    /// assert!(client.apiserver_version().await.is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cancel safety
    /// If this is dropped before it is done, connections may still be taken; call it again.
    pub async fn shut_down(&self) {
        if let Some(accepting) = self.shared.accepting.lock().await.take() {
            accepting.abort();
            // It ends with nothing but the listener in its hands; to have waited for it means that it is gone.
            let _ = accepting.await;
        }
        self.shared.drop_connections();
    }

    /// Takes connections again on the same port. Does nothing if the server is up.
    ///
    /// # Errors
    /// If the port is not to be had any more.
    ///
    /// # Cancel safety
    /// If this is dropped before it is done, nothing has happened.
    pub async fn start_again(&self) -> Result<(), Error> {
        server::listen(&self.shared).await.map_err(Error::Listen)
    }
}
