//! What kstatus says of an object.

use std::fmt;

use serde::Serialize;

/// The status of an object, in kstatus's words.
///
/// ```
/// use kube_ext::health::Status;
/// assert_eq!(Status::InProgress.to_string(), "InProgress");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum Status {
    /// Its controller has not yet done what the object asks for.
    InProgress,
    /// Its controller cannot do what the object asks for, or has given up.
    Failed,
    /// It is what it is meant to be. A pod or a job that has ended is current, too.
    Current,
    /// It is being deleted.
    Terminating,
    /// It is not there. No object has this status: it is for those who looked for one.
    NotFound,
    /// Nobody knows. No object has this status: it is for those who could not read one.
    Unknown,
}

impl Status {
    /// The word.
    fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Failed => "Failed",
            Self::Current => "Current",
            Self::Terminating => "Terminating",
            Self::NotFound => "NotFound",
            Self::Unknown => "Unknown",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The type of one of kstatus's own conditions. Both are true when something is out of order, and absent when nothing is.
///
/// ```
/// use kube_ext::health::ConditionType;
/// assert_eq!(ConditionType::Stalled.to_string(), "Stalled");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum ConditionType {
    /// The controller is at work: [`Status::InProgress`].
    Reconciling,
    /// The controller does not get on: [`Status::Failed`].
    Stalled,
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
        })
    }
}

/// A condition that tells an object's health. It is what kstatus would add to the object's own conditions.
///
/// It serialises as kstatus's does.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::health::{ConditionType, Health};
///
/// let report = Pod::default().health()?;
/// let condition = &report.conditions[0];
/// assert_eq!((condition.type_, condition.reason.as_str()), (ConditionType::Reconciling, "PodNotObserved"));
/// # Ok::<(), kube_ext::health::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Condition {
    /// Its type.
    #[serde(rename = "type")]
    pub type_: ConditionType,
    /// Whether it holds: always `True`, as a condition that does not hold is left out.
    pub status: String,
    /// Why, in one word: `LessReplicas`. Empty if the object's own condition, from which it comes, has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Why, for people. Empty if the object's own condition, from which it comes, has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl Condition {
    fn new(type_: ConditionType, reason: String, message: String) -> Self {
        Self { type_, status: "True".to_owned(), reason, message }
    }
}

/// What kstatus says of an object: `Result` of `pkg/kstatus/status/status.go`.
///
/// [`Display`](fmt::Display) is the status and the message: `InProgress: Replicas: 0/1`.
///
/// ```
/// use k8s_openapi::api::core::v1::ConfigMap;
/// use kube_ext::health::{Health, Status};
///
/// let report = ConfigMap::default().health()?;
/// assert_eq!(report.status, Status::Current);
/// assert_eq!(report.message, "Resource is always ready");
/// assert!(report.conditions.is_empty());
/// # Ok::<(), kube_ext::health::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The status.
    pub status: Status,
    /// Why, in kstatus's words, or in those of a condition of the object; then it may be empty.
    pub message: String,
    /// One condition for an object that is in progress or has failed; none for others.
    pub conditions: Vec<Condition>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            return write!(f, "{}", self.status);
        }
        write!(f, "{}: {}", self.status, self.message)
    }
}

impl Report {
    pub(super) fn current(message: impl Into<String>) -> Self {
        Self { status: Status::Current, message: message.into(), conditions: Vec::new() }
    }

    pub(super) fn terminating(message: impl Into<String>) -> Self {
        Self { status: Status::Terminating, ..Self::current(message) }
    }

    pub(super) fn in_progress(reason: impl Into<String>, message: impl Into<String>) -> Self {
        let message = message.into();
        let condition = Condition::new(ConditionType::Reconciling, reason.into(), message.clone());
        Self { status: Status::InProgress, message, conditions: vec![condition] }
    }

    pub(super) fn failed(reason: impl Into<String>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::stalled(message.clone(), reason, message)
    }

    /// Failed, with a message that is not the condition's.
    pub(super) fn stalled(message: String, reason: impl Into<String>, told: impl Into<String>) -> Self {
        let condition = Condition::new(ConditionType::Stalled, reason.into(), told.into());
        Self { status: Status::Failed, message, conditions: vec![condition] }
    }
}
