//! What must hold of the whole lab, and what is legal and surely a mistake.

mod address;
mod forward;
mod leak;
mod source;

use super::lab::Lab;
use super::layout::Layout;
use crate::diagnostic::Diagnostics;

/// Holds a lab against every rule.
pub(super) fn hold(layout: &Layout, lab: &Lab, errors: &mut Diagnostics) {
    address::hold(layout, lab, errors);
    source::hold(layout, lab, errors);
    forward::hold(layout, lab, errors);
    leak::hold(layout, lab, errors);
}
