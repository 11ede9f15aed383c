//! The only room with netlink and with entering namespaces.
//!
//! A netlink socket, like every socket, belongs to the namespace of the thread that opened it. So
//! whatever changes namespaces does so on a [`Worker`]: a thread of its own that ends afterwards,
//! never a thread of an async runtime and never the process's first thread.

mod namespace;
mod worker;

pub use namespace::{DIRECTORY, Namespace, prepare_directory};
pub use worker::{Worker, on_worker};
