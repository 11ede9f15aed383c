//! What is said of the packets of an interface beside `netem` and `tbf`.

use crate::diagnostic::Spanned;
use crate::iproute::{Filter, HtbClass, Leaf, Police};
use serde::{Deserialize, Serialize};

/// The queue that packets leave by in the end, its classes, and how much may come in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// `qdisc`: what follows `tc qdisc add`.
    pub qdisc: Option<Spanned<Leaf>>,
    /// `classes`: what follows `tc class add`.
    pub classes: Option<Vec<Spanned<HtbClass>>>,
    /// `filters`: what follows `tc filter add`.
    pub filters: Option<Vec<Spanned<Filter>>>,
    /// `police`: how much may come in.
    pub police: Option<Spanned<Police>>,
}

impl Traffic {
    /// The same, with what `other` says where this says nothing.
    pub fn or(self, other: &Self) -> Self {
        Self {
            qdisc: self.qdisc.or(other.qdisc),
            classes: self.classes.or_else(|| other.classes.clone()),
            filters: self.filters.or_else(|| other.filters.clone()),
            police: self.police.or(other.police),
        }
    }
}
