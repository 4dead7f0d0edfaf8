//! Logs that only a node can write: of containers that crash and start again, wait, come and go.

mod all;
mod restarts;
mod waiting;
mod workload;
