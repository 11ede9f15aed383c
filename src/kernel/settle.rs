//! Waiting until the kernel has noticed that links are there, and until bridges use them.
//!
//! A link has its carrier at once when its far end comes up, but the kernel's routing hears of it a
//! little later, from a queue of its own. Until then a subnet on the link counts as one whose link is
//! down, and an IPv6 gateway in it is refused where the kernel asks all tables for it. And a bridge that runs the spanning tree
//! protocol listens and learns for some seconds before a port forwards.

use super::socket::{SendError, Socket};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{
    BridgePortState, InfoBridgePort, InfoKind, InfoPortData, LinkAttribute, LinkFlags, LinkInfo,
    LinkMessage, State,
};
use rtnetlink::sys::{Socket as RawSocket, protocols::NETLINK_ROUTE};
use std::collections::HashSet;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// `RTNLGRP_LINK`: whoever is in this group hears of changes of links.
const LINKS: u32 = 1;
/// After this long the kernel is asked all the same, and says itself what is missing.
const PATIENCE: Duration = Duration::from_secs(3);

/// Waits until no link of the thread's namespace has a carrier that the kernel has yet to notice.
///
/// # Errors
/// The namespace cannot be read.
pub(super) fn settle() -> io::Result<()> {
    wait(PATIENCE, |links| links.iter().all(is_noticed))
}

/// Waits for a moment until every port of a bridge in the thread's namespace forwards or blocks. Returns
/// one that does neither and what it does, `eth0 is listening`.
///
/// # Errors
/// The namespace cannot be read.
pub(super) fn ports(moment: Duration) -> io::Result<Option<String>> {
    let mut open = None;
    wait(moment, |links| {
        open = open_port(links);
        open.is_none()
    })?;
    Ok(open)
}

/// Looks at the namespace's links each time that one of them changes, until they are ready or the time
/// is over.
fn wait(patience: Duration, mut ready: impl FnMut(&[LinkMessage]) -> bool) -> io::Result<()> {
    let mut events = RawSocket::new(NETLINK_ROUTE)?;
    events.bind_auto()?;
    events.add_membership(LINKS)?;
    events.set_non_blocking(true)?;
    let mut socket = Socket::open()?;
    let end = Instant::now() + patience;
    while !ready(&links(&mut socket)?) {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        poll(&mut [PollFd::new(events.as_fd(), PollFlags::POLLIN)], left)?;
        while events.recv_from_full().is_ok() {}
    }
    Ok(())
}

fn links(socket: &mut Socket) -> Result<Vec<LinkMessage>, SendError> {
    let answers = socket.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
    let links = answers.into_iter().filter_map(|answer| {
        let RouteNetlinkMessage::NewLink(link) = answer else { return None };
        Some(link)
    });
    Ok(links.collect())
}

/// A port that has a carrier, of a bridge that is up, and yet neither forwards nor blocks: it is on its
/// way there, or the bridge has yet to hear of the carrier.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
fn open_port(links: &[LinkMessage]) -> Option<String> {
    let is_up = |link: &&LinkMessage| link.header.flags.contains(LinkFlags::Up);
    let up: HashSet<u32> = links.iter().filter(is_up).map(|link| link.header.index).collect();
    links.iter().filter(is_up).find_map(|link| {
        let (mut name, mut carrier, mut master, mut state) = ("", false, None, None);
        for attribute in &link.attributes {
            match attribute {
                LinkAttribute::IfName(it) => name = it,
                LinkAttribute::Carrier(it) => carrier = *it == 1,
                LinkAttribute::Controller(it) => master = Some(*it),
                LinkAttribute::LinkInfo(infos) => state = port_state(infos),
                _ => {}
            }
        }
        let state = state.filter(|_| carrier && master.is_some_and(|it| up.contains(&it)))?;
        let is_open = matches!(state, BridgePortState::Forwarding | BridgePortState::Blocking);
        (!is_open).then(|| format!("{name} is {state}"))
    })
}

fn port_state(infos: &[LinkInfo]) -> Option<BridgePortState> {
    infos.iter().find_map(|info| {
        let LinkInfo::PortData(InfoPortData::BridgePort(port)) = info else { return None };
        port.iter().find_map(|item| {
            let InfoBridgePort::State(state) = item else { return None };
            Some(*state)
        })
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
fn is_noticed(link: &LinkMessage) -> bool {
    let (mut carrier, mut noticed, mut unknown, mut is_veth) = (false, false, false, false);
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::Carrier(state) => carrier = *state == 1,
            LinkAttribute::OperState(State::Up) => noticed = true,
            // Devices that can have no far end stay in the state that all begin with.
            LinkAttribute::OperState(State::Unknown) => unknown = true,
            LinkAttribute::LinkInfo(infos) => {
                is_veth = infos.contains(&LinkInfo::Kind(InfoKind::Veth));
            }
            _ => {}
        }
    }
    noticed || (unknown && !is_veth) || !carrier || !link.header.flags.contains(LinkFlags::Up)
}
