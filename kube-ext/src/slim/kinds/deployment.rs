//! [`DeploymentSlim`]: a deployment without most of its pods' template.

use chrono::{DateTime, Utc};
use k8s_openapi::{
    api::apps::v1::{Deployment, DeploymentCondition},
    apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, Time},
};

use crate::{
    columns::{
        Column, Columns,
        apps::{ReadDeployment, Replicas, deployment_cells},
    },
    labels,
    pod::ContainerSlim,
    slim::{Interned, Shared, Slim, SlimMeta, meta::Pairs},
};

/// A view of a deployment with all that [`Columns`] looks at, and what tells how far it is.
///
/// It is a [`kube::Resource`], so `Api<DeploymentSlim>`, `watcher` and stores take it; it cannot be written back.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use kube_ext::fake::FakeCluster;
/// # let web = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, generation: 2}, spec: {replicas: 3, selector: {matchLabels: {app: web}},
/// #   template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: 'web:1'}]}}},
/// #   status: {observedGeneration: 1, replicas: 3, readyReplicas: 2, updatedReplicas: 3}}";
/// # let cluster = FakeCluster::builder().yaml(web).start().await?;
/// # let client = cluster.client()?;
/// use kube::Api;
/// use kube_ext::{columns::Columns, slim::DeploymentSlim};
///
/// let web = Api::<DeploymentSlim>::default_namespaced(client).get("web").await?;
/// assert_eq!(web.cells()[..4], ["web", "2/3", "3", "0"]);
/// assert_eq!(web.containers[0].image.as_deref(), Some("web:1"));
/// assert!(web.observed_generation < web.generation);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Slim, Clone, Debug, PartialEq)]
#[slim(of = Deployment)]
#[non_exhaustive]
pub struct DeploymentSlim {
    /// Name, namespace, uid, version, creation and controller; without labels.
    #[slim(metadata)]
    pub meta: SlimMeta,
    /// When it is to be gone.
    #[slim(path = "metadata.deletionTimestamp")]
    pub deletion_timestamp: Option<Time>,
    /// How often its spec was changed, the first time included.
    #[slim(path = "metadata.generation")]
    pub generation: Option<i64>,
    /// The generation that the status is about.
    #[slim(path = "status.observedGeneration")]
    pub observed_generation: Option<i64>,
    /// How many pods it is to have; a server sets 1 if it is not told.
    #[slim(path = "spec.replicas")]
    pub replicas: Option<i32>,
    /// How many it has, of all its replica sets.
    #[slim(path = "status.replicas")]
    pub current_replicas: Option<i32>,
    /// How many are ready.
    #[slim(path = "status.readyReplicas")]
    pub ready_replicas: Option<i32>,
    /// How many have the newest template.
    #[slim(path = "status.updatedReplicas")]
    pub updated_replicas: Option<i32>,
    /// How many have been ready for `minReadySeconds`.
    #[slim(path = "status.availableReplicas")]
    pub available_replicas: Option<i32>,
    /// Whether changes of its template are left for later.
    #[slim(path = "spec.paused")]
    pub paused: bool,
    /// Which pods are its own.
    #[slim(path = "spec.selector")]
    pub selector: SelectorSlim,
    /// The containers of its pods, without those for their start.
    #[slim(path = "spec.template.spec.containers")]
    pub containers: Shared<Box<[ContainerSlim]>>,
    /// Its conditions.
    #[slim(path = "status.conditions")]
    pub conditions: Shared<Box<[DeploymentConditionSlim]>>,
}

/// What a [`DeploymentSlim`] keeps of a condition.
///
/// ```
/// use kube_ext::slim::DeploymentConditionSlim;
///
/// let progressing: DeploymentConditionSlim =
///     serde_json::from_str(r#"{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}"#)?;
/// assert_eq!(progressing.reason.as_deref(), Some("ProgressDeadlineExceeded"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Slim, Clone, Debug, PartialEq, Eq, Hash)]
#[slim(of = DeploymentCondition)]
#[non_exhaustive]
pub struct DeploymentConditionSlim {
    /// Its type.
    #[slim(path = "type")]
    pub type_: Interned,
    /// `True`, `False` or `Unknown`.
    #[slim(path = "status")]
    pub status: Interned,
    /// Why it has that.
    #[slim(path = "reason")]
    pub reason: Option<Interned>,
}

/// A label selector, in less memory than a [`LabelSelector`].
///
/// ```
/// use kube::core::{Selector, SelectorExt};
/// use kube_ext::slim::SelectorSlim;
///
/// let selector: SelectorSlim = serde_json::from_str(r#"{"matchLabels": {"app": "web"}}"#)?;
/// let selector = Selector::try_from(selector.to_label_selector())?;
/// assert!(selector.matches(&[("app".to_owned(), "web".to_owned())].into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Slim, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[slim(of = LabelSelector)]
pub struct SelectorSlim {
    #[slim(path = "matchLabels")]
    labels: Pairs,
    #[slim(path = "matchExpressions[]")]
    expressions: Box<[RequirementSlim]>,
}

#[derive(Slim, Clone, Debug, PartialEq, Eq, Hash)]
#[slim(of = LabelSelectorRequirement)]
struct RequirementSlim {
    #[slim(path = "key")]
    key: Interned,
    #[slim(path = "operator")]
    operator: Interned,
    #[slim(path = "values[]")]
    values: Box<[Interned]>,
}

impl SelectorSlim {
    /// The selector as Kubernetes' API has it.
    ///
    /// ```
    /// fn is_for_all(selector: &kube_ext::slim::SelectorSlim) -> bool {
    ///     selector.to_label_selector() == Default::default()
    /// }
    /// ```
    pub fn to_label_selector(&self) -> LabelSelector {
        let labels = self.labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
        let expressions = self.expressions.iter().map(|expression| LabelSelectorRequirement {
            key: expression.key.to_string(),
            operator: expression.operator.to_string(),
            values: (!expression.values.is_empty())
                .then(|| expression.values.iter().map(ToString::to_string).collect()),
        });
        LabelSelector {
            match_labels: (!self.labels.is_empty()).then(|| labels.collect()),
            match_expressions: (!self.expressions.is_empty()).then(|| expressions.collect()),
        }
    }
}

impl ReadDeployment for DeploymentSlim {
    fn name(&self) -> &str {
        self.meta.name()
    }

    fn created(&self) -> Option<&Time> {
        self.meta.creation_timestamp()
    }

    fn replicas(&self) -> Replicas {
        Replicas {
            desired: self.replicas,
            ready: self.ready_replicas,
            updated: self.updated_replicas,
            available: self.available_replicas,
        }
    }

    fn containers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.containers
            .iter()
            .map(|container| (&*container.name, container.image.as_deref().unwrap_or_default()))
    }

    fn selector(&self) -> Option<String> {
        labels::selector_text(&self.selector.to_label_selector()).ok()
    }
}

/// As a [`Deployment`].
impl Columns for DeploymentSlim {
    fn columns() -> &'static [Column] {
        Deployment::columns()
    }

    fn cells_at(&self, now: DateTime<Utc>) -> Vec<String> {
        deployment_cells(self, now)
    }
}
