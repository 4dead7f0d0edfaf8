//! [`EventSlim`]: what an event says.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use k8s_openapi::{
    api::core::v1::{Event, EventSeries, EventSource, ObjectReference},
    apimachinery::pkg::apis::meta::v1::{MicroTime, Time},
};

use crate::{
    columns::{Column, Columns, core::EventParts},
    slim::{Interned, Shared, Slim, SlimMeta, ident::Uid},
};

/// A view of an event with all that [`Columns`] looks at, and the object that it is about.
///
/// It is a [`kube::Resource`], so `Api<EventSlim>`, `watcher` and stores take it; it cannot be written back.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use kube_ext::fake::FakeCluster;
/// # let event = "{apiVersion: v1, kind: Event, metadata: {name: web-0.1}, involvedObject: {kind: Pod, namespace: default, name: web-0, uid: '7'},
/// #   type: Warning, reason: BackOff, message: Back-off, count: 3, lastTimestamp: '2026-07-22T12:00:00Z', source: {component: kubelet}}";
/// # let cluster = FakeCluster::builder().yaml(event).start().await?;
/// # let client = cluster.client()?;
/// use kube::Api;
/// use kube_ext::{columns::Columns, slim::EventSlim};
///
/// let event = Api::<EventSlim>::default_namespaced(client).get("web-0.1").await?;
/// assert_eq!(event.cells()[1..4], ["Warning", "BackOff", "pod/web-0"]);
/// assert_eq!(event.involved_object.uid().as_deref(), Some("7"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Slim, Clone, Debug, PartialEq)]
#[slim(of = Event)]
#[non_exhaustive]
pub struct EventSlim {
    /// Name, namespace, uid, version and creation.
    #[slim(metadata)]
    pub meta: SlimMeta,
    /// What it is about.
    #[slim(path = "involvedObject")]
    pub involved_object: Shared<ObjectReferenceSlim>,
    /// `Normal` or `Warning`.
    #[slim(path = "type")]
    pub type_: Option<Interned>,
    /// Why it is told, in a word.
    #[slim(path = "reason")]
    pub reason: Option<Interned>,
    /// The same in a sentence; many are those of others.
    #[slim(path = "message")]
    pub message: Option<Interned>,
    /// Who told it, as events did before they had a `reportingComponent`.
    #[slim(path = "source")]
    pub source: Shared<EventSourceSlim>,
    /// Who told it.
    #[slim(path = "reportingComponent")]
    pub reporting_component: Option<Interned>,
    /// Which of these.
    #[slim(path = "reportingInstance")]
    pub reporting_instance: Option<Interned>,
    #[slim(path = "firstTimestamp")]
    first_timestamp: Option<Time>,
    #[slim(path = "lastTimestamp")]
    last_timestamp: Option<Time>,
    #[slim(path = "eventTime")]
    event_time: Option<MicroTime>,
    #[slim(path = "count")]
    count: Option<i32>,
    #[slim(path = "series")]
    series: Option<Box<EventSeries>>,
}

/// The object that an [`EventSlim`] is about; several events of one object have it in memory once.
///
/// ```
/// let web: kube_ext::slim::ObjectReferenceSlim = serde_json::from_str(r#"{"kind": "Pod", "name": "web-0"}"#)?;
/// assert_eq!((web.kind.as_deref(), web.name.as_deref()), (Some("Pod"), Some("web-0")));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Slim, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[slim(of = ObjectReference)]
#[non_exhaustive]
pub struct ObjectReferenceSlim {
    /// Its group and version.
    #[slim(path = "apiVersion")]
    pub api_version: Option<Interned>,
    /// Its kind.
    #[slim(path = "kind")]
    pub kind: Option<Interned>,
    /// Its namespace.
    #[slim(path = "namespace")]
    pub namespace: Option<Interned>,
    /// Its name.
    #[slim(path = "name")]
    pub name: Option<Interned>,
    /// Which part of it: `spec.containers{app}`.
    #[slim(path = "fieldPath")]
    pub field_path: Option<Interned>,
    #[slim(path = "uid")]
    uid: Option<Uid>,
}

impl ObjectReferenceSlim {
    /// Its uid.
    ///
    /// ```
    /// assert_eq!(kube_ext::slim::ObjectReferenceSlim::default().uid(), None);
    /// ```
    pub fn uid(&self) -> Option<Cow<'_, str>> {
        self.uid.as_ref().map(Uid::text)
    }
}

/// The source of an [`EventSlim`], which is that of many.
///
/// ```
/// let kubelet: kube_ext::slim::EventSourceSlim = serde_json::from_str(r#"{"component": "kubelet", "host": "node-1"}"#)?;
/// assert_eq!((kubelet.component.as_deref(), kubelet.host.as_deref()), (Some("kubelet"), Some("node-1")));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Slim, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[slim(of = EventSource)]
#[non_exhaustive]
pub struct EventSourceSlim {
    /// Who told it.
    #[slim(path = "component")]
    pub component: Option<Interned>,
    /// On which node.
    #[slim(path = "host")]
    pub host: Option<Interned>,
}

impl EventSlim {
    /// When it first happened: `firstTimestamp`, or else `eventTime`.
    ///
    /// ```
    /// let event: kube_ext::slim::EventSlim = serde_json::from_str(r#"{"eventTime": "2026-07-22T12:00:00.000000Z"}"#)?;
    /// assert_eq!(event.first_seen(), Some("2026-07-22T12:00:00Z".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn first_seen(&self) -> Option<DateTime<Utc>> {
        self.parts().first_seen()
    }

    /// When it last happened: that of its series; or `lastTimestamp`, or else as [`first_seen`](EventSlim::first_seen).
    ///
    /// ```
    /// let event: kube_ext::slim::EventSlim =
    ///     serde_json::from_str(r#"{"firstTimestamp": "2026-07-22T12:00:00Z", "lastTimestamp": null}"#)?;
    /// assert_eq!(event.last_seen(), Some("2026-07-22T12:00:00Z".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn last_seen(&self) -> Option<DateTime<Utc>> {
        self.parts().last_seen()
    }

    /// How often it happened: that of its series; or `count`, which is 1 where it is not set.
    ///
    /// ```
    /// let event: kube_ext::slim::EventSlim = serde_json::from_str(r#"{"reason": "BackOff"}"#)?;
    /// assert_eq!(event.count(), 1);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn count(&self) -> i32 {
        self.parts().count()
    }

    fn parts(&self) -> EventParts<'_> {
        let object = &self.involved_object;
        EventParts {
            name: self.meta.name(),
            type_: self.type_.as_deref(),
            reason: self.reason.as_deref(),
            message: self.message.as_deref(),
            object_kind: object.kind.as_deref(),
            object_name: object.name.as_deref(),
            field_path: object.field_path.as_deref(),
            components: [self.source.component.as_deref(), self.reporting_component.as_deref()],
            instances: [self.source.host.as_deref(), self.reporting_instance.as_deref()],
            first: self.first_timestamp.as_ref(),
            last: self.last_timestamp.as_ref(),
            at: self.event_time.as_ref(),
            count: self.count,
            series: self.series.as_deref(),
        }
    }
}

/// As an [`Event`].
impl Columns for EventSlim {
    fn columns() -> &'static [Column] {
        Event::columns()
    }

    fn cells_at(&self, now: DateTime<Utc>) -> Vec<String> {
        self.parts().cells_at(now)
    }
}
