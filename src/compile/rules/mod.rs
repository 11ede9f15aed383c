//! What must hold of the whole lab, and what is legal and surely a mistake.

mod address;
mod forward;
mod leak;
mod source;

use super::lab::Lab;
use super::layout::Layout;
use crate::diagnostic::Diagnostics;
use crate::document::Routing;

/// Holds a lab against every rule.
pub(super) fn hold(layout: &Layout, routing: Routing, lab: &Lab, errors: &mut Diagnostics) {
    address::hold(layout, lab, errors);
    match routing {
        // What the compiler fills in leads back to every source.
        Routing::Auto => {}
        Routing::None => source::hold(layout, lab, errors),
    }
    forward::hold(layout, lab, errors);
    leak::hold(lab, errors);
}
