//! A container of a pod, from one start to the next, and its logs.

use std::sync::{Arc, atomic::AtomicUsize};

use futures::{channel::mpsc, task::AtomicWaker};
use k8s_openapi::api::core::v1::Pod;
use kube::{Client, ResourceExt as _};
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

use super::{
    batch::Batch,
    course::Course,
    event::GapReason,
    line,
    merged::Source,
    parking::Parking,
    reader::{Outcome, Reader},
    request::{PATIENCE, Range, Target},
    select::{self, Instance, Sight},
    tail::Tail,
};
use crate::pod::{ContainerExt as _, ContainerKind, PodExt as _};

/// What all followers of a stream share.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) tail: Tail,
    pub(super) permits: Semaphore,
    /// How often followers have begun or ceased to wait for something that does not depend on the node: their turn, or their container's
    /// next start.
    pub(super) parkings: AtomicUsize,
    /// Who wants to know of one that begins to.
    pub(super) watcher: AtomicWaker,
    pub(super) began: Instant,
}

impl Shared {
    /// What is asked for of containers that are there from the beginning.
    fn asked(&self) -> Range {
        Range { since: self.tail.since, lines: self.tail.lines, ..Range::default() }
    }
}

/// A pod as it was seen last; none when it is gone.
pub(super) type View = Option<Arc<Pod>>;

/// Follows a container.
pub(super) struct Follower {
    parking: Arc<Parking>,
    target: Target,
    uid: String,
    kind: ContainerKind,
    view: watch::Receiver<View>,
    /// The container was there when the stream began.
    was_there: bool,
    out: mpsc::Sender<Batch>,
}

/// A log that is to be read.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) instance: Instance,
    /// It is the one before the container's last start.
    pub(super) previous: bool,
    /// How many starts there were between the last log that was read and this one.
    missed: i32,
}

impl Follower {
    /// What the container logs, until that ends. It is read by a task of its own, which the connection can hand its bytes without a
    /// word to another thread, until it is a batch ahead.
    pub(super) fn start(
        shared: &Arc<Shared>,
        pod: &Pod,
        container: &str,
        kind: ContainerKind,
        view: watch::Receiver<View>,
        was_there: bool,
    ) -> Source {
        let (out, batches) = mpsc::channel(0);
        let parking = Parking::new(shared);
        let target = Target {
            client: shared.client.clone(),
            namespace: pod.namespace().unwrap_or_default(),
            pod: pod.name_any(),
            container: container.to_owned(),
            patience: shared.tail.silence.min(PATIENCE),
        };
        let uid = select::uid(pod);
        let object = target.to_string();
        let follower = Self { parking: parking.clone(), target, uid, kind, view, was_there, out };
        Source::new(object, batches, tokio::spawn(follower.run()), parking)
    }

    async fn run(mut self) {
        let mut done: Option<Instance> = None;
        let mut reader: Option<Reader> = None;
        while let Some(chosen) = self.choose(done.as_ref()).await {
            let source = Arc::new(self.source(&chosen.instance));
            let mut next = match reader.take() {
                // Nothing came of it.
                Some(mut again) if !again.has_started => {
                    again.source = source;
                    again
                }
                before => {
                    let mut next = Reader::new(source, &self.parking.shared.tail, self.out.clone());
                    if let Some(position) = before.and_then(|before| before.of_next) {
                        next.position = position;
                    }
                    next
                }
            };
            if chosen.missed > 0 {
                let gap = next.gap(GapReason::Restarted, None);
                if !next.tell(gap).await {
                    return;
                }
            }
            let asked =
                if done.is_none() && self.was_there { self.parking.shared.asked() } else { Range::default() };
            let course = Course::new(&self.parking, &self.target, &self.uid, &self.view, &chosen, asked);
            match course.run(&mut next).await {
                Outcome::Over if self.parking.shared.tail.follow => done = Some(chosen.instance),
                Outcome::Early => self.was_there = false,
                Outcome::Over | Outcome::Stop => return,
            }
            reader = Some(next);
        }
    }

    /// Waits for the next log; none if there will be none.
    async fn choose(&mut self, done: Option<&Instance>) -> Option<Chosen> {
        loop {
            let pod = self.view.borrow_and_update().clone();
            if let Some(pod) = &pod {
                let sight = Sight::of(pod, &self.target.container);
                let joins = self.parking.shared.tail.follow && !self.was_there;
                if let Some(chosen) =
                    sight.and_then(|sight| next(sight, done, self.parking.shared.tail.previous, joins))
                {
                    return Some(chosen);
                }
                if !self.parking.shared.tail.follow {
                    // The server says why there is none.
                    let instance = Instance { id: String::new(), restarts: 0, is_over: true };
                    let previous = self.parking.shared.tail.previous;
                    return done.is_none().then_some(Chosen { instance, previous, missed: 0 });
                }
                if select::is_over(pod) {
                    return None;
                }
            } else if self.is_gone().await {
                return None;
            }
            let _parked = self.parking.park();
            self.view.changed().await.ok()?;
            self.was_there = false;
        }
    }

    /// Whether the pod is gone, and not only none of those that are meant any more.
    async fn is_gone(&self) -> bool {
        match self.target.pod().await {
            Ok(pod) => select::uid(&pod) != self.uid,
            Err(_) => true,
        }
    }

    fn source(&self, instance: &Instance) -> line::Source {
        let pod = self.view.borrow().clone();
        let pod = pod.as_deref();
        line::Source {
            namespace: self.target.namespace.clone(),
            pod: self.target.pod.clone(),
            uid: self.uid.clone(),
            labels: pod.map(|pod| pod.labels().clone()).unwrap_or_default(),
            annotations: pod.map(|pod| pod.annotations().clone()).unwrap_or_default(),
            node: pod.and_then(|pod| pod.spec.as_ref()?.node_name.clone()).unwrap_or_default(),
            container: self.target.container.clone(),
            kind: pod
                .and_then(|pod| pod.container(&self.target.container))
                .map_or(self.kind, |container| container.kind()),
            container_id: instance.id.clone(),
            restarts: instance.restarts,
        }
    }
}

/// Which log comes after one that has been read; `joins` says that the container came while logs were followed.
fn next(sight: Sight, done: Option<&Instance>, previous: bool, joins: bool) -> Option<Chosen> {
    let Sight { current, previous: before } = sight;
    let chosen = |instance, previous, missed| Some(Chosen { instance, previous, missed });
    let Some(done) = done else {
        return match before {
            before if previous => chosen(before?, true, 0),
            // What came to be while logs are followed is read from its first start on, or as early as can be.
            Some(before) if joins && current.as_ref().is_none_or(|current| !is_same(&before, current)) => {
                chosen(before, true, 0)
            }
            _ => chosen(current?, false, 0),
        };
    };
    let current = current.filter(|current| !is_same(current, done))?;
    match before {
        // It came and went unseen.
        Some(before) if !is_same(&before, done) && !is_same(&before, &current) => {
            let missed = before.restarts.saturating_sub(done.restarts).saturating_sub(1);
            chosen(before, true, missed)
        }
        _ => chosen(current, false, 0),
    }
}

/// Whether it is the log of the same start.
pub(super) fn is_same(one: &Instance, other: &Instance) -> bool {
    if one.id.is_empty() || other.id.is_empty() { one.restarts == other.restarts } else { one.id == other.id }
}
