//! How many devices are stacked on each other.

use super::interface::{Interface, InterfaceKind};
use super::lab::Node;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::link::{Dummy, Kind, LowerDevice};

/// The kernel's `MAX_NEST_DEV`.
const MAX_STACKED: usize = 8;
/// More tunnels than packets get through, each of which sends through the next: the kernel's
/// `XMIT_RECURSION_LIMIT` is 8.
const MAX_SENDING: usize = 16;

/// How high a device is above others, and above none 1.
#[derive(Clone, Copy)]
struct Height {
    /// As the kernel counts the devices that it has stacked on each other.
    stacked: usize,
    /// How many there are from it down to the one that sends.
    sending: usize,
}

/// Refuses stacks that are higher than the kernel takes, and takes them apart, so that whoever goes down one
/// comes to an end soon.
pub(super) fn hold(node: &mut Node, errors: &mut Diagnostics) {
    let ports_of = node.ports();
    let mut heights = vec![Height { stacked: 1, sending: 1 }; node.interfaces.len()];
    for id in node.lower_first() {
        let interface = &node.interfaces[id.0];
        let mut height = heights[id.0];
        if let Some(lower) = interface.kind.lower() {
            let below = heights[lower.0];
            height.sending = below.sending + 1;
            height.stacked = below.stacked + usize::from(is_stacked(interface));
        }
        for port in ports_of.get(&id).into_iter().flatten() {
            height.stacked = height.stacked.max(heights[port.0].stacked + 1);
        }
        let vrf = interface.master.as_ref().filter(|vrf| node.vrf(vrf.value.as_str()).is_some());
        let highest = height.stacked + usize::from(vrf.is_some());
        let refusal = if highest > MAX_STACKED {
            let title = match vrf {
                Some(vrf) => format!("VRF `{}` on `{}`", vrf.value, interface.name),
                None => format!("`{}`", interface.name),
            };
            let title = format!("{title} is the top of a stack of {highest} devices");
            let note = format!("the kernel answers EMLINK to more than {MAX_STACKED}");
            Some(Diagnostic::error(Code::BadValue, title).note(note))
        } else if height.sending > MAX_SENDING {
            let title =
                format!("`{}` sends through {} other devices", interface.name, height.sending - 1);
            let note = "the kernel drops what so many devices hand to each other";
            Some(Diagnostic::error(Code::BadValue, title).note(note))
        } else {
            None
        };
        if let Some(refusal) = refusal {
            errors.push(refusal.at(interface.span, ""));
            height = Height { stacked: 1, sending: 1 };
            node.interfaces[id.0].kind = InterfaceKind::device(Kind::Dummy(Dummy));
        }
        heights[id.0] = height;
    }
}

/// Whether the kernel has a device stacked on the one that it sends through, and does not only route there.
fn is_stacked(interface: &Interface) -> bool {
    interface.kind.of_device().is_some_and(|kind| match kind.description().lower {
        LowerDevice::Parent => true,
        LowerDevice::Underlay => matches!(kind, Kind::Vxlan(_)),
        LowerDevice::None | LowerDevice::Socket => false,
    })
}
