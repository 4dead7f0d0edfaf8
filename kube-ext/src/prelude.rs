//! The traits, nothing else: `use kube_ext::prelude::*;`.

pub use crate::columns::Columns;
#[cfg(feature = "ws")]
pub use crate::exec::ExecExt;
pub use crate::health::Health;
#[cfg(feature = "runtime")]
pub use crate::logs::LogExt;
#[cfg(feature = "client")]
pub use crate::owners::OwnersExt;
pub use crate::pod::{ContainerExt, PodExt};
#[cfg(feature = "runtime")]
pub use crate::store::WatchEventsExt;
pub use crate::time::TimeExt;
pub use crate::yaml::Yaml;
