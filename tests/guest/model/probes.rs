//! What is sent through a random lab, and what the model says becomes of it.

use fastrand::Rng;
use std::net::IpAddr;
use std::num::NonZeroU16;
use vrflab::compile::{
    Arrival, Check, Expect, Lab, NodeId, Protocol, Rejection, Sender, Sends, Target,
};
use vrflab::diagnostic::Span;
use vrflab::document::{DeviceName, Role};
use vrflab::forward::{End, Exchange};

/// Who sends to whom.
#[derive(Debug, Clone)]
pub struct Pair {
    pub from: NodeId,
    pub vrf: Option<DeviceName>,
    pub to: IpAddr,
}

/// All pairs of senders and addresses in a random order.
pub fn pairs(lab: &Lab, rng: &mut Rng) -> Vec<Pair> {
    let mut all = Vec::new();
    let mut addresses: Vec<IpAddr> =
        lab.nodes.iter().flat_map(|node| node.addresses().map(|address| address.addr())).collect();
    addresses.extend(["10.0.1.99".parse::<IpAddr>().unwrap(), "203.0.113.1".parse().unwrap()]);
    addresses.sort_unstable();
    addresses.dedup();
    for from in (0..lab.nodes.len()).map(NodeId) {
        let node = &lab[from];
        if node.role == Role::Switch {
            continue;
        }
        let vrfs = node.vrfs.iter().map(|vrf| Some(vrf.name.clone()));
        for vrf in std::iter::once(None).chain(vrfs) {
            all.extend(addresses.iter().map(|to| Pair { from, vrf: vrf.clone(), to: *to }));
        }
    }
    rng.shuffle(&mut all);
    all
}

/// What is sent.
pub fn sends(pair: &Pair, rng: &mut Rng) -> Sends {
    let mut sends = Sends::default();
    match rng.u8(..8) {
        0 => sends.protocol = Protocol::Udp(NonZeroU16::new(53).unwrap()),
        1 => sends.protocol = Protocol::Tcp(NonZeroU16::new(80).unwrap()),
        2 => sends.hops = Some(rng.u8(1..6)),
        3 => (sends.size, sends.df) = (Some(rng.u16(1340..1480)), true),
        4 => sends.size = Some(rng.u16(1340..1480)),
        _ => {}
    }
    if pair.to.is_ipv6() && sends.size.is_some() {
        sends.df = true;
    }
    sends
}

/// The check of a pair, which waits for nothing yet.
pub fn check(lab: &Lab, pair: &Pair, sends: Sends) -> Check {
    let from = Sender { node: pair.from, vrf: pair.vrf.clone() };
    let name = &lab[pair.from].name;
    let vrf = pair.vrf.as_ref().map(|vrf| format!("%{vrf}")).unwrap_or_default();
    let text = format!("{name}{vrf} {} {}", pair.to, words(sends));
    let to = Target::Address(pair.to);
    Check { span: Span::NONE, text, from, to, sends, expect: Expect::Lost }
}

/// What a check waits for that is to see what the model says.
pub fn expected(exchanges: &[Exchange<'_>]) -> Expect<NodeId> {
    let answered = |exchange: &Exchange<'_>| {
        exchange.request.is_delivered() && exchange.reply.iter().all(|reply| reply.is_delivered())
    };
    let rejected = exchanges.iter().find_map(|exchange| {
        let End::Rejected { error, .. } = exchange.request.end else { return None };
        let is_seen = exchange.reply.iter().any(|it| it.is_delivered());
        is_seen.then_some(Rejection { kind: error.kind, mtu: None, by: None })
    });
    match rejected {
        Some(rejection) => Expect::Rejected(rejection),
        None if exchanges.iter().all(answered) => Expect::Arrives(Arrival::default()),
        None => Expect::Lost,
    }
}

fn words(sends: Sends) -> String {
    let mut words = match sends.protocol {
        Protocol::Echo => "echo".to_owned(),
        Protocol::Udp(port) => format!("udp {port}"),
        Protocol::Tcp(port) => format!("tcp {port}"),
    };
    words += &sends.size.map(|size| format!(" size {size}")).unwrap_or_default();
    words += if sends.df { " df" } else { "" };
    words + &sends.hops.map(|hops| format!(" hops {hops}")).unwrap_or_default()
}
