//! Followers that wait for something that does not depend on their log: they are not waited for.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::SemaphorePermit;

use super::follower::Shared;

/// Whether a follower waits so.
pub(super) struct Parking {
    pub(super) shared: Arc<Shared>,
    is_parked: AtomicBool,
}

/// As long as this lives, it does.
pub(super) struct Parked<'a>(&'a Parking);

impl Parking {
    pub(super) fn new(shared: &Arc<Shared>) -> Arc<Self> {
        Arc::new(Self { shared: shared.clone(), is_parked: AtomicBool::new(false) })
    }

    pub(super) fn is_parked(&self) -> bool {
        self.is_parked.load(Ordering::SeqCst)
    }

    /// What has been sent before is there when this is seen.
    pub(super) fn park(&self) -> Parked<'_> {
        self.set(true);
        self.shared.watcher.wake();
        Parked(self)
    }

    fn set(&self, is_parked: bool) {
        self.is_parked.store(is_parked, Ordering::SeqCst);
        self.shared.parkings.fetch_add(1, Ordering::SeqCst);
    }

    /// Waits for its turn. None if there are no turns any more.
    pub(super) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(permit) = self.shared.permits.try_acquire() {
            return Some(permit);
        }
        let _parked = self.park();
        self.shared.permits.acquire().await.ok()
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
