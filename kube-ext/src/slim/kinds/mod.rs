//! Views that are ready made.

mod deployment;
mod node;

pub use deployment::{DeploymentConditionSlim, DeploymentSlim, SelectorSlim};
pub use node::{NodeAddressSlim, NodeConditionSlim, NodeInfoSlim, NodeSlim};
