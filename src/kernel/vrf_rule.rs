//! Whether rules by a VRF device are for the packets that are forwarded in it: asked by trying.

use super::lookup::{Lookup, Origin, RouteQuery};
use super::socket::{Mode, Socket};
use super::{Worker, rule, sysctl};
use crate::compile::Rule;
use crate::document::DeviceName;
use crate::iproute::RuleAction;
use nix::errno::Errno;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::{LinkUnspec, LinkVeth, LinkVrf};
use std::io;
use std::net::Ipv4Addr;

/// Numbers for the devices that it is tried with.
const VRF: u32 = 501;
const PORT: u32 = 502;

/// Whether a packet that comes in through a port of a VRF matches a rule by `iif` of the VRF device.
/// Up to about Linux 6.15 it does not. The worker ends in a scratch namespace.
///
/// # Errors
/// The kernel has no VRF devices, or no namespace can be made here.
pub fn forwarded_packets_match_rules_by_vrf(worker: &mut Worker) -> io::Result<bool> {
    let _scratch = worker.unshare()?;
    sysctl::write(worker, "net/ipv4/ip_forward", "1")?;
    let mut socket = Socket::open()?;
    let name = DeviceName::new("red").expect("a device's name");
    let vrf = LinkVrf::new(name.as_str(), 10).index(VRF).up().build();
    let port = LinkVeth::new("port", "far").index(PORT).build();
    let enslaved = LinkUnspec::new_with_index(PORT).controller(VRF).up().build();
    let rule = Rule { priority: Some(1), iif: Some(name), ..Rule::all(true, RuleAction::Prohibit) };
    socket.send(vec![
        (Mode::Create, RouteNetlinkMessage::NewLink(vrf)),
        (Mode::Create, RouteNetlinkMessage::NewLink(port)),
        (Mode::Change, RouteNetlinkMessage::SetLink(enslaved)),
        (Mode::Create, RouteNetlinkMessage::NewRule(rule::message(&rule))),
    ])?;
    let query = RouteQuery {
        destination: Ipv4Addr::new(192, 0, 2, 1).into(),
        source: Some(Ipv4Addr::new(198, 51, 100, 1).into()),
        origin: Origin::Interface(PORT),
        flow: None,
        tos: 0,
        mark: 0,
    };
    // Without the rule there is no route.
    Ok(Lookup::open()?.route(query) == Err(Errno::EACCES))
}
