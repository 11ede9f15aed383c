//! Places in a lab, by which its parts name each other.

use serde::{Deserialize, Serialize};

/// The place of a node in [`Lab::nodes`](super::Lab::nodes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub usize);

/// The place of an interface in [`Node::interfaces`](super::Node::interfaces).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InterfaceId(pub usize);

/// An interface that can have addresses.
pub(super) type Port = (NodeId, InterfaceId);
