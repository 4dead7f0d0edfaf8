//! Logs as `kubectl logs` prints them, wherever there is a cluster: of containers on a node, or of processes of this machine.

mod bytes;
mod containers;
mod ranges;
pub(crate) mod setup;
