//! A way on of a route or of a nexthop object, with its names resolved.

use super::encaps::Encaps;
use super::gateways::{From, Gateways};
use super::lab::{Nexthop, Node};
use super::lookup::device;
use crate::diagnostic::Diagnostic;
use crate::iproute;

/// A way on with its device.
pub(super) fn way(
    node: &Node,
    encaps: &Encaps<'_>,
    table: u32,
    nexthop: &iproute::Nexthop,
    gateways: &Gateways<'_>,
) -> Result<Nexthop, Diagnostic> {
    let named = nexthop.dev.as_ref().map(|dev| device(node, dev)).transpose()?;
    let dev = match (named, nexthop.via) {
        (Some(dev), None) => dev,
        (Some(dev), Some(via)) if nexthop.onlink => {
            gateways.on_link(via, &dev)?;
            dev
        }
        (Some(dev), Some(via)) => gateways.device(via, From::Device(table, &dev))?,
        (None, Some(via)) => gateways.device(via, From::Table(table))?,
        (None, None) => unreachable!("a way on has a gateway or a device"),
    };
    let encap = nexthop.encap.as_ref();
    let encap = encap.map(|it| encaps.resolve((&dev, nexthop.dev.as_ref()), it));
    Ok(Nexthop {
        via: nexthop.via.map(|via| via.value),
        dev,
        weight: nexthop.weight.unwrap_or(1),
        onlink: nexthop.onlink,
        encap: encap.transpose()?,
        realms: nexthop.realms,
    })
}
