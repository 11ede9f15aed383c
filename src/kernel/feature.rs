//! Which features this kernel has: asked by trying, in a namespace that nobody sees.

use super::message::{LOOPBACK, of_kind};
use super::nexthop::NexthopMessage;
use super::refused::{Reason, Refused};
use super::socket::{Mode, Request, Socket};
use super::{Worker, program, route, rule, sysctl};
use crate::compile::{Encap, Nexthop, NexthopObject, Route, Rule};
use crate::diagnostic::Text;
use crate::document::DeviceName;
use crate::iproute::{
    Filter, FqCodel, Htb, Label, Leads, Leaf, Netem, Police, Prio, Resilient, RuleAction, Seg6,
    Seg6Mode, Tbf, Tunnel,
};
use crate::link::{KindName, LowerDevice};
use crate::plan::{Feature, Qdisc};
use ipnet::IpNet;
use nix::libc::AF_MPLS;
use rtnetlink::packet_route::link::{BridgeVlanInfoFlags, LinkMessage};
use rtnetlink::packet_route::route::MplsLabel;
use rtnetlink::packet_route::rule::RuleMessage;
use rtnetlink::packet_route::tc::TcHandle;
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::{
    LinkBridge, LinkBridgeVlan, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder,
};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

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

/// The numbers of interfaces that others are tried on begin here.
const LOWER: u32 = 500;

/// A device of a kind; what it has to be stacked on is there then.
fn sample(name: KindName, socket: &mut Socket) -> Result<LinkMessage, Refused> {
    let lower = match name.description().lower {
        LowerDevice::None | LowerDevice::Underlay | LowerDevice::Socket => None,
        // One of its own: the kernel puts no macvlan and ipvlan on one device.
        LowerDevice::Parent => {
            let index = LOWER + 10 + name as u32;
            let veth = LinkVeth::new(&format!("try-{index}"), &format!("peer-{index}"));
            let veth = RouteNetlinkMessage::NewLink(veth.index(index).build());
            socket.send(vec![(Mode::Create, veth)])?;
            Some(index)
        }
    };
    let builder = LinkMessageBuilder::<LinkUnspec>::default();
    let mut message = builder.name(format!("try-{}", name.word())).build();
    message.attributes.extend(of_kind(&name.sample(), lower));
    Ok(message)
}

fn attempt(feature: Feature, worker: &Worker, socket: &mut Socket) -> Result<(), Refused> {
    let queue = |qdisc| {
        let mut message = super::qdisc::message(LOOPBACK, &qdisc);
        // One queue in the place of another cannot have its number.
        message.header.handle = TcHandle::UNSPEC;
        RouteNetlinkMessage::NewQueueDiscipline(message).into()
    };
    let line = |words: &str| Text::filled(words);
    let request: Request = match feature {
        Feature::Netem => {
            let netem = Netem::parse(&line("limit 1000")).expect("an impairment");
            queue(Qdisc::Netem(netem))
        }
        Feature::Tbf => {
            let tbf = Tbf::parse(&line("rate 1mbit burst 10kb limit 10kb")).expect("a bucket");
            queue(Qdisc::Tbf { tbf, behind_netem: false })
        }
        Feature::FqCodel => {
            queue(Qdisc::Leaf { leaf: Leaf::FqCodel(FqCodel::default()), behind: 0 })
        }
        Feature::Prio => queue(Qdisc::Leaf { leaf: Leaf::Prio(Prio::default()), behind: 0 }),
        Feature::Htb => queue(Qdisc::Leaf { leaf: Leaf::Htb(Htb::default()), behind: 0 }),
        Feature::FwFilters => filter(2, "handle 1 fw classid 1:1", socket)?,
        Feature::FlowerFilters => filter(3, "protocol ip flower classid 1:1", socket)?,
        Feature::Ingress => ingress(),
        Feature::Police => {
            socket.send(vec![(Mode::Replace, ingress())])?;
            let police = Police::parse(&line("rate 1mbit burst 10kb")).expect("a bucket");
            let filter = super::qdisc::message(LOOPBACK, &Qdisc::Police(police));
            RouteNetlinkMessage::NewTrafficFilter(filter).into()
        }
        Feature::BridgeVlan => {
            let bridge = LinkBridge::new("try6").index(LOWER + 1).build();
            socket.send(vec![(Mode::Replace, RouteNetlinkMessage::NewLink(bridge))])?;
            let flags = BridgeVlanInfoFlags::empty();
            let vlan = LinkBridgeVlan::new(LOWER + 1).bridge_self().vlan(2, flags).build();
            return Ok(socket.send(vec![(Mode::Change, RouteNetlinkMessage::SetLink(vlan))])?);
        }
        Feature::Device(name) => RouteNetlinkMessage::NewLink(sample(name, socket)?).into(),
        Feature::Ipv6 => {
            sysctl::read(worker, "net/ipv6/conf/all/forwarding")?;
            return Ok(());
        }
        Feature::DscpRules => return try_dscp(socket),
        Feature::Nftables => return program::try_nft(worker),
        Feature::Veth => RouteNetlinkMessage::NewLink(LinkVeth::new("try0", "try1").build()).into(),
        Feature::MplsRouting => {
            // The kernel loads the module for a socket of the family, never for a route of it; that
            // no such socket can be had in the end says nothing.
            drop(socket2::Socket::new(AF_MPLS.into(), socket2::Type::RAW, None));
            sysctl::write(worker, "net/mpls/platform_labels", "100")?;
            let route = RouteMessageBuilder::<MplsLabel>::new().label(LABEL);
            RouteNetlinkMessage::NewRoute(route.output_interface(LOOPBACK).build()).into()
        }
        Feature::MplsEncap => {
            let labels = Label::new(16).into_iter().collect();
            through(0, Encap::Mpls { labels, ttl: None })
        }
        Feature::Seg6Encap => {
            let segments = vec![Ipv6Addr::LOCALHOST];
            through(1, Encap::Seg6(Seg6 { mode: Seg6Mode::Encap, segments }))
        }
        Feature::IpEncap => {
            let destination = Ipv4Addr::LOCALHOST;
            let (id, source, ttl, tos, key) = (None, None, None, None, false);
            through(2, Encap::Ip(Tunnel { id, destination, source, ttl, tos, key }))
        }
        Feature::Nexthops => object(1, Leads::Blackhole { v4: true }),
        Feature::ResilientGroups => {
            let way = Leads::Way { v4: true, way: Nexthop::to(lo()) };
            socket.send(vec![(Mode::Create, object(2, way))])?;
            let resilient = Some(Resilient::default());
            object(3, Leads::Group { members: vec![(2, 1)], resilient })
        }
    };
    // Both queues are tried on one device.
    Ok(socket.send(vec![(Mode::Replace, request)])?)
}

