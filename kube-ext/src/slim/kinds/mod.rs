//! Views that are ready made.

mod deployment;
mod event;
mod node;

pub use deployment::{DeploymentConditionSlim, DeploymentSlim, SelectorSlim};
pub use event::{EventSlim, EventSourceSlim, ObjectReferenceSlim};
pub use node::{NodeAddressSlim, NodeConditionSlim, NodeInfoSlim, NodeSlim};
