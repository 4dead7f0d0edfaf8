//! Views that are ready made.

mod node;

pub use node::{NodeAddressSlim, NodeConditionSlim, NodeInfoSlim, NodeSlim};