/// A filter that chooses a class, of what comes in: it need not be there.
fn filter(prio: u16, words: &str, socket: &mut Socket) -> Result<Request, Refused> {
    socket.send(vec![(Mode::Replace, ingress())])?;
    let filter = Filter::parse(&Text::filled(words)).expect("a filter");
    let filter = Qdisc::Filter { filter, prio, behind: 0 };
    let mut message = super::qdisc::message(LOOPBACK, &filter);
    message.header.parent = TcHandle { major: 0xffff, minor: 0 };
    Ok(RouteNetlinkMessage::NewTrafficFilter(message).into())
}

/// What is looked at on its way in.
fn ingress() -> Request {
    let message = super::qdisc::message(LOOPBACK, &Qdisc::Ingress);
    RouteNetlinkMessage::NewQueueDiscipline(message).into()
}

/// A kernel that does not know the attribute makes a rule for all packets of it, without a word.
fn try_dscp(socket: &mut Socket) -> Result<(), Refused> {
    let chosen = Rule { dscp: Some(8), ..Rule::all(true, RuleAction::Lookup(253)) };
    let rule = Rule { priority: Some(40_000), ..chosen };
    let add = RouteNetlinkMessage::NewRule(rule::message(&rule));
    socket.send(vec![(Mode::Create, add)])?;
    let mut request = RuleMessage::default();
    request.header.family = AddressFamily::Inet;
    let shown = socket.dump(RouteNetlinkMessage::GetRule(request))?;
    let is_it = |answer: &RouteNetlinkMessage| {
        let RouteNetlinkMessage::NewRule(message) = answer else { return false };
        rule::read(message).is_some_and(|(shown, _)| shown == rule)
    };
    match shown.iter().any(is_it) {
        true => Ok(()),
        false => Err(io::Error::from_raw_os_error(nix::libc::EOPNOTSUPP).into()),
    }
}

/// A route through `lo` that puts packets into something; `number` keeps routes apart.
fn through(number: u8, encap: Encap) -> Request {
    let way = Nexthop { encap: Some(encap), ..Nexthop::to(lo()) };
    let net = IpNet::from(ipnet::Ipv4Net::new_assert(Ipv4Addr::new(192, 0, 2, number), 32));
    let route = Route::unicast(net, vec![way]);
    RouteNetlinkMessage::NewRoute(route::ip(&route, |_| LOOPBACK)).into()
}

fn object(id: u32, leads: Leads<Nexthop, u32>) -> Request {
    let object = NexthopObject { id, protocol: None, leads };
    NexthopMessage::new(&object, |_| LOOPBACK).into()
}

fn lo() -> DeviceName {
    DeviceName::new("lo").expect("a device's name")
}
