//! Which features this kernel has: asked by trying, in a namespace that nobody sees.

use super::machine::{Reason, Refused};
use super::message::LOOPBACK;
use super::socket::{Mode, SendError, Socket};
use super::{Worker, program, sysctl};
use crate::diagnostic::Text;
use crate::iproute::{Netem, Tbf};
use crate::plan::{Feature, Qdisc};
use nix::libc::AF_MPLS;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{BridgeVlanInfoFlags, LinkMessage, MacVlanMode};
use rtnetlink::packet_route::route::MplsLabel;
use rtnetlink::packet_route::tc::TcHandle;
use rtnetlink::{
    LinkBridge, LinkBridgeVlan, LinkDummy, LinkIfb, LinkMacVlan, LinkUnspec, LinkVeth, LinkVlan,
    LinkVrf, LinkVxlan, RouteMessageBuilder,
};
use std::io;
use std::net::Ipv4Addr;

/// A label that no standard reserves.
const LABEL: MplsLabel = MplsLabel { label: 16, traffic_class: 0, bottom_of_stack: true, ttl: 0 };

/// Why a feature cannot be used here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// The feature.
    pub feature: Feature,
    /// What the kernel said when it was tried.
    pub refusal: Reason,
}

/// Those of the features that this kernel lacks. The worker ends in a scratch namespace.
///
/// Trying also loads a module that the kernel has and may load by itself.
///
/// # Errors
/// No namespace can be made here at all.
pub fn lacks(
    worker: &mut Worker,
    features: impl IntoIterator<Item = Feature>,
) -> io::Result<Vec<Lack>> {
    let _scratch = worker.unshare()?;
    let mut socket = Socket::open()?;
    let lo_up = LinkUnspec::new_with_index(LOOPBACK).up().build();
    socket
        .send(vec![(Mode::Change, RouteNetlinkMessage::SetLink(lo_up))])
        .map_err(io::Error::from)?;
    let mut lacks = Vec::new();
    for feature in features {
        let tried = attempt(feature, worker, &mut socket);
        lacks.extend(tried.err().map(|refused| Lack { feature, refusal: refused.refusal }));
    }
    Ok(lacks)
}

/// The number of an interface that others are tried on.
const PARENT: u32 = 500;

/// The request for a device on an interface, which is there then.
fn on_parent(device: LinkMessage, socket: &mut Socket) -> Result<RouteNetlinkMessage, Refused> {
    let parent = LinkVeth::new("try11", "try12").index(PARENT).build();
    match socket.send(vec![(Mode::Create, RouteNetlinkMessage::NewLink(parent))]) {
        Err(SendError::Refused { refusal, .. }) if refusal.errno == nix::Error::EEXIST => {}
        made => made?,
    }
    Ok(RouteNetlinkMessage::NewLink(device))
}

fn attempt(feature: Feature, worker: &Worker, socket: &mut Socket) -> Result<(), Refused> {
    let queue = |qdisc| {
        let mut message = super::qdisc::message(LOOPBACK, &qdisc);
        // One queue in the place of another cannot have its number.
        message.header.handle = TcHandle::UNSPEC;
        RouteNetlinkMessage::NewQueueDiscipline(message)
    };
    let line = |words: &str| Text::filled(words);
    let request = match feature {
        Feature::Netem => {
            let netem = Netem::parse(&line("limit 1000")).expect("an impairment");
            queue(Qdisc::Netem(netem))
        }
        Feature::Tbf => {
            let tbf = Tbf::parse(&line("rate 1mbit burst 10kb limit 10kb")).expect("a bucket");
            queue(Qdisc::Tbf { tbf, behind_netem: false })
        }
        Feature::BridgeVlan => {
            let bridge = LinkBridge::new("try6").index(PARENT + 1).build();
            socket.send(vec![(Mode::Replace, RouteNetlinkMessage::NewLink(bridge))])?;
            let flags = BridgeVlanInfoFlags::empty();
            let vlan = LinkBridgeVlan::new(PARENT + 1).bridge_self().vlan(2, flags).build();
            return Ok(socket.send(vec![(Mode::Change, RouteNetlinkMessage::SetLink(vlan))])?);
        }
        Feature::Vlan => on_parent(LinkVlan::new("try7", PARENT, 2).build(), socket)?,
        Feature::Macvlan => {
            on_parent(LinkMacVlan::new("try8", PARENT, MacVlanMode::Bridge).build(), socket)?
        }
        Feature::Vxlan => {
            let vxlan = LinkVxlan::new("try9", 10).port(4789).remote(Ipv4Addr::new(192, 0, 2, 1));
            RouteNetlinkMessage::NewLink(vxlan.build())
        }
        Feature::Ifb => RouteNetlinkMessage::NewLink(LinkIfb::new("try10").build()),
        Feature::Ipv6 => {
            sysctl::read(worker, "net/ipv6/conf/all/forwarding")?;
            return Ok(());
        }
        Feature::Nftables => return program::try_nft(worker),
        Feature::Veth => RouteNetlinkMessage::NewLink(LinkVeth::new("try0", "try1").build()),
        Feature::Bridge => RouteNetlinkMessage::NewLink(LinkBridge::new("try2").build()),
        Feature::Dummy => RouteNetlinkMessage::NewLink(LinkDummy::new("try3").build()),
        Feature::Vrf => RouteNetlinkMessage::NewLink(LinkVrf::new("try4", 10).build()),
        Feature::MplsRouting => {
            // The kernel loads the module for a socket of the family, never for a route of it; that
            // no such socket can be had in the end says nothing.
            drop(socket2::Socket::new(AF_MPLS.into(), socket2::Type::RAW, None));
            sysctl::write(worker, "net/mpls/platform_labels", "100")?;
            let route = RouteMessageBuilder::<MplsLabel>::new().label(LABEL);
            RouteNetlinkMessage::NewRoute(route.output_interface(LOOPBACK).build())
        }
        Feature::MplsEncap => {
            let route = RouteMessageBuilder::<Ipv4Addr>::new()
                .destination_prefix(Ipv4Addr::new(192, 0, 2, 0), 24)
                .output_interface(LOOPBACK)
                .output_mpls(vec![LABEL]);
            RouteNetlinkMessage::NewRoute(route.build())
        }
    };
    // Both queues are tried on one device.
    Ok(socket.send(vec![(Mode::Replace, request)])?)
}
